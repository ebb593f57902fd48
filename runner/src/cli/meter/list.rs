//! `rec-market meter list`: the meters of the books, and which of them are disputed.

use std::io::Write;

use clap::Args;
use domain::disputes::{Dispute, LastRead, ReadAt};
use domain::{MeterId, reading::Registers};
use serde::Serialize;

use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::cli::{output, stored};

/// List the meters that were ever read, those first that are disputed
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only meters that are disputed
    #[arg(long)]
    pub disputed: bool,
    /// Print one JSON object per meter
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// One line of `--json`.
#[derive(Serialize)]
struct MeterJson<'a> {
    community: &'a str,
    meter: &'a str,
    /// The last good reading.
    at: String,
    import_wh: u64,
    export_wh: u64,
    disputed: Option<DisputedJson>,
}

#[derive(Serialize)]
struct DisputedJson {
    /// `fell` or `jumped`.
    how: &'static str,
    first: ReadJson,
    latest: ReadJson,
}

#[derive(Serialize)]
struct ReadJson {
    at: String,
    import_wh: u64,
    export_wh: u64,
}

impl ReadJson {
    fn new(ReadAt { boundary, registers: Registers { import_wh, export_wh } }: ReadAt) -> ReadJson {
        ReadJson { at: boundary.to_string(), import_wh, export_wh }
    }
}

/// How the first disputed reading differs from the last good one.
fn how(last: &LastRead, dispute: &Dispute) -> &'static str {
    let fell = dispute.run.first.registers.checked_sub(last.registers).is_none();
    if fell { "fell" } else { "jumped" }
}

pub async fn run(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (config, store) = stored::open(&args.config).await?;
    for name in stored::communities(&config, &*store, args.community.as_deref()).await? {
        let last_reads = store.progress(&name).await?.last_reads;
        let mut meters: Vec<(&MeterId, &LastRead)> = last_reads.iter().collect();
        meters.retain(|(_, last)| last.dispute.is_some() || !args.disputed);
        meters.sort_by_key(|(_, last)| last.dispute.is_none());
        if args.json {
            meters.iter().try_for_each(|(meter, last)| output::json_line(&json(&name, meter, last), out))?;
        } else {
            print(&name, &meters, out)?;
        }
    }
    Ok(Exit::Done)
}

fn json<'a>(community: &'a str, meter: &'a MeterId, last: &LastRead) -> MeterJson<'a> {
    let disputed = |dispute: Dispute| DisputedJson {
        how: how(last, &dispute),
        first: ReadJson::new(dispute.run.first),
        latest: ReadJson::new(last.latest()),
    };
    let ReadJson { at, import_wh, export_wh } = ReadJson::new(last.read());
    let disputed = last.dispute.map(disputed);
    MeterJson { community, meter: meter.as_str(), at, import_wh, export_wh, disputed }
}

fn print(community: &str, meters: &[(&MeterId, &LastRead)], out: &mut impl Write) -> anyhow::Result<()> {
    let disputed = meters.iter().filter(|(_, last)| last.dispute.is_some()).count();
    writeln!(out, "{community}: {} meters, {disputed} disputed", meters.len())?;
    let mut table = output::table(&["meter", "last good reading", "disputed since", "import\nWh", "export\nWh"], 3);
    for (meter, last) in meters {
        let [import, export] = [last.registers.import_wh, last.registers.export_wh].map(|wh| wh.to_string());
        table.add_row([meter.to_string(), last.boundary.to_string(), String::new(), import, export]);
        let Some(dispute) = last.dispute else { continue };
        for read in [dispute.run.first, last.latest()] {
            let since = format!("{} ({})", read.boundary, how(last, &dispute));
            let [import, export] = [read.registers.import_wh, read.registers.export_wh].map(|wh| wh.to_string());
            table.add_row([String::new(), String::new(), since, import, export]);
            if last.latest() == dispute.run.first {
                break;
            }
        }
    }
    if !meters.is_empty() {
        writeln!(out, "{table}")?;
    }
    Ok(())
}
