//! `rec-market demo`: everything at work on loopback, with a result that a community's board can read.

mod candidate;
mod life;
mod payments;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use domain::trade::State;
use domain::{Boundary, MeterId};
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::algorithms::cache::AlgorithmCache;
use crate::app;
use crate::app::open_sandbox;
use crate::cli::args::{DemoArgs, ForwardArg};
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::{audit, output, settle, stored};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::settlement::PassSummary;
use crate::telemetry::metrics::Metrics;
use books::statement::Statement;
use books::{Span, Store, StoredInterval};
use demo::household::{self, Plan};
use demo::meters::{MetersService, Package, Recorded, serve};
use demo::recording;
use demo::transactions::ledger::Totals;
use domain::NamedParty;
use payments::Forwarding;

/// The made-up community's first reading: 2024-05-06T00:00:00Z, a Monday in spring.
const START: u64 = 1_714_953_600;
/// Days of a made-up community.
const DAYS: u16 = 7;
/// The demo's community.
const NAME: &str = "sunny-street";

/// Where the readings come from, and what is known of the members besides.
struct Scene {
    recorded: Arc<Recorded>,
    /// By meter: a description, and Wh produced and used behind the meter.
    homes: BTreeMap<MeterId, Home>,
    until: Timestamp,
    what: String,
}

struct Home {
    kind: String,
    produced_wh: u64,
    used_wh: u64,
}

/// Runs the command.
pub async fn run(args: &DemoArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let scene = scene(args)?;
    let directory = Directory::new(args.keep.as_deref())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    // Everything is in the past by the time it is asked for.
    let now = scene.until + jiff::SignedDuration::from_hours(1);
    let meters = serve(MetersService::new(Arc::clone(&scene.recorded), move || now), Package::Platform, listener)?;
    let config = write_config(args, &format!("http://{}", meters.address()), directory.path())?;

    let started = Instant::now();
    let store = app::open_store(&config.store).await?;
    let cache = Arc::new(AlgorithmCache::new(open_sandbox(Some(config.cache.clone()))?, Arc::clone(&store)));
    let community = &config.communities[0];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new(Arc::clone(&clock));
    let settler = app::settler(community, &cache, &store, &clock, &metrics).await?;
    let (summary, result) = settle::pass(&settler, now, Some(scene.until)).await;
    result?;
    let seconds = started.elapsed().as_secs_f64();
    meters.stop().await.map_err(|error| failed(Exit::Away, error))?;

    let paying = Instant::now();
    let (forwarding, mode) = match args.forward {
        ForwardArg::Pull => (Forwarding::Pull, "pull"),
        ForwardArg::Push => (Forwarding::Push, "push"),
    };
    let ledger = payments::pay(&store, forwarding).await.map_err(|error| failed(Exit::Away, error))?;
    let payments = Payments { mode, ledger, seconds: paying.elapsed().as_secs_f64() };

    let books = Books::read(&*store).await?;
    let audit = audit::audit(&*store, NAME.to_owned()).await?;
    let life = candidate::play(&config, community, &store, &cache).await?;
    let result = Shown { scene: &scene, summary: &summary, payments: &payments, books: &books, audit: &audit, seconds };
    if args.json {
        let json = DemoJson { life: candidate::json(&life), ..result.json() };
        serde_json::to_writer(&mut *out, &json).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        result.print(out)?;
        candidate::print(&life, out)?;
        directory.tell(args.keep.is_some(), out)?;
    }
    Ok(if audit.findings_total == 0 && result.is_all_paid() { Exit::Done } else { Exit::Bad })
}

fn scene(args: &DemoArgs) -> anyhow::Result<Scene> {
    let Some(file) = &args.readings else {
        return made_up(args);
    };
    let recorded = recording::read(file).map_err(|error| failed(Exit::Usage, error))?;
    let (Some(first), Some(last)) = (recorded.first(), recorded.last()) else {
        return Err(usage(format!("{} has no readings", file.display())));
    };
    let days = args.days.map(|days| jiff::SignedDuration::from_hours(24 * i64::from(days)));
    let until = days.and_then(|days| first.checked_add(days).ok()).map_or(last, |until| until.min(last));
    let meters = recorded.meters().len();
    let what = format!("{meters} recorded meters of {}, {}", file.display(), dates(first, until));
    Ok(Scene { recorded: Arc::new(recorded), homes: BTreeMap::new(), until, what })
}

