//! A folder, the program in it, and what it said; and a market, which is a folder with a configuration.

use std::ffi::OsString;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use books::{MatchUpdate, Payments};
use domain::netting::LastReads;
use domain::trade::State;
use jiff::Timestamp;
use record::Block;
use rusqlite::Connection;
use rusqlite::types::FromSql;
use serde_json::Value;
use store::SqliteStore;
use tempfile::TempDir;

use crate::stored::{self, make_trade_table, write_trade_table};
use crate::{Meters, runtime, short, write_development_certificates};

/// The built program, beside the tests of this build.
pub fn program() -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "cargo says where it built what it runs the tests of")]
    let told = std::env::var("CARGO_BIN_EXE_rec-market").ok().map(PathBuf::from);
    told.unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        let program = test.ancestors().nth(2).unwrap().join("rec-market");
        assert!(program.is_file(), "{} is not built (cargo test builds it)", program.display());
        program
    })
}

/// How the program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Ran {
        command.stdin(Stdio::null()).output().unwrap().into()
    }

    /// Waits for the end of a process.
    pub fn end_of(child: Child) -> Ran {
        child.wait_with_output().unwrap().into()
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Asserts that stderr has a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "no {text:?} in: {}", self.err);
        self
    }

    /// Asserts that stdout has all these texts.
    #[track_caller]
    pub fn shows(self, texts: &[&str]) -> Ran {
        texts.iter().for_each(|text| assert!(self.out.contains(text), "no {text:?} in: {}\n{}", self.out, self.err));
        self
    }

    /// Asserts that it did what was asked, with nothing to remark.
    #[track_caller]
    pub fn done(self) -> Ran {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }

    /// Asserts that it refused with this code, printed nothing, and told why in one line that says all of this.
    #[track_caller]
    pub fn refused(self, code: i32, says: &[&str]) {
        assert_eq!(self.err.lines().count(), 1, "one line tells why: {}", self.err);
        assert!(self.err.contains("error: ") && self.err.len() < 2000, "{}", self.err);
        self.ends_with_nothing_but(code, says);
    }

    /// As [`Ran::refused`] where the command line itself is wrong, which takes more than a line.
    #[track_caller]
    pub fn misused(self, says: &[&str]) {
        assert!(self.err.starts_with("error: "), "{}", self.err);
        self.ends_with_nothing_but(2, says);
    }

    #[track_caller]
    fn ends_with_nothing_but(self, code: i32, says: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        says.iter().for_each(|text| assert!(self.err.contains(text), "no {text:?} in: {}", self.err));
    }

    /// The objects that it printed, one a line, whatever the exit code.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.out.lines().map(object).collect()
    }

    /// The one object that it printed, whatever the exit code.
    #[track_caller]
    pub fn json(&self) -> Value {
        let objects = self.objects();
        let [object] = objects.as_slice() else { panic!("one object is expected, not {self:?}") };
        object.clone()
    }
}

/// A folder of its own, in which the program is run.
pub struct Folder {
    directory: TempDir,
    environment: Vec<(&'static str, OsString)>,
}

/// What all folders share, as a person's commands do: compiled components.
fn shared_cache() -> PathBuf {
    let cache = program().ancestors().nth(2).unwrap().join("tmp/cache");
    std::fs::create_dir_all(&cache).unwrap();
    cache
}

impl Folder {
    /// An empty folder.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Folder {
        Folder::with_environment([("XDG_CACHE_HOME", shared_cache())])
    }

    /// An empty folder, and an environment with nothing but these variables.
    pub fn with_environment<V: Into<OsString>>(environment: impl IntoIterator<Item = (&'static str, V)>) -> Folder {
        let environment = environment.into_iter().map(|(name, value)| (name, value.into())).collect();
        Folder { directory: tempfile::tempdir().unwrap(), environment }
    }

    /// An empty folder, and a user whose cache is below this directory.
    pub fn with_cache(directory: &Path) -> Folder {
        Folder::with_environment([("XDG_CACHE_HOME", directory)])
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file; answers its name, as a command names it.
    pub fn file<'n>(&self, name: &'n str, content: impl AsRef<[u8]>) -> &'n str {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        if name.ends_with(".token") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        name
    }

    /// Reads a file.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with these arguments, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&program(), arguments)
    }

    /// As [`Folder::command`], with another copy of the program.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path()).env_clear().env("NO_COLOR", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// As [`Folder::command`], on a machine with so much address space, in KiB.
    pub fn command_within(&self, address_space: u64, arguments: &[&str]) -> Command {
        let (program, address_space) = (program(), address_space.to_string());
        let script = "ulimit -v \"$0\"; exec \"$@\"";
        let first = ["-c", script, &address_space, program.to_str().unwrap()];
        self.command_of(Path::new("/bin/sh"), &[&first, arguments].concat())
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Runs the program with variables of the environment.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Ran::of(command)
    }

    /// Runs the program with this on stdin.
    pub fn pipe(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let (mut input, bytes) = (child.stdin.take().unwrap(), stdin.as_ref());
        std::thread::scope(|scope| {
            // A program that refuses its arguments never reads.
            scope.spawn(move || drop(input.write_all(bytes)));
            Ran::end_of(child)
        })
    }

    /// Tries an algorithm on a round; `more` are further arguments.
    pub fn try_on(&self, algorithm: &str, round: &Value, more: &[&str]) -> Ran {
        self.pipe(&[&["algorithm", "run", algorithm, "--round", "-"], more].concat(), round.to_string())
    }

    /// As [`Folder::try_on`] with `--json`: the object that it prints.
    pub fn json_of(&self, algorithm: &str, round: &Value, more: &[&str]) -> Value {
        self.try_on(algorithm, round, &[&["--json"], more].concat()).json()
    }

    /// What a command prints, one JSON object a line.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        self.run(arguments).ends_with(0).objects()
    }
}

