//! Stores, and the credentials of a database: wherever they are given, and never shown.

use super::*;

const COMMUNITY: &str = "[[community]]\nname = \"a\"\n";

fn mongo(keys: &str, directory: &Path, variables: &[(&str, &str)]) -> Result<MongoAddress, Vec<Problem>> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    parse(&format!("{keys}\n{COMMUNITY}"), directory, &variables).map(|config| match config.store {
        StoreConfig::Mongo(mongo) => mongo,
        other => panic!("{other:?}"),
    })
}

fn credentials(config: MongoAddress) -> (Option<String>, Option<String>) {
    (config.username, config.password.map(|password| password.reveal().to_owned()))
}

fn some(username: &str, password: &str) -> (Option<String>, Option<String>) {
    (Some(username.to_owned()), Some(password.to_owned()))
}

#[test]
fn an_address_is_kept_without_its_credentials() {
    for (text, address, expected) in [
        ("mongodb://host", "mongodb://host", (None, None)),
        ("mongodb://host:27017/market", "mongodb://host:27017/market", (None, None)),
        ("mongodb://u:p@a,b:2/market?replicaSet=rs0", "mongodb://a,b:2/market?replicaSet=rs0", some("u", "p")),
        ("mongodb+srv://u:p@rec.example.org/m", "mongodb+srv://rec.example.org/m", some("u", "p")),
        ("mongodb://u%40x:p%2F%3a%C3%A9@[::1]:27017/", "mongodb://[::1]:27017/", some("u@x", "p/:é")),
        (
            "mongodb://cn@host/?authMechanism=MONGODB-X509&tls=true",
            "mongodb://host/?authMechanism=MONGODB-X509&tls=true",
            (Some("cn".to_owned()), None),
        ),
    ] {
        let config = mongo(&format!("store = {text:?}"), Path::new(""), &[]).unwrap();
        assert_eq!(config.address, address);
        assert_eq!(credentials(config), expected, "{text}");
    }
}

#[test]
fn an_address_that_is_none_is_told_without_showing_it() {
    for (text, says) in [
        ("mongodb:host", "\"mongodb://HOST:PORT/DATABASE\" is expected"),
        ("mongodb://", "its hosts are not valid"),
        ("mongodb:///market", "its hosts are not valid"),
        ("mongodb://a,,b/market", "its hosts are not valid"),
        ("mongodb://secret:secret/market", "its hosts are not valid"),
        ("mongodb://host:70000/market", "its hosts are not valid"),
        ("mongodb://u:secret/x@host/market", "an @ stands after the hosts"),
        ("mongodb://u:secret:x@host/market", "its credentials are not valid"),
        ("mongodb://u:secr%et@host/market", "its credentials are not valid"),
        ("mongodb://u@x:secret@host/market", "its credentials are not valid"),
        ("mongodb://:secret@host/market", "its credentials are not valid"),
        ("mongodb://u:@host/secret", "its credentials are not valid"),
        ("mongodb+srv://host:27017/secret", "takes one host without a port"),
        ("mongodb+srv://a,b/secret", "takes one host without a port"),
        ("mongodb://host/a/b?secret=x", "its path is not the name of a database"),
        ("mongodb://host/market?secret", "its options are not valid"),
        ("mongodb://host/market?replicaSet=rs0&tls=secret", "the driver does not take its option tls (it is unknown"),
        (
            "mongodb://host/?tlsCertificateKeyFilePassword=secret",
            "its option tlscertificatekeyfilepassword must not be shown",
        ),
        (
            "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:secret",
            "its option authmechanismproperties must not be shown",
        ),
        ("postgres://u:secret@host/market", "\"sqlite:FILE\" or"),
        ("postgres:u:secret@host", "\"sqlite:FILE\" or"),
    ] {
        let found = problems(&format!("store = {text:?}\n{COMMUNITY}"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with("line 1: store is \"") && found[0].contains(says), "{text}: {found:#?}");
        assert!(!found[0].contains("secret"), "{found:#?}");
    }
}

#[test]
fn credentials_stand_beside_the_address_in_a_file_or_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("password", "pass word\n");
    write("other", "öther\r\n");
    let path = directory.path();
    let keys = "store = \"mongodb://host/market\"\n[mongodb]\nusername = \"u\"\npassword_file = \"password\"";
    let found = |variables: &[(&str, &str)]| credentials(mongo(keys, path, variables).unwrap());
    assert_eq!(found(&[]), some("u", "pass word"));
    assert_eq!(found(&[("REC_MARKET_MONGODB_PASSWORD", "x y\n")]), some("u", "x y\n"));
    assert_eq!(found(&[("REC_MARKET_MONGODB_PASSWORD_FILE", "other")]), some("u", "öther"));
    assert_eq!(found(&[("REC_MARKET_MONGODB_USERNAME", "v")]), some("v", "pass word"));
    // What the environment says stands above the file, whichever way the file says it.
    let inside = |variables: &[(&str, &str)]| {
        credentials(mongo("store = \"mongodb://u:p@host/market\"", path, variables).unwrap())
    };
    let both = [("REC_MARKET_MONGODB_USERNAME", "v"), ("REC_MARKET_MONGODB_PASSWORD", "w")];
    assert_eq!(inside(&both), some("v", "w"));
    assert_eq!(inside(&both[1..]), some("u", "w"));
    assert_eq!(found(&[("REC_MARKET_STORE", "mongodb://a:b@host/market")]), some("a", "b"));
    assert_eq!(found(&[("REC_MARKET_STORE", "mongodb://host/market")]), some("u", "pass word"));
}

