//! Who calls: known by the network that the call comes from, a client certificate, or a token.
//!
//! Only what nobody can make up counts: the other end of the connection, a certificate that the TLS handshake has verified,
//! and a secret. Headers that name another address, as proxies write them, count for nothing. Who is not known as a caller
//! with the right learns nothing, not even which algorithms exist.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::{Extensions, HeaderMap};
use domain::Digest;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tonic::Status;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::config::{CallerConfig, Right};
use crate::token;

const SCHEME: &str = "Bearer ";

/// Everybody who may call.
#[derive(Clone)]
pub(super) struct Callers(Arc<[CallerConfig]>);

/// A caller with the right that its request takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// For records of what it does.
    pub(super) name: String,
}

/// What a request shows of its caller.
#[derive(Clone, Debug)]
pub(super) struct Shown<'r> {
    /// The other end of the connection.
    pub(super) address: Option<IpAddr>,
    /// The client certificate, verified.
    pub(super) certificate: Option<CertificateDer<'r>>,
    pub(super) token: Token<'r>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'r> {
    Missing,
    /// An authorization that is no token.
    Malformed,
    Given(&'r str),
}

impl<'r> Shown<'r> {
    pub(super) fn by(headers: &'r HeaderMap, connection: &Extensions) -> Shown<'r> {
        let tls = connection.get::<TlsConnectInfo<TcpConnectInfo>>();
        let tcp = connection.get::<TcpConnectInfo>().or(tls.map(TlsConnectInfo::get_ref));
        let certificates = tls.and_then(TlsConnectInfo::peer_certs);
        Shown {
            // A listener for both IPv4 and IPv6 sees callers by IPv4 as ::ffff:10.0.0.7.
            address: tcp.and_then(TcpConnectInfo::remote_addr).map(|address| address.ip().to_canonical()),
            certificate: certificates.and_then(|certificates| certificates.first().cloned()),
            token: Token::of(headers),
        }
    }
}

impl<'r> Token<'r> {
    fn of(headers: &'r HeaderMap) -> Token<'r> {
        let Some(value) = headers.get(AUTHORIZATION) else { return Token::Missing };
        let text = value.to_str().ok().and_then(|text| text.strip_prefix(SCHEME)).map(str::trim);
        text.filter(|token| !token.is_empty()).map_or(Token::Malformed, Token::Given)
    }
}

impl Callers {
    pub(super) fn new(callers: Vec<CallerConfig>) -> Callers {
        Callers(callers.into())
    }

    /// Checks that whoever shows this is a caller with a right, which `method` takes. The network counts whatever else is
    /// shown: programs send tokens that are meant for others.
    pub(super) async fn permit(&self, right: Right, method: &str, shown: Shown<'_>) -> Result<Caller, Status> {
        let token = match shown.token {
            Token::Given(token) => self.by_token(token).await?,
            Token::Missing | Token::Malformed => Vec::new(),
        };
        let certificate = match &shown.certificate {
            Some(certificate) => self.by_certificate(certificate)?,
            None => Vec::new(),
        };
        let network = shown.address.map_or_else(Vec::new, |address| self.by_network(address));
        // The most telling name first.
        let known = [token.as_slice(), &certificate, &network].concat();
        if let Some(found) = known.into_iter().find(|caller| caller.may(right)) {
            return Ok(Caller { name: found.name.clone() });
        }
        let takes = format!("{method} takes the right \"{right}\"");
        Err(match (shown.token, token.first().or(certificate.first())) {
            (Token::Malformed, _) => {
                let expected = "authorization: Bearer TOKEN is expected";
                Status::unauthenticated(format!("the authorization is no token ({expected}), and {takes}"))
            }
            (Token::Given(_), _) if token.is_empty() => {
                Status::unauthenticated(format!("no caller has this token, and {takes}"))
            }
            (_, Some(caller)) => {
                let way_out = "add it to its roles in the market's configuration, [[caller]]";
                Status::permission_denied(format!("{takes}, which {} does not have ({way_out})", caller.name))
            }
            (_, None) if shown.certificate.is_some() => {
                let way_out = "[[caller]] in the market's configuration says whose may";
                Status::permission_denied(format!("this client certificate is of no caller, and {takes} ({way_out})"))
            }
            (_, None) => {
                let place =
                    shown.address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
                let ways = "show metadata authorization: Bearer TOKEN, or a client certificate, or call from a network";
                let way_out = format!("{ways} that has it by [[caller]] in the market's configuration");
                let says = format!("the market does not know who asks from {place}, and {takes}");
                Status::unauthenticated(format!("{says} ({way_out})"))
            }
        })
    }

    fn by_network(&self, address: IpAddr) -> Vec<&CallerConfig> {
        let calls_from = |caller: &&CallerConfig| caller.from.iter().any(|network| network.contains(&address));
        self.0.iter().filter(calls_from).collect()
    }

    fn by_certificate(&self, certificate: &CertificateDer<'_>) -> Result<Vec<&CallerConfig>, Status> {
        let unreadable = |_| Status::unauthenticated("the client certificate cannot be read");
        let parsed = ParsedCertificate::try_from(certificate).map_err(unreadable)?;
        let is_for =
            |name: &str| ServerName::try_from(name).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok());
        Ok(self.0.iter().filter(|caller| caller.certificate.as_deref().is_some_and(is_for)).collect())
    }

    async fn by_token(&self, token: &str) -> Result<Vec<&CallerConfig>, Status> {
        let callers = Arc::clone(&self.0);
        let given = Digest::of(token.as_bytes());
        let found = tokio::task::spawn_blocking(move || {
            let has_token = |caller: &CallerConfig| {
                let file = caller.token_file.as_deref();
                // Digests are compared, so that the duration reveals nothing about the token.
                file.is_some_and(|file| {
                    token::in_file(file, "caller").is_some_and(|token| Digest::of(token.as_bytes()) == given)
                })
            };
            callers.iter().map(has_token).collect::<Vec<bool>>()
        });
        let found = found.await.map_err(|_| Status::internal("the tokens could not be read"))?;
        Ok(self.0.iter().zip(found).filter_map(|(caller, found)| found.then_some(caller)).collect())
    }
}
