//! Where settled intervals are kept, and the credentials of a database, wherever they are given.

use std::fmt::Write;
use std::path::Path;

use super::overrides::{Overrides, Set};
use super::reader::{Problems, Table};
use ::store::{MongoConfig, Secret};

use super::StoreConfig;

/// The store used when none is named: a file beside the configuration.
const STORE: &str = "sqlite:market.db";
/// Longest name of a MongoDB database, in bytes, and what it may not contain.
const DATABASE_BYTES_MAX: usize = 63;
const NO_DATABASE: &str = "/\\. \"$*<>:|?#%";
/// Options of an address whose values are secrets: they would stand in logs with the rest of it.
const SECRET_OPTIONS: [&str; 3] = ["tlscertificatekeyfilepassword", "proxypassword", "authmechanismproperties"];

/// Reads `store` and `[mongodb]`; `None` if no store is named, which is then told.
pub(super) fn read(
    root: &mut Table<'_, '_>,
    overrides: &mut Overrides<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Option<StoreConfig> {
    let store = overrides.text(root, ("store", "STORE"), problems);
    let store = store.unwrap_or(Set { value: STORE, name: "store".to_owned(), at: None });
    let mut table = root.table("mongodb", problems);
    let username = overrides.text(&mut table, ("username", "MONGODB_USERNAME"), problems);
    let password_file = overrides.text(&mut table, ("password_file", "MONGODB_PASSWORD_FILE"), problems);
    let password = overrides.get("MONGODB_PASSWORD");
    table.finish(problems);
    match store.value.split_once(':') {
        Some(("sqlite", file)) if !file.is_empty() => {
            // A variable that names another store stands above the whole of a file that is for MongoDB.
            let above = store.by_variable() && store.name != "store";
            for set in [username, password_file].into_iter().flatten().filter(|set| !set.by_variable() && !above) {
                let way_out = "store = \"mongodb://HOST/DATABASE\" needs it";
                problems
                    .somewhere(set.at, format!("{} is set, but the store is {:?} ({way_out})", set.name, store.value));
            }
            Some(StoreConfig::Sqlite(directory.join(file)))
        }
        Some(("mongodb" | "mongodb+srv", _)) => {
            let address = match Address::parse(store.value) {
                Ok(address) => address,
                Err(reason) => {
                    let shown = masked(store.value);
                    problems.somewhere(store.at, format!("{} is {shown:?}, but {reason}", store.name));
                    return None;
                }
            };
            let told = problems.found.len();
            let password = password_of(password, password_file, directory, problems);
            let username = username.map(|set| Set { value: set.value.to_owned(), name: set.name, at: set.at });
            let needs_password = address.needs_password;
            let config = mongo(address, &store, username, password, problems);
            if problems.found.len() == told {
                half(&config, needs_password, store.at, problems);
            }
            Some(StoreConfig::Mongo(config))
        }
        _ => {
            let expected = "\"sqlite:FILE\" or \"mongodb://HOST:PORT/DATABASE\" is expected";
            problems.somewhere(store.at, format!("{} is {:?}, but {expected}", store.name, masked(store.value)));
            None
        }
    }
}

/// The password beside the address: the variable's, or what its file holds.
fn password_of(
    password: Option<Set<&str>>,
    file: Option<Set<&str>>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Option<Set<Secret>> {
    let Some(file) = file else {
        return password.map(|set| Set { value: Secret::new(set.value.to_owned()), name: set.name, at: None });
    };
    if let Some(password) = password {
        if file.by_variable() {
            problems.add(format!("{} and {} are both set (set one of them)", password.name, file.name));
        }
        return Some(Set { value: Secret::new(password.value.to_owned()), name: password.name, at: None });
    }
    let path = file.file("it holds the password and nothing else", directory, problems);
    if path.as_os_str().is_empty() {
        return None;
    }
    // What the file holds is never shown, not even where it is no text.
    let unusable = match std::fs::read_to_string(&path).as_deref().map(|text| text.trim_end_matches(['\r', '\n'])) {
        Ok(text) if !text.is_empty() => {
            return Some(Set { value: Secret::new(text.to_owned()), name: file.name, at: file.at });
        }
        Ok(_) => "holds no password".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    problems.somewhere(file.at, format!("{}: {} {unusable}", file.name, path.display()));
    None
}

/// Puts address and credentials together; tells those that are given twice.
fn mongo(
    address: Address,
    store: &Set<&str>,
    username: Option<Set<String>>,
    password: Option<Set<Secret>>,
    problems: &mut Problems<'_>,
) -> MongoConfig {
    MongoConfig {
        address: address.text,
        username: one_of(address.username, store, username, problems),
        password: one_of(address.password, store, password, problems),
    }
}

/// Tells credentials of which one half is missing.
fn half(config: &MongoConfig, needs_password: bool, at: Option<usize>, problems: &mut Problems<'_>) {
    let message = match (&config.username, &config.password) {
        (None, Some(_)) => "a password of MongoDB is given, but no username (set mongodb.username)",
        (Some(_), None) if needs_password => {
            "a username of MongoDB is given, but no password (set mongodb.password_file)"
        }
        _ => return,
    };
    problems.somewhere(at, message.to_owned());
}

/// What the address says or what is said beside it; a variable stands above the file, but in one place there is one.
fn one_of<T>(
    in_address: Option<T>,
    store: &Set<&str>,
    beside: Option<Set<T>>,
    problems: &mut Problems<'_>,
) -> Option<T> {
    match (in_address, beside) {
        (Some(_), Some(beside)) if beside.by_variable() => Some(beside.value),
        (Some(named), Some(_)) if store.by_variable() => Some(named),
        (Some(_), Some(beside)) => {
            let message =
                format!("{} is set, but {} has credentials as well (keep one of them)", beside.name, store.name);
            problems.somewhere(beside.at, message);
            None
        }
        (named, beside) => named.or(beside.map(|beside| beside.value)),
    }
}

/// A MongoDB address, taken apart.
struct Address {
    /// The address without credentials.
    text: String,
    username: Option<String>,
    password: Option<Secret>,
    /// Whether a username alone proves nothing.
    needs_password: bool,
}

impl Address {
    /// Reads a connection string; the reason why it is none has nothing of it that could be secret.
    fn parse(text: &str) -> Result<Address, &'static str> {
        const HOSTS: &str = "its hosts are none (such as host, host:27017 or a:27017,b:27017)";
        let (scheme, rest) = text.split_once("://").ok_or("\"mongodb://HOST:PORT/DATABASE\" is expected")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        // Only after the credentials are off: else a password with an open / or ? would be taken for a path.
        if path.contains('@') {
            return Err(
                "an @ stands after the hosts (in names and passwords / ? @ : and % are written %2F %3F %40 %3A %25)",
            );
        }
        let hosts: Vec<&str> = hosts.split(',').collect();
        if !hosts.iter().all(|host| is_host(host)) {
            return Err(HOSTS);
        }
        if scheme == "mongodb+srv" && (hosts.len() > 1 || hosts[0].contains(':')) {
            return Err("mongodb+srv:// has one host without a port (DNS tells the servers)");
        }
        let (database, options) = path.split_once('?').unwrap_or((path, ""));
        let database = database.strip_prefix('/').unwrap_or(database);
        if database.len() > DATABASE_BYTES_MAX || database.contains(|c: char| NO_DATABASE.contains(c) || c.is_control())
        {
            return Err(
                "its path is no name of a database (at most 63 bytes, without / \\ . \" $ * < > : | ? # % and spaces)",
            );
        }
        let options: Vec<(&str, &str)> = options
            .split('&')
            .filter(|option| !option.is_empty())
            .map(|option| option.split_once('=').unwrap_or((option, "")))
            .collect();
        if options.iter().any(|(key, value)| key.is_empty() || value.is_empty()) {
            return Err("its options are none (such as ?replicaSet=rs0&tls=true)");
        }
        if options.iter().any(|(key, _)| SECRET_OPTIONS.contains(&key.to_ascii_lowercase().as_str())) {
            return Err("one of its options is not to be shown, but would be (only username and password are masked)");
        }
        let (username, password) = credentials.map_or(Ok((None, None)), Address::credentials)?;
        let needs_password = !options.iter().any(|(key, _)| key.eq_ignore_ascii_case("authMechanism"));
        Ok(Address { text: format!("{scheme}://{}{path}", hosts.join(",")), username, password, needs_password })
    }

    fn credentials(text: &str) -> Result<(Option<String>, Option<Secret>), &'static str> {
        const ENCODING: &str =
            "its credentials are none (in names and passwords / ? @ : and % are written %2F %3F %40 %3A %25)";
        let (username, password) = match text.split_once(':') {
            Some((username, password)) => (username, Some(password)),
            None => (text, None),
        };
        let plain = |text: &str| decoded(text).filter(|text| !text.is_empty()).ok_or(ENCODING);
        if text.matches(':').count() > 1 || text.contains('@') {
            return Err(ENCODING);
        }
        Ok((Some(plain(username)?), password.map(|password| plain(password).map(Secret::new)).transpose()?))
    }
}

/// Whether a text can be a host with or without a port: a name, an address, an encoded path of a socket.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._%".contains(&b)),
    };
    named && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        plain.push(if byte == b'%' { digit(bytes.next())? * 16 + digit(bytes.next())? } else { byte });
    }
    String::from_utf8(plain).ok()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // OK because a String takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// What of an address can be shown that is wrong: who knows which part of it was meant to be the password.
fn masked(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, rest)) if rest.starts_with("//") => format!("{scheme}://…"),
        Some((scheme, rest)) if rest.contains('@') => format!("{scheme}:…"),
        _ => text.to_owned(),
    }
}

/// The key `store` that means this store, its password masked.
pub(super) fn shown(store: &StoreConfig) -> String {
    match store {
        StoreConfig::Sqlite(path) => format!("sqlite:{}", super::show::path(path)),
        StoreConfig::Mongo(MongoConfig { address, username, password }) => {
            let credentials = username.as_deref().map(|username| {
                let password = if password.is_some() { ":…" } else { "" };
                format!("{}{password}@", encoded(username))
            });
            address.replacen("://", &format!("://{}", credentials.unwrap_or_default()), 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["market", "a:b/c?d@e%f", "pässwörd", "…", "%", " "] {
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        }
        for text in ["%", "%4", "%zz", "a%ff"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for host in ["mongo", "a.example.org:27017", "192.0.2.1", "[::1]", "[::1]:27017", "%2Ftmp%2Fmongodb.sock"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", ":27017", "a b", "mongo:", "mongo:0", "mongo:65536", "user:secret", "::1", "[a]", "[::1]x"] {
            assert!(!is_host(host), "{host}");
        }
    }
}
