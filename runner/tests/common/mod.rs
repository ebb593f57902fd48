//! The language of the stories: meters that tell their registers, a market that settles them, books that are read.
//!
//! Everything is real but the meters: the program is the built binary, run in a directory of its own, and asks a gRPC
//! service on a port that the system chose. Times are short: `12:15` is 2023-09-01T12:15:00Z, `02T12:15` a day later.

#![allow(dead_code, reason = "every test binary uses its own part of the language")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use demo::meters::{self, MetersService, Package, Recorded, RecordedMeter, Serving};
use jiff::Timestamp;
use rec_market::clock::{Clock, SystemClock};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use wire::meters_service_server::{self, MetersServiceServer};
use wire::{MeasurementResponse, MeterEntry, MeterResponse, QueryMeters, QueryResponse};

/// One row of a Meters service's answer.
pub type Row = MeasurementResponse;

/// The four texts of a row, whatever they are.
pub fn row(meter: &str, field: &str, value: &str, date: &str) -> Row {
    Row { device_id: meter.to_owned(), field: field.to_owned(), value: value.to_owned(), date: date.to_owned() }
}

/// Writes out a short time.
pub fn date(short: &str) -> String {
    if short.ends_with('Z') {
        return short.to_owned();
    }
    let (day, time) = short.split_once('T').unwrap_or(("01", short));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2023-09-{day}T{time}{seconds}Z")
}

/// Reads `meter time import export`: both active registers of a meter, and the reactive ones that every meter has.
pub fn reading(text: &str) -> Vec<Row> {
    let cells: Vec<&str> = text.split_whitespace().collect();
    let [meter, time, import, export] = cells[..] else { panic!("{text:?} is not `meter time import export`") };
    let fields =
        [("Active import", import), ("Active export", export), ("Reactive QI(+Ri)", "7"), ("Reactive QIV(-Rc)", "8")];
    fields.map(|(field, value)| row(meter, field, value, &date(time))).to_vec()
}

/// Rows of several readings.
pub fn readings(texts: &[&str]) -> Vec<Row> {
    texts.iter().flat_map(|text| reading(text)).collect()
}

/// The rows that the platform's service answers with: of each series the oldest so many from the start on, newest first.
pub fn honest(rows: &[Row], query: &QueryMeters) -> Vec<Row> {
    let from = query.start_interval.clone().unwrap_or_default();
    let limit = usize::try_from(query.limit.unwrap_or(100)).unwrap();
    let mut series: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.date >= from) {
        series.entry((&row.device_id, &row.field)).or_default().push(row);
    }
    let mut answer = Vec::new();
    for rows in series.values_mut() {
        rows.sort_by_key(|row| &row.date);
        rows.truncate(limit);
        answer.extend(rows.iter().rev().map(|row| (*row).clone()));
    }
    answer
}

/// An answer with these rows.
pub fn answer(entries: Vec<Row>) -> Result<QueryResponse, Status> {
    Ok(QueryResponse { entries, status: None, error: None })
}

type Answer = dyn Fn(&QueryMeters, usize) -> Result<QueryResponse, Status> + Send + Sync;

/// A Meters service in this process. It stops when it is dropped.
pub struct Meters {
    address: String,
    rows: Arc<Mutex<Vec<Row>>>,
    asked: Arc<Mutex<Vec<QueryMeters>>>,
    _serving: Option<Serving>,
    _runtime: Runtime,
}

/// The fake behind it: answers whatever a test wants.
struct Fake {
    answer: Box<Answer>,
    asked: Arc<Mutex<Vec<QueryMeters>>>,
}

#[tonic::async_trait]
impl meters_service_server::MetersService for Fake {
    async fn retrieve_measurement(&self, request: Request<QueryMeters>) -> Result<Response<QueryResponse>, Status> {
        let query = request.into_inner();
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(query.clone());
            asked.len() - 1
        };
        (self.answer)(&query, number).map(Response::new)
    }

    async fn add_measurement(&self, _: Request<MeterEntry>) -> Result<Response<MeterResponse>, Status> {
        Err(Status::unimplemented("nobody asks this"))
    }
}

impl Meters {
    /// A service that tells these readings (`meter time import export`) as the platform's does.
    pub fn telling(texts: &[&str]) -> Meters {
        Meters::telling_rows(readings(texts))
    }

    /// A service that tells these rows as the platform's does.
    pub fn telling_rows(rows: Vec<Row>) -> Meters {
        let rows = Arc::new(Mutex::new(rows));
        let told = Arc::clone(&rows);
        Meters { rows, ..Meters::answering(move |query, _| answer(honest(&told.lock().unwrap(), query))) }
    }

