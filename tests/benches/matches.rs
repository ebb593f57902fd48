//! The cost of listing trades among 1,000,000 stored ones, by filter, and of a commit there: SQLite on disk, real gRPC
//! on loopback.
//!
//! The books are built once, through the store itself: 1,000 intervals of 1,000 trades. One buyer has half of the
//! trades, another buys in one interval only; every hundredth trade is with the grid.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{Books, Commit, MatchUpdate, OfferedSince, Payments, Wallets};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use demo::certificates;
use domain::TradeId;
use domain::trade::State;
use rec_market::adapter::grpc::{Api, ApiLimits, PriceTaking, ServingApi, start};
use rec_market::clock::FixedClock;
use rec_market::config::{TlsConfig, usual_callers};
use rec_market_tests::settled::{COMMUNITY, TARIFF, boundary, interval, settled};
use store::SqliteStore;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wire::MatchesFilter;
use wire::market_service_client::MarketServiceClient;

const INTERVALS: u64 = 1000;
/// Number of trades per interval in the books.
const TRADES: u64 = 1000;
/// The interval in which `rare` buys.
const RARE: u64 = 500;

/// Returns the trades of an interval: this many, of 10 Wh each, by 50 sellers to 50 buyers, the grid, and `rare`.
fn trades(number: u64, count: u64) -> Vec<String> {
    let trade = |trade: u64| {
        let (buyer, price) = match trade {
            _ if (trade + 1).is_multiple_of(100) => ("grid".to_owned(), TARIFF.feed_in.micro_eur()),
            0 if number == RARE => ("rare".to_owned(), 96_200),
            _ if trade.is_multiple_of(2) => ("buyer00".to_owned(), 96_200),
            _ => (format!("buyer{:02}", trade / 2 % 49 + 1), 96_200),
        };
        format!("seller{:02} > {buyer} 10 {price}", trade % 50)
    };
    (0..count).map(trade).collect()
}

/// Makes the commit of an interval with this number of trades.
fn commit(number: u64, count: u64) -> Arc<Commit> {
    let after = (number > 0).then(|| boundary(number));
    Arc::new(Commit { after, ..settled(number, &trades(number, count)) })
}

/// Builds the books, in which 100 trades are `Sent`.
async fn books(directory: &Path) -> SqliteStore {
    let store = SqliteStore::open(&directory.join("market.db")).expect("a store");
    let started = Instant::now();
    for number in 0..INTERVALS {
        store.commit(commit(number, TRADES)).await.expect("it commits");
    }
    println!("{} trades in {} intervals, committed in {:.0?}", INTERVALS * TRADES, INTERVALS, started.elapsed());
    let sent = (0..INTERVALS).step_by(10).map(|number| MatchUpdate {
        id: TradeId::derive(COMMUNITY, interval(number), 1),
        state: State::Sent,
        transaction_id: None,
        message: None,
    });
    let now = interval(INTERVALS).end().timestamp();
    store.update(&sent.collect::<Vec<_>>(), now).await.expect("it updates");
    store
}

async fn serve(store: SqliteStore, directory: &Path) -> ServingApi {
    let now = interval(0).start().timestamp();
    let issued =
        certificates::valid(&["market"], now, now + Duration::from_secs(86_400)).expect("a certificate").market;
    let tls = TlsConfig { certificate: directory.join("crt.pem"), key: directory.join("key.pem"), client_ca: None };
    std::fs::write(&tls.certificate, issued.certificate).expect("it writes");
    std::fs::write(&tls.key, issued.key).expect("it writes");
    let api = Api {
        store: Arc::new(store),
        clock: Arc::new(FixedClock(now)),
        claim_lease: Duration::from_secs(900),
        offered_since: OfferedSince::default(),
        cut: None,
        openings: None,
        wallets: Wallets::default(),
        limits: ApiLimits::default(),
        callers: usual_callers(),
        prices: PriceTaking::default(),
        meters: false,
        administration: None,
    };
    let (plain, encrypted) = tokio::join!(TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
    start(api, plain.expect("a port"), encrypted.expect("a port"), tls).await.expect("it serves")
}

/// Returns the filters with their names and the expected number of trades.
fn filters() -> Vec<(&'static str, MatchesFilter, usize)> {
    let all = || MatchesFilter { limit: Some(100), ..Default::default() };
    let buyer = |name: &str| MatchesFilter { buyer_id: Some(name.to_owned()), ..all() };
    let seller = |name: &str| MatchesFilter { seller_id: Some(name.to_owned()), ..all() };
    let day = |filter: MatchesFilter| MatchesFilter {
        start_timestamp: Some("2023-09-09T00:00:00Z".to_owned()),
        end_timestamp: Some("2023-09-10T00:00:00Z".to_owned()),
        ..filter
    };
    let states =
        |states: &[State]| MatchesFilter { state: states.iter().map(|state| *state as i32).collect(), ..all() };
    let id = TradeId::derive(COMMUNITY, interval(700), 7).to_string();
    vec![
        ("limit 100", all(), 100),
        ("no limit (one full message)", MatchesFilter::default(), 0),
        ("skip 900000", MatchesFilter { skip: Some(900_000), ..all() }, 100),
        ("frequent buyer", buyer("buyer00"), 100),
        ("rare buyer", buyer("rare"), 1),
        ("absent buyer", buyer("nobody"), 0),
        ("frequent seller", seller("seller00"), 100),
        ("absent seller", seller("nobody"), 0),
        ("grid as buyer", buyer("100"), 100),
        ("grid as seller (absent)", seller("100"), 0),
        ("state Created", states(&[State::Created]), 100),
        ("state Sent (100 of them)", states(&[State::Sent]), 100),
        ("state Paid (absent)", states(&[State::Paid]), 0),
        ("what a frequent buyer may claim", MatchesFilter { state: vec![0, 3], ..buyer("buyer00") }, 100),
        ("what an absent buyer may claim", MatchesFilter { state: vec![0, 3], ..buyer("nobody") }, 0),
        ("one day", day(all()), 100),
        ("frequent buyer, one day", day(buyer("buyer00")), 100),
        ("rare buyer, another day", day(buyer("rare")), 0),
        ("matchID", MatchesFilter { match_id: Some(id), ..all() }, 1),
    ]
}

/// How long settlement's steps take, and a list of one trade, while clients ask for the longest lists all the time.
async fn crowd(store: &SqliteStore, address: String) {
    let client = MarketServiceClient::connect(address).await.expect("a connection");
    println!("while clients list 1,000,000 trades without a limit, median and longest in ms:");
    println!("clients  progress and commit      one trade");
    let mut number = 10 * INTERVALS;
    for clients in [0, 1, 8, 32] {
        let mut listing = JoinSet::new();
        for _ in 0..clients {
            let mut client = client.clone();
            listing.spawn(async move { while client.get_matches(MatchesFilter::default()).await.is_ok() {} });
        }
        let (mut commits, mut lists) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let after = store.progress(COMMUNITY).await.expect("it reads").mark;
            let commit = Commit { after, ..settled(number, &trades(number, 125)) };
            number += 1;
            let started = Instant::now();
            store.progress(COMMUNITY).await.expect("it reads");
            store.commit(Arc::new(commit)).await.expect("it commits");
            commits.push(started.elapsed());
            let id = Some(TradeId::derive(COMMUNITY, interval(700), 7).to_string());
            let started = Instant::now();
            let one = MatchesFilter { match_id: id, ..Default::default() };
            client.clone().get_matches(one).await.expect("an answer");
            lists.push(started.elapsed());
        }
        listing.shutdown().await;
        let (commit, longest_commit) = median_and_longest(&mut commits);
        let (list, longest_list) = median_and_longest(&mut lists);
        println!("{clients:7}  {commit:8.2} {longest_commit:8.2}  {list:8.2} {longest_list:8.2}");
    }
}

