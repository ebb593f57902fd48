//! Authenticates callers of the algorithm service and checks their roles.
//!
//! A caller authenticates with a client certificate, which the TLS handshake has verified, or with a token. All others learn
//! nothing, not even which algorithms exist.

use std::path::Path;
use std::sync::Arc;

use domain::Digest;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::config::{CallerConfig, Role};

/// Minimum length of a token; a shorter one could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// Maximum size of a token file, in bytes.
const TOKEN_BYTES_MAX: u64 = 4096;
const SCHEME: &str = "Bearer ";

/// The configured callers.
#[derive(Clone)]
pub(super) struct Callers(Arc<[CallerConfig]>);

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// For records of what it does.
    pub(super) name: String,
    role: Role,
}

impl Callers {
    pub(super) fn new(callers: Vec<CallerConfig>) -> Callers {
        Callers(callers.into())
    }

    /// Authenticates the caller of a request and checks that it has a role.
    pub(super) async fn permit<T>(&self, request: &Request<T>, role: Role) -> Result<Caller, Status> {
        let certificates = request.peer_certs();
        let certificate = certificates.as_ref().and_then(|certificates| certificates.first());
        let token = token(request.metadata())?;
        let known = match (token, certificate) {
            // A token goes first, because several programs on a machine may share a certificate.
            (Some(token), _) => self.by_token(token).await?,
            (None, Some(certificate)) => self.by_certificate(certificate)?,
            (None, None) => {
                let ways = "a client certificate, or metadata authorization: Bearer TOKEN";
                return Err(Status::unauthenticated(format!("the market does not know who asks (show {ways})")));
            }
        };
        if known.role < role {
            let says = format!("{} may only read, and this takes the role administer", known.name);
            return Err(Status::permission_denied(format!("{says} ([[caller]] in the market's configuration)")));
        }
        Ok(known)
    }

    fn by_certificate(&self, certificate: &CertificateDer<'_>) -> Result<Caller, Status> {
        let unreadable = |_| Status::unauthenticated("the client certificate cannot be read");
        let parsed = ParsedCertificate::try_from(certificate).map_err(unreadable)?;
        let is_for =
            |name: &str| ServerName::try_from(name).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok());
        let found = self.0.iter().find(|caller| caller.certificate.as_deref().is_some_and(is_for));
        found.map(Caller::of).ok_or_else(|| {
            let way_out = "[[caller]] in the market's configuration says whose may";
            Status::permission_denied(format!("the holder of this client certificate may do nothing here ({way_out})"))
        })
    }

    async fn by_token(&self, token: &str) -> Result<Caller, Status> {
        let callers = Arc::clone(&self.0);
        let given = Digest::of(token.as_bytes());
        let found = tokio::task::spawn_blocking(move || {
            let has_token = |caller: &&CallerConfig| {
                let file = caller.token_file.as_deref();
                // Digests are compared, so that the duration reveals nothing about the token.
                file.is_some_and(|file| token_of(file).is_some_and(|token| Digest::of(token.as_bytes()) == given))
            };
            callers.iter().find(has_token).map(Caller::of)
        });
        let found = found.await.map_err(|_| Status::internal("the tokens could not be read"))?;
        found.ok_or_else(|| Status::unauthenticated("no caller has this token"))
    }
}

impl Caller {
    fn of(config: &CallerConfig) -> Caller {
        Caller { name: config.name.clone(), role: config.role }
    }
}

fn token(metadata: &MetadataMap) -> Result<Option<&str>, Status> {
    let Some(value) = metadata.get("authorization") else { return Ok(None) };
    let text = value.to_str().ok().and_then(|text| text.strip_prefix(SCHEME)).map(str::trim);
    match text {
        Some(token) if !token.is_empty() => Ok(Some(token)),
        _ => Err(Status::unauthenticated("the authorization is no token (authorization: Bearer TOKEN is expected)")),
    }
}

/// The token in a file, read each time because the file may be replaced while the service runs.
fn token_of(file: &Path) -> Option<String> {
    let read = |file: &Path| {
        let bytes = file.metadata()?.len();
        if bytes > TOKEN_BYTES_MAX {
            return Err(std::io::Error::other(format!("it has {bytes} bytes")));
        }
        std::fs::read_to_string(file)
    };
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(file = %file.display(), "cannot read the token of a caller: {error}");
            return None;
        }
    };
    let token = text.trim();
    if token.chars().count() < TOKEN_CHARS_MIN {
        tracing::error!(file = %file.display(), "the token of a caller has fewer than {TOKEN_CHARS_MIN} characters and is ignored");
        return None;
    }
    Some(token.to_owned())
}
