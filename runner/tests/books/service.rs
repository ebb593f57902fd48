//! Meters services that are away, refuse, recover, lie about pages, or speak the other package.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use demo::meters::Package;
use tonic::Status;
use wire::{QueryMeters, QueryResponse};

use testkit::*;

const ROWS: [&str; 5] = ["a 12:00 0 0", "a 12:15 5 0", "a 12:30 9 0", "a 12:45 11 0", "a 13:00 20 0"];
const BOOKS: [&str; 4] = [
    "12:00 grid > a 5 at 162400",
    "12:15 grid > a 4 at 162400",
    "12:30 grid > a 2 at 162400",
    "12:45 grid > a 9 at 162400",
];

/// A service that fails in some way at first and is honest from then on.
fn failing_once(failure: impl Fn() -> Result<QueryResponse, Status> + Send + Sync + 'static) -> Meters {
    let rows = readings(&ROWS);
    Meters::answering(move |query, number| if number == 0 { failure() } else { answer(honest(&rows, query)) })
}

#[test]
fn the_repositorys_own_package_is_found() {
    let platform = Meters::recorded(recorded(3, 20), Package::Platform);
    let own = Meters::recorded(recorded(3, 20), Package::Own);
    let books = Market::of(&platform).books();
    assert!(books.len() > 20);
    assert_eq!(Market::of(&own).books(), books);
}

#[test]
fn a_service_that_fails_once_is_asked_again() {
    let failures: [fn() -> Result<QueryResponse, Status>; 5] = [
        || Err(Status::aborted("the database is busy")),
        || Err(Status::unavailable("starting")),
        || Err(Status::internal("oops")),
        || Err(Status::failed_precondition("not yet")),
        || Ok(QueryResponse { entries: readings(&ROWS), status: Some(500), error: Some("timeout".to_owned()) }),
    ];
    std::thread::scope(|scope| {
        for failure in failures {
            scope.spawn(move || {
                let meters = failing_once(failure);
                let market = Market::of(&meters);
                let debug = [("REC_MARKET_LOG", "debug")];
                market.run_with(&debug, &["settle"]).ends_with(0).says("asking again");
                assert_eq!(market.books(), BOOKS);
            });
        }
    });
}

#[test]
fn an_empty_error_is_none() {
    let rows = readings(&ROWS);
    let meters = Meters::answering(move |query, _| {
        Ok(QueryResponse { entries: honest(&rows, query), status: Some(200), error: Some(String::new()) })
    });
    assert_eq!(Market::of(&meters).books(), BOOKS);
}

#[test]
fn a_service_that_stays_away_ends_with_3_and_what_was_settled_stays() {
    let rows = readings(&ROWS);
    // The first page has four rows of each series and settles two intervals; then it goes away.
    let meters = Meters::answering(move |query, number| match number {
        0 => answer(honest(&rows, query)),
        _ => Err(Status::unavailable("closed for today")),
    });
    let market = Market::of(&meters);
    let ran = market.settle().ends_with(3).says(meters.address()).says("closed for today").says("tried 5 times");
    assert!(ran.out.starts_with("aveiro: 2 intervals "), "{}", ran.out);
    assert_eq!(market.trades(), BOOKS[..2]);
    market.run(&["audit"]).ends_with(0);
    assert_eq!(meters.asked().len(), 6);
}

