//! Meters that tell their registers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use demo::meters::{self, MetersService, Package, Recorded, RecordedMeter, Serving};
use jiff::Timestamp;
use rec_market::clock::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use wire::meters_service_server::{self, MetersServiceServer};
use wire::{MeasurementResponse, MeterEntry, MeterResponse, QueryMeters, QueryResponse};

use crate::wait::{listener, runtime};

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
pub fn readings(texts: &[impl AsRef<str>]) -> Vec<Row> {
    texts.iter().flat_map(|text| reading(text.as_ref())).collect()
}

/// The rows that the platform's service answers with: of each series the oldest so many from the start on, newest first; of one
/// device, if one is named.
pub fn honest(rows: &[Row], query: &QueryMeters) -> Vec<Row> {
    let from = query.start_interval.clone().unwrap_or_default();
    let limit = usize::try_from(query.limit.unwrap_or(100)).unwrap();
    let mut series: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    let is_wanted = |row: &&Row| query.device_id.as_ref().is_none_or(|device| row.device_id == *device);
    for row in rows.iter().filter(|row| row.date >= from).filter(is_wanted) {
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

/// When answers come.
#[derive(Clone, Copy, Default)]
struct Pace {
    /// Not now.
    held: bool,
    /// After this time.
    takes: Duration,
}

/// A Meters service in this process. It stops when it is dropped.
pub struct Meters {
    address: String,
    rows: Arc<Mutex<Vec<Row>>>,
    asked: Arc<Mutex<Vec<QueryMeters>>>,
    pace: Arc<watch::Sender<Pace>>,
    _serving: Option<Serving>,
    _runtime: Runtime,
}

/// The fake behind it: answers whatever a test wants.
struct Fake {
    answer: Box<Answer>,
    asked: Arc<Mutex<Vec<QueryMeters>>>,
    pace: Arc<watch::Sender<Pace>>,
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
        let answers = self.pace.subscribe().wait_for(|pace| !pace.held).await.map(|pace| pace.takes);
        if let Ok(takes) = answers
            && !takes.is_zero()
        {
            tokio::time::sleep(takes).await;
        }
        (self.answer)(&query, number).map(Response::new)
    }

    async fn add_measurement(&self, _: Request<MeterEntry>) -> Result<Response<MeterResponse>, Status> {
        Err(Status::unimplemented("nobody asks this"))
    }
}

impl Meters {
    /// A service that tells these readings (`meter time import export`) as the platform's does.
    pub fn telling(texts: &[impl AsRef<str>]) -> Meters {
        Meters::telling_rows(readings(texts))
    }

    /// A service that has nothing to tell yet.
    pub fn silent() -> Meters {
        Meters::telling_rows(Vec::new())
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
        let runtime = runtime();
        let listener = runtime.block_on(listener());
        Meters::answering_on(answer, runtime, listener)
    }

    /// As [`Meters::answering`], on every address of this machine: `127.1.2.3` as well.
    pub fn answering_everywhere(
        answer: impl Fn(&QueryMeters, usize) -> Result<QueryResponse, Status> + Send + Sync + 'static,
    ) -> Meters {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("0.0.0.0:0")).unwrap();
        Meters::answering_on(answer, runtime, listener)
    }

    fn answering_on(
        answer: impl Fn(&QueryMeters, usize) -> Result<QueryResponse, Status> + Send + Sync + 'static,
        runtime: Runtime,
        listener: TcpListener,
    ) -> Meters {
        let (asked, pace) = (Arc::new(Mutex::new(Vec::new())), Arc::new(watch::Sender::default()));
        let fake = Fake { answer: Box::new(answer), asked: Arc::clone(&asked), pace: Arc::clone(&pace) };
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Server::builder().add_service(MetersServiceServer::new(fake));
        runtime.spawn(router.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        Meters { address, rows: Arc::default(), asked, pace, _serving: None, _runtime: runtime }
    }

    /// The program's own service over recorded registers.
    pub fn recorded(recorded: Recorded, package: Package) -> Meters {
        Meters::recorded_until(recorded, package, || SystemClock.now())
    }

    /// As [`Meters::recorded`], with what was recorded until a time that may change.
    pub fn recorded_until(
        recorded: Recorded,
        package: Package,
        until: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Meters {
        let runtime = runtime();
        let listener = runtime.block_on(listener());
        let service = MetersService::new(recorded, until);
        let serving = {
            let _inside = runtime.enter();
            meters::serve(service, package, listener).unwrap()
        };
        let address = format!("http://{}", serving.address());
        let (rows, asked, pace) = Default::default();
        Meters { address, rows, asked, pace, _serving: Some(serving), _runtime: runtime }
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A service whose meter `a` exports and whose meter `b` imports something in each of the quarter-hours with these
    /// numbers, from 12:00 on.
    pub fn selling(quarters: Range<u32>) -> Meters {
        let meters = Meters::silent();
        meters.tell_quarters(quarters);
        meters
    }

    /// More quarter-hours of [`Meters::selling`].
    pub fn tell_quarters(&self, quarters: Range<u32>) {
        let time = |number: u32| format!("{:02}:{:02}", 12 + number / 4, number % 4 * 15);
        let rows: Vec<_> = quarters.flat_map(|number| quarter(number, &time(number))).collect();
        self.tell(&rows);
    }

    /// The quarter-hour with this number of [`Meters::selling`], read at another time.
    pub fn tell_quarter(&self, number: u32, time: &str) {
        self.tell(&quarter(number, time));
    }

    /// More readings arrive.
    pub fn tell(&self, texts: &[impl AsRef<str>]) {
        self.rows.lock().unwrap().extend(readings(texts));
    }

    /// As [`Meters::tell`], row by row.
    pub fn tell_rows(&self, rows: Vec<Row>) {
        self.rows.lock().unwrap().extend(rows);
    }

    /// Answers nobody from now on, until it goes on: whoever asks waits. Not for [`Meters::recorded`].
    pub fn hold(&self) {
        self.pace.send_modify(|pace| pace.held = true);
    }

    /// Answers everybody who waits, and whoever comes.
    pub fn go_on(&self) {
        self.pace.send_modify(|pace| pace.held = false);
    }

    /// Takes this time for each answer from now on, for any number side by side. Not for [`Meters::recorded`].
    pub fn take(&self, time: Duration) {
        self.pace.send_modify(|pace| pace.takes = time);
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<QueryMeters> {
        self.asked.lock().unwrap().clone()
    }
}

fn quarter(number: u32, time: &str) -> [String; 2] {
    [format!("a {time} 1000 {}", 5000 + 300 * number), format!("b {time} {} 0", 2000 + 500 * number)]
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

/// A time as the stories write it.
pub fn short(date: &str) -> String {
    match date.strip_prefix("2023-09-") {
        Some(rest) => rest[..8].trim_start_matches("01T").to_owned(),
        None => date.to_owned(),
    }
}

/// The end of the last interval that meters with so many rows have.
pub fn end_of(rows: i64) -> String {
    let first = date("12:00").parse::<Timestamp>().unwrap();
    (first + jiff::SignedDuration::from_mins(15 * (rows - 1))).to_string()
}
