//! Variables of the environment that stand above keys of the file: `REC_MARKET_STORE` above `store`.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;

/// What the name of such a variable begins with.
pub(super) const PREFIX: &str = "REC_MARKET_";
/// The only value that has a variable, but no key: it should not stand in the file.
pub(super) const PASSWORD: &str = "REC_MARKET_MONGODB_PASSWORD";
/// Variables with our prefix that are for others to read.
const NOT_OURS: [&str; 2] = ["REC_MARKET_LOG", "REC_MARKET_TEST_"];
/// Keys that variables stand above.
const KEYS: [&str; 20] = [
    "store",
    "cache",
    "listen",
    "listen_tls",
    "listen_metrics",
    "listen_web",
    "mongodb.username",
    "mongodb.password_file",
    "tls.certificate",
    "tls.key",
    "tls.client_ca",
    "web.certificate",
    "web.key",
    "forward.mode",
    "forward.to",
    "forward.ca",
    "forward.lease",
    "forward.since",
    "replicas.lease",
    "metrics.communities",
];

/// The names of all variables that are known.
pub(super) fn names() -> impl Iterator<Item = String> {
    KEYS.iter().map(|key| variable(key)).chain([PASSWORD.to_owned()])
}

/// The variable above a key: `REC_MARKET_TLS_KEY` above `tls.key`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Puts what variables say in the place of what the file says, right or wrong.
pub(super) fn apply<'t>(document: &mut DeTable<'t>, problems: &Problems<'t>) {
    for key in KEYS {
        let Some((value, at)) = problems.variable(&variable(key)) else { continue };
        let (table, key) = match key.split_once('.') {
            None => (&mut *document, key),
            Some((table, key)) => {
                let new = || Spanned::new(at..at, DeValue::Table(DeTable::new()));
                match document.entry(Spanned::new(at..at, table.into())).or_insert_with(new).get_mut() {
                    DeValue::Table(table) => (table, key),
                    // Told when it is read.
                    _ => continue,
                }
            }
        };
        table.insert(Spanned::new(at..at, key.into()), Spanned::new(at..at, DeValue::String(value.into())));
    }
}

/// Warns of variables that override nothing. They are no mistake of the file: others may use our prefix.
pub(super) fn warn_of_unknown(variables: &[(String, String)]) {
    let known: Vec<String> = names().collect();
    for (name, _) in variables {
        if !known.contains(name) && !NOT_OURS.iter().any(|prefix| name.starts_with(prefix)) {
            tracing::warn!("{name} overrides no key (variables that do: {})", known.join(", "));
        }
    }
}