fn made_up(args: &DemoArgs) -> anyhow::Result<Scene> {
    let start = Boundary::from_seconds(START).ok_or_else(|| usage("the demo's start is no time"))?;
    let days = args.days.unwrap_or(DAYS);
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days };
    let community = household::generate(plan).map_err(|error| failed(Exit::Usage, error))?;
    let until = community.recorded.last().unwrap_or(start.timestamp());
    let home = |household: household::Household| {
        let panels = if household.pv_w > 0 {
            format!(", {}.{} kWp", household.pv_w / 1000, household.pv_w % 1000 / 100)
        } else {
            String::new()
        };
        let kind = format!("{}{panels}", household.kind);
        (household.meter, Home { kind, produced_wh: household.produced.wh(), used_wh: household.consumed.wh() })
    };
    Ok(Scene {
        what: format!("{} made-up members, {}", args.members, dates(start.timestamp(), until)),
        homes: community.households.into_iter().map(home).collect(),
        recorded: Arc::new(community.recorded),
        until,
    })
}

fn dates(from: Timestamp, until: Timestamp) -> String {
    format!("{} to {}", from.strftime("%Y-%m-%d"), until.strftime("%Y-%m-%d"))
}

/// Where the demo's files are: kept, or gone with it.
enum Directory {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Directory {
    fn new(keep: Option<&Path>) -> anyhow::Result<Directory> {
        let Some(path) = keep else {
            return Ok(Directory::Temporary(tempfile::tempdir()?));
        };
        if path.join("market.db").exists() {
            return Err(usage(format!("{} has books already (name an empty directory)", path.display())));
        }
        std::fs::create_dir_all(path).map_err(|error| usage(format!("cannot make {}: {error}", path.display())))?;
        Ok(Directory::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Directory::Kept(path) => path,
            Directory::Temporary(directory) => directory.path(),
        }
    }

    fn tell(&self, kept: bool, out: &mut impl Write) -> anyhow::Result<()> {
        if kept {
            let config = self.path().join("market.toml");
            writeln!(out, "\nLook further: rec-market trades --config {0}, statement, audit", config.display())?;
        } else {
            writeln!(out, "\nKeep the books to look at them: rec-market demo --keep my-demo")?;
        }
        Ok(())
    }
}

/// Writes the configuration that an operator would write, and reads it as `settle` would.
fn write_config(args: &DemoArgs, meters: &str, directory: &Path) -> anyhow::Result<Config> {
    let algorithm = match base::base(&args.algorithm) {
        Some(base) => base.name.to_owned(),
        // A path is relative to where the command runs, not to the demo's directory.
        None => std::path::absolute(&args.algorithm)?.display().to_string(),
    };
    let file = directory.join("market.toml");
    let text = format!(
        "store = \"sqlite:market.db\"\n\n[[community]]\nname = \"{NAME}\"\nmeters = \"{meters}\" # gone when the demo ends\nalgorithm = {algorithm:?}\ntariff = {{ retail = 162400, feed_in = 30000 }}\n"
    );
    std::fs::write(&file, text).map_err(|error| usage(format!("cannot write {}: {error}", file.display())))?;
    Ok(Config::load(&file)?)
}

/// What the books say, in the shape that the demo shows.
struct Books {
    statement: Statement,
    /// Wh traded between members, by hour of the day (UTC).
    local_by_hour: [u64; 24],
    /// By meter: what its registers moved by, export and import.
    metered: BTreeMap<MeterId, (u64, u64)>,
    /// How many trades between members are in each state.
    states: BTreeMap<String, u64>,
}

/// What became of trades between members.
struct Payments {
    /// How they came to Transactions.
    mode: &'static str,
    /// What Transactions' ledger says.
    ledger: Totals,
    seconds: f64,
}

impl Books {
    async fn read(store: &dyn Store) -> anyhow::Result<Books> {
        let mut books = Books {
            statement: Statement::default(),
            local_by_hour: [0; 24],
            metered: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        let mut first = BTreeMap::new();
        stored::each_interval(store, NAME, Span::default(), |interval| {
            books.statement.add(interval);
            books.add_hour(interval);
            for state in interval.trades.iter().filter_map(|trade| trade.state) {
                *books.states.entry(state.to_string()).or_default() += 1;
            }
            for reading in &interval.readings {
                let first = *first.entry(reading.meter.clone()).or_insert(reading.registers);
                let export = reading.registers.export_wh.saturating_sub(first.export_wh);
                let import = reading.registers.import_wh.saturating_sub(first.import_wh);
                books.metered.insert(reading.meter.clone(), (export, import));
            }
            Ok::<(), anyhow::Error>(())
        })
        .await?;
        Ok(books)
    }

    fn add_hour(&mut self, interval: &StoredInterval) {
        let hour = usize::try_from(interval.interval.start().seconds() / 3600 % 24).unwrap_or(0);
        for trade in &interval.trades {
            if trade.seller != NamedParty::Grid && trade.buyer != NamedParty::Grid {
                self.local_by_hour[hour] = self.local_by_hour[hour].saturating_add(trade.energy.wh());
            }
        }
    }
}

struct Shown<'a> {
    scene: &'a Scene,
    summary: &'a PassSummary,
    payments: &'a Payments,
    books: &'a Books,
    audit: &'a audit::CommunityJson,
    seconds: f64,
}

#[derive(Serialize)]
struct DemoJson<'a> {
    community: &'a str,
    intervals: u64,
    trades: u64,
    members: Vec<MemberJson<'a>>,
    local_wh: u128,
    demand_wh: u128,
    paid_neur: i128,
    grid_alone_neur: i128,
    saved_neur: i128,
    balanced: bool,
    findings: &'a [String],
    seconds: f64,
    payments: PaymentsJson<'a>,
    /// Another algorithm: uploaded, run in the shadow, activated.
    life: serde_json::Value,
}

