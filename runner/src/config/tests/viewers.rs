//! Who may look, and how the pages are served, as the file says it.

use super::*;

/// A file with these keys at its top, in a directory with the files `token`, `other`, `crt.pem` and `key.pem`.
fn read_file(keys: &str) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    for name in ["token", "other", "crt.pem", "key.pem"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    let members = "unlisted = \"ignore\"\n[community.members.school]\n";
    let read = parse(&format!("{keys}\n[[community]]\nname = \"a\"\n{members}"), directory.path(), &[]);
    read.map_err(|found| found.iter().map(Problem::to_string).collect())
}

/// The mistakes of a file begin so, one by one.
#[track_caller]
fn mistakes(keys: &str, expected: &[&str]) {
    let found = read_file(keys).unwrap_err();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, start) in found.iter().zip(expected) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
}

#[track_caller]
fn remarked(keys: &str, expected: &[&str]) {
    let found = read_file(keys).unwrap().remarks("2024-06-01T00:00:00Z".parse().unwrap());
    let matches = found.iter().zip(expected).all(|(found, says)| found.starts_with(says));
    assert!(found.len() == expected.len() && matches, "{keys}: {found:#?}");
}

#[test]
fn every_mistake_of_viewers_is_told() {
    mistakes(
        "[[viewer]]\nname = \"link 5\"\nrole = \"admin\"\ntoken_file = \"no\"\n[[viewer]]\n
[[viewer]]\nname = \"a\"\nrole = \"member\"\ntoken_file = \"token\"\n[[viewer]]\nname = \"a\"\nrole = \"board\"\nmember = \"school\"\ntoken_file = \"other\"
[[viewer]]\nname = \"b\"\nrole = \"manager\"\ncommunity = \"c\"\ntoken_file = \"other\"\nuser = \"b\"
[[viewer]]\nname = \"c\"\nrole = \"member\"\ncommunity = \"a\"\nmember = \"grid\"\ngroup = \"x,y\"\nroles = []",
        &[
            "line 2: viewer.name is \"link 5\", but a name of 1 to 64 visible characters without space around it, which neither",
            "line 3: viewer.role is \"admin\", but \"manager\", \"board\" or \"member\" is expected",
            "line 4: viewer.token_file: there is no file \"no\"",
            "line 5: a viewer has no name",
            "line 5: a viewer has no role (add role = \"…\", one of \"manager\", \"board\", \"member\")",
            "line 5: a viewer has neither a token_file, nor a user, nor a group (nobody could be known as it",
            "line 7: a viewer of role member is of no member of a community",
            "line 11: two viewers are called \"a\"",
            "line 14: viewer.member is set, but the role is board",
            "line 16: viewers \"a\" and \"b\" have the same token_file",
            "line 19: viewer \"b\" is of community \"c\", which there is not (name one of the file's [[community]]",
            "line 21: viewer.user is set, but web.proxy is not, which would name it",
            "line 26: viewer.member is \"grid\", but a member's name is expected",
            "line 27: viewer.group is \"x,y\", but a name as the proxy writes it",
            "line 27: viewer.group is set, but web.proxy is not",
            "line 28: viewer.roles is not a known key (known here: community, group, member, name, role, token_file, user)",
        ],
    );
}

#[test]
fn a_viewer_is_what_the_file_says() {
    let keys = "[web]\nproxy = { from = [\"10.0.0.5\"] }
[[viewer]]\nname = \"Ana\"\nrole = \"manager\"\ntoken_file = \"token\"
[[viewer]]\nname = \"school\"\nrole = \"member\"\ncommunity = \"a\"\nmember = \"school\"\nuser = \"s\"\ngroup = \"g\"";
    let config = read_file(keys).unwrap();
    let [ana, school] = config.viewers.try_into().unwrap();
    assert!(ana.token_file.as_ref().unwrap().ends_with("token"));
    let of_ana = ViewerConfig {
        name: "Ana".to_owned(),
        role: Role::Manager,
        community: None,
        member: None,
        token_file: ana.token_file.clone(),
        user: None,
        group: None,
    };
    assert_eq!(ana, of_ana);
    let of_school = ViewerConfig {
        name: "school".to_owned(),
        role: Role::Member,
        community: Some("a".to_owned()),
        member: "school".parse().ok(),
        token_file: None,
        user: Some("s".to_owned()),
        group: Some("g".to_owned()),
    };
    assert_eq!(school, of_school);
    let proxy = config.web.proxy.unwrap();
    assert_eq!((proxy.user.as_str(), proxy.groups.as_str()), ("Remote-User", "Remote-Groups"));
    assert_eq!(proxy.from, ["10.0.0.5/32".parse().unwrap()]);
}

#[test]
fn nobody_has_asked_for_pages_that_the_file_does_not_mention() {
    for keys in ["", "listen_web = \"127.0.0.1:8080\""] {
        assert!(!read_file(keys).unwrap().asks_for_pages(), "{keys}");
    }
    let viewer = "[[viewer]]\nname = \"b\"\nrole = \"board\"\ntoken_file = \"token\"";
    for keys in ["listen_web = \"127.0.0.1:0\"", "[web]\nopen = true", viewer] {
        assert!(read_file(keys).unwrap().asks_for_pages(), "{keys}");
    }
}

