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

use books::{Books, ClearedInterval, ClearedRound, Commit, MatchUpdate, Payments, Provenance};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use demo::certificates;
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::trade::State;
use domain::{Boundary, Digest, Energy, Interval, IntervalLength, Party, Position, Price, Round, Settlement};
use domain::{Tariff, Trade, TradeId};
use rec_market::adapter::grpc::{Api, ApiLimits, ServingApi, start};
use rec_market::clock::FixedClock;
use rec_market::config::TlsConfig;
use store::SqliteStore;
use tokio::net::TcpListener;
use wire::MatchesFilter;
use wire::market_service_client::MarketServiceClient;

const COMMUNITY: &str = "bench";
/// 2024-05-06T00:00:00Z.
const START: u64 = 1_714_953_600;
const INTERVALS: u64 = 1000;
/// Number of trades per interval in the books.
const TRADES: u64 = 1000;
/// The interval in which `rare` buys.
const RARE: u64 = 500;
const TARIFF: Tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };

fn interval(number: u64) -> Interval {
    let start = Boundary::from_seconds(START + 900 * number).expect("a time");
    Interval::starting(start, IntervalLength::QUARTER_HOUR).expect("an interval")
}

/// Returns the names of all members, sorted: 50 buyers, then `rare`, then 50 sellers.
fn members() -> Vec<String> {
    let names = |kind, count| (0..count).map(move |number| format!("{kind}{number:02}"));
    names("buyer", 50).chain(["rare".to_owned()]).chain(names("seller", 50)).collect()
}

/// Returns seller and buyer of a trade, as indices into [`members`]; the buyer `None` is the grid.
fn parties(number: u64, trade: u64) -> (usize, Option<usize>) {
    let index = |number: u64| usize::try_from(number).expect("small");
    let buyer = match trade {
        _ if (trade + 1).is_multiple_of(100) => None,
        0 if number == RARE => Some(50),
        _ if trade.is_multiple_of(2) => Some(0),
        _ => Some(index(trade / 2 % 49 + 1)),
    };
    (51 + index(trade % 50), buyer)
}

/// Makes the commit of an interval with this number of trades of 10 Wh each.
fn settled(number: u64, trades: u64) -> Commit {
    let names = members();
    let mut sums = vec![(0_u64, 0_u64); names.len()];
    let pairs: Vec<_> = (0..trades).map(|trade| parties(number, trade)).collect();
    for (seller, buyer) in &pairs {
        sums[*seller].0 += 10;
        if let Some(buyer) = buyer {
            sums[*buyer].1 += 10;
        }
    }
    let position = |(name, (surplus, deficit)): (&String, &(u64, u64))| Position {
        member: name.parse().expect("a name"),
        surplus: Energy::from_wh(*surplus),
        deficit: Energy::from_wh(*deficit),
        offer: TARIFF.feed_in,
        bid: TARIFF.retail,
        tariff: TARIFF,
        share: 0,
        rank: 0,
    };
    let terms = Terms {
        community: COMMUNITY.to_owned(),
        interval: interval(number),
        tariff: TARIFF,
        limits: PriceLimits::default(),
        seed: 0,
        settings: Vec::new(),
    };
    let round = Round::new(terms, names.iter().zip(&sums).map(position).collect()).expect("a round");
    let party = |index: usize| Party::Member(u32::try_from(index).expect("small"));
    let trade = |(seller, buyer): (usize, Option<usize>)| Trade {
        seller: party(seller),
        buyer: buyer.map_or(Party::Grid, party),
        energy: Energy::from_wh(10),
        price: if buyer.is_some() { Price::from_micro_eur(96_200) } else { TARIFF.feed_in },
    };
    let settlement = Settlement::check(Arc::new(round), pairs.into_iter().map(trade).collect(), 1_000_000);
    let provenance = Provenance {
        algorithm: Digest::of(b"component"),
        name: "bench".to_owned(),
        version: "1".to_owned(),
        engine: "none".to_owned(),
        fuel: 0,
        fallback_reason: None,
    };
    let round = ClearedRound {
        settlement: settlement.expect("a settlement"),
        provenance,
        component: b"component".as_slice().into(),
    };
    Commit {
        community: COMMUNITY.to_owned(),
        after: (number > 0).then(|| interval(number - 1).end()),
        decision: 0,
        fence: None,
        settled_at: interval(number).end().timestamp() + Duration::from_secs(60),
        cleared: ClearedInterval::new(COMMUNITY, interval(number), Basis::Gross, Some(round), Vec::new()),
    }
}

/// Builds the books, in which 100 trades are `Sent`.
async fn books(directory: &Path) -> SqliteStore {
    let store = SqliteStore::open(&directory.join("market.db")).expect("a store");
    let started = Instant::now();
    for number in 0..INTERVALS {
        store.commit(Arc::new(settled(number, TRADES))).await.expect("it commits");
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
        limits: ApiLimits::default(),
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
        start_timestamp: Some("2024-05-14T00:00:00Z".to_owned()),
        end_timestamp: Some("2024-05-15T00:00:00Z".to_owned()),
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

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let store = runtime.block_on(books(directory.path()));
    let serving = runtime.block_on(serve(store.clone(), directory.path()));
    let address = format!("http://{}", serving.plain_address());
    let client = runtime.block_on(MarketServiceClient::connect(address)).expect("a connection");

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
    for (name, fastest) in table {
        println!("{:10.2}  {name}", fastest.as_secs_f64() * 1000.0);
    }

    let mut group = criterion.benchmark_group("commit into 1,000,000 trades");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(100));
    let mut number = INTERVALS;
    group.bench_function("125 trades of 100 members", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut whole = Duration::ZERO;
            for _ in 0..iterations {
                let commit = Arc::new(settled(number, 125));
                number += 1;
                let started = Instant::now();
                runtime.block_on(store.commit(commit)).expect("it commits");
                whole += started.elapsed();
            }
            whole
        });
    });
    group.finish();
    runtime.block_on(serving.stop()).expect("it stops");
}

criterion_group!(listing, benches);
criterion_main!(listing);
