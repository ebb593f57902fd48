//! The life of an algorithm, shown on the demo's books: uploaded over TLS, run in the shadow of what settled, activated.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::adapter::client::{ClientError, Server, ServiceClient};
use crate::adapter::grpc::{self, Api, ApiError, ApiLimits, Operators};
use crate::algorithms::cache::AlgorithmCache;
use crate::algorithms::registry::{MakeSandbox, Registry};
use crate::algorithms::shadow::MakeCache;
use crate::algorithms::shadow::ShadowTask;
use crate::clock::{Clock, SystemClock};
use crate::config::{CallerConfig, CommunityConfig, Role, TlsConfig};
use crate::lease::LeaseOwner;
use crate::telemetry::metrics::Metrics;
use base::base;
use books::Store;
use demo::certificates::{self, CertificateError, Certificates};
use wire::rec_market_v1 as v1;
use wire::tls::ClientTls;

/// Days that the demo's certificates hold.
const CERTIFICATE_DAYS: u16 = 30;
/// How long a lease holds: longer than any demo.
const LEASE: Duration = Duration::from_secs(900);
/// How often the candidate is asked how far it is.
const LOOK: Duration = Duration::from_millis(20);
/// What the candidate does, and what it is called: as long, because it is written over the other in the component.
const RULE: &str = "uniform";
const NAME: &str = "auction";

/// What an operator saw.
pub struct Life {
    /// What the gate said.
    pub uploaded: v1::UploadResponse,
    /// What would have been different.
    pub report: v1::ShadowReport,
    /// What was decided.
    pub activated: v1::Change,
}

/// A demo whose algorithms could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// No certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// No place for them, or no port.
    #[error("the demo has no room for certificates or no port on loopback")]
    Io(#[from] io::Error),
    /// The market's servers failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The market refused something.
    #[error(transparent)]
    ServiceClient(#[from] ClientError),
}

/// What it is shown with.
pub struct Stage {
    /// The demo's books.
    pub store: Arc<dyn Store>,
    /// Its community.
    pub community: CommunityConfig,
    /// What settled it.
    pub cache: Arc<AlgorithmCache>,
    /// Makes the gate's sandboxes.
    pub make_sandbox: Box<MakeSandbox>,
    /// Makes what runs the candidate.
    pub make_cache: Box<MakeCache>,
}

/// Uploads a candidate, runs it in the shadow of all that was settled, and activates it from the next interval on.
///
/// # Errors
/// If a server fails, or something is refused.
pub async fn show(stage: Stage) -> Result<Life, LifeError> {
    let Stage { store, community, cache, make_sandbox, make_cache } = stage;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let certificates = certificates::development(clock.now(), &[""; 0], CERTIFICATE_DAYS)?;
    let files = tempfile::tempdir()?;
    let (ours, theirs) = write(&files, &certificates)?;
    let communities = vec![community.clone()];
    let registry = Registry::new(Arc::clone(&store), Arc::clone(&clock), communities.clone(), cache, make_sandbox);
    let operator = CallerConfig {
        name: "operator".to_owned(),
        role: Role::Administer,
        certificate: Some("operator".to_owned()),
        token_file: None,
    };
    let api = Api {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        claim_lease: LEASE,
        limits: ApiLimits::default(),
        operators: Some(Operators { registry: Arc::new(registry), callers: vec![operator] }),
    };
    let serving = grpc::start(api, loopback().await?, loopback().await?, ours).await?;
    let address = format!("https://{}", serving.tls_address());
    let operator = ServiceClient::new(&Server { address, tls: theirs, token_file: None })?;

    let uploaded = operator.upload(candidate(), |_| {}).await?;
    let sha256 = uploaded.algorithm.clone().unwrap_or_default().sha256;
    let (name, algorithm) = (community.name, format!("sha256:{sha256}"));
    let start = v1::StartShadowRequest {
        community: name.clone(),
        algorithm: algorithm.clone(),
        // All that there is.
        since: "1970-01-01T00:00:00Z".to_owned(),
        settings: None,
    };
    operator.start_shadow(start).await?;
    let shutdown = CancellationToken::new();
    let metrics = Arc::new(Metrics::new(Arc::clone(&clock)));
    let (owner, term) = (LeaseOwner::named("demo"), LEASE);
    let task = ShadowTask { communities, store, make_cache, clock, owner, term, metrics, shutdown: shutdown.clone() };
    let running = tokio::spawn(task.run());
    let report = loop {
        let report = operator.report_shadow(v1::ReportShadowRequest { community: name.clone() }).await?;
        if report.until == report.settled_until {
            break report;
        }
        tokio::time::sleep(LOOK).await;
    };
    shutdown.cancel();
    let activate = v1::ActivateRequest {
        community: name,
        algorithm,
        from: String::new(),
        settings: Some(v1::Settings::default()),
    };
    let activated = operator.activate(activate).await?;
    // It only ends with what it was told to end with.
    let _ = running.await;
    serving.stop().await?;
    Ok(Life { uploaded, report, activated })
}

/// A component that is no base algorithm: one of them under another name, as an author's own would be.
fn candidate() -> Vec<u8> {
    let mut component = base(RULE).map(|base| base.bytes.to_vec()).unwrap_or_default();
    let (rule, name) = (RULE.as_bytes(), NAME.as_bytes());
    let mut at = 0;
    while let Some(found) =
        component.get(at..).and_then(|rest| rest.windows(rule.len()).position(|window| window == rule))
    {
        at += found;
        if let Some(place) = component.get_mut(at..at + rule.len()) {
            place.copy_from_slice(name);
        }
        at += rule.len();
    }
    component
}

/// What the market shows, and what the operator does.
fn write(directory: &TempDir, certificates: &Certificates) -> io::Result<(TlsConfig, ClientTls)> {
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).map(|()| path)
    };
    let (market, operator) = (&certificates.market, &certificates.operator);
    let ca = write("ca.pem", &certificates.authority.certificate)?;
    let identity = (write("operator.pem", &operator.certificate)?, write("operator_key.pem", &operator.key)?);
    let ours = TlsConfig {
        certificate: write("market.pem", &market.certificate)?,
        key: write("market_key.pem", &market.key)?,
        client_ca: Some(ca.clone()),
    };
    Ok((ours, ClientTls { ca: Some(ca), identity: Some(identity) }))
}

async fn loopback() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}
