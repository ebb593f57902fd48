//! Reports of the gate, for people.

use std::io::{self, Write};

use crate::cli::output::Table;
use domain::Amount;
use serde_json::Value;

use crate::cli::output::{self, eur};

/// Width of the column with the names of the checks, in characters, unless a name is longer.
const NAME_WIDTH: usize = 24;

/// Prints each check of a report in its JSON form, which is the same from this program and from a service; then what each
/// member would pay and get, where that was compared.
pub fn print(report: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let longest = checks.iter().map(|check| text(check, "name").chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_WIDTH);
    for check in checks {
        let mark = match check["verdict"].as_str() {
            Some("passed") => "✓",
            Some("noted") => "·",
            _ => "✗",
        };
        writeln!(out, "{mark} {:<width$} {}", text(check, "name"), text(check, "detail"))?;
    }
    if let Some(seed) = report["seed"].as_u64() {
        writeln!(
            out,
            "· {:<width$} {seed} (the probes with this seed are the same everywhere: check --seed {seed})",
            "seed"
        )?;
    }
    print_comparison(&report["comparison"], out)
}

/// Prints only what a report says about money.
pub fn print_money(report: &Value, out: &mut impl Write) -> io::Result<()> {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    match checks.iter().find(|check| check["name"] == "money").and_then(|check| check["detail"].as_str()) {
        Some(detail) => writeln!(out, "{detail}")?,
        None => writeln!(out, "the community has settled nothing yet, so there is nothing to compare")?,
    }
    print_comparison(&report["comparison"], out)
}

/// Prints what each member pays and gets, if there is a comparison.
fn print_comparison(comparison: &Value, out: &mut impl Write) -> io::Result<()> {
    let Some(members) = comparison["members"].as_array() else { return Ok(()) };
    let text = |key: &str| comparison[key].as_str().unwrap_or_default();
    writeln!(out, "\n{} rounds from {} to {}, in EUR:", comparison["intervals"], text("from"), text("until"))?;
    writeln!(out, "{}", table(members, &comparison["operator"]))?;
    match comparison["members_left_off"].as_u64() {
        Some(more) if more > 0 => writeln!(out, "and {more} more members"),
        _ => Ok(()),
    }
}

fn table(members: &[Value], operator: &Value) -> Table {
    let headings = [
        "member",
        "pays",
        "gets",
        "paid as settled",
        "got as settled",
        "difference",
        "pays with the grid alone",
        "gets with the grid alone",
        "difference",
    ];
    let mut table = output::table(&headings, 1);
    for member in members {
        let money = |key: &str| amount(&member[key]);
        let [paid, received] = ["paid", "received"].map(money);
        let [settled_paid, settled_received] = ["settled_paid", "settled_received"].map(money);
        let [grid_paid, grid_received] = ["grid_paid", "grid_received"].map(money);
        let balance = difference(received, paid);
        table.add_row([
            member["member"].as_str().unwrap_or_default().to_owned(),
            shown(paid),
            shown(received),
            shown(settled_paid),
            shown(settled_received),
            shown(difference(balance, difference(settled_received, settled_paid))),
            shown(grid_paid),
            shown(grid_received),
            shown(difference(balance, difference(grid_received, grid_paid))),
        ]);
    }
    let money = |key: &str| amount(&operator[key]);
    let [paid, received] = ["paid", "received"].map(money);
    let [settled_paid, settled_received] = ["settled_paid", "settled_received"].map(money);
    let more = difference(difference(received, paid), difference(settled_received, settled_paid));
    let row = [paid, received, settled_paid, settled_received, more].map(shown);
    table.add_row(std::iter::once("operator".to_owned()).chain(row));
    table
}

/// An amount in nEUR; none if it is neither a number nor the text of one.
fn amount(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_str()?.parse().ok())
}

fn difference(amount: Option<i128>, other: Option<i128>) -> Option<i128> {
    amount.zip(other).and_then(|(amount, other)| amount.checked_sub(other))
}

fn shown(amount: Option<i128>) -> String {
    amount.map_or_else(|| "?".to_owned(), |nano_eur| eur(Amount::from_nano_eur(nano_eur)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_member_pays_and_gets_stands_beside_what_settled_and_the_grid() {
        let comparison = json!({
            "from": "2023-09-01T00:00:00Z", "until": "2023-09-02T00:00:00Z", "intervals": 96,
            "operator": {"paid": 0, "received": 70_000_000, "settled_paid": 0, "settled_received": 0},
            "members": [{
                "member": "m01",
                "paid": 2_000_000_000, "received": 500_000_000,
                "settled_paid": 1_900_000_000, "settled_received": "700000000",
                "grid_paid": 1_950_000_000, "grid_received": 520_000_000,
            }],
            "members_left_off": 3,
        });
        let mut out = Vec::new();
        print_comparison(&comparison, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("96 rounds from 2023-09-01T00:00:00Z to 2023-09-02T00:00:00Z"), "{out}");
        let row = |name: &str| {
            let line = out.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("m01"), ["2.00", "0.50", "1.90", "0.70", "-0.30", "1.95", "0.52", "-0.07"]);
        assert_eq!(row("operator"), ["0.00", "0.07", "0.00", "0.00", "0.07"]);
        assert!(out.ends_with("and 3 more members\n"), "{out}");
    }

    #[test]
    fn without_a_comparison_nothing_is_printed() {
        let mut out = Vec::new();
        print_comparison(&Value::Null, &mut out).unwrap();
        assert!(out.is_empty());
        assert_eq!(shown(amount(&json!("much"))), "?");
    }
}
