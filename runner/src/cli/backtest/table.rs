//! The result as tables for people: first a line for each rule, then for each rule its members.

use std::io::Write;

use books::statement::Account;
use domain::Amount;
use figures::backtest::{Kind, WorseOff};
use figures::text::{eur_of_change, percent_of_ppm};
use figures::{Backtest, Variant, statement};

use crate::cli::output::{self, cents_per_kwh, eur, eur_difference, grouped, kwh_of_sum};

pub(super) fn print(backtest: &Backtest, out: &mut impl Write) -> anyhow::Result<()> {
    print_coverage(backtest, out)?;
    if backtest.coverage.counted == 0 {
        return Ok(());
    }
    print_rules(backtest, out)?;
    let rules = backtest.variants.iter().filter(|variant| variant.named.kind != Kind::GridAlone);
    for variant in rules {
        print_members(backtest, variant, out)?;
    }
    writeln!(
        out,
        "\nMembers, their energy and their tariffs are as they were: nobody reacts to prices here. EUR are rounded to cents, \
         each number by itself; --json and --csv have every digit."
    )?;
    Ok(())
}

fn print_coverage(backtest: &Backtest, out: &mut impl Write) -> anyhow::Result<()> {
    let (coverage, community) = (&backtest.coverage, &backtest.community);
    let Some((from, until)) = backtest.span else {
        return Ok(writeln!(out, "{community}: there are no intervals in this time")?);
    };
    let zone = backtest.zone.iana_name().unwrap_or("UTC");
    write!(out, "{community}, {from} to {until} ({zone}): {} of ", grouped(coverage.counted))?;
    write!(out, "{} intervals count", grouped(coverage.intervals))?;
    for (count, what) in
        [(coverage.unread(), "have no readings at both ends"), (coverage.uncleared, "were not cleared by every rule")]
    {
        if count > 0 {
            write!(out, "; {} {what}", grouped(count))?;
        }
    }
    if coverage.gaps > 0 {
        write!(out, "; {} gaps of single meters are left out", grouped(coverage.gaps))?;
    }
    if let Some(ppm) = coverage.estimated_ppm().filter(|ppm| *ppm > 0) {
        write!(out, "; {} of the readings are estimates", percent_of_ppm(i128::try_from(ppm).ok()))?;
    }
    Ok(writeln!(out, "\n")?)
}

const RULE_HEADINGS: [&str; 13] = [
    "rule",
    "shared\nkWh",
    "of what\nis possible",
    "cover",
    "use",
    "paid\nEUR",
    "saved\nEUR",
    "better than\nbaseline EUR",
    "operator\nEUR",
    "worse than\nbaseline",
    "worse than\ngrid",
    "failed",
    "rejected",
];

fn print_rules(backtest: &Backtest, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(base) = backtest.base() else { return Ok(()) };
    let mut table = output::table(&RULE_HEADINGS, 1);
    let rate = |ppm: Option<u128>| percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    for variant in &backtest.variants {
        let all = variant.all();
        let beside = base.all().paid().checked_sub(all.paid()).unwrap_or_default();
        let is_base = std::ptr::eq(variant, base);
        table.add_row([
            format!("{}{}", variant.named.label, if is_base { " (baseline)" } else { "" }),
            kwh_of_sum(variant.total().shared_wh),
            rate(variant.potential_ppm()),
            rate(variant.cover_ppm()),
            rate(variant.use_ppm()),
            eur(all.paid()),
            eur(all.saved()),
            if is_base { String::new() } else { eur_difference(beside) },
            eur(variant.total().operator),
            if is_base { String::new() } else { worse(backtest, variant.worse_than(base)) },
            worse(backtest, variant.worse_than_grid()),
            grouped(variant.runs.failed),
            grouped(variant.runs.rejected),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(writeln!(
        out,
        "cover: shared energy of what was needed from outside; use: shared energy of what was fed in; saved: against the grid \
         alone. Operator: what the community's own account keeps."
    )?)
}

/// How many are worse off, and the one that loses most.
fn worse(backtest: &Backtest, worse: WorseOff) -> String {
    match worse.most.and_then(|(number, amount)| Some((backtest.members.get(number)?, amount))) {
        Some((member, amount)) => format!("{}: {member} {}", worse.members, eur_of_change(amount)),
        None => "0".to_owned(),
    }
}

const MEMBER_HEADINGS: [&str; 11] = [
    "member",
    "sold here\nkWh",
    "bought here\nkWh",
    "to grid\nkWh",
    "from grid\nkWh",
    "paid\nEUR",
    "saved\nEUR",
    "better than\nbaseline EUR",
    "buys at\nct/kWh",
    "sells at\nct/kWh",
    "worse off than",
];

fn print_members(backtest: &Backtest, variant: &Variant, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(base) = backtest.base() else { return Ok(()) };
    let mut table = output::table(&MEMBER_HEADINGS, 1);
    let row = |name: &str, account: &Account, beside: Amount| {
        let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
        let is_base = std::ptr::eq(variant, base);
        let mut worse = Vec::new();
        worse.extend((account.saved() < Amount::ZERO).then_some("grid"));
        worse.extend((beside < Amount::ZERO && !is_base).then_some("baseline"));
        let mut row = vec![name.to_owned()];
        row.extend(flows.map(|flow| kwh_of_sum(flow.wh)));
        row.extend([account.paid(), account.saved()].map(eur));
        row.push(if is_base { String::new() } else { eur_difference(beside) });
        row.extend([statement::bought_at(account), statement::sold_at(account)].map(cents_per_kwh));
        row.push(worse.join(", "));
        row
    };
    for (number, (member, account)) in backtest.members.iter().zip(variant.accounts()).enumerate() {
        table.add_row(row(member.as_str(), account, variant.beside(base, number)));
    }
    let beside = base.all().paid().checked_sub(variant.all().paid()).unwrap_or_default();
    table.add_total(row("all members", variant.all(), beside));
    writeln!(out, "\n{}", variant.named.label)?;
    Ok(writeln!(out, "{table}")?)
}
