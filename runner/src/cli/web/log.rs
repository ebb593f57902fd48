//! `rec-market web log`: who opened which page.

use std::io::Write;

use books::{ListedVisit, Visit, VisitFilter};
use clap::Args;
use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::cli::args::{ConfigArg, time};
use crate::cli::exit::{Exit, usage};
use crate::cli::{output, stored};

/// Visits that are held in memory at a time.
const PAGE: usize = 1000;

/// List who opened which page, newest first
///
/// Each page that somebody opened is there, with what somebody wanted to open that is not theirs (404). People are listed by the
/// name of their `[[viewer]]`; who has a link, by its id, which `rec-market link list` explains. Addresses and secrets are not kept.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only pages of this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only pages of this member
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,
    /// Only what this viewer opened, such as Ana, or "link 3f9a0c52b1de"
    #[arg(long, value_name = "NAME")]
    pub viewer: Option<String>,
    /// Only at or after this time (2026-11-01T00:00:00Z, or a date in UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,
    /// List at most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub limit: usize,
    /// Print one JSON object per visit
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// One line of `--json`.
#[derive(Serialize)]
pub struct VisitJson<'a> {
    at: String,
    viewer: &'a str,
    role: &'static str,
    page: &'a str,
    community: Option<&'a str>,
    member: Option<&'a str>,
    status: u16,
}

impl<'a> VisitJson<'a> {
    pub fn new(visit: &'a Visit) -> VisitJson<'a> {
        VisitJson {
            at: visit.at.to_string(),
            viewer: &visit.viewer,
            role: visit.role.as_str(),
            page: &visit.page,
            community: visit.community.as_deref(),
            member: visit.member.as_deref(),
            status: visit.status,
        }
    }
}

pub async fn run(args: &LogArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(usage(format!("--from {from} is after --to {to} (swap them)")));
    }
    let (_, store) = stored::open(&args.config).await?;
    let (community, member, viewer) = (args.community.clone(), args.member.clone(), args.viewer.clone());
    let filter = VisitFilter { community, member, viewer, from: args.from, to: args.to };
    let mut table = output::table(&["time", "viewer", "role", "page", "status"], 4);
    let (mut listed, mut before) = (0_usize, None);
    while listed < args.limit {
        let most = PAGE.min(args.limit - listed);
        let page = store.visits(&filter, before.as_ref(), most).await?;
        for ListedVisit { visit, .. } in &page {
            if args.json {
                output::json_line(&VisitJson::new(visit), out)?;
            } else {
                let Visit { at, viewer, role, page, status, .. } = visit;
                let at = at.round(Unit::Second)?.to_string();
                table.add_row([at.as_str(), viewer, role.as_str(), page, &status.to_string()]);
            }
        }
        listed += page.len();
        let Some(last) = page.last().filter(|_| page.len() == most) else { break };
        before = Some(last.place.clone());
    }
    if !args.json {
        if listed > 0 {
            writeln!(out, "{table}")?;
        }
        writeln!(out, "{} visits", output::grouped(u64::try_from(listed)?))?;
    }
    Ok(Exit::Done)
}
