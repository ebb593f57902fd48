//! `rec-market audit`: proves the stored books, or shows what is wrong with them.

use std::io::Write;

use books::audit::Audit;
use books::{MeterLog, Span, Store, StoreError};
use clap::Args;
use serde::Serialize;

use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::cli::{output, stored};
use crate::config::Config;
use crate::details;

/// Prove the stored books
///
/// Recomputes every interval from its stored meter readings, and checks the positions, the balance, the ids, that each
/// member's trades add up to the change of its registers, and that the sums per member and day, and the details of days, are those of
/// its trades.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Days whose sums are held in memory at a time.
const DAYS: usize = 50;

/// Maximum number of findings that are printed as text; JSON has more.
const PRINTED_MAX: usize = 20;

#[derive(Serialize)]
struct AuditJson {
    ok: bool,
    store: Vec<String>,
    communities: Vec<CommunityJson>,
}

/// The audit of one community.
#[derive(Serialize)]
pub struct CommunityJson {
    name: String,
    /// Intervals with a round.
    pub intervals: u64,
    pub trades: u64,
    members: Vec<MemberJson>,
    /// The first 1000 findings.
    pub findings: Vec<String>,
    pub findings_total: u64,
}

#[derive(Serialize)]
struct MemberJson {
    member: String,
    export_wh: i128,
    import_wh: i128,
    netted_wh: i128,
    sold_wh: i128,
    bought_wh: i128,
    ok: bool,
}

pub async fn run(args: &AuditArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let report = match examine(&config).await {
        Ok(report) => report,
        // Damage is a finding, not a failure of the command.
        Err(error) if error.downcast_ref().is_some_and(stored::is_damage) => {
            AuditJson { ok: false, store: vec![format!("{error:#}")], communities: Vec::new() }
        }
        Err(error) => return Err(error),
    };
    if args.json {
        output::json_line(&report, out)?;
    } else {
        print(&report, out)?;
    }
    Ok(if report.ok { Exit::Done } else { Exit::Bad })
}

async fn examine(config: &Config) -> anyhow::Result<AuditJson> {
    let store = app::open_store_to_read(&config.store).await?;
    let found = store.examine().await?;
    let mut communities = Vec::new();
    for name in stored::communities(config, &*store, None).await? {
        communities.push(audit(&*store, name).await?);
    }
    let ok = found.is_empty() && communities.iter().all(|community| community.findings_total == 0);
    Ok(AuditJson { ok, store: found, communities })
}

/// Audits one community.
///
/// # Errors
/// If the store cannot be read.
pub async fn audit(store: &dyn Store, name: String) -> Result<CommunityJson, StoreError> {
    let mut audit = Audit::new(&name, MeterLog::of(&store.decisions(&name).await?));
    let mut after = None;
    loop {
        let days = store.sums(&name, Span::default(), after, DAYS).await?;
        after = days.last().map(|last| last.until);
        days.iter().for_each(|day| audit.add_sums(day));
        if days.len() < DAYS {
            break;
        }
    }
    details::each_day(store, &name, |day| audit.add_details(day)).await?;
    let bar = output::progress(0, "auditing");
    stored::each_interval(store, &name, Span::default(), |interval| {
        audit.add(interval);
        bar.inc_length(1);
        bar.inc(1);
        Ok::<(), StoreError>(())
    })
    .await?;
    bar.finish_and_clear();
    audit.finish(&store.progress(&name).await?);
    for digest in audit.algorithms.keys().copied().collect::<Vec<_>>() {
        if let Err(finding) = stored::component(store, &digest).await? {
            audit.find(finding);
        }
    }
    let members = audit.members.iter().map(|(member, proof)| MemberJson {
        member: member.to_string(),
        export_wh: proof.export_wh,
        import_wh: proof.import_wh,
        netted_wh: proof.netted_wh,
        sold_wh: proof.sold_wh,
        bought_wh: proof.bought_wh,
        ok: proof.holds(),
    });
    Ok(CommunityJson {
        members: members.collect(),
        name,
        intervals: audit.intervals,
        trades: audit.trades,
        findings: audit.findings,
        findings_total: audit.findings_total,
    })
}

fn print(report: &AuditJson, out: &mut impl Write) -> anyhow::Result<()> {
    for finding in &report.store {
        writeln!(out, "store: {finding}")?;
    }
    for community in &report.communities {
        print_community(community, out)?;
    }
    let verdict = if report.ok { "The books are right." } else { "The books are NOT right." };
    writeln!(out, "{verdict}")?;
    Ok(())
}

fn print_community(community: &CommunityJson, out: &mut impl Write) -> anyhow::Result<()> {
    let CommunityJson { name, intervals, trades, members, findings, findings_total } = community;
    writeln!(out, "{name}: {} intervals, {} trades", output::grouped(*intervals), output::grouped(*trades))?;
    let headings = ["member", "exported\nkWh", "imported\nkWh", "netted\nkWh", "sold\nkWh", "bought\nkWh", "\nadds up"];
    let mut table = output::table(&headings, 1);
    for member in members {
        let numbers = [member.export_wh, member.import_wh, member.netted_wh, member.sold_wh, member.bought_wh];
        let mut row = vec![member.member.clone()];
        row.extend(numbers.map(output::kwh));
        row.push(if member.ok { "yes" } else { "NO" }.to_owned());
        table.add_row(row);
    }
    if !members.is_empty() {
        writeln!(out, "{table}")?;
    }
    for finding in findings.iter().take(PRINTED_MAX) {
        writeln!(out, "  {finding}")?;
    }
    let printed = findings.len().min(PRINTED_MAX) as u64;
    if *findings_total > printed {
        writeln!(out, "  … and {} more (--json lists up to 1000)", findings_total - printed)?;
    }
    if *findings_total == 0 {
        writeln!(out, "Every interval balances with its registers, and every id is unique.\n")?;
    }
    Ok(())
}
