//! `rec-market statement`: sums per member and period.

use std::collections::BTreeMap;
use std::io::Write;

use books::StoredInterval;
use books::statement::{Account, Statement};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::args::{ConfigArg, SpanArgs};
use crate::cli::csv::{Cell, Csv};
use crate::cli::exit::Exit;
use crate::cli::{output, stored};

/// Show what each member sold, bought, paid and saved
#[derive(Debug, Args)]
pub struct StatementArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Print one row for each member and period
    #[arg(long, value_enum, default_value_t = PeriodArg::Total)]
    pub period: PeriodArg,
    /// Print one JSON object per line, with amounts in nano-euro
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values, with amounts in nano-euro
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeriodArg {
    /// The whole span
    Total,
    /// Calendar months (UTC)
    Month,
    /// Days (UTC)
    Day,
}

/// One line of `--json` and `--csv`: energy in Wh, money in nEUR.
#[derive(Serialize)]
struct Row<'a> {
    community: &'a str,
    period: &'a str,
    member: &'a str,
    sold_local_wh: u128,
    sold_local_neur: i128,
    bought_local_wh: u128,
    bought_local_neur: i128,
    sold_grid_wh: u128,
    sold_grid_neur: i128,
    bought_grid_wh: u128,
    bought_grid_neur: i128,
    paid_neur: i128,
    grid_alone_neur: i128,
    saved_neur: i128,
}

/// The header of `--csv`: the names of the row's fields, which are printed even if there are no rows.
const COLUMNS: [&str; 14] = [
    "community",
    "period",
    "member",
    "sold_local_wh",
    "sold_local_neur",
    "bought_local_wh",
    "bought_local_neur",
    "sold_grid_wh",
    "sold_grid_neur",
    "bought_grid_wh",
    "bought_grid_neur",
    "paid_neur",
    "grid_alone_neur",
    "saved_neur",
];

impl<'a> Row<'a> {
    fn new(community: &'a str, period: &'a str, member: &'a str, account: &Account) -> Row<'a> {
        Row {
            community,
            period,
            member,
            sold_local_wh: account.sold_local.wh,
            sold_local_neur: account.sold_local.amount.nano_eur(),
            bought_local_wh: account.bought_local.wh,
            bought_local_neur: account.bought_local.amount.nano_eur(),
            sold_grid_wh: account.sold_grid.wh,
            sold_grid_neur: account.sold_grid.amount.nano_eur(),
            bought_grid_wh: account.bought_grid.wh,
            bought_grid_neur: account.bought_grid.amount.nano_eur(),
            paid_neur: account.paid().nano_eur(),
            grid_alone_neur: account.grid_alone.nano_eur(),
            saved_neur: account.saved().nano_eur(),
        }
    }

    fn cells(self) -> Vec<Cell> {
        let texts = [self.community, self.period, self.member].map(Cell::from);
        let flows = [
            (self.sold_local_wh, self.sold_local_neur),
            (self.bought_local_wh, self.bought_local_neur),
            (self.sold_grid_wh, self.sold_grid_neur),
            (self.bought_grid_wh, self.bought_grid_neur),
        ];
        let flows = flows.into_iter().flat_map(|(wh, neur)| [Cell::from(wh), Cell::from(neur)]);
        let sums = [self.paid_neur, self.grid_alone_neur, self.saved_neur].map(Cell::from);
        texts.into_iter().chain(flows).chain(sums).collect()
    }
}

pub async fn run(args: &StatementArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let span = stored::span(&args.span)?;
    let (config, store) = stored::open(&args.config).await?;
    let names = stored::communities(&config, &*store, None).await?;
    let mut csv = args.csv.then(|| Csv::new(&COLUMNS, Vec::new())).transpose()?;
    for name in &names {
        let mut periods: BTreeMap<String, Statement> = BTreeMap::new();
        stored::each_interval(&*store, name, span, |interval| {
            periods.entry(period(args.period, interval)).or_default().add(interval);
            Ok::<(), anyhow::Error>(())
        })
        .await?;
        for (period, statement) in &periods {
            for (member, account) in &statement.members {
                let row = Row::new(name, period, member.as_str(), account);
                if args.json {
                    output::json_line(&row, out)?;
                } else if let Some(csv) = &mut csv {
                    csv.row(row.cells())?;
                }
            }
            if !args.json && !args.csv {
                writeln!(out, "{name}, {period}")?;
                print(statement, out)?;
            }
        }
    }
    if let Some(csv) = csv {
        out.write_all(&csv.finish()?)?;
    }
    Ok(Exit::Done)
}

/// The name of the period that an interval belongs to, by its start in UTC.
fn period(by: PeriodArg, interval: &StoredInterval) -> String {
    let start = interval.interval.start().to_string();
    match by {
        PeriodArg::Total => "total".to_owned(),
        PeriodArg::Month => start.chars().take(7).collect(),
        PeriodArg::Day => start.chars().take(10).collect(),
    }
}

/// Prints a statement as a table with a line for the whole community.
pub fn print(statement: &Statement, out: &mut impl Write) -> anyhow::Result<()> {
    let headings = [
        "member",
        "sold local\nkWh",
        "\nEUR",
        "bought local\nkWh",
        "\nEUR",
        "to grid\nkWh",
        "\nEUR",
        "from grid\nkWh",
        "\nEUR",
        "paid\nEUR",
        "grid alone\nEUR",
        "saved\nEUR",
    ];
    let mut table = output::table(&headings, 1);
    let total = statement.total();
    let members = statement.members.iter().map(|(member, account)| (member.as_str(), account));
    for (name, account) in members.chain([("community", &total)]) {
        let mut row = vec![name.to_owned()];
        for flow in [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid] {
            row.push(output::kwh(i128::try_from(flow.wh).unwrap_or(i128::MAX)));
            row.push(output::eur(flow.amount));
        }
        row.extend([account.paid(), account.grid_alone, account.saved()].map(output::eur));
        table.add_row(row);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
