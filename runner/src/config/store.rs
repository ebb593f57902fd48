//! Where settled intervals are kept, and the credentials of a database, wherever they are given.

use super::StoreConfig;
use super::overrides::PASSWORD;
use super::problems::Problems;
use super::read::Field;
use super::schema::Mongodb;
use ::store::{MongoAddress, Secret};

/// The store used when none is named: a file beside the configuration.
const STORE: &str = "sqlite:market.db";

/// Checks `store` and `[mongodb]`; `None` if no store is named, and reports that.
pub(super) fn check(store: Field<String>, mongodb: Mongodb, problems: &Problems<'_>) -> Option<StoreConfig> {
    let (text, at) = match (store.value, store.at) {
        (Some(text), Some(at)) => (text, at),
        (None, Some(_)) => return None,
        _ => (STORE.to_owned(), 0),
    };
    let name = problems.name(at, "store");
    if let Some(file) = text.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
        let keys = [("mongodb.username", mongodb.username.at), ("mongodb.password_file", mongodb.password_file.at)];
        for (key, key_at) in keys.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            // A variable that names another store stands above the whole of a file that is for MongoDB.
            if !problems.is_variable(at) && !problems.is_variable(key_at) {
                let way_out = "store = \"mongodb://HOST/DATABASE\" needs it";
                problems.at(key_at, format!("{key} is set, but the store is {text:?} ({way_out})"));
            }
        }
        return Some(StoreConfig::Sqlite(problems.path(file)));
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("mongodb" | "mongodb+srv")) {
        let expected = "\"sqlite:FILE\" or \"mongodb://HOST:PORT/DATABASE\" is expected";
        problems.at(at, format!("{name} is {:?}, but {expected}", masked(&text)));
        return None;
    }
    let wrong = |error| problems.at(at, format!("{name} is {:?}, but {error}", masked(&text)));
    let mut address = MongoAddress::parse(&text).map_err(wrong).ok()?;
    let is_wrong = mongodb.username.is_wrong() || mongodb.password_file.is_wrong();
    let reported = problems.count();
    let password = password(mongodb.password_file, problems);
    let username = mongodb.username.placed();
    if let Some((_, at)) = username.as_ref().filter(|(username, _)| username.is_empty()) {
        problems.at(*at, format!("{} is empty", problems.name(*at, "mongodb.username")));
    }
    address.username = one_of(address.username, at, username, "mongodb.username", problems);
    address.password = one_of(address.password, at, password, "mongodb.password_file", problems);
    if problems.count() == reported && !is_wrong {
        match (&address.username, &address.password) {
            (None, Some(_)) => {
                problems.at(at, "a MongoDB password is set, but no username (set mongodb.username)");
            }
            (Some(_), None) if address.needs_password() => {
                problems.at(at, "a MongoDB username is set, but no password (set mongodb.password_file)");
            }
            _ => address.check().unwrap_or_else(wrong),
        }
    }
    Some(StoreConfig::Mongo(address))
}

/// The password beside the address: the variable's, or what its file holds.
fn password(file: Field<String>, problems: &Problems<'_>) -> Option<(Secret, usize)> {
    const KEY: &str = "mongodb.password_file";
    let file = file.placed();
    if let Some((password, at)) = problems.variable(PASSWORD) {
        if let Some((_, file)) = file.filter(|(_, file)| problems.is_variable(*file)) {
            let other = problems.name(file, KEY);
            problems.add(format!("{PASSWORD} and {other} are both set (set one of them)"));
        }
        return Some((Secret::new(password.to_owned()), at));
    }
    let (file, at) = file?;
    let reported = problems.count();
    let path = problems.file(KEY, &file, at, "it holds the password and nothing else");
    if problems.count() > reported {
        return None;
    }
    // What the file holds is never shown, not even where it is no text.
    let unusable = match std::fs::read_to_string(&path).as_deref().map(|text| text.trim_end_matches(['\r', '\n'])) {
        Ok("") => "holds no password".to_owned(),
        Ok(password) => return Some((Secret::new(password.to_owned()), at)),
        Err(error) => format!("cannot be read: {error}"),
    };
    problems.at(at, format!("{}: {} {unusable}", problems.name(at, KEY), path.display()));
    None
}

/// What the address says or what is said beside it; a variable stands above the file, but in one place there is one.
fn one_of<T>(
    in_address: Option<T>,
    store: usize,
    beside: Option<(T, usize)>,
    key: &str,
    problems: &Problems<'_>,
) -> Option<T> {
    match (in_address, beside) {
        (Some(_), Some((beside, at))) if problems.is_variable(at) => Some(beside),
        (Some(named), Some(_)) if problems.is_variable(store) => Some(named),
        (Some(_), Some((_, at))) => {
            problems.at(at, format!("{key} is set, but store has credentials as well (keep one of them)"));
            None
        }
        (named, beside) => named.or(beside.map(|(beside, _)| beside)),
    }
}

/// What can be shown of an address that is wrong: who knows which part of it was meant to be the password.
fn masked(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, rest)) if rest.starts_with("//") => format!("{scheme}://…"),
        Some((scheme, rest)) if rest.contains('@') => format!("{scheme}:…"),
        _ => text.to_owned(),
    }
}
