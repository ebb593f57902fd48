//! How a rule came to the trades of one round: the merit orders, the price and why, and who got what.
//!
//! The trades are always the component's, as the sandbox ran it and the check took them. What is told beside them follows the
//! rule step by step with the kit's own building blocks, and must lead to exactly these trades: if it does not, the
//! explanation says so. Of an algorithm that is not part of the program, it tells what the round and the trades show.

mod auction;
mod fluvius;
mod members;
pub mod native;
mod rules;
mod shares;
mod story;
mod tariff;
mod truthful;
pub mod words;

use domain::{Round, Trade};
use serde::{Serialize, Serializer};

use story::Story;

/// An explanation, for whoever prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// From what the rule was given, by what it decided, to what it means for each member.
    pub steps: Vec<Step>,
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
    pub columns: Vec<Column>,
    /// One cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    pub name: &'static str,
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
    Text(String),
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
pub fn explain(rule: Option<&str>, round: &Round, trades: &[Trade]) -> Explanation {
    let kit_round = native::round(round);
    let mut story = Story::new(&kit_round);
    story.tell_round();
    let agreement = match rule.and_then(|rule| rules::follow(rule, &mut story)) {
        None => Agreement::Unknown,
        Some(Ok(expected)) => agreement(round, trades, native::trades(&expected)),
        Some(Err(reason)) => Agreement::Differs(vec![format!("the rule answers with an error: {reason}")]),
    };
    let mut steps = story.into_steps();
    members::tell_trades(round, trades, &mut steps);
    Explanation { steps, agreement }
}

/// How many differences are told.
const DIFFERENCES_MAX: usize = 10;

/// Compares two results as multisets: the order of trades means nothing.
fn agreement(round: &Round, trades: &[Trade], mut expected: Vec<Trade>) -> Agreement {
    let mut found = trades.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    let mut differences = Vec::new();
    let (mut found, mut expected) = (found.iter().peekable(), expected.iter().peekable());
    loop {
        let (only, by) = match (found.peek(), expected.peek()) {
            (Some(a), Some(b)) if a == b => {
                found.next();
                expected.next();
                continue;
            }
            (Some(a), Some(b)) if a < b => (found.next(), "the component"),
            (_, Some(_)) => (expected.next(), "the explanation"),
            (Some(_), None) => (found.next(), "the component"),
            (None, None) => break,
        };
        if let Some(trade) = only {
            differences.push(format!("only {by} has {}", members::trade_in_words(round, trade)));
        }
    }
    match differences.len().checked_sub(DIFFERENCES_MAX) {
        _ if differences.is_empty() => Agreement::Exact,
        None | Some(0) => Agreement::Differs(differences),
        Some(more) => {
            differences.truncate(DIFFERENCES_MAX);
            differences.push(format!("and {more} more"));
            Agreement::Differs(differences)
        }
    }
}
