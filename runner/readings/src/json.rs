//! JSON files: lists of values, given on as rows.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Options;
use crate::formats::leneda::{self, Document, Leneda};
use crate::formats::{DATADIS_API, DatadisApi, Format, Opened};
use crate::limits::ROWS_MAX;
use crate::problem::Problem;
use crate::source::{Cell, Each, Head, Row, Rows};

/// An hour as Datadis gives it to programs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DatadisItem {
    cups: String,
    date: String,
    time: String,
    #[serde(rename = "consumptionKWh")]
    consumption: Option<f64>,
    obtain_method: Option<String>,
    #[serde(rename = "surplusEnergyKWh")]
    surplus: Option<f64>,
}

/// The same inside of an answer.
#[derive(Deserialize)]
struct DatadisAnswer {
    #[serde(alias = "response", alias = "timeCurve")]
    items: Vec<DatadisItem>,
}

/// The rows of a JSON file.
pub enum JsonRows {
    /// Of Leneda, one series after the other.
    Leneda(Vec<Document>),
    /// Of Datadis, below a row of headings.
    Datadis(DatadisRows),
}

/// The hours of a Datadis file.
pub struct DatadisRows(Vec<DatadisItem>);

/// Opens a JSON file.
pub fn open(text: &str, options: &Options) -> Result<(&'static dyn Format, Opened, JsonRows), Problem> {
    // One kind after the other, each read as what it is: so nothing else is ever held.
    if let Ok(document) = serde_json::from_str::<Document>(text) {
        return leneda(vec![document]);
    }
    if let Ok(documents) = serde_json::from_str::<Vec<Document>>(text) {
        return if documents.is_empty() { Err(Problem::Empty) } else { leneda(documents) };
    }
    let answer = || Some(serde_json::from_str::<DatadisAnswer>(text).ok()?.items);
    let items = serde_json::from_str::<Vec<DatadisItem>>(text);
    let items = items.ok().or_else(answer).ok_or_else(|| unknown(text))?;
    let mut rows = JsonRows::Datadis(DatadisRows(items));
    let head = Head::read(&mut rows)?;
    let opened = DatadisApi.open(&head, options).ok_or(Problem::Empty)??;
    Ok((&DatadisApi, opened, rows))
}

fn leneda(documents: Vec<Document>) -> Result<(&'static dyn Format, Opened, JsonRows), Problem> {
    Ok((&Leneda, leneda::open(&documents)?, JsonRows::Leneda(documents)))
}

fn unknown(text: &str) -> Problem {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Problem::Damaged(error.to_string());
    }
    let seen: String = text.chars().take(120).collect();
    let known = format!(
        "{} ({}); {}",
        leneda::ABOUT.title,
        leneda::ABOUT.known_by,
        "Datadis (a list of cups, date, time, consumptionKWh)"
    );
    Problem::Unknown { seen: format!("{seen:?}"), known }
}

impl Rows for JsonRows {
    fn each(&mut self, limit: Option<usize>, each: Each<'_>) -> Result<(), Problem> {
        let mut give = |number: u64, cells: &[Cell<'_>]| match number {
            _ if number > ROWS_MAX => Err(Problem::TooManyRows),
            number => each(Row { number, cells }),
        };
        let limit = limit.unwrap_or(usize::MAX);
        match self {
            JsonRows::Leneda(documents) => {
                let items = documents.iter().flat_map(|document| &document.items);
                items.zip(1..).take(limit).try_for_each(|(item, number)| give(number, &item.cells()))
            }
            JsonRows::Datadis(DatadisRows(items)) => {
                give(1, &DATADIS_API.map(Cell::Text))?;
                items.iter().zip(2..).take(limit).try_for_each(|(item, number)| {
                    let number_of = |energy: Option<f64>| energy.map_or(Cell::Empty, Cell::Number);
                    let method = item.obtain_method.as_deref().map_or(Cell::Empty, Cell::Text);
                    let [cups, date, time] = [&item.cups, &item.date, &item.time].map(|text| Cell::Text(text));
                    give(number, &[cups, date, time, number_of(item.consumption), method, number_of(item.surplus)])
                })
            }
        }
    }
}