/// How many lists a second callers get together, each of whom has a connection of its own and asks again at once. They run on the
/// same cores as the service.
async fn throughput(address: &str) {
    const LASTS: Duration = Duration::from_secs(2);
    println!("answers a second, and the median and the longest time for one in ms:");
    println!("clients  filter");
    let named = ["limit 100", "frequent buyer", "matchID"];
    for (name, filter, expected) in filters().into_iter().filter(|(name, ..)| named.contains(name)) {
        for clients in [1, 8, 32] {
            let mut asking = JoinSet::new();
            for _ in 0..clients {
                let mut client = MarketServiceClient::connect(address.to_owned()).await.expect("a connection");
                let filter = filter.clone();
                asking.spawn(async move {
                    let (begun, mut times) = (Instant::now(), Vec::new());
                    while begun.elapsed() < LASTS {
                        let started = Instant::now();
                        let answer = client.get_matches(filter.clone()).await.expect("an answer");
                        assert_eq!(answer.into_inner().matches.len(), expected);
                        times.push(started.elapsed());
                    }
                    times
                });
            }
            let mut times = asking.join_all().await.concat();
            let rate = times.len() as f64 / LASTS.as_secs_f64();
            let (median, longest) = median_and_longest(&mut times);
            println!("{clients:7}  {name:16} {rate:8.0} {median:8.2} {longest:8.2}");
        }
    }
}

/// In ms.
fn median_and_longest(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    (ms(times[times.len() / 2]), ms(times[times.len() - 1]))
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let store = runtime.block_on(books(directory.path()));
    let serving = runtime.block_on(serve(store.clone(), directory.path()));
    let address = format!("http://{}", serving.plain_address());
    let client = runtime.block_on(MarketServiceClient::connect(address.clone())).expect("a connection");

    let mut group = criterion.benchmark_group("GetMatches among 1,000,000 trades");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(100));
    let mut table = Vec::new();
    for (name, filter, expected) in filters() {
        let mut fastest = Duration::MAX;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut whole = Duration::ZERO;
                for _ in 0..iterations {
                    let mut client = client.clone();
                    let started = Instant::now();
                    let answer = runtime.block_on(client.get_matches(filter.clone())).expect("an answer");
                    let took = started.elapsed();
                    let found = answer.into_inner().matches.len();
                    assert!(found == expected || filter.limit.is_none(), "{name}: {found}");
                    fastest = fastest.min(took);
                    whole += took;
                }
                whole
            });
        });
        table.push((name, fastest));
    }
    group.finish();
    println!("GetMatches among 1,000,000 trades, the fastest of each, in ms:");
    // Those that were asked for.
    for (name, fastest) in table.into_iter().filter(|(_, fastest)| *fastest < Duration::MAX) {
        println!("{:10.2}  {name}", fastest.as_secs_f64() * 1000.0);
    }

    let mut group = criterion.benchmark_group("commit into 1,000,000 trades");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(100));
    let mut number = INTERVALS;
    group.bench_function("125 trades of 100 members", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut whole = Duration::ZERO;
            for _ in 0..iterations {
                let commit = commit(number, 125);
                number += 1;
                let started = Instant::now();
                runtime.block_on(store.commit(commit)).expect("it commits");
                whole += started.elapsed();
            }
            whole
        });
    });
    group.finish();
    runtime.block_on(throughput(&address));
    runtime.block_on(crowd(&store, address));
    runtime.block_on(serving.stop()).expect("it stops");
}

criterion_group!(listing, benches);
criterion_main!(listing);
