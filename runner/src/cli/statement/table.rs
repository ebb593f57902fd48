//! Accounts as tables for people, who see cents.

use std::io::Write;

use books::statement::Account;

use crate::cli::output;

/// The headings but the first.
const HEADINGS: [&str; 11] = [
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

/// Prints tables, and remembers whether any number in them is rounded.
pub struct Tables<W: Write> {
    out: W,
    is_rounded: bool,
}

impl<W: Write> Tables<W> {
    pub fn new(out: W) -> Tables<W> {
        Tables { out, is_rounded: false }
    }

    /// Prints a line of text.
    pub fn line(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Prints one table: a row for each account, and their sum if there are several.
    pub fn print<'a>(
        &mut self,
        heading: &str,
        rows: impl IntoIterator<Item = (&'a str, &'a Account)>,
        total: &str,
    ) -> anyhow::Result<()> {
        let headings: Vec<&str> = [heading].into_iter().chain(HEADINGS).collect();
        let mut table = output::table(&headings, 1);
        let (mut sum, mut count) = (Account::default(), 0_u64);
        for (name, account) in rows {
            table.add_row(self.cells(name, account));
            sum.add(account);
            count += 1;
        }
        if count > 1 {
            table.add_total(self.cells(total, &sum));
        }
        self.line(&table.to_string())
    }

    fn cells(&mut self, name: &str, account: &Account) -> Vec<String> {
        let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
        let sums = [account.paid(), account.grid_alone, account.saved()];
        let amounts = flows.map(|flow| flow.amount).into_iter().chain(sums);
        self.is_rounded |= !amounts.into_iter().all(output::is_whole_cents);
        let mut row = vec![name.to_owned()];
        for flow in flows {
            row.push(output::kwh(i128::try_from(flow.wh).unwrap_or(i128::MAX)));
            row.push(output::eur(flow.amount));
        }
        row.extend(sums.map(output::eur));
        row
    }

    /// Says below the last table that its numbers are rounded, if they are.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.is_rounded {
            self.line(
                "EUR are rounded to cents, each number by itself, so they may differ by cents from a rounded sum; \
                 --json and --csv have every digit.",
            )?;
        }
        Ok(())
    }
}
