//! How a rule came to the trades of one round: the merit orders, the price and why, and who got what, in each language.
//!
//! The trades are always the component's, as the sandbox ran it and the check took them. What is told beside them follows the
//! rule step by step with the kit's own building blocks, and must lead to exactly these trades: if it does not, the
//! explanation says so. Of an algorithm that is not part of the program, it tells what the round and the trades show.
//!
//! Start at [`explain`]. Beside the steps, which are for reading, it returns the [`Market`], which is for drawing, and from which
//! one member's own line can be shown alone. Deliberately absent: stores, running algorithms, pages.

mod auction;
mod fluvius;
mod market;
mod members;
pub mod native;
mod rules;
mod shares;
mod side;
mod story;
mod tariff;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
mod tests;
mod truthful;
mod voice;

use domain::{Round, Trade};
use serde::{Serialize, Serializer};
use words::{Language, fill};

pub use market::{Block, Line, Market, MarketPrice, PriceOf};
pub use rules::summary;
pub use side::{Reason, Role, Side};
use story::Story;
use voice::Voice;

/// An explanation, for whoever prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// From what the rule was given, by what it decided, to what it means for each member.
    pub steps: Vec<Step>,
    /// The same as structure.
    pub market: Market,
    /// Whether these steps lead to the component's trades.
    pub agreement: Agreement,
}

/// One step, in the order in which the rule takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it decides, in a few words.
    pub title: &'static str,
    /// How, in whole sentences.
    pub sentences: Vec<String>,
    /// The figures behind them.
    pub table: Option<Table>,
}

/// A table of figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What the columns have.
    pub columns: Vec<Column>,
    /// One cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// What its cells are.
    pub unit: Unit,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Names and words.
    Text,
    /// Whole numbers, such as places and ranks.
    Number,
    /// Parts per million.
    Share,
    /// Wh.
    Energy,
    /// µEUR/kWh.
    Price,
    /// nEUR.
    Money,
}

impl Unit {
    /// The unit in which cells hold their figures; `None` for names and counts.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Unit::Text | Unit::Number => None,
            Unit::Share => Some("ppm"),
            Unit::Energy => Some("Wh"),
            Unit::Price => Some("µEUR/kWh"),
            Unit::Money => Some("nEUR"),
        }
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name().serialize(serializer)
    }
}

/// One figure or word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A name or a word.
    Text(String),
    /// A figure in the column's unit.
    Whole(i128),
    /// Not there, or too large for 128 bits.
    Nothing,
}

/// Whether the steps of an explanation lead to the component's trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// To exactly these.
    Exact,
    /// To others: what differs.
    Differs(Vec<String>),
    /// Nobody but the component knows its rule.
    Unknown,
}

/// Explains the trades of a round, which have passed the check, by a rule of the program; `None` for any other algorithm.
pub fn explain(rule: Option<&str>, round: &Round, trades: &[Trade], language: Language) -> Explanation {
    let (kit_round, voice) = (native::round(round), Voice::of(language));
    let mut story = Story::new(&kit_round, voice);
    story.tell_round();
    let agreement = match rule.and_then(|rule| rules::follow(rule, &mut story)) {
        None => Agreement::Unknown,
        Some(Ok(expected)) => agreement(round, trades, native::trades(&expected), voice),
        Some(Err(reason)) => Agreement::Differs(vec![fill(voice.texts.rule_error, &[("reason", &reason)])]),
    };
    let (mut steps, marks) = story.into_parts();
    members::tell_trades(round, trades, voice, &mut steps);
    let market = marks.into_market(round, trades, agreement == Agreement::Exact);
    Explanation { steps, market, agreement }
}

/// How many differences are told.
const DIFFERENCES_MAX: usize = 10;

/// Compares two results as multisets: the order of trades means nothing.
fn agreement(round: &Round, trades: &[Trade], mut expected: Vec<Trade>, voice: Voice) -> Agreement {
    let mut found = trades.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    let mut differences = Vec::new();
    let (mut found, mut expected) = (found.iter().peekable(), expected.iter().peekable());
    loop {
        let (only, text) = match (found.peek(), expected.peek()) {
            (Some(a), Some(b)) if a == b => {
                found.next();
                expected.next();
                continue;
            }
            (Some(a), Some(b)) if a < b => (found.next(), voice.texts.only_component),
            (_, Some(_)) => (expected.next(), voice.texts.only_explanation),
            (Some(_), None) => (found.next(), voice.texts.only_component),
            (None, None) => break,
        };
        if let Some(trade) = only {
            differences.push(fill(text, &[("trade", &members::trade_in_words(round, trade, voice))]));
        }
    }
    match differences.len().checked_sub(DIFFERENCES_MAX) {
        _ if differences.is_empty() => Agreement::Exact,
        None | Some(0) => Agreement::Differs(differences),
        Some(more) => {
            differences.truncate(DIFFERENCES_MAX);
            differences.push(fill(voice.texts.and_more, &[("count", &more)]));
            Agreement::Differs(differences)
        }
    }
}
