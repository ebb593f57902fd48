//! A simulation of one interval of very many communities, from assumed costs: where the limit is, on 1, 10 and 100 nodes.
//!
//! Every community falls due within the spread, waits for a part of its Meters services, then for a core of its node, then for the
//! store, each first come, first served. `make scale-simulation` prints the table of docs/scale.md; here a smaller one must hold what
//! queues must.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use domain::Digest;

/// What one interval of one community of 100 members costs; docs/scale.md says where from.
#[derive(Clone, Copy)]
struct Costs {
    /// Processor time of a node, in microseconds.
    cpu: u64,
    /// Time of a Meters service for a page, in microseconds of one of its cores.
    meters: u64,
    /// Time of the store for a commit and what goes with it, in microseconds of one server.
    store: u64,
    /// Bytes from Meters, and to the store.
    bytes: u64,
}

const ASSUMED: Costs = Costs { cpu: 2_000, meters: 400, store: 500, bytes: 80_000 };
/// Within which time all fall due, in microseconds.
const SPREAD: u64 = 5_000_000;
/// Cores of a node, and of all Meters services.
const CORES: usize = 8;
/// What a node's network carries, in bytes for each microsecond: a gigabit a second.
const NETWORK: u64 = 125;

/// Servers that take work in order: each is free again at an instant, in microseconds.
struct Servers(BinaryHeap<Reverse<u64>>);

impl Servers {
    fn new(count: usize) -> Servers {
        Servers((0..count.max(1)).map(|_| Reverse(0)).collect())
    }

    /// When work is done that comes at an instant and takes so long.
    fn work(&mut self, at: u64, takes: u64) -> u64 {
        let Reverse(free) = self.0.pop().unwrap();
        let done = free.max(at) + takes;
        self.0.push(Reverse(done));
        done
    }
}

/// What there is.
#[derive(Clone, Copy)]
struct Plant {
    communities: usize,
    nodes: usize,
    /// Cores of the Meters services together.
    meters: usize,
    /// Servers of the store, by which communities are sharded.
    shards: usize,
}

/// Seconds until the last community is settled, and how busy nodes, Meters, store and networks were until then.
struct Outcome {
    seconds: f64,
    nodes: f64,
    meters: f64,
    store: f64,
    network: f64,
}

fn hash(of: usize, what: &str) -> u64 {
    let digest = Digest::of(format!("{what} {of}").as_bytes());
    u64::from_be_bytes(*digest.as_bytes().first_chunk().unwrap())
}

fn simulate(plant: Plant, costs: Costs) -> Outcome {
    let Plant { communities, nodes, meters, shards } = plant;
    let mut arrivals: Vec<(u64, usize)> =
        (0..communities).map(|number| (hash(number, "spread") % SPREAD, number)).collect();
    arrivals.sort_unstable();
    let mut services = Servers::new(meters);
    let mut networks: Vec<Servers> = (0..nodes).map(|_| Servers::new(1)).collect();
    let mut cores: Vec<Servers> = (0..nodes).map(|_| Servers::new(CORES)).collect();
    let mut stores: Vec<Servers> = (0..shards).map(|_| Servers::new(1)).collect();
    // Each stage takes in the order in which the one before is done.
    let mut stage: Vec<(u64, usize)> = arrivals;
    let node = |number: usize| usize::try_from(hash(number, "node") % nodes as u64).unwrap();
    let shard = |number: usize| usize::try_from(hash(number, "shard") % shards as u64).unwrap();
    let next = |stage: &mut Vec<(u64, usize)>, work: &mut dyn FnMut(u64, usize) -> u64| {
        stage.iter_mut().for_each(|(at, number)| *at = work(*at, *number));
        stage.sort_unstable();
    };
    next(&mut stage, &mut |at, _| services.work(at, costs.meters));
    next(&mut stage, &mut |at, number| networks[node(number)].work(at, costs.bytes / NETWORK));
    next(&mut stage, &mut |at, number| cores[node(number)].work(at, costs.cpu));
    next(&mut stage, &mut |at, number| stores[shard(number)].work(at, costs.store));
    let last = stage.last().map_or(0, |(at, _)| *at);
    let busy = |takes: u64, servers: usize| (takes * communities as u64) as f64 / (last * servers as u64) as f64;
    Outcome {
        seconds: last as f64 / 1e6,
        nodes: busy(costs.cpu, nodes * CORES),
        meters: busy(costs.meters, meters),
        store: busy(costs.store, shards),
        network: busy(costs.bytes / NETWORK, nodes),
    }
}

#[test]
fn a_million_communities() {
    let most = if std::env::var("REC_MARKET_TEST_SIMULATION").is_ok() { 1_000_000 } else { 20_000 };
    println!(
        "| communities | nodes | Meters cores | store shards | last settled after | nodes busy | Meters | store | network |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let run = |communities: usize, nodes: usize, meters: usize, shards: usize| {
        let outcome = simulate(Plant { communities, nodes, meters, shards }, ASSUMED);
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let Outcome { seconds, nodes: cpu, meters: services, store, network } = outcome;
        let [cpu, services, store, network] = [cpu, services, store, network].map(percent);
        println!(
            "| {communities} | {nodes} | {meters} | {shards} | {seconds:.0} s | {cpu} | {services} | {store} | {network} |"
        );
        seconds
    };
    let few = run(most / 100, 1, 8, 1);
    let one = run(most, 1, 8, 1);
    let ten = run(most, 10, 8, 1);
    let all = [run(most, 10, 80, 1), run(most, 10, 80, 10), run(most, 100, 80, 10), run(most, 100, 800, 100)];
    // More of anything never makes it slower, and nobody is done before the last fell due.
    assert!(few >= 4.9 && one >= ten && all.is_sorted_by(|before, after| before >= after), "{few} {one} {ten} {all:?}");
    // The store alone, which one server is, takes that long.
    let store = (ASSUMED.store * most as u64) as f64 / 1e6;
    assert!(ten >= store && all[0] >= store);
}
