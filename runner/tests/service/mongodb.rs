//! Books in MongoDB: a server that can be killed, and every command on them.

use std::net::SocketAddr;

use demo::meters::Package;
use rec_market_tests::mongo_server::{self, MongoServer, TestDatabase};
use tempfile::TempDir;

use crate::common::*;
use crate::detour::Detour;
use crate::running::signal;

/// A MongoDB server of a test's own, at one address with the same data however often it is killed.
pub struct Mongo {
    server: Option<MongoServer>,
    address: SocketAddr,
    data: TempDir,
}

impl Mongo {
    /// Starts it; none where there is none, which was told.
    pub fn start() -> Option<Mongo> {
        let data = tempfile::tempdir().unwrap();
        let server = MongoServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), Some(data.path()))?;
        let address = server.address().strip_prefix("mongodb://").unwrap().parse().unwrap();
        Some(Mongo { server: Some(server), address, data })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store's line of a configuration.
    pub fn store(&self) -> String {
        self.store_by(self.address)
    }

    /// The store's line of a configuration, by an address that leads here.
    pub fn store_by(&self, address: SocketAddr) -> String {
        // Times for a test: the driver's are meant for networks.
        let times = "serverSelectionTimeoutMS=500&connectTimeoutMS=1000&heartbeatFrequencyMS=1000";
        format!("store = \"mongodb://{address}/market?{times}\"\n")
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Makes it answer no more, with all its connections open.
    pub fn fall_silent(&mut self) {
        signal(self.server.as_ref().unwrap().id(), "STOP");
    }

    /// Makes it answer again.
    pub fn speak(&mut self) {
        signal(self.server.as_ref().unwrap().id(), "CONT");
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.server = MongoServer::start(self.address, Some(self.data.path()));
        assert!(self.server.is_some());
    }
}

/// The store's line of a configuration, for a database of its own.
pub fn store(database: &TestDatabase) -> String {
    format!("store = {:?}\n", database.address())
}

#[test]
fn every_command_says_of_it_what_it_says_of_a_file() {
    let Some(database) = mongo_server::database() else { return };
    let meters = Meters::recorded(recorded(4, 60), Package::Platform);
    let file = Market::of(&meters);
    let mongo = Market::new(&format!("{}{}", store(&database), community("aveiro", meters.address(), "")));
    mongo.run(&["audit"]).ends_with(2).says("has nothing of ours (settle first)");
    for market in [&file, &mongo] {
        assert!(market.settle().ends_with(0).out.starts_with("aveiro: 59 intervals "));
        assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
    }
    let commands: [&[&str]; 8] = [
        &["trades", "--json"],
        &["trades", "--csv", "--member", "m001"],
        &["trades", "--json", "--from", "2023-09-01T14:00:00Z", "--to", "2023-09-01T16:00:00Z"],
        &["statement", "--json", "--period", "day"],
        &["statement"],
        &["audit", "--json"],
        &["replay", "--json"],
        &["replay", "--interval", "2023-09-01T14:07:00Z"],
    ];
    for command in commands {
        let said = mongo.run(command).ends_with(0).out;
        assert!(!said.is_empty());
        assert_eq!(said, file.run(command).ends_with(0).out, "{command:?}");
    }
}

#[test]
fn where_it_is_away_commands_end_with_3_and_keep_the_password() {
    // Nobody listens there.
    let nobody = Detour::to(SocketAddr::from(([127, 0, 0, 1], 1)));
    let address = nobody.address();
    let meters = Meters::telling(&[]);
    let market = Market::new(&format!(
        "store = \"mongodb://{address}/market?serverSelectionTimeoutMS=100\"\n[mongodb]\nusername = \"market\"\n\
         password_file = \"password\"\n{}",
        community("aveiro", meters.address(), "")
    ));
    std::fs::write(market.path("password"), "s3cr3t").unwrap();
    for command in ["settle", "trades", "replay"] {
        let ran =
            market.run(&[command]).ends_with(3).says(&format!("mongodb://{address}/market")).says("is it running");
        assert!(!ran.err.contains("s3cr3t") && !ran.out.contains("s3cr3t"), "{}{}", ran.out, ran.err);
    }
}
