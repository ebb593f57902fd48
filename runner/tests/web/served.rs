//! A settled community, and the real service that shows it.

use std::net::SocketAddr;

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use testkit::*;

use crate::http::{self, Answer};

/// When the simulated communities begin: 2024-05-06T00:00:00Z, a Monday in spring, as that of the demo.
pub const START: u64 = 1_714_953_600;
/// A web page for whoever comes.
pub const OPEN: &str = "[web]\nopen = true\n";

/// A market whose books are settled, and the service that shows them.
pub struct Served {
    pub market: Market,
    pub service: Service,
    pub web: SocketAddr,
    pub meters: Vec<Meters>,
}

impl Served {
    /// The community `aveiro` of 12 simulated members over two days, open to everybody.
    pub fn small() -> Served {
        Served::simulated(12, 2, OPEN, "")
    }

    /// The community `aveiro` of so many simulated members over so many days, with further keys of the service and of the
    /// community.
    pub fn simulated(members: usize, days: u16, keys: &str, community_keys: &str) -> Served {
        let start = Boundary::from_seconds(START).unwrap();
        let community = household::generate(Plan { seed: 1, members, start, days }).unwrap();
        Served::of(Meters::recorded(community.recorded, Package::Platform), keys, community_keys)
    }

    /// The community `aveiro` of these meters.
    pub fn of(meters: Meters, keys: &str, community_keys: &str) -> Served {
        Served::start(Market::serving(&meters, keys, community_keys), [meters])
    }

    /// A market that is not settled yet, and its meters, which live as long.
    pub fn start(market: Market, meters: impl IntoIterator<Item = Meters>) -> Served {
        market.reconfigure("listen_web = \"\"", "listen_web = \"127.0.0.1:0\"");
        market.settle().ends_with(0);
        let service = Service::start(&market);
        let web = service.web.unwrap_or_else(|| panic!("it has no web page: {}", market.log()));
        eventually("it is ready", || service.get("/ready").0 == 200);
        Served { market, service, web, meters: meters.into_iter().collect() }
    }

    /// A page as whoever comes sees it.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// A page with these headers.
    #[track_caller]
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, b"")
    }

    /// Anything.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        http::ask(self.web, method, path, headers, body)
    }
}
