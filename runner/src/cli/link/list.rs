//! `rec-market link list`: the links that were made, and which of them still open a page.

use std::io::Write;

use anyhow::Context;
use books::Link;
use clap::Args;
use domain::MemberId;
use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::{output, stored};
use crate::clock::{Clock, SystemClock};

/// Links that are held in memory at a time.
const PAGE: usize = 1000;

/// List the links of members, in the order in which they were made
///
/// A link itself was shown when it was made, and is kept nowhere: only its id is listed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only links of this member
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,
    /// Only links that are valid now
    #[arg(long)]
    pub valid: bool,
    /// Print one JSON object per link
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// One line of `--json`.
#[derive(Serialize)]
pub struct LinkJson<'a> {
    id: String,
    community: &'a str,
    member: &'a str,
    created: String,
    by: &'a str,
    expires: String,
    revoked: Option<String>,
    valid: bool,
}

impl<'a> LinkJson<'a> {
    pub fn new(link: &'a Link, now: Timestamp) -> LinkJson<'a> {
        LinkJson {
            id: link.id(),
            community: &link.community,
            member: link.member.as_str(),
            created: link.created_at.to_string(),
            by: &link.created_by,
            expires: link.expires_at.to_string(),
            revoked: link.revoked_at.map(|at| at.to_string()),
            valid: link.is_valid(now),
        }
    }
}

pub async fn run(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let member: Option<MemberId> = match &args.member {
        Some(name) => Some(MemberId::from_stored(name).context("--member").exit_code(Exit::Usage)?),
        None => None,
    };
    let (_, store) = stored::open(&args.config).await?;
    let now = SystemClock.now();
    let mut table = output::table(&["link", "community", "member", "made", "by", "state"], 6);
    let (mut listed, mut after) = (0_u64, None);
    loop {
        let page = store.links(args.community.as_deref(), member.as_ref(), after.as_ref(), PAGE).await?;
        for link in page.iter().filter(|link| link.is_valid(now) || !args.valid) {
            listed += 1;
            match args.json {
                true => output::json_line(&LinkJson::new(link, now), out)?,
                false => table.add_row(cells(link, now)?),
            }
        }
        if page.len() < PAGE {
            break;
        }
        after = page.last().cloned();
    }
    if !args.json {
        if listed > 0 {
            writeln!(out, "{table}")?;
        }
        let noun = if listed == 1 { "link" } else { "links" };
        writeln!(out, "{} {noun}", output::grouped(listed))?;
    }
    Ok(Exit::Done)
}

fn cells(link: &Link, now: Timestamp) -> anyhow::Result<[String; 6]> {
    let second = |at: Timestamp| at.round(Unit::Second).map(|at| at.to_string());
    let state = match link.revoked_at {
        Some(at) => format!("revoked {}", second(at)?),
        None if link.is_valid(now) => format!("valid until {}", second(link.expires_at)?),
        None => format!("ended {}", second(link.expires_at)?),
    };
    let (community, member) = (link.community.clone(), link.member.to_string());
    Ok([link.id(), community, member, second(link.created_at)?, link.created_by.clone(), state])
}
