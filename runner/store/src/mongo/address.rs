//! Where a MongoDB database is, and who we are there.
//!
//! The driver parses and checks connection strings. Here is only what it does not do: it keeps credentials apart from what
//! may be shown, and its own messages, which repeat parts of a wrong address, are not used, for a part may be a password.

use std::fmt;

use mongodb::error::Result as DriverResult;
use mongodb::options::{ClientOptions, ConnectionString};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Options whose values are secrets: they would stand in logs with the rest of the address.
const SECRET_OPTIONS: [&str; 3] = ["tlscertificatekeyfilepassword", "proxypassword", "authmechanismproperties"];
/// Longest name of a database, in bytes: the servers' own limit.
const DATABASE_BYTES_MAX: usize = 63;
/// What is escaped in user names and passwords: all but what never has a meaning in an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The address of a MongoDB database, with credentials that may come from elsewhere. Displayed, its password is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoAddress {
    /// A `mongodb://` or `mongodb+srv://` address without credentials or other secrets; its path, if it has one, is the
    /// database's name.
    pub address: String,
    /// Who we are.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

/// A text that is not the address of a MongoDB database. Says nothing of the text that could be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Another scheme, or none.
    #[error("\"mongodb://HOST:PORT/DATABASE\" is expected")]
    Scheme,
    /// A reserved character in the credentials ends them early.
    #[error("an @ stands after the hosts (in user names and passwords write / ? @ : % as %2F %3F %40 %3A %25)")]
    MisplacedAt,
    /// An empty host, or a port that is none.
    #[error("its hosts are not valid (such as host, host:27017 or a:27017,b:27017)")]
    Hosts,
    /// More than a name for DNS.
    #[error("mongodb+srv:// takes one host without a port (DNS names the servers)")]
    SrvHosts,
    /// Empty or wrongly escaped credentials.
    #[error("its credentials are not valid (in user names and passwords write / ? @ : % as %2F %3F %40 %3A %25)")]
    Credentials,
    /// A name that no database can have.
    #[error("its path is not the name of a database (at most 63 bytes, without / \\ . \" $ and spaces)")]
    Database,
    /// An option that would be shown.
    #[error("its option {0} must not be shown, but would be (only user name and password are masked)")]
    SecretOption(&'static str),
    /// An option that the driver refuses.
    #[error("the driver does not take its option {0} (it is unknown, or its value does not fit the rest)")]
    Option(String),
    /// Options that the driver refuses together, or that are no options.
    #[error("its options are not valid (such as ?replicaSet=rs0&tls=true)")]
    Options,
}