#[test]
fn credentials_that_contradict_are_told_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in [("password", &b"secret\n"[..]), ("empty", b"\n"), ("latin1", b"secret\xe9")] {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    let address = "store = \"mongodb://host/market\"\n[mongodb]";
    let inside = "store = \"mongodb://u:secret@host/market\"\n[mongodb]";
    let password = ("REC_MARKET_MONGODB_PASSWORD", "secret");
    type Variables<'v> = &'v [(&'v str, &'v str)];
    let cases: [(String, Variables<'_>, &[&str]); 13] = [
        (format!("{inside}\nusername = \"u\""), &[], &["line 3: mongodb.username is set, but store has credentials"]),
        (format!("{inside}\npassword_file = \"password\""), &[], &["line 3: mongodb.password_file is set, but store"]),
        (format!("{address}\nusername = \"u\""), &[], &["line 1: a MongoDB username is set, but no password"]),
        (format!("{address}\npassword_file = \"password\""), &[], &["line 1: a MongoDB password is set, but no user"]),
        (address.to_owned(), &[password], &["line 1: a MongoDB password is set, but no username"]),
        (
            format!("{address}\nusername = \"u\""),
            &[password, ("REC_MARKET_MONGODB_PASSWORD_FILE", "password")],
            &["REC_MARKET_MONGODB_PASSWORD and REC_MARKET_MONGODB_PASSWORD_FILE are both set"],
        ),
        (format!("{address}\nusername = 5"), &[password], &["line 3: mongodb.username is 5, but a string is expected"]),
        (format!("{address}\nusername = \"\""), &[password], &["line 3: mongodb.username is empty"]),
        // A file that is no password is one mistake, not two.
        (
            format!("{address}\nusername = \"u\"\npassword_file = \"no\""),
            &[],
            &["line 4: mongodb.password_file: there is no file \"no\""],
        ),
        (
            format!("{address}\nusername = \"u\"\npassword_file = \"empty\""),
            &[],
            &["line 4: mongodb.password_file: ", "empty holds no password"],
        ),
        (
            format!("{address}\nusername = \"u\"\npassword_file = \"latin1\""),
            &[],
            &["line 4: mongodb.password_file: ", "latin1 cannot be read: stream did not contain valid UTF-8"],
        ),
        (
            "[mongodb]\nusername = \"u\"".to_owned(),
            &[],
            &["line 2: mongodb.username is set, but the store is \"sqlite:market.db\""],
        ),
        (
            format!("{address}\npassword = \"secret\"\nusername = \"u\"\npassword_file = \"password\""),
            &[],
            &["line 3: mongodb.password is not a known key (known here: password_file, username)"],
        ),
    ];
    for (keys, variables, says) in cases {
        let found = mongo(&keys, directory.path(), variables).unwrap_err();
        let shown = found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(found.len(), 1, "{keys}: {shown}");
        assert!(shown.starts_with(says[0]) && says.iter().all(|text| shown.contains(text)), "{keys}: {shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    // Another store by a variable stands above what the file says of MongoDB.
    let text = format!("{address}\nusername = \"u\"\n{COMMUNITY}");
    assert!(read_with(&text, &[("REC_MARKET_STORE", "sqlite:x.db")]).is_ok());
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    let config = mongo("store = \"mongodb://u:hidden@host/market\"", Path::new(""), &[]).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("Secret(…)") && !shown.contains("hidden"), "{shown}");
}
