//! Enedis (France): the load curve of one metering point, mean power stamped with its end.
//!
//! The step is in the preamble, or, where that is blank, the distance of the rows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Format, Layout, Opened, Wrong, value, wrong};
use crate::Options;
use crate::about::About;
use crate::amount::{Decimal, from_kw};
use crate::local::instant;
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row, heading};

/// How many rows at another distance than most make a step of it.
const RUN: usize = 3;

const HEADINGS: [&str; 9] = [
    "identifiant prm",
    "type de donnees",
    "date de debut",
    "date de fin",
    "grandeur physique",
    "grandeur metier",
    "etape metier",
    "unite",
    "pas en minutes",
];

pub struct Enedis;

impl Format for Enedis {
    fn about(&self) -> About {
        About {
            name: "enedis",
            title: "Enedis, courbe de charge",
            known_by: "Identifiant PRM;Type de donnees;…;Unite;Pas en minutes, then Horodate;Valeur",
            unit: "mean W",
            stamp: "end of the interval, with offset",
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let (header, _) = head.find(&HEADINGS)?;
        Some(Ok(Opened::new(header, Curve { step: options.step, ..Curve::default() }, None)))
    }
}

/// What the preamble says of the rows below it.
#[derive(Clone, Debug)]
struct Block {
    meter: String,
    direction: Direction,
    /// Whether powers are in kW instead of W.
    is_kw: bool,
    /// In seconds.
    step: Option<u32>,
}

struct Power {
    row: u64,
    text: String,
    end: Timestamp,
    power: Option<Decimal>,
}

#[derive(Default)]
struct Curve {
    step: Option<u32>,
    blocks: Vec<(Block, Vec<Power>)>,
    /// Whether values follow; otherwise the preamble's do.
    in_values: bool,
}

impl Layout for Curve {
    fn row(&mut self, row: &Row<'_>, _: &mut Sink) -> Result<(), String> {
        let first = heading(row.text(0));
        if first == HEADINGS[0] {
            self.in_values = false;
        } else if first == "horodate" {
            self.in_values = true;
        } else if !self.in_values {
            self.blocks.push((block(row)?, Vec::new()));
        } else {
            let text = row.text(0);
            let end = instant(text)
                .ok_or_else(|| format!("{text:?} is no time with an offset (such as 2018-12-07T00:30:00+01:00)"))?;
            let power = row.number(1).map_err(|error| wrong(row, 1, error))?;
            let (_, values) = self.blocks.last_mut().ok_or("it comes before anything says what it is")?;
            values.push(Power { row: row.number, text: row.shown(), end, power });
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink) -> Result<Vec<Wrong>, Problem> {
        let mut wrong = Vec::new();
        for (block, mut values) in std::mem::take(&mut self.blocks) {
            values.sort_by_key(|power| power.end);
            let steps = match block.step.or(self.step) {
                Some(step) => vec![Some(step); values.len()],
                None => distances(&values),
            };
            let least = steps.iter().flatten().min().copied();
            for (Power { row, text, end, power }, step) in values.into_iter().zip(steps) {
                sink.begin(row);
                // A row without a value only tells that something is missing.
                let step = if power.is_none() { step.or(least) } else { step };
                let added =
                    step.ok_or_else(|| "how long it is, the distance of rows does not tell: give --step".to_owned());
                if let Err(why) = added.and_then(|step| add(sink, &block, end, step, power)) {
                    wrong.push((row, text, why));
                }
            }
        }
        Ok(wrong)
    }
}

fn add(sink: &mut Sink, block: &Block, end: Timestamp, step: u32, power: Option<Decimal>) -> Result<(), String> {
    let start = end.checked_sub(jiff::SignedDuration::from_secs(step.into())).map_err(|error| error.to_string())?;
    let kw = power.map(|power| if block.is_kw { power } else { power.thousandth() });
    let grains = kw.map(|kw| from_kw(kw, step)).transpose().map_err(|error| error.to_string())?;
    let meter = sink.meter(&block.meter)?;
    let series = sink.series(meter, block.direction, 0);
    sink.add(series, When::From(start, step), value(grains, false))
}

fn block(row: &Row<'_>) -> Result<Block, String> {
    let expect = |column: usize, what: &str, wanted: &str| {
        let text = row.text(column);
        if heading(text) == wanted { Ok(()) } else { Err(format!("its {what} is {text:?}, not {wanted}")) }
    };
    expect(1, "type", "courbe de charge")?;
    expect(4, "quantity", "energie active")?;
    let direction = match heading(row.text(5)).as_str() {
        "consommation" | "soutirage" => Direction::Import,
        "production" | "injection" => Direction::Export,
        other => return Err(format!("{other:?} is neither consumption nor production")),
    };
    let is_kw = match row.text(7) {
        "W" => false,
        "kW" => true,
        other => return Err(format!("its unit is {other:?}, neither W nor kW")),
    };
    let step = match row.text(8) {
        "" => None,
        text => {
            let minutes: Option<u32> = text.parse().ok().filter(|minutes| (1..=1440).contains(minutes));
            Some(minutes.ok_or_else(|| format!("its step is {text:?}, no number of minutes"))? * 60)
        }
    };
    Ok(Block { meter: row.text(0).to_owned(), direction, is_kw, step })
}

/// How long each value is, by the distance of rows: that of most of them, or another one that several rows in a row have. A
/// row after one that is missing is further from it, and counts as long as the next.
fn distances(values: &[Power]) -> Vec<Option<u32>> {
    let ends = values.iter().map(|power| power.end.as_second());
    let distances: Vec<i64> = ends.clone().zip(ends.skip(1)).map(|(before, after)| after - before).collect();
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    distances.iter().filter(|distance| **distance > 0).for_each(|distance| *counts.entry(*distance).or_default() += 1);
    let usual =
        counts.iter().max_by_key(|(distance, count)| (**count, Reverse(**distance))).map(|(distance, _)| *distance);
    let is_step = |index: usize| -> Option<i64> {
        let distance = *distances.get(index)?;
        let is_same = |other: &&i64| **other == distance;
        let after = distances[index..].iter().take_while(is_same).count();
        let before = distances[..index].iter().rev().take_while(is_same).count();
        (Some(distance) == usual || before + after >= RUN).then_some(distance)
    };
    let step = |index: usize| index.checked_sub(1).and_then(is_step).or_else(|| is_step(index));
    let in_range = |seconds: &u32| (60..=86_400).contains(seconds);
    (0..values.len()).map(|index| step(index).and_then(|step| u32::try_from(step).ok()).filter(in_range)).collect()
}
