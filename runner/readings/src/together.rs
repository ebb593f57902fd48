//! Several files together: one meter may be in many, by month, by direction, and twice.

use std::collections::BTreeMap;

use domain::MeterId;
use jiff::Timestamp;

use crate::file::{Content, FileReadings, read_file};
use crate::problem::{BadRow, Note, Problem, Refused};
use crate::{Input, Options};
use domain::metering::{Contradiction, Meter};

/// What several files hold.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// The meters of all files.
    pub meters: BTreeMap<MeterId, Meter>,
    /// What people should know of them.
    pub notes: Vec<Note>,
    /// Rows that were left out because they are wrong.
    pub skipped: Vec<BadRow>,
}

/// Reads files and puts them together.
///
/// # Errors
/// If any cannot be used, or two contradict each other; every one that is refused, with its reason.
pub fn read(inputs: &[Input], options: &Options) -> Result<Readings, Vec<Refused>> {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for input in inputs {
        match read_file(input, options) {
            Ok(file) => files.push(file),
            Err(error) => refused.push(error),
        }
    }
    if refused.is_empty() { together(files) } else { Err(refused) }
}

/// Puts files together that were read.
///
/// # Errors
/// If two contradict each other, or one holds no readings.
pub fn together(files: Vec<FileReadings>) -> Result<Readings, Vec<Refused>> {
    let (mut all, mut refused) = (Readings::default(), Vec::new());
    // Which file a meter was first in, for messages.
    let mut first: BTreeMap<MeterId, String> = BTreeMap::new();
    for FileReadings { file, about, content, notes, skipped, .. } in files {
        all.notes.extend(notes);
        all.skipped.extend(skipped);
        let refuse = |problem| Refused { file: file.clone(), format: Some(about.name), problem };
        let Content::Meters(meters) = content else {
            let text = "it holds sharing coefficients, no readings (rec-market readings shares prints them)";
            refused.push(refuse(Problem::Unusable(text.to_owned())));
            continue;
        };
        for (name, meter) in meters {
            let before = first.entry(name.clone()).or_insert_with(|| file.clone()).clone();
            let known = all.meters.entry(name.clone()).or_default();
            if let Err(why) = add(known, &name, &meter, &before) {
                refused.push(refuse(Problem::Unusable(why)));
            }
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    all.notes.extend(all.meters.iter().filter_map(|(name, meter)| one_direction(name, meter)));
    Ok(all)
}

/// Says which direction of a meter is not known and counts as 0.
fn one_direction(name: &MeterId, meter: &Meter) -> Option<Note> {
    let directions = meter.directions();
    let (has, lacks) = match (directions.import, directions.export) {
        (true, false) => ("import", "export"),
        (false, true) => ("export", "import"),
        _ => return None,
    };
    let text = format!("meter {name} has its {has} only; its {lacks} counts as 0 until a file brings it");
    Some(Note { file: String::new(), text })
}

fn add(known: &mut Meter, name: &MeterId, meter: &Meter, before: &str) -> Result<(), String> {
    known.merge(meter).map(drop).map_err(|Contradiction { at, known, new }| {
        let at = Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string());
        format!("meter {name} has {new} at {at}, and {known} in {before}")
    })
}