    /// A service that answers this; the second argument is the number of the request, from 0.
    pub fn answering(
        answer: impl Fn(&QueryMeters, usize) -> Result<QueryResponse, Status> + Send + Sync + 'static,
    ) -> Meters {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let fake = Fake { answer: Box::new(answer), asked: Arc::clone(&asked) };
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Server::builder().add_service(MetersServiceServer::new(fake));
        runtime.spawn(router.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        Meters { address, rows: Arc::default(), asked, _serving: None, _runtime: runtime }
    }

    /// The program's own service over recorded registers.
    pub fn recorded(recorded: Recorded, package: Package) -> Meters {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let service = MetersService::new(recorded, || SystemClock.now());
        let serving = {
            let _inside = runtime.enter();
            meters::serve(service, package, listener).unwrap()
        };
        let address = format!("http://{}", serving.address());
        Meters { address, rows: Arc::default(), asked: Arc::default(), _serving: Some(serving), _runtime: runtime }
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// More readings arrive.
    pub fn tell(&self, texts: &[&str]) {
        self.rows.lock().unwrap().extend(readings(texts));
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<QueryMeters> {
        self.asked.lock().unwrap().clone()
    }
}

/// A runtime for what serves in this process.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Meters `m000`, `m001`, … with so many quarter-hours: some import, some export, some do both, all differently.
pub fn recorded(meters: u64, rows: i64) -> Recorded {
    let first = date("12:00").parse::<Timestamp>().unwrap().as_second();
    let times: Arc<[Timestamp]> = (0..rows).map(|row| Timestamp::from_second(first + row * 900).unwrap()).collect();
    let meter = |number: u64| {
        let step = |row: u64, factor: u64| (row * factor + number * 7 + row * row % 11) * 13 % 400;
        let rising = |factor: u64, active: bool| -> Vec<u64> {
            let mut register = 1_000_000 * (number + 1);
            let values = (0..).take(times.len()).map(|row| {
                register += if active { step(row, factor) } else { 0 };
                register
            });
            values.collect()
        };
        let (import, export) = (rising(3, number % 3 != 1), rising(5, !number.is_multiple_of(3)));
        RecordedMeter::new(format!("m{number:03}").parse().unwrap(), times.clone(), &import, &export).unwrap()
    };
    Recorded::new((0..meters).map(meter).collect()).unwrap()
}

/// How the program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Asserts that stderr has a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "no {text:?} in: {}", self.err);
        self
    }
}

/// A market: a directory with a configuration and a database, in which the program runs.
pub struct Market {
    directory: TempDir,
}

impl Market {
    /// A market with this configuration.
    pub fn new(configuration: &str) -> Market {
        let market = Market { directory: tempfile::tempdir().unwrap() };
        market.configure(configuration);
        market
    }

    /// A market of one community, `aveiro`, with these meters and all defaults.
    pub fn of(meters: &Meters) -> Market {
        Market::with(meters, "")
    }

    /// A market of one community, `aveiro`, with these meters and further keys.
    pub fn with(meters: &Meters, keys: &str) -> Market {
        Market::new(&community("aveiro", meters.address(), keys))
    }

    /// Writes another configuration. Compiled components are shared by all tests.
    pub fn configure(&self, configuration: &str) {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        std::fs::create_dir_all(&cache).unwrap();
        let text = format!("cache = {:?}\n{configuration}", cache.display().to_string());
        std::fs::write(self.path("market.toml"), text).unwrap();
    }

    /// A file in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with these arguments, not yet run; its configuration is found in the working directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rec-market"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("REC_MARKET_LOG").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    /// Runs `settle`.
    pub fn settle(&self) -> Ran {
        self.run(&["settle"])
    }

    /// Settles, which must succeed, and audits, which must as well; answers all trades as [`Market::trades`] does.
    #[track_caller]
    pub fn books(&self) -> Vec<String> {
        self.settle().ends_with(0);
        self.run(&["audit"]).ends_with(0);
        self.trades()
    }

    /// All trades as `12:00 a > b 700 at 96200, Created (message)`, sorted by time and text.
    #[track_caller]
    pub fn trades(&self) -> Vec<String> {
        let mut lines: Vec<(String, String)> = self.json(&["trades", "--json"]).iter().map(shown).collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// What `trades --json` prints, byte for byte.
    #[track_caller]
    pub fn trades_json(&self) -> String {
        self.run(&["trades", "--json"]).ends_with(0).out
    }

    /// What a command prints, one JSON object a line.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(arguments).ends_with(0);
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All events as `12:00 a register-fell: message`, in order.
    pub fn events(&self) -> Vec<String> {
        let database = self.database();
        let mut select = database
            .prepare("SELECT start, code, subject, message FROM event ORDER BY community, start, number")
            .unwrap();
        let events = select.query_map((), |row| {
            let (code, subject, message): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(format!(
                "{} {subject} {code}: {message}",
                short(&Timestamp::from_second(row.get(0)?).unwrap().to_string())
            ))
        });
        events.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// How many intervals are kept, with or without a round.
    pub fn intervals(&self) -> u64 {
        self.database().query_row("SELECT count(*) FROM interval", (), |row| row.get(0)).unwrap()
    }

    /// The database itself.
    pub fn database(&self) -> Connection {
        Connection::open(self.path("market.db")).unwrap()
    }
}

/// The output of a process that ended.
pub fn ran(output: std::process::Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A `[[community]]` for a configuration.
pub fn community(name: &str, address: &str, keys: &str) -> String {
    format!("[[community]]\nname = {name:?}\nmeters = {address:?}\n{keys}\n")
}

/// A time as the stories write it.
pub fn short(date: &str) -> String {
    match date.strip_prefix("2023-09-") {
        Some(rest) => rest[..8].trim_start_matches("01T").to_owned(),
        None => date.to_owned(),
    }
}

fn shown(trade: &Value) -> (String, String) {
    let text = |key: &str| trade[key].as_str().map(str::to_owned);
    let start = text("start").unwrap();
    let mut line = format!(
        "{} {} > {} {} at {}",
        short(&start),
        text("seller").unwrap(),
        text("buyer").unwrap(),
        trade["energy"],
        trade["price"]
    );
    if let Some(state) = text("state") {
        line.push_str(&format!(", {state}"));
    }
    if let Some(message) = text("message") {
        line.push_str(&format!(" ({message})"));
    }
    (start, line)
}
