//! The life of an algorithm on the demo's books: uploaded over TLS, run as a shadow of what settled, activated.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use base::base;
use books::{OfferedSince, Store, Wallets};
use sandbox::Codegen;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wire::rec_market_v1 as v1;

use super::tls::{Tls, loopback};
use crate::adapter::client::{Server, ServiceClient};
use crate::adapter::grpc::{self, Api, ApiLimits, PriceTaking};
use crate::algorithms::cache::AlgorithmCache;
use crate::algorithms::registry::Registry;
use crate::algorithms::shadow::{ShadowQueue, ShadowTask};
use crate::app::make_sandbox;
use crate::cli::algorithm as administer;
use crate::clock::{Clock, SystemClock};
use crate::config::{CallerConfig, Config, Right};
use crate::lease::LeaseOwner;
use crate::listed;
use crate::telemetry::metrics::Metrics;

/// Lease of the shadow: longer than any demo takes.
const LEASE: Duration = Duration::from_secs(900);
/// How often the report of the candidate is fetched.
const POLL: Duration = Duration::from_millis(20);
/// The base algorithm that the candidate is made of.
const RULE: &str = "uniform";
/// The candidate's name. It replaces the other in the component, so it must be as long.
const NAME: &str = "auction";

/// What the administrator saw.
pub(super) struct Outcome {
    uploaded: v1::UploadResponse,
    report: v1::ShadowReport,
    activated: v1::Change,
}

/// Uploads a candidate, runs it as a shadow of everything that was settled, and activates it from the next interval on.
pub(super) async fn try_candidate(
    config: &Config,
    store: &Arc<dyn Store>,
    cache: &Arc<AlgorithmCache>,
) -> anyhow::Result<Outcome> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = Tls::new()?;
    let communities: Vec<_> = config.communities.iter().cloned().map(Arc::new).collect();
    let name = communities[0].name.clone();
    let shadows = Arc::new(ShadowQueue::default());
    let registry = Registry::new(
        Arc::clone(store),
        Arc::clone(&clock),
        communities.clone(),
        Arc::clone(cache),
        Box::new(|codegen| make_sandbox(codegen, None, Some(1))),
        Arc::clone(&shadows),
    );
    let administrator = CallerConfig {
        name: "operator".to_owned(),
        roles: [Right::Administer].into(),
        from: Vec::new(),
        certificate: Some("operator".to_owned()),
        token_file: None,
    };
    let api = Api {
        store: Arc::clone(store),
        clock: Arc::clone(&clock),
        claim_lease: LEASE,
        offered_since: OfferedSince::default(),
        cut: None,
        openings: None,
        limits: ApiLimits::default(),
        prices: PriceTaking::default(),
        wallets: Wallets::default(),
        callers: vec![administrator],
        meters: false,
        administration: Some(Arc::new(registry)),
    };
    let serving = grpc::start(api, loopback().await?, loopback().await?, tls.market.clone()).await?;
    let address = format!("https://{}", serving.tls_address());
    let client = ServiceClient::new(&Server { address, tls: tls.administrator.clone(), token_file: None })?;

    let uploaded = client.upload(candidate(), |_| {}).await?;
    let sha256 = uploaded.algorithm.clone().unwrap_or_default().sha256;
    let algorithm = format!("sha256:{sha256}");
    let start = v1::StartShadowRequest {
        community: name.clone(),
        algorithm: algorithm.clone(),
        // Before all intervals.
        since: "1970-01-01T00:00:00Z".to_owned(),
        settings: None,
    };
    client.start_shadow(start).await?;
    let shutdown = CancellationToken::new();
    let (books, directory) = (Arc::clone(store), config.cache.clone());
    let task = ShadowTask {
        communities: communities.into_iter().map(|community| (community.name.clone(), community)).collect(),
        queue: shadows,
        store: Arc::clone(store),
        make_cache: Box::new(move || {
            let sandbox = make_sandbox(Codegen::Usual, Some(directory.clone()), Some(1))?;
            Ok(AlgorithmCache::new(sandbox, Arc::clone(&books)))
        }),
        metrics: Arc::new(Metrics::new(Arc::clone(&clock))),
        clock,
        owner: LeaseOwner::named("demo"),
        term: LEASE,
        shutdown: shutdown.clone(),
    };
    let running = tokio::spawn(task.run());
    let report = wait_for_report(&client, &name).await?;
    shutdown.cancel();
    let activate = v1::ActivateRequest {
        community: name,
        algorithm,
        from: String::new(),
        settings: Some(v1::Settings::default()),
        // What it changes is shown above, and nobody is paid here.
        accept_worse_than_grid: true,
    };
    let activated = client.activate(activate).await?;
    // It has been told to stop, and has nothing to report.
    let _ = running.await;
    serving.stop().await?;
    Ok(Outcome { uploaded, report, activated })
}

/// The report once the candidate has run on everything that is settled.
async fn wait_for_report(client: &ServiceClient, community: &str) -> anyhow::Result<v1::ShadowReport> {
    loop {
        let request = v1::ReportShadowRequest { community: community.to_owned() };
        let report = client.report_shadow(request).await?;
        if report.until == report.settled_until {
            return Ok(report);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A base algorithm under another name, which makes it a component that an author could have uploaded.
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

impl Outcome {
    pub(super) fn json(&self) -> Value {
        json!({
            "uploaded": listed::json::upload(&self.uploaded),
            "shadow": listed::json::shadow(&self.report),
            "activated": listed::json::change(&self.activated),
        })
    }

    pub(super) fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let report = serde_json::from_str::<Value>(&self.uploaded.report).unwrap_or_default();
        let checks = report["checks"].as_array().map_or(0, Vec::len);
        writeln!(
            out,
            "\nThen an administrator uploads another algorithm over TLS, and it passes the {checks} checks of the gate."
        )?;
        writeln!(out, "If it had settled all these intervals instead, this would have changed:\n")?;
        write!(out, "{}", administer::text::shadow(&self.report))?;
        writeln!(out, "\nIt is activated. One command (rec-market algorithm rollback) would withdraw it:")?;
        writeln!(out, "  {}", administer::text::change(&self.activated))?;
        Ok(())
    }
}
