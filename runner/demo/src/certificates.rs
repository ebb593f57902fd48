//! Development certificates: a certificate authority, and certificates for the market, for Transactions and for an
//! administrator.
//!
//! This module only generates them; `rec-market certs` writes the files. Keys are ECDSA P-256, which the TLS libraries
//! of all the platform's languages support. Not for production: whoever can read the authority's key can impersonate
//! anyone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::DnsName;

/// How long before now certificates become valid, since clocks differ between machines.
const BEFORE_NOW: SignedDuration = SignedDuration::from_hours(1);
/// The market's names in the development stack and on a developer's machine.
const MARKET: [&str; 2] = ["market", "localhost"];
/// The names of Transactions there.
const TRANSACTIONS: [&str; 2] = ["transactions", "localhost"];
/// The name that may administer algorithms if the service's configuration names no callers.
const OPERATOR: [&str; 1] = ["operator"];

/// A certificate and its private key, both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// Omits the private key.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The certificates of a development platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The authority that issued the others.
    pub authority: Issued,
    /// The market's server certificate: `market`, `localhost`, the loopback addresses, and the names asked for. The
    /// authority's certificate follows it, because the platform gives this one file to Transactions as well, which trusts
    /// nothing else.
    pub market: Issued,
    /// The certificate of Transactions, as a client of the market and as the server that trades are pushed to:
    /// `transactions`, `localhost` and the loopback addresses.
    pub client: Issued,
    /// An administrator's client certificate: `operator`.
    pub operator: Issued,
}

/// Why certificates cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The name is neither a DNS name nor an IP address.
    #[error("{0:?} is not a server name (give a DNS name such as market.example.org, or an IP address)")]
    Name(String),
    /// The validity is empty, or a certificate cannot state it.
    #[error(
        "a certificate cannot be valid from {from} until {until} (the end must be after the start, and both between 1970 and 9999)"
    )]
    Validity {
        /// The start of the validity.
        from: Timestamp,
        /// The end of the validity.
        until: Timestamp,
    },
    /// Key generation or signing failed.
    #[error("cannot make a certificate")]
    Failed(#[from] rcgen::Error),
}

/// Makes certificates that are valid from an hour before `now` until `days` days after it. `names` are additional names
/// and addresses of the market.
///
/// # Errors
/// If a name is neither a DNS name nor an address, or the validity ends after the year 9999.
pub fn development(now: Timestamp, names: &[impl AsRef<str>], days: u16) -> Result<Certificates, CertificateError> {
    let beyond = |_| CertificateError::Validity { from: now, until: Timestamp::MAX };
    let from = now.checked_sub(BEFORE_NOW).map_err(beyond)?;
    let until = now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).map_err(beyond)?;
    valid(names, from, until)
}

/// Makes certificates with another validity: certificates that have expired, or are not yet valid.
///
/// # Errors
/// If a name is neither a DNS name nor an address, or the validity is empty or begins before 1970.
pub fn valid(names: &[impl AsRef<str>], from: Timestamp, until: Timestamp) -> Result<Certificates, CertificateError> {
    let mut template = CertificateParams::default();
    let instant = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).ok().filter(|_| from < until);
        let seconds = seconds.ok_or(CertificateError::Validity { from, until })?;
        // OK because the latest timestamp is in the year 9999, as is the latest date of that type.
        Ok::<_, CertificateError>(date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds))
    };
    template.not_before = instant(from)?;
    template.not_after = instant(until)?;

    let (authority, issuer) = authority(template.clone())?;
    let market = MARKET.into_iter().chain(names.iter().map(AsRef::as_ref));
    let server = [ExtendedKeyUsagePurpose::ServerAuth];
    let both = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let mut market = leaf(template.clone(), &issuer, market, &server)?;
    market.certificate += &authority.certificate;
    Ok(Certificates {
        authority,
        market,
        client: leaf(template.clone(), &issuer, TRANSACTIONS, &both)?,
        operator: leaf(template, &issuer, OPERATOR, &[ExtendedKeyUsagePurpose::ClientAuth])?,
    })
}

fn authority(mut params: CertificateParams) -> Result<(Issued, Issuer<'static, KeyPair>), CertificateError> {
    let key = KeyPair::generate()?;
    params.distinguished_name.push(DnType::CommonName, "rec-market development CA");
    // It may issue certificates to servers and clients, but not to other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    let issued = Issued { certificate: certificate.pem(), key: key.serialize_pem() };
    Ok((issued, Issuer::new(params, key)))
}

/// Issues a certificate for these names and the loopback addresses; the first name is its subject.
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
    // A wildcard replaces the first label only.
    let host = name.strip_prefix("*.").unwrap_or(name);
    let refused = || CertificateError::Name(name.to_owned());
    DnsName::try_from(host).map_err(|_| refused())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| refused())?))
}

#[cfg(test)]
mod tests;
