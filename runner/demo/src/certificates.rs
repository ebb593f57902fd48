//! Development certificates: an authority of our own, a certificate for the market, one for Transactions, one for an
//! operator.
//!
//! Only computes; `rec-market certs` writes files. Keys are ECDSA P-256, which every TLS library of the platform's
//! languages takes. Not for production: whoever reads the authority's key can be anybody.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::DnsName;

/// How long before now certificates begin to hold: clocks of two machines differ.
const BEFORE_NOW: SignedDuration = SignedDuration::from_hours(1);
/// What the market is called in the stack and on a developer's machine.
const MARKET: [&str; 2] = ["market", "localhost"];
/// What Transactions is called there.
const TRANSACTIONS: [&str; 2] = ["transactions", "localhost"];
/// Whom the service lets administer algorithms where its configuration names no callers.
const OPERATOR: [&str; 1] = ["operator"];

/// A certificate and its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key (PKCS #8).
    pub key: String,
}

/// The key is never shown.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// What a developer's platform needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The authority of the other two.
    pub authority: Issued,
    /// The market's, as a server: `market`, `localhost`, the loopback addresses, and the names asked for.
    pub market: Issued,
    /// Transactions', as a client of the market and as the server that trades are pushed to: `transactions`, `localhost`
    /// and the loopback addresses.
    pub client: Issued,
    /// An operator's, as a client of the market: `operator`.
    pub operator: Issued,
}

/// Certificates that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A name that no server has.
    #[error("{0:?} is no name of a server (a DNS name such as market.example.org, or an IP address)")]
    Name(String),
    /// A span of time that no certificate can state, or an empty one.
    #[error("a certificate cannot hold from {from} until {until}")]
    Validity {
        /// The first instant.
        from: Timestamp,
        /// The last instant.
        until: Timestamp,
    },
    /// The cryptography failed.
    #[error("cannot make a certificate")]
    Failed(#[from] rcgen::Error),
}

/// Makes certificates that hold from an hour before `now` and for so many days; `names` are further names and addresses of
/// the market.
///
/// # Errors
/// If a name is no DNS name and no address, or the days end after the year 9999.
pub fn development(now: Timestamp, names: &[impl AsRef<str>], days: u16) -> Result<Certificates, CertificateError> {
    let beyond = |_| CertificateError::Validity { from: now, until: Timestamp::MAX };
    let from = now.checked_sub(BEFORE_NOW).map_err(beyond)?;
    let until = now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).map_err(beyond)?;
    valid(names, from, until)
}

/// As [`development`], for another span of time: certificates that have expired, or do not hold yet.
///
/// # Errors
/// If a name is no DNS name and no address, or the span is empty or begins before 1970.
pub fn valid(names: &[impl AsRef<str>], from: Timestamp, until: Timestamp) -> Result<Certificates, CertificateError> {
    let mut template = CertificateParams::default();
    let instant = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).ok().filter(|_| from < until);
        let seconds = seconds.ok_or(CertificateError::Validity { from, until })?;
        // OK because the latest time stamp is in the year 9999, as the latest date of that type.
        Ok::<_, CertificateError>(date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds))
    };
    template.not_before = instant(from)?;
    template.not_after = instant(until)?;

    let (authority, issuer) = authority(template.clone())?;
    let market = MARKET.into_iter().chain(names.iter().map(AsRef::as_ref));
    let server = [ExtendedKeyUsagePurpose::ServerAuth];
    let both = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    Ok(Certificates {
        authority,
        market: leaf(template.clone(), &issuer, market, &server)?,
        client: leaf(template.clone(), &issuer, TRANSACTIONS, &both)?,
        operator: leaf(template, &issuer, OPERATOR, &[ExtendedKeyUsagePurpose::ClientAuth])?,
    })
}

fn authority(mut params: CertificateParams) -> Result<(Issued, Issuer<'static, KeyPair>), CertificateError> {
    let key = KeyPair::generate()?;
    params.distinguished_name.push(DnType::CommonName, "rec-market development CA");
    // It signs servers and clients, and no other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    let issued = Issued { certificate: certificate.pem(), key: key.serialize_pem() };
    Ok((issued, Issuer::new(params, key)))
}

/// A certificate for these names and the loopback addresses; the first name is its subject.
fn leaf<'n>(
    mut params: CertificateParams,
    issuer: &Issuer<'_, KeyPair>,
    names: impl IntoIterator<Item = &'n str>,
    purposes: &[ExtendedKeyUsagePurpose],
) -> Result<Issued, CertificateError> {
    let mut alternatives = names.into_iter().map(alternative).collect::<Result<Vec<SanType>, _>>()?;
    if let Some(SanType::DnsName(first)) = alternatives.first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    alternatives.extend(loopback.map(SanType::IpAddress));
    for alternative in alternatives {
        if !params.subject_alt_names.contains(&alternative) {
            params.subject_alt_names.push(alternative);
        }
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = purposes.to_vec();
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn alternative(name: &str) -> Result<SanType, CertificateError> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    // A wildcard stands for the first label only.
    let host = name.strip_prefix("*.").unwrap_or(name);
    let refused = || CertificateError::Name(name.to_owned());
    DnsName::try_from(host).map_err(|_| refused())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| refused())?))
}

#[cfg(test)]
mod tests;