impl MongoAddress {
    /// Reads a connection string. Nothing is looked up: the servers behind `mongodb+srv://` are known when it is opened.
    ///
    /// # Errors
    /// If it is none, or has secrets besides user name and password. Its options are only right or wrong together with the
    /// credentials: see [`MongoAddress::check`].
    pub fn parse(text: &str) -> Result<MongoAddress, InvalidAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidAddress::Scheme)?;
        if !["mongodb", "mongodb+srv"].contains(&scheme) {
            return Err(InvalidAddress::Scheme);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        // With an open / or ? in a password, its rest would be taken for a path and shown.
        if path.contains('@') {
            return Err(InvalidAddress::MisplacedAt);
        }
        // The driver is asked part by part, so that the part that is wrong can be named.
        ConnectionString::parse(format!("mongodb://{hosts}")).map_err(|_| InvalidAddress::Hosts)?;
        ConnectionString::parse(format!("{scheme}://{hosts}")).map_err(|_| InvalidAddress::SrvHosts)?;
        let (username, password) = credentials.map_or(Ok((None, None)), parse_credentials)?;
        let (database, options) = path.split_once('?').unwrap_or((path, ""));
        check_database(database)?;
        let secret = options.split('&').find_map(|option| {
            let name = option_name(option).to_ascii_lowercase();
            SECRET_OPTIONS.into_iter().find(|secret| *secret == name)
        });
        match secret {
            Some(secret) => Err(InvalidAddress::SecretOption(secret)),
            None => Ok(MongoAddress { address: format!("{scheme}://{hosts}{path}"), username, password }),
        }
    }

    /// Checks the whole of it, credentials and options together, as the driver will when it connects.
    ///
    /// # Errors
    /// If the driver would refuse it.
    pub fn check(&self) -> Result<(), InvalidAddress> {
        if self.connection_string().is_ok() {
            return Ok(());
        }
        // The option without which it would be right is the one that is wrong.
        let (start, options) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let options: Vec<&str> = options.split('&').collect();
        let is_wrong = |option: &&&str| {
            let others: Vec<&str> = options.iter().copied().filter(|other| *other != **option).collect();
            let without = MongoAddress { address: format!("{start}?{}", others.join("&")), ..self.clone() };
            option.contains('=') && without.connection_string().is_ok()
        };
        let wrong = options.iter().find(is_wrong).map(|option| option_name(option).to_owned());
        Err(wrong.map_or(InvalidAddress::Options, InvalidAddress::Option))
    }

    /// Whether a user name alone proves nothing. With another mechanism than passwords it may, such as with a certificate.
    pub fn needs_password(&self) -> bool {
        let mechanism = |parsed: ConnectionString| parsed.credential?.mechanism;
        self.connection_string().is_ok_and(|parsed| mechanism(parsed).is_none())
    }

    /// What the driver connects with; it asks DNS for the servers behind `mongodb+srv://`.
    ///
    /// # Errors
    /// If the driver refuses it, or DNS does not answer.
    pub(super) async fn client_options(&self) -> DriverResult<ClientOptions> {
        ClientOptions::parse(self.connection_string()?).await
    }

    /// The whole of it, with the password.
    fn connection_string(&self) -> DriverResult<ConnectionString> {
        let password = self.password.as_ref().map(|password| utf8_percent_encode(password.reveal(), ESCAPED));
        ConnectionString::parse(self.with_credentials(password))
    }

    /// The address with the user name and what stands for the password.
    fn with_credentials(&self, password: Option<impl fmt::Display>) -> String {
        let Some(username) = &self.username else { return self.address.clone() };
        let username = utf8_percent_encode(username, ESCAPED);
        let password = password.map_or_else(String::new, |password| format!(":{password}"));
        self.address.replacen("://", &format!("://{username}{password}@"), 1)
    }
}

/// The connection string with a mask in place of the password: a connection string again.
impl fmt::Display for MongoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_credentials(self.password.as_ref().map(|_| "…")))
    }
}

/// User name and password, both without escapes.
fn parse_credentials(text: &str) -> Result<(Option<String>, Option<Secret>), InvalidAddress> {
    // The driver slices the text after a % without looking, and would panic in the middle of a letter.
    let is_escape = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let parsed = if text.split('%').skip(1).all(is_escape) {
        ConnectionString::parse(format!("mongodb://{text}@localhost")).ok()
    } else {
        None
    };
    let credential = parsed.and_then(|parsed| parsed.credential).ok_or(InvalidAddress::Credentials)?;
    if credential.username.is_none() || credential.password.as_deref() == Some("") {
        return Err(InvalidAddress::Credentials);
    }
    Ok((credential.username, credential.password.map(Secret::new)))
}

fn check_database(path: &str) -> Result<(), InvalidAddress> {
    let parsed = ConnectionString::parse(format!("mongodb://localhost{path}"));
    let name = parsed.map_err(|_| InvalidAddress::Database)?.default_database.unwrap_or_default();
    // The servers' rules, which the driver leaves to them.
    let is_right = name.len() <= DATABASE_BYTES_MAX && !name.contains(|c: char| c == '.' || c.is_control());
    is_right.then_some(()).ok_or(InvalidAddress::Database)
}

