//! The Swarm stack: who may settle there, and that nobody gets in from outside.

use std::path::Path;

use rec_market::config::{Config, Right};
use testkit::Folder;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn the_stack_names_its_subnet_and_publishes_no_port() {
    let compose = text("docker-compose.yml");
    for configuration in ["deploy/swarm/market.toml", "deploy/swarm/test/market.toml"] {
        let folder = Folder::new();
        folder.file("password", "of the database");
        let file = folder.file("market.toml", text(configuration).replace("/run/secrets/mongo_password", "password"));
        let callers = Config::load(&folder.path(file)).unwrap_or_else(|error| panic!("{error}")).callers;
        // Nobody on this machine either: in a container that is only the market itself.
        let [platform] = callers.as_slice() else { panic!("{configuration}: {callers:?}") };
        assert!([Right::Read, Right::Prices, Right::Settle].into_iter().all(|right| platform.may(right)));
        assert!(!platform.may(Right::Inspect), "{configuration}");
        let [subnet] = platform.from.as_slice() else { panic!("{configuration}: {platform:?}") };
        assert!(compose.contains(&format!("--subnet {subnet} RECNetwork")), "{configuration}: {subnet}");
    }
    let published: Vec<&str> = compose.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let published = published.iter().find(|line| line.contains("published:") || line.trim() == "ports:");
    assert_eq!(published, None);
    assert!(compose.contains("# ports:"), "it can be uncommented");
}
