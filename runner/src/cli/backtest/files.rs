//! The readings of files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use demo::recording;
use domain::MeterId;
use domain::reading::{Register, Registers};

use crate::backtest::readings::{MeterReadings, RowRead};
use crate::cli::exit::{Exit, ExitCode, usage};

/// Reads files of readings. Those of one meter may be in several.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<MeterReadings>> {
    let mut meters: BTreeMap<MeterId, Vec<RowRead>> = BTreeMap::new();
    for file in files {
        let recorded = recording::read(file).exit_code(Exit::Usage)?;
        for meter in recorded.meters() {
            let rows = meters.entry(meter.id().clone()).or_default();
            for (number, at) in meter.times().iter().enumerate() {
                let wh = |register| meter.wh(register, number).unwrap_or_default();
                let registers = Registers { import_wh: wh(Register::Import), export_wh: wh(Register::Export) };
                rows.push(RowRead { at: *at, registers, estimated: false, anew: false });
            }
        }
    }
    for (meter, rows) in &mut meters {
        rows.sort_by_key(|row| row.at);
        rows.dedup();
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].at == pair[1].at) {
            let (before, after) = (pair[0].registers, pair[1].registers);
            return Err(usage(format!(
                "meter {meter} shows {before} in one file and {after} in another at {} (remove one of them)",
                pair[0].at
            )));
        }
    }
    Ok(meters.into_iter().map(|(meter, rows)| MeterReadings { meter, rows }).collect())
}
