//! A clock that was 200 days ahead once, and is right again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rec_market::app::service::{Listeners, serve};
use rec_market::clock::{Clock, SystemClock};
use rec_market::config::Config;
use testkit::*;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::Status;

const AHEAD: Duration = Duration::from_secs(200 * 24 * 60 * 60);

/// The service itself, in this process, by a clock that is ahead.
struct Ahead {
    runtime: Runtime,
}

impl Ahead {
    fn start(market: &Market) -> Ahead {
        // The usual one is valid for a day.
        Authority::new().issue().write(&tls_files(&market.path("")));
        let config = Config::load(&market.path("market.toml")).unwrap();
        let clock = HandClock::right();
        clock.advance(AHEAD);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listeners = Listeners::bind(&config).await.unwrap();
            serve(config, listeners, Arc::new(clock), CancellationToken::new()).await.unwrap();
        });
        Ahead { runtime }
    }

    /// Ends it wherever it is, as if the machine had been switched off.
    fn kill(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(30));
    }
}

#[test]
fn a_lease_that_it_left_stops_nobody() {
    let rows = readings(&["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 100", "b 12:15 60 0"]);
    let right = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&right);
    let meters = Meters::answering(move |query, _| {
        // So that it has the lease when it ends.
        if answers.load(Ordering::Relaxed) { answer(honest(&rows, query)) } else { Err(Status::unavailable("not yet")) }
    });
    let market = Market::serving(&meters, "", "");
    let ahead = Ahead::start(&market);
    eventually("it has asked, under the lease", || !meters.asked().is_empty());
    ahead.kill();
    let until: i64 = market.query("SELECT until FROM lease WHERE name = 'community aveiro' AND holder IS NOT NULL");
    assert!(Timestamp::from_millisecond(until).unwrap() > SystemClock.now() + SignedDuration::from_hours(199 * 24));
    right.store(true, Ordering::Relaxed);
    let service = Service::start(&market);
    eventually("everything is settled", || market.intervals() == 2);
    let warning = service.community()["last_warning"].as_str().map(str::to_owned).unwrap();
    assert!(warning.contains("longer than any can last: some clock was wrong"), "{warning}");
    service.terminate().ends_with(0);
    assert_eq!(market.log().matches("some clock was wrong").count(), 1, "{}", market.log());
    assert_eq!(market.books(), ["12:00 a > b 60 at 96200, Created", "12:00 a > grid 40 at 30000"]);
}

#[test]
fn books_that_are_ahead_of_the_clock_are_told_of() {
    let quarter = SystemClock.now().as_second() / 900 * 900 + 48 * 3600;
    let at = |second| Timestamp::from_second(second).unwrap();
    let first = ["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 100", "b 12:15 60 0"];
    // Readings of the day after tomorrow, because the meters' clock is ahead, too.
    let ahead = [format!("a {} 0 300", at(quarter)), format!("b {} 60 0", at(quarter))];
    let meters = Meters::telling_rows([readings(&first), readings(&ahead)].concat());
    let market = Market::serving(&meters, "", "");
    // By a clock that is right, nothing of them is due.
    market.settle().ends_with(0);
    assert_eq!(market.intervals(), 2);
    let wrong = Ahead::start(&market);
    eventually("the future is settled", || market.intervals() == 3);
    wrong.kill();
    let says = format!("is settled until {}", at(quarter));
    market.settle().ends_with(3).says(&says).says("restore the store");
    let service = Service::start(&market);
    eventually("the status tells", || {
        service.community()["last_error"].as_str().is_some_and(|told| told.contains(&says))
    });
    let metrics = service.get("/metrics").1;
    let line = metrics.lines().find(|line| line.starts_with("rec_market_passes_total") && line.contains("\"ahead\""));
    assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    service.terminate().ends_with(0);
    assert!(market.log().contains(&says), "{}", market.log());
}
