//! A member's own intervals, as files to keep: CSV for spreadsheets, and JSON.

use books::Period;
use domain::MemberId;
use figures::own;
use serde::Serialize;

use super::{Books, Settled, too_large};
use crate::adapter::web::ask::{File, Refusal, Shown};
use crate::spreadsheet::Csv;
use crate::statements::interval::{COLUMNS, Row};
use crate::statements::{days, each_interval};

/// Most trades of all members in a period of which a file is made, which takes some seconds: a year of 30 members, or some months
/// of 100.
pub(super) const TRADES_MAX: u64 = 1_500_000;

/// All of a member's intervals of a period.
#[derive(Serialize)]
struct Whole<'a> {
    community: &'a str,
    period: String,
    member: &'a str,
    zone: &'a str,
    intervals: Vec<Row>,
}

/// Makes the file.
pub(super) async fn make(
    books: &Books<'_>,
    period: &Period,
    settled: &Settled,
    member: &MemberId,
    format: &str,
) -> Result<Shown, Refusal> {
    if !matches!(format, "csv" | "json") {
        return Err(Refusal::Wrong { name: "format", value: format.to_owned(), expected: "csv, json" });
    }
    if settled.trades() > TRADES_MAX {
        return Err(Refusal::Wrong { name: "period", value: period.to_string(), expected: "YYYY-MM, YYYY-MM-DD" });
    }
    let community = books.community;
    let mut rows: Vec<Row> = Vec::new();
    each_interval(&*books.ask.parts.reader, &community.name, days::span(period), |stored| {
        let steps = own::steps(stored, member).map_err(too_large)?;
        rows.extend(steps.iter().map(|step| Row::new(step, &community.zone)));
        Ok::<(), Refusal>(())
    })
    .await?;
    let zone = community.zone.iana_name().unwrap_or_default();
    let name = format!("{}-{member}-{period}.{format}", community.name);
    let file = if format == "csv" {
        File { kind: "text/csv; charset=utf-8", name, content: csv(rows) }
    } else {
        let whole = Whole {
            community: &community.name,
            period: period.to_string(),
            member: member.as_str(),
            zone,
            intervals: rows,
        };
        // OK because rows are plain, so writing them to memory does not fail.
        let text = serde_json::to_string(&whole).unwrap_or_default();
        let text = domain::text::printable_json(&text).into_owned() + "\n";
        File { kind: "application/json", name, content: text.into_bytes() }
    };
    let mut shown = Shown::new("", maud::html! {}, serde_json::Value::Null);
    shown.file = Some(file);
    Ok(shown)
}

fn csv(rows: Vec<Row>) -> Vec<u8> {
    let mut csv = match Csv::new(&COLUMNS, Vec::new()) {
        Ok(csv) => csv,
        // OK because writing to memory does not fail.
        Err(_) => return Vec::new(),
    };
    let written = rows.into_iter().try_for_each(|row| csv.row(row.cells()));
    written.ok().and_then(|()| csv.finish().ok()).unwrap_or_default()
}
