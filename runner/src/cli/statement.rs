//! `rec-market statement`: sums per member and period.

mod html;
mod rebuild;
mod table;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use books::statement::{Account, Statement};
use books::{Calendar, Period, Span};
use clap::{Args, Subcommand, ValueEnum};
use domain::MemberId;
use jiff::tz::TimeZone;
use words::Language;

use crate::cli::args::{ConfigArg, SpanArgs, language, zone};
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::{output, stored};
use crate::spreadsheet::Csv;
use crate::statements::periods::{self, Periods};
use crate::statements::row::{COLUMNS, Row};
use table::Tables;

/// Show what each member sold, bought, paid and saved
///
/// Days and months are those of the community's time zone. An interval belongs to the day on which it starts.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StatementArgs {
    #[command(subcommand)]
    pub command: Option<StatementCommand>,
    #[command(flatten)]
    pub config: ConfigArg,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Print one row for each member and period
    #[arg(long, value_enum, default_value_t = PeriodArg::Total)]
    pub period: PeriodArg,
    /// Time zone of days, months and dates, such as Europe/Lisbon [default: the community's]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub zone: Option<TimeZone>,
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only this member
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,
    /// Print one JSON object per line, with amounts in nano-euro
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values, with amounts in nano-euro
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Write a page to print for each member, and for each month with --period month, into this directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "csv"])]
    pub html: Option<PathBuf>,
    /// The language of these pages: en, pt, de, fr, nl or es
    #[arg(long, value_name = "CODE", value_parser = language, default_value = "en", requires = "html")]
    pub lang: Language,
}

#[derive(Debug, Subcommand)]
pub enum StatementCommand {
    Rebuild(rebuild::RebuildArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeriodArg {
    /// The whole span
    Total,
    /// Calendar months
    Month,
    /// Days
    Day,
}

impl PeriodArg {
    fn calendar(self) -> Option<Calendar> {
        match self {
            PeriodArg::Total => None,
            PeriodArg::Month => Some(Calendar::Month),
            PeriodArg::Day => Some(Calendar::Day),
        }
    }
}

/// One community's intervals of a statement.
struct Selection {
    community: String,
    zone: TimeZone,
    span: Span,
}

pub async fn run(args: &StatementArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    if let Some(StatementCommand::Rebuild(args)) = &args.command {
        return rebuild::run(args, out).await;
    }
    let member = args.member.as_deref().map(MemberId::from_stored).transpose();
    let member = member.context("--member").exit_code(Exit::Usage)?;
    let (config, store) = stored::open(&args.config).await?;
    let mut selections = Vec::new();
    for community in stored::communities(&config, &*store, args.community.as_deref()).await? {
        let zone = args.zone.clone().unwrap_or_else(|| stored::zone(&config, &community));
        let span = stored::span(&args.span, &zone)?;
        selections.push(Selection { community, zone, span });
    }
    if let Some(directory) = &args.html {
        return html::write(args, directory, member.as_ref(), &selections, &*store, out).await;
    }
    let mut sheet = match (args.json, args.csv) {
        (true, _) => Sheet::Json(out),
        (false, true) => Sheet::Csv(Box::new(Csv::new(&COLUMNS, out)?)),
        (false, false) => Sheet::Tables(Tables::new(out)),
    };
    for selection in &selections {
        let mut page = Page::new(selection, member.as_ref(), &mut sheet);
        let mut sums: Periods<'_, Statement> = Periods::new(args.period.calendar(), &selection.zone);
        let over = |(period, statement): (Option<Period>, _)| page.add(periods::name(period.as_ref()), statement);
        sums.add_all(&*store, &selection.community, selection.span, over).await?;
        if let Some((period, statement)) = sums.finish() {
            page.add(periods::name(period.as_ref()), statement)?;
        }
        page.finish()?;
    }
    sheet.finish()?;
    Ok(Exit::Done)
}

/// Where rows go.
enum Sheet<'o, W: Write> {
    Json(&'o mut W),
    Csv(Box<Csv<&'o mut W>>),
    Tables(Tables<&'o mut W>),
}

impl<W: Write> Sheet<'_, W> {
    fn finish(self) -> anyhow::Result<()> {
        match self {
            Sheet::Json(_) => Ok(()),
            Sheet::Csv(csv) => csv.finish().map(drop).map_err(Into::into),
            Sheet::Tables(tables) => tables.finish(),
        }
    }
}

/// What one community has on the sheet.
struct Page<'p, 'o, W: Write> {
    community: &'p str,
    zone: &'p str,
    member: Option<&'p MemberId>,
    sheet: &'p mut Sheet<'o, W>,
    is_empty: bool,
    /// The periods of the only member, who has one table for all of them.
    only: Vec<(String, Account)>,
}

impl<'p, 'o, W: Write> Page<'p, 'o, W> {
    fn new(selection: &'p Selection, member: Option<&'p MemberId>, sheet: &'p mut Sheet<'o, W>) -> Page<'p, 'o, W> {
        let zone = selection.zone.iana_name().unwrap_or_default();
        Page { community: &selection.community, zone, member, sheet, is_empty: true, only: Vec::new() }
    }

    fn add(&mut self, period: String, statement: Statement) -> anyhow::Result<()> {
        let is_shown = |id: &MemberId| self.member.is_none_or(|member| id == member);
        let mut accounts = statement.members.iter().filter(|(id, _)| is_shown(id)).peekable();
        if accounts.peek().is_none() {
            return Ok(());
        }
        self.is_empty = false;
        let (community, zone) = (self.community, self.zone);
        match &mut *self.sheet {
            Sheet::Json(out) => accounts.try_for_each(|(id, account)| {
                output::json_line(&Row::new(community, zone, &period, id.as_str(), account), out)
            }),
            Sheet::Csv(csv) => accounts.try_for_each(|(id, account)| {
                Ok(csv.row(Row::new(community, zone, &period, id.as_str(), account).cells())?)
            }),
            Sheet::Tables(_) if self.member.is_some() => {
                self.only.extend(accounts.map(|(_, account)| (period.clone(), *account)));
                Ok(())
            }
            Sheet::Tables(tables) => {
                tables.line(&format!("{community}, {period} ({zone})"))?;
                let accounts = accounts.map(|(id, account)| (id.as_str(), account));
                tables.print("member", accounts, "all members")
            }
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        let Sheet::Tables(tables) = self.sheet else { return Ok(()) };
        let of = self.member.map(|member| format!(" of {member}")).unwrap_or_default();
        if self.is_empty {
            return tables.line(&format!("{}: nothing{of} is settled in this time", self.community));
        }
        if let Some(member) = self.member {
            tables.line(&format!("{member} of {} ({})", self.community, self.zone))?;
            let periods = self.only.iter().map(|(period, account)| (period.as_str(), account));
            tables.print("period", periods, "all periods")?;
        }
        Ok(())
    }
}
