//! The result of the demo as text.

use std::io::Write;

use books::statement::Account;
use domain::MeterId;

use super::payments::Payments;
use super::{COMMUNITY, DemoResult};
use crate::cli::output;

impl DemoResult {
    /// A member's kind of household, and what it produced and used: behind its meter if that is simulated, or else as its
    /// meter saw it.
    pub(super) fn home(&self, member: &str) -> (Option<&str>, u64, u64) {
        let Ok(meter) = member.parse::<MeterId>() else { return (None, 0, 0) };
        match self.scene.homes.get(&meter) {
            Some(home) => (Some(&home.kind), home.produced_wh, home.used_wh),
            None => {
                let (export, import) = self.books.metered.get(&meter).copied().unwrap_or_default();
                (None, export, import)
            }
        }
    }

    pub(super) fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(out, "\n{COMMUNITY}: {}\n", self.scene.title)?;
        self.print_members(out)?;
        if self.scene.homes.is_empty() {
            writeln!(
                out,
                "  \"produced\" and \"used\" are as metered: what a home uses of its own production does not pass its meter"
            )?;
        }
        let total = self.books.statement.total();
        let demand = total.bought_local.wh + total.bought_grid.wh;
        writeln!(
            out,
            "\nOf the {} kWh that members drew through their meters, {} came from neighbours.",
            kwh(demand),
            output::percent(total.bought_local.wh, demand),
        )?;
        writeln!(out, "By hour of the day (UTC): {}  peak at {:02}:00", self.sparkline(), self.peak_hour())?;
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
            "sold local\nkWh",
            "bought local\nkWh",
            "to grid\nkWh",
            "from grid\nkWh",
            "paid\nEUR",
            "grid alone\nEUR",
            "saved\nEUR",
        ];
        let mut table = output::table(&headings, 2);
        let (mut produced_all, mut used_all) = (0_u128, 0_u128);
        let statement = &self.books.statement;
        let row = |name: &str, kind: &str, produced: u128, used: u128, account: &Account| {
            let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
            let mut row = vec![name.to_owned(), kind.to_owned(), kwh(produced), kwh(used)];
            row.extend(flows.map(|flow| kwh(flow.wh)));
            row.extend([account.paid(), account.grid_alone, account.saved()].map(output::eur));
            row
        };
        for (member, account) in &statement.members {
            let (kind, produced, used) = self.home(member.as_str());
            produced_all += u128::from(produced);
            used_all += u128::from(used);
            let (produced, used) = (u128::from(produced), u128::from(used));
            table.add_row(row(member.as_str(), kind.unwrap_or_default(), produced, used, account));
        }
        table.add_total(row("total", "", produced_all, used_all, &statement.total()));
        writeln!(out, "{table}")?;
        Ok(())
    }

    fn print_proof(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.audit.findings_total == 0 {
            writeln!(
                out,
                "All {} quarter-hours with {} trades balance to the watt-hour: each member's trades add up to its meter.",
                output::grouped(self.summary.intervals),
                output::grouped(self.audit.trades),
            )?;
        } else {
            writeln!(out, "The books are NOT right:")?;
            self.audit.findings.iter().try_for_each(|finding| writeln!(out, "  {finding}"))?;
        }
        let each = self.settle_seconds * 1000.0 / self.audit.intervals.max(1) as f64;
        writeln!(
            out,
            "Settled over gRPC, each in a fresh sandbox, in {:.1} s ({each:.2} ms per interval).",
            self.settle_seconds
        )?;
        self.print_payments(out)?;
        self.algorithm.print(out)?;
        self.report.print(out)
    }

    fn print_payments(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Payments { mode, totals, seconds } = self.payments;
        let how = if mode == "push" { "were pushed to" } else { "were fetched by" };
        writeln!(
            out,
            "{} trades between members {how} Transactions over TLS in {seconds:.1} s: {} paid, {} EUR in total.",
            output::grouped(totals.trades),
            output::grouped(totals.paid),
            output::eur(totals.amount),
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
