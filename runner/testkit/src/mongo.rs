//! MongoDB servers below a market.

use std::net::SocketAddr;

use rec_market_tests::mongo_server::{self, MongoServer};
use tempfile::TempDir;

use crate::signal;

/// A new database on this process's server, as the store's line of a configuration.
///
/// # Panics
/// If there is no server; tests that call this are marked `#[needs::mongodb]`.
pub fn mongodb() -> String {
    format!("store = {:?}\n", mongo_server::database().address())
}

/// A MongoDB server of a test's own, at one address with the same data however often it is killed.
pub struct Mongo {
    server: Option<MongoServer>,
    address: SocketAddr,
    data: TempDir,
}

impl Mongo {
    /// Starts it.
    ///
    /// # Panics
    /// If it was not built; tests that call this are marked `#[needs::ferretdb]`.
    pub fn start() -> Mongo {
        let data = tempfile::tempdir().unwrap();
        let server = MongoServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), Some(data.path())).unwrap();
        let address = server.address().strip_prefix("mongodb://").unwrap().parse().unwrap();
        Mongo { server: Some(server), address, data }
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