#[test]
fn pages_are_plaintext_on_loopback_only() {
    for address in ["127.0.0.1:0", "127.5.0.1:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080", ""] {
        let config = read_file(&format!("listen_web = {address:?}")).unwrap();
        assert_eq!(config.listen.web, address.parse().ok(), "{address}");
        assert_eq!(config.web, WebConfig::default());
    }
    for address in ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080", "[::ffff:10.0.0.1]:8080"] {
        let keys = format!("listen_web = {address:?}\n");
        mistakes(&keys, &[&format!("line 1: listen_web is {address:?} without TLS")]);
        let tls = format!("{keys}[web]\ncertificate = \"crt.pem\"\nkey = \"key.pem\"");
        assert!(read_file(&tls).unwrap().web.is_secure());
        let proxy = format!("{keys}[web]\nproxy = {{ from = [\"10.0.0.5\"] }}");
        assert!(read_file(&proxy).unwrap().web.is_secure());
    }
    mistakes(
        "listen_web = 8080",
        &["line 1: listen_web is 8080, but an address (such as \"127.0.0.1:8080\"), or \"\" for none"],
    );
    mistakes("[web]\ncertificate = \"crt.pem\"", &["line 2: web.certificate is set, but web.key is not"]);
    mistakes("[web]\nkey = \"key.pem\"", &["line 2: web.key is set, but web.certificate is not"]);
    // One mistake each: it does not lack what is wrong.
    mistakes(
        "listen_web = \"0.0.0.0:1\"\n[web]\ncertificate = \"no.pem\"\nkey = \"key.pem\"",
        &["line 3: web.certificate: there is no file \"no.pem\" (`make certs`"],
    );
}

#[test]
fn everybody_on_this_machine_may_look_only_where_nobody_else_comes() {
    assert!(read_file("[web]\nopen = true").unwrap().web.open);
    mistakes(
        "listen_web = \"0.0.0.0:1\"\n[web]\nopen = true\ncertificate = \"crt.pem\"\nkey = \"key.pem\"",
        &["line 3: web.open is true, but listen_web is \"0.0.0.0:1\", which others reach"],
    );
    mistakes(
        "[web]\nopen = true\nproxy = { from = [\"10.0.0.5\"] }",
        &["line 2: web.open is true, and web.proxy is set"],
    );
    mistakes("[web]\nopen = \"yes\"", &["line 2: web.open is \"yes\", but a boolean is expected"]);
}

#[test]
fn a_proxy_has_addresses_and_headers_of_its_own() {
    let proxy = |keys: &str| format!("[web]\nproxy = {{ {keys} }}");
    for (keys, says) in [
        ("user = \"X-User\"", "line 2: web.proxy names no address of the proxy"),
        ("from = []", "line 2: web.proxy names no address of the proxy"),
        (
            "from = [\"10.0.0.5/8\"]",
            "line 2: web.proxy.from is \"10.0.0.5/8\", but an address, or a network with zeros",
        ),
        ("from = [\"0.0.0.0/0\"]", "line 2: web.proxy.from has 0.0.0.0/0: everybody could say who they are"),
        ("from = [\"10.0.0.5\"], user = \"Cookie\"", "line 2: web.proxy.user is \"Cookie\", but the name of a header"),
        ("from = [\"10.0.0.5\"], user = \"X User\"", "line 2: web.proxy.user is \"X User\", but the name of a header"),
        ("from = [\"10.0.0.5\"], groups = \"\"", "line 2: web.proxy.groups is \"\", but the name of a header"),
        (
            "from = [\"10.0.0.5\"], user = \"x\", groups = \"X\"",
            "line 2: web.proxy has user and groups in one header, x",
        ),
    ] {
        mistakes(&proxy(keys), &[says]);
    }
}

#[test]
fn what_lets_nobody_in_is_remarked_on() {
    let viewer = "[[viewer]]\nname = \"Ana\"\nrole = \"manager\"\ntoken_file = \"token\"\n";
    remarked("[web]\nopen = true", &[]);
    remarked(viewer, &[]);
    remarked(&format!("listen_web = \"\"\n{viewer}"), &["listen_web is \"\": nobody can look"]);
    remarked("listen_web = \"\"", &[]);
    let proxy = "[web]\nproxy = { from = [\"10.0.0.5\"] }\n";
    remarked(&format!("{proxy}{viewer}"), &["web.proxy is set, but no [[viewer]] has a user or a group"]);
    remarked(
        "listen_web = \"0.0.0.0:1\"\n[web]\ncertificate = \"crt.pem\"\nkey = \"key.pem\"",
        &["listen_web is 0.0.0.0:1, but there is no [[viewer]]"],
    );
    let member = |member: &str| {
        format!(
            "[[viewer]]\nname = \"M\"\nrole = \"member\"\ncommunity = \"a\"\nmember = {member:?}\ntoken_file = \"token\""
        )
    };
    remarked(&member("school"), &[]);
    remarked(&member("schul"), &["viewer \"M\": community a lists no member schul"]);
}

#[test]
fn variables_say_where_the_pages_are() {
    let text = "[[community]]\nname = \"a\"\n";
    assert_eq!(read_with(text, &[("REC_MARKET_LISTEN_WEB", "")]).unwrap().listen.web, None);
    let found = read_with(text, &[("REC_MARKET_LISTEN_WEB", "0.0.0.0:1")]).unwrap_err();
    assert!(found[0].message.starts_with("REC_MARKET_LISTEN_WEB is \"0.0.0.0:1\" without TLS"), "{found:#?}");
}