#[test]
fn a_refusal_is_not_repeated() {
    let refusals: [fn(&'static str) -> Status; 3] =
        [Status::invalid_argument, Status::permission_denied, Status::unauthenticated];
    for refusal in refusals {
        let meters = Meters::answering(move |_, _| Err(refusal("no")));
        let market = Market::of(&meters);
        market.settle().ends_with(3).says(meters.address()).says("refuses the request");
        assert_eq!(meters.asked().len(), 1);
    }
}

#[test]
fn an_address_where_nobody_listens_ends_with_3_and_is_named() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let market = Market::new(&community("aveiro", &address, ""));
    market.settle().ends_with(3).says(&address).says("onnection refused").says("is the address right?");
    assert_eq!(market.run(&["trades", "--json"]).ends_with(0).out, "");
    let summary = market.run(&["settle", "--json"]).ends_with(3).out;
    assert!(summary.contains("\"intervals\":0") && summary.contains(&address), "{summary}");
}

#[test]
fn a_service_without_rows_is_no_failure() {
    let meters = Meters::silent();
    let market = Market::of(&meters);
    assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
    assert_eq!(market.books(), [""; 0]);
}

#[test]
fn the_same_page_again_and_again_ends_with_3() {
    // As many rows as are asked for, all of one instant: there is always more, and never anything new. The meter could be left
    // out there, but the rows of the next boundary are the same again.
    let meters = Meters::answering(|query, _| {
        let rows = usize::try_from(query.limit.unwrap()).unwrap();
        answer(readings(&["a 12:00 1 1"]).into_iter().cycle().take(rows * 4).collect())
    });
    let market = Market::of(&meters);
    market.settle().ends_with(3).says(meters.address()).says("no new readings after 2023-09-01T12:13:00Z");
    assert!(meters.asked().len() < 20);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_parts_and_not_for_ever() {
    // Some 17 MB for every row of a series: four are more than the 64 MiB that are taken, two bring nothing new.
    let large = "x".repeat(17 << 20);
    let meters = Meters::answering(move |query, _| {
        let rows = usize::try_from(query.limit.unwrap()).unwrap();
        let padding = std::iter::repeat_n(row("a", &large, "1", &date("12:00")), rows.min(4));
        let page = readings(&["a 12:00 1 1"]).into_iter().cycle().take(rows * 4);
        answer(padding.chain(page).collect())
    });
    let market = Market::of(&meters);
    market.settle().ends_with(3).says("no new readings");
    let limits: Vec<i32> = meters.asked().iter().map(|query| query.limit.unwrap()).collect();
    assert_eq!(limits, [4, 2, 2, 4, 2, 10_000, 625, 39, 2, 2, 2, 4, 2]);
}

#[test]
fn what_is_no_meters_service_ends_with_3() {
    // Speaks gRPC, but neither package.
    let other = Meters::answering(|_, _| Err(Status::unimplemented("never heard of it")));
    Market::of(&other).settle().ends_with(3).says(other.address()).says("refuses the request");
    // Speaks something else.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whether the client still listens does not matter.
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    Market::new(&community("aveiro", &address, "")).settle().ends_with(3).says(&address);
}

#[test]
fn full_pages_of_rows_before_the_start_end_with_3() {
    for time in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:00Z", "1970-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
        let meters = Meters::answering(move |query, _| {
            let rows = usize::try_from(query.limit.unwrap()).unwrap();
            let of = |field| std::iter::repeat_n(row("a", field, "1", time), rows);
            answer(of("Active import").chain(of("Active export")).collect())
        });
        let market = Market::with(&meters, "from = 2023-09-01T00:00:00Z");
        market.settle().ends_with(3).says("sends no new readings after 2023-08-31T23:58:00Z");
    }
}

#[test]
fn a_service_that_ignores_the_start_settles_what_it_shows() {
    let rows = readings(&ROWS);
    let meters = Meters::answering(move |query, _| {
        let from_the_first = QueryMeters { start_interval: None, ..query.clone() };
        answer(honest(&rows, &from_the_first))
    });
    let market = Market::of(&meters);
    assert_eq!(market.books(), BOOKS);
    assert_eq!(market.books(), BOOKS);
}

#[test]
fn a_service_that_ignores_the_limit_settles_the_same() {
    let rows = readings(&ROWS);
    let meters =
        Meters::answering(move |query, _| answer(honest(&rows, &QueryMeters { limit: Some(10_000), ..query.clone() })));
    assert_eq!(Market::of(&meters).books(), BOOKS);
}

#[test]
fn a_service_that_gives_fewer_rows_than_asked_for_is_asked_on() {
    for most in 1..4 {
        let rows = readings(&ROWS);
        let meters = Meters::answering(move |query, _| {
            answer(honest(&rows, &QueryMeters { limit: Some(most), ..query.clone() }))
        });
        assert_eq!(Market::of(&meters).books(), BOOKS, "at most {most} rows a series");
    }
}

#[test]
fn a_service_that_breaks_off_in_the_middle_is_continued() {
    let rows = readings(&ROWS);
    let away = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&away);
    let meters = Meters::answering(move |query, number| match number {
        0 => answer(honest(&rows, query)),
        _ if switch.load(Ordering::SeqCst) => Err(Status::permission_denied("locked")),
        _ => answer(honest(&rows, query)),
    });
    let market = Market::of(&meters);
    market.settle().ends_with(3);
    assert_eq!(market.trades(), BOOKS[..2]);
    away.store(false, Ordering::SeqCst);
    assert_eq!(market.books(), BOOKS);
}