fn option_name(option: &str) -> &str {
    option.split_once('=').map_or(option, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, username: &str, password: &str) -> MongoAddress {
        let (username, password) = (Some(username.to_owned()), Some(Secret::new(password.to_owned())));
        MongoAddress { address: text.to_owned(), username, password }
    }

    #[test]
    fn credentials_may_have_any_character_and_reach_the_driver_as_they_are() {
        for text in ["market", "a:b/c?d@e%f", "pässwörd", "…", "%", " ", "-._~"] {
            let address = address("mongodb://mongo:27017/market?authSource=admin", text, text);
            let credential = address.connection_string().unwrap().credential.unwrap();
            assert_eq!((credential.username.as_deref(), credential.password.as_deref()), (Some(text), Some(text)));
            assert_eq!(credential.source.as_deref(), Some("admin"));
            // With a password of one letter, what is shown is read again.
            let shown = MongoAddress::parse(&address.to_string()).unwrap();
            assert_eq!((shown.username.as_deref(), shown.password.unwrap().reveal()), (Some(text), "…"));
        }
        let nobody = MongoAddress::parse("mongodb://mongo:27017/market").unwrap();
        assert_eq!(nobody.to_string(), nobody.address);
        assert_eq!(nobody.connection_string().unwrap().credential, None);
        let plain = address("mongodb://mongo", "rec-market_1.a~b", "x");
        assert_eq!(plain.to_string(), "mongodb://rec-market_1.a~b:…@mongo");
    }

    #[test]
    fn wrong_escapes_are_refused_before_the_driver_sees_them() {
        for credentials in ["%", "u%4", "u:%zz", "u:a%ff", "u:%aé", "%é:p", "u:p%25%"] {
            let parsed = MongoAddress::parse(&format!("mongodb://{credentials}@host"));
            assert_eq!(parsed, Err(InvalidAddress::Credentials), "{credentials}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for host in ["mongo", "a.example.org:27017", "192.0.2.1", "[::1]", "[::1]:27017", "%2Ftmp%2Fmongodb.sock"] {
            assert_eq!(
                MongoAddress::parse(&format!("mongodb://{host}/m")).unwrap().address,
                format!("mongodb://{host}/m")
            );
        }
        for host in ["", ":27017", "mongo:", "mongo:0", "mongo:65536", "user:secret", "::1", "[a]", "[::1]x"] {
            assert_eq!(MongoAddress::parse(&format!("mongodb://{host}/m")), Err(InvalidAddress::Hosts), "{host}");
        }
    }

    #[test]
    fn options_are_checked_together_with_the_credentials() {
        let option = |name: &str| Err(InvalidAddress::Option(name.to_owned()));
        for (options, expected) in [
            ("replicaSet=rs0&tls=true&readPreference=nearest&maxStalenessSeconds=90", Ok(())),
            ("tls=maybe&replicaSet=rs0", option("tls")),
            ("replicaSet=rs0&replicaset=rs1", option("replicaSet")),
            ("replicasett=rs0", option("replicasett")),
            ("maxStalenessSeconds=90", option("maxStalenessSeconds")),
            ("authMechanism=SCRAM-SHA-256", Ok(())),
            ("authMechanism=MONGODB-X509", option("authMechanism")),
            ("tls=maybe&w=-1", Err(InvalidAddress::Options)),
            ("secret", Err(InvalidAddress::Options)),
        ] {
            assert_eq!(address(&format!("mongodb://host/?{options}"), "u", "p").check(), expected, "{options}");
        }
        let nobody = MongoAddress::parse("mongodb://host/?authMechanism=SCRAM-SHA-256").unwrap();
        assert_eq!(nobody.check(), option("authMechanism"));
    }

    #[test]
    fn a_name_for_dns_is_not_looked_up() {
        let address = address("mongodb+srv://nowhere.invalid/market", "u", "p");
        assert_eq!(address.check(), Ok(()));
        assert!(address.needs_password());
    }
}