/// A market: a folder with a configuration, which the program finds there, and soon a database.
pub struct Market(Folder);

impl Deref for Market {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl Market {
    /// A market with this configuration.
    pub fn new(configuration: &str) -> Market {
        let market = Market(Folder::new());
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

    /// As [`Market::with`], for [`crate::Service`]: with ports, certificates, and these keys before the community.
    pub fn serving(meters: &Meters, keys: &str, community_keys: &str) -> Market {
        Market::serving_all(&community("aveiro", meters.address(), community_keys), keys)
    }

    /// As [`Market::serving`], with these communities.
    pub fn serving_all(communities: &str, keys: &str) -> Market {
        let market = Market::new(&format!("{SERVICE}{keys}\n{communities}"));
        write_development_certificates(&market.path(""));
        market
    }

    /// Writes another configuration.
    pub fn configure(&self, configuration: &str) {
        let cache = shared_cache();
        self.file("market.toml", format!("cache = {:?}\n{configuration}", cache.display().to_string()));
    }

    /// Writes another text in place of one that its configuration has.
    #[track_caller]
    pub fn reconfigure(&self, text: &str, other: &str) {
        let configuration = self.text("market.toml");
        assert!(configuration.contains(text), "no {text:?} in {configuration}");
        self.file("market.toml", configuration.replace(text, other));
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
        let mut lines: Vec<(String, String)> = self.json(&["trades", "--json"]).iter().map(trade_text).collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// What `trades --json` prints, byte for byte.
    #[track_caller]
    pub fn trades_json(&self) -> String {
        self.run(&["trades", "--json"]).ends_with(0).out
    }

    /// All events as `12:00 a fell: message`, in order.
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

    /// How many intervals are kept, with or without a round; none while there is no store yet.
    pub fn intervals(&self) -> u64 {
        if !self.path("market.db").exists() {
            return 0;
        }
        self.database().query_row("SELECT count(*) FROM interval", (), |row| row.get(0)).unwrap_or(0)
    }

    /// What settled each interval, in order: `12:00 mid-market-rate`.
    pub fn settled_by(&self) -> Vec<String> {
        let database = self.database();
        let mut select = database
            .prepare("SELECT start, name, fallback_reason FROM interval WHERE algorithm IS NOT NULL ORDER BY start")
            .unwrap();
        let rows = select.query_map((), |row| {
            let start = Timestamp::from_second(row.get(0)?).unwrap().to_string();
            let (name, reason): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            let fallback = if reason.is_some() { " (fallback)" } else { "" };
            Ok(format!("{} {name}{fallback}", short(&start)))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// Everything that its services have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The one value that a query of the database answers.
    #[track_caller]
    pub fn query<T: FromSql>(&self, select: &str) -> T {
        let database = if is_of_trades(select) { self.trade_table() } else { self.database() };
        database.query_row(select, (), |row| row.get(0)).unwrap()
    }

    /// Changes the database behind the program's back; the statement must change something. `trade` is a table of all trades:
    /// see [`Market::trade_table`].
    #[track_caller]
    pub fn tamper(&self, statement: &str) {
        let database = self.database();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        if is_of_trades(statement) {
            make_trade_table(&database);
        }
        assert!(database.execute(statement, ()).unwrap() > 0, "{statement} changes nothing");
        if is_of_trades(statement) {
            write_trade_table(&database);
        }
    }

    /// The database, with a table of all trades beside the others.
    pub fn trade_table(&self) -> Connection {
        let database = self.database();
        make_trade_table(&database);
        database
    }

    /// The interval that starts at this second.
    pub fn interval(&self, start: i64) -> Block {
        stored::interval(&self.database(), start)
    }

    /// Changes the interval that starts at this second.
    pub fn change_interval(&self, start: i64, change: impl FnOnce(&mut Block)) {
        stored::change_interval(&self.database(), start, change);
    }

    /// Changes the state of the only community's meters.
    pub fn change_states(&self, change: impl FnOnce(&mut LastReads)) {
        stored::change_states(&self.database(), change);
    }

    /// Reports that these trades came to this state by a payment, as Transactions would.
    pub fn report(&self, ids: &[&str], state: State, payment: Option<&str>) {
        let store = SqliteStore::open(&self.path("market.db")).unwrap();
        for state in [State::Sent, state] {
            let report = |id: &&str| MatchUpdate {
                id: id.parse().unwrap(),
                state,
                transaction_id: payment.filter(|_| state == State::Paid).map(str::to_owned),
                message: None,
            };
            let reports: Vec<MatchUpdate> = ids.iter().map(report).collect();
            runtime().block_on(store.update(&reports, Timestamp::UNIX_EPOCH)).unwrap();
        }
    }

    /// The database itself.
    pub fn database(&self) -> Connection {
        Connection::open(self.path("market.db")).unwrap()
    }
}

/// Whether a statement names the table of all trades.
fn is_of_trades(statement: &str) -> bool {
    statement.split_whitespace().any(|word| word == "trade")
}

/// A `[[community]]` for a configuration.
pub fn community(name: &str, address: &str, keys: &str) -> String {
    format!("[[community]]\nname = {name:?}\nmeters = {address:?}\n{keys}\n")
}

/// The service's part of a configuration: ports that the system chooses, certificates beside it.
pub const SERVICE: &str = r#"listen = "127.0.0.1:0"
listen_tls = "127.0.0.1:0"
listen_metrics = "127.0.0.1:0"
listen_web = ""
tls = { certificate = "market_crt.pem", key = "market_key.pem" }
"#;

/// When a trade is, and its text: `12:00 a > b 700 at 96200, Created (message)`.
fn trade_text(trade: &Value) -> (String, String) {
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
