//! A simulation of one interval of very many communities, from the costs that `costs::` measured, but for the store's server: where the limit is, on 1, 10 and 100
//! nodes.
//!
//! Every community falls due within the spread, waits for a core of its Meters services, then for the network and a core of its node,
//! then for a core of the server of its shard, each first come, first served. `make scale-simulation` prints the table of
//! docs/scale.md; here a smaller one must hold what queues must.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use domain::Digest;

use super::costs::Costs;

/// Within which time all fall due, in microseconds.
const SPREAD: u64 = 5_000_000;
/// Cores of a node, and of a server of the store.
const CORES: usize = 8;
/// What a command takes of a core of the store's server, in microseconds. Assumed: the tests' server is none to measure it on.
const COMMAND: u64 = 100;
/// What a node's network carries, in bytes for each microsecond: a gigabit a second.
const NETWORK: u64 = 125;

/// What one interval of a community takes at each stage, in microseconds.
#[derive(Clone, Copy)]
struct Takes {
    /// Of a core of a Meters service.
    meters: u64,
    /// Of the network of a node: the page, the commit, and what goes with it.
    network: u64,
    /// Of a core of the node.
    node: u64,
    /// Of a core of the store's server.
    store: u64,
}

impl Takes {
    fn of(costs: &Costs) -> Takes {
        let bytes = costs.meters_bytes + costs.mongodb_sent_bytes + costs.mongodb_received_bytes;
        Takes {
            meters: costs.meters_us,
            network: bytes / NETWORK,
            node: costs.node_us,
            store: COMMAND * costs.mongodb_commands_of_1000 / 1000,
        }
    }
}

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

impl Plant {
    /// How long the slowest stage works at least, if everything were there at once.
    fn least_seconds(self, takes: Takes) -> f64 {
        let Plant { communities, nodes, meters, shards } = self;
        let stages = [
            (takes.meters, meters),
            (takes.network, nodes),
            (takes.node, nodes * CORES),
            (takes.store, shards * CORES),
        ];
        let micros = stages.map(|(takes, servers)| takes * communities as u64 / servers as u64);
        micros.into_iter().max().unwrap() as f64 / 1e6
    }
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

fn simulate(plant: Plant, takes: Takes) -> Outcome {
    let Plant { communities, nodes, meters, shards } = plant;
    let mut arrivals: Vec<(u64, usize)> =
        (0..communities).map(|number| (hash(number, "spread") % SPREAD, number)).collect();
    arrivals.sort_unstable();
    let mut services = Servers::new(meters);
    let mut networks: Vec<Servers> = (0..nodes).map(|_| Servers::new(1)).collect();
    let mut cores: Vec<Servers> = (0..nodes).map(|_| Servers::new(CORES)).collect();
    let mut stores: Vec<Servers> = (0..shards).map(|_| Servers::new(CORES)).collect();
    // Each stage takes in the order in which the one before is done.
    let mut stage: Vec<(u64, usize)> = arrivals;
    let node = |number: usize| usize::try_from(hash(number, "node") % nodes as u64).unwrap();
    let shard = |number: usize| usize::try_from(hash(number, "shard") % shards as u64).unwrap();
    let next = |stage: &mut Vec<(u64, usize)>, work: &mut dyn FnMut(u64, usize) -> u64| {
        stage.iter_mut().for_each(|(at, number)| *at = work(*at, *number));
        stage.sort_unstable();
    };
    next(&mut stage, &mut |at, _| services.work(at, takes.meters));
    next(&mut stage, &mut |at, number| networks[node(number)].work(at, takes.network));
    next(&mut stage, &mut |at, number| cores[node(number)].work(at, takes.node));
    next(&mut stage, &mut |at, number| stores[shard(number)].work(at, takes.store));
    let last = stage.last().map_or(0, |(at, _)| *at);
    let busy = |takes: u64, servers: usize| (takes * communities as u64) as f64 / (last * servers as u64) as f64;
    Outcome {
        seconds: last as f64 / 1e6,
        nodes: busy(takes.node, nodes * CORES),
        meters: busy(takes.meters, meters),
        store: busy(takes.store, shards * CORES),
        network: busy(takes.network, nodes),
    }
}

#[test]
fn a_million_communities() {
    let most = if std::env::var("REC_MARKET_TEST_SIMULATION").is_ok() { 1_000_000 } else { 20_000 };
    let takes = Takes::of(&Costs::kept());
    println!(
        "| communities | nodes | Meters cores | store shards | last settled after | nodes busy | Meters | store | network |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let run = |communities: usize, nodes: usize, meters: usize, shards: usize| {
        let plant = Plant { communities, nodes, meters, shards };
        let outcome = simulate(plant, takes);
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let Outcome { seconds, nodes: cpu, meters: services, store, network } = outcome;
        let [cpu, services, store, network] = [cpu, services, store, network].map(percent);
        println!(
            "| {communities} | {nodes} | {meters} | {shards} | {seconds:.0} s | {cpu} | {services} | {store} | {network} |"
        );
        // Nobody is done before the last fell due, and no stage does more than it can.
        assert!(seconds >= plant.least_seconds(takes).max(4.9), "{seconds}");
        seconds
    };
    let few = run(most / 100, 1, 8, 1);
    let one = run(most, 1, 8, 1);
    let ten = [run(most, 10, 8, 1), run(most, 10, 80, 1), run(most, 10, 80, 10)];
    let hundred = [run(most, 100, 80, 10), run(most, 100, 800, 10), run(most, 100, 800, 100)];
    // More of anything never makes it slower.
    let all = [&[one][..], &ten, &hundred].concat();
    assert!(few <= one && all.is_sorted_by(|before, after| before >= after), "{few} {all:?}");
}
