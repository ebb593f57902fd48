//! `rec-market algorithm explain`: how a rule came to the trades of one round.

use std::io::Write;
use std::path::PathBuf;

use base::base_by_digest;
use clap::Args;
use explain::{Agreement, Cell, Column, Explanation, Step, Table, Unit, explain};
use serde::Serialize;
use words::Language;

use super::run::print::{self, PRINTED_MAX};
use super::run::{Candidate, LimitArgs, Outcome, judge, load, parse_reference, read_round};
use crate::algorithms::cache::check_settings;
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::output;

/// Explain how a rule came to the trades of one round: the merit orders, the price and why, and who got what
///
/// Runs the algorithm as `algorithm run` does, follows its rule step by step, and says whether these steps lead to exactly its
/// trades. For an algorithm that is not part of this program, it tells what the round and the trades show. A result that does
/// not balance is shown as by `algorithm run`, which also explains the round file.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of a base algorithm, or component file
    #[arg(value_name = "NAME")]
    pub algorithm: String,
    /// File with one round (- for stdin)
    #[arg(long, value_name = "R.json")]
    pub round: PathBuf,
    /// Print one JSON object, with energy in Wh, prices in µEUR/kWh and money in nEUR
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// The object of `explain --json`.
#[derive(Serialize)]
struct ExplanationJson<'a> {
    status: &'static str,
    algorithm: &'a str,
    version: &'a str,
    sha256: String,
    community: &'a str,
    start: String,
    steps: &'a [Step],
    /// Null for an algorithm whose rule is not known.
    agrees: Option<bool>,
    differences: &'a [String],
}

pub fn run(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let reference = parse_reference(&args.algorithm)?;
    let round = read_round(&args.round).exit_code(Exit::Usage)?;
    let candidate = load(reference)?;
    if let Ok(description) = &candidate.described {
        let keys = round.terms().settings.iter().map(|(key, _)| key.as_str());
        check_settings(keys, description, &candidate.reference)?;
    }
    let run = candidate.algorithm.clear(&round, args.limits.limits().budget(round.positions().len()))?;
    let outcome = judge(&round, &run);
    let Outcome::Balanced(trades) = &outcome else {
        if args.json {
            output::json_line(&print::json(&candidate, &round, &run, &outcome), out)?;
        } else {
            print::text(&candidate, &round, &run, &outcome, out)?;
        }
        return Ok(Exit::Bad);
    };
    let rule = base_by_digest(&candidate.algorithm.digest()).map(|base| base.name);
    let explanation = explain(rule, &round, trades, Language::En);
    let (name, version) = name_and_version(&candidate);
    let terms = round.terms();
    if args.json {
        let differences = differences(&explanation.agreement);
        let json = ExplanationJson {
            status: "balanced",
            algorithm: &name,
            version: &version,
            sha256: candidate.algorithm.digest().to_string(),
            community: &terms.community,
            start: terms.interval.start().to_string(),
            steps: &explanation.steps,
            agrees: (explanation.agreement != Agreement::Unknown).then_some(differences.is_empty()),
            differences,
        };
        output::json_line(&json, out)?;
    } else {
        writeln!(out, "{name} {version} on {} at {}", terms.community, terms.interval.start())?;
        text(&explanation, out)?;
    }
    // An explanation of another result than the component's is a mistake of the program's.
    Ok(if differences(&explanation.agreement).is_empty() { Exit::Done } else { Exit::Bad })
}

fn name_and_version(candidate: &Candidate) -> (String, String) {
    match &candidate.described {
        Ok(description) => (description.name.clone(), description.version.clone()),
        Err(_) => (candidate.reference.to_string(), String::new()),
    }
}

fn differences(agreement: &Agreement) -> &[String] {
    match agreement {
        Agreement::Differs(differences) => differences,
        Agreement::Exact | Agreement::Unknown => &[],
    }
}

fn text(explanation: &Explanation, out: &mut impl Write) -> anyhow::Result<()> {
    for Step { title, sentences, table } in &explanation.steps {
        writeln!(out, "\n{title}")?;
        for sentence in sentences {
            writeln!(out, "  {sentence}")?;
        }
        if let Some(table) = table {
            print_table(table, out)?;
        }
    }
    match &explanation.agreement {
        Agreement::Exact => writeln!(out, "\nThese steps lead to exactly the trades of the component.")?,
        Agreement::Unknown => {
            writeln!(out, "\nThis algorithm is not part of the program: its rule is told by its author.")?;
        }
        Agreement::Differs(differences) => {
            writeln!(out, "\nThese steps lead to other trades than the component's, which count:")?;
            differences.iter().try_for_each(|difference| writeln!(out, "  {difference}"))?;
        }
    }
    Ok(())
}

fn print_table(table: &Table, out: &mut impl Write) -> anyhow::Result<()> {
    if table.rows.is_empty() {
        return Ok(());
    }
    let headings: Vec<String> = table.columns.iter().map(heading).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let text_columns = table.columns.iter().take_while(|column| column.unit == Unit::Text).count();
    let mut printed = output::table(&headings, text_columns);
    for row in table.rows.iter().take(PRINTED_MAX) {
        printed.add_row(row.iter().zip(&table.columns).map(|(cell, column)| shown(cell, column.unit)));
    }
    writeln!(out, "{printed}")?;
    print::print_more(table.rows.len(), out)
}

fn heading(column: &Column) -> String {
    let unit = match column.unit {
        Unit::Text | Unit::Number => return column.name.to_owned(),
        Unit::Share => "ppm",
        Unit::Energy => "Wh",
        Unit::Price => "EUR/kWh",
        Unit::Money => "EUR",
    };
    format!("{} {unit}", column.name)
}

/// A figure for people: prices and money in euro, exact.
fn shown(cell: &Cell, unit: Unit) -> String {
    match (cell, unit) {
        (Cell::Text(text), _) => text.clone(),
        (Cell::Nothing, _) => "–".to_owned(),
        (Cell::Whole(number), Unit::Price) => Language::En.exact(*number, 6),
        (Cell::Whole(number), Unit::Money) => Language::En.exact(*number, 9),
        (Cell::Whole(number), _) => number.to_string(),
    }
}