#[derive(Serialize)]
struct PaymentsJson<'a> {
    mode: &'a str,
    forwarded: u64,
    paid: u64,
    amount_neur: i128,
    states: &'a BTreeMap<String, u64>,
    seconds: f64,
}

#[derive(Serialize)]
struct MemberJson<'a> {
    member: &'a str,
    kind: Option<&'a str>,
    produced_wh: u64,
    used_wh: u64,
    sold_local_wh: u128,
    bought_local_wh: u128,
    sold_grid_wh: u128,
    bought_grid_wh: u128,
    paid_neur: i128,
    saved_neur: i128,
}

impl Shown<'_> {
    fn json(&self) -> DemoJson<'_> {
        let total = self.books.statement.total();
        let members = self.books.statement.members.iter().map(|(member, account)| {
            let (kind, produced_wh, used_wh) = self.home(member.as_str());
            MemberJson {
                member: member.as_str(),
                kind,
                produced_wh,
                used_wh,
                sold_local_wh: account.sold_local.wh,
                bought_local_wh: account.bought_local.wh,
                sold_grid_wh: account.sold_grid.wh,
                bought_grid_wh: account.bought_grid.wh,
                paid_neur: account.paid().nano_eur(),
                saved_neur: account.saved().nano_eur(),
            }
        });
        DemoJson {
            community: NAME,
            intervals: self.audit.intervals,
            trades: self.audit.trades,
            members: members.collect(),
            local_wh: total.bought_local.wh,
            demand_wh: total.bought_local.wh + total.bought_grid.wh,
            paid_neur: total.paid().nano_eur(),
            grid_alone_neur: total.grid_alone.nano_eur(),
            saved_neur: total.saved().nano_eur(),
            balanced: self.audit.findings_total == 0,
            findings: &self.audit.findings,
            seconds: self.seconds,
            payments: PaymentsJson {
                mode: self.payments.mode,
                forwarded: self.payments.ledger.trades,
                paid: self.payments.ledger.paid,
                amount_neur: self.payments.ledger.amount.nano_eur(),
                states: &self.books.states,
                seconds: self.payments.seconds,
            },
            life: serde_json::Value::Null,
        }
    }

    /// Whether every trade between members is paid, in Transactions' ledger and in the market's books.
    fn is_all_paid(&self) -> bool {
        let paid = self.books.states.get(&State::Paid.to_string()).copied().unwrap_or(0);
        let ledger = self.payments.ledger;
        paid == self.books.states.values().sum::<u64>() && ledger.paid == paid && ledger.trades == paid
    }

    /// A member's kind if it is known, and what it produced and used: behind its meter if that is known, else by its meter.
    fn home(&self, member: &str) -> (Option<&str>, u64, u64) {
        let Ok(meter) = member.parse::<MeterId>() else { return (None, 0, 0) };
        match self.scene.homes.get(&meter) {
            Some(home) => (Some(&home.kind), home.produced_wh, home.used_wh),
            None => {
                let (export, import) = self.books.metered.get(&meter).copied().unwrap_or_default();
                (None, export, import)
            }
        }
    }

    fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(out, "\n{NAME}: {}\n", self.scene.what)?;
        self.print_members(out)?;
        if self.scene.homes.is_empty() {
            writeln!(
                out,
                "  produced and used are what the meters saw; what a home uses of its own sun never reaches its meter"
            )?;
        }
        let total = self.books.statement.total();
        let demand = total.bought_local.wh + total.bought_grid.wh;
        writeln!(
            out,
            "\nOf {} kWh that members needed from outside their own walls, {} came from neighbours.",
            kwh(demand),
            output::percent(total.bought_local.wh, demand),
        )?;
        writeln!(out, "By hour of the day (UTC): {}  most at {:02}:00", self.sparkline(), self.peak_hour())?;
        let saved = u128::try_from(total.saved().nano_eur()).unwrap_or(0);
        let alone = u128::try_from(total.grid_alone.nano_eur()).unwrap_or(0);
        writeln!(
            out,
            "Together they paid {} EUR instead of {} EUR with the grid alone: {} EUR saved ({}).",
            output::eur(total.paid()),
            output::eur(total.grid_alone),
            output::eur(total.saved()),
            output::percent(saved, alone),
        )?;
        self.print_proof(out)
    }

    fn print_members(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let headings = [
            "member",
            "",
            "produced\nkWh",
            "used\nkWh",
            "sold here\nkWh",
            "bought here\nkWh",
            "to grid\nkWh",
            "from grid\nkWh",
            "paid\nEUR",
            "grid alone\nEUR",
            "saved\nEUR",
        ];
        let mut table = output::table(&headings, 2);
        let (mut produced_all, mut used_all) = (0_u128, 0_u128);
        let statement = &self.books.statement;
        let mut row = |name: &str, kind: &str, produced: u128, used: u128, account: &books::statement::Account| {
            let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
            let mut row = vec![name.to_owned(), kind.to_owned(), kwh(produced), kwh(used)];
            row.extend(flows.map(|flow| kwh(flow.wh)));
            row.extend([account.paid(), account.grid_alone, account.saved()].map(output::eur));
            table.add_row(row);
        };
        for (member, account) in &statement.members {
            let (kind, produced, used) = self.home(member.as_str());
            produced_all += u128::from(produced);
            used_all += u128::from(used);
            row(member.as_str(), kind.unwrap_or_default(), u128::from(produced), u128::from(used), account);
        }
        row("together", "", produced_all, used_all, &statement.total());
        writeln!(out, "{table}")?;
        Ok(())
    }

    fn print_proof(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.audit.findings_total == 0 {
            writeln!(
                out,
                "All {} quarter-hours, {} trades, balance to the watt-hour: every member's trades add up to its meter.",
                output::grouped(self.summary.intervals),
                output::grouped(self.audit.trades),
            )?;
        } else {
            writeln!(out, "The books are NOT right:")?;
            self.audit.findings.iter().try_for_each(|finding| writeln!(out, "  {finding}"))?;
        }
        let each = self.seconds * 1000.0 / self.audit.intervals.max(1) as f64;
        writeln!(
            out,
            "Settled over gRPC, each in a fresh sandbox, in {:.1} s ({each:.2} ms an interval).",
            self.seconds
        )?;
        self.print_payments(out)
    }

    fn print_payments(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Payments { mode, ledger, seconds } = self.payments;
        let how = if *mode == "push" { "were pushed to" } else { "were fetched by" };
        writeln!(
            out,
            "{} trades between members {how} Transactions over TLS in {seconds:.1} s: {} paid, {} EUR in all.",
            output::grouped(ledger.trades),
            output::grouped(ledger.paid),
            output::eur(ledger.amount),
        )?;
        let states = self.books.states.iter().map(|(state, count)| format!("{} {state}", output::grouped(*count)));
        let states = states.collect::<Vec<_>>().join(", ");
        if self.is_all_paid() {
            writeln!(out, "In the market's books they are: {}.", if states.is_empty() { "none" } else { &states })?;
        } else {
            writeln!(out, "The market's books do NOT agree: {states}.")?;
        }
        Ok(())
    }

    fn peak_hour(&self) -> usize {
        let hours = self.books.local_by_hour.iter().zip(0..24);
        hours.max_by_key(|(wh, hour)| (**wh, std::cmp::Reverse(*hour))).map_or(0, |(_, hour)| hour)
    }

    /// Energy traded between members in each hour of the day, as bars.
    fn sparkline(&self) -> String {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.books.local_by_hour.iter().copied().max().unwrap_or(0);
        let bar = |wh: &u64| {
            let eighths = (u128::from(*wh) * 8).div_ceil(u128::from(most.max(1)));
            BARS[usize::try_from(eighths).unwrap_or(8).min(8)]
        };
        self.books.local_by_hour.iter().map(bar).collect()
    }
}

fn kwh(wh: u128) -> String {
    output::kwh(i128::try_from(wh).unwrap_or(i128::MAX))
}
