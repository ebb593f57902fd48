//! The readings of files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ::readings::Options;
use anyhow::Context;
use demo::recording;
use domain::MeterId;
use domain::metering::Cumulative;
use domain::reading::{Register, Registers};

use crate::backtest::readings::{MeterReadings, RowRead};
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::readings::files::read_input;

/// Bytes at the beginning of a file that tell the program's own format.
const HEAD_BYTES: u64 = 1024;

/// Reads files of readings: the program's own CSV of any size, and what operators have of their meters. The readings of one
/// meter may be in several files of one kind.
pub(super) fn read(files: &[PathBuf], options: &Options) -> anyhow::Result<Vec<MeterReadings>> {
    let (mut own, mut inputs) = (BTreeMap::new(), Vec::new());
    for file in files {
        match is_own(file).exit_code(Exit::Usage)? {
            true => add_own(file, &mut own)?,
            false => inputs.push(read_input(file)?),
        }
    }
    let mut meters = settled(own)?;
    if !inputs.is_empty() {
        let found = ::readings::read(&inputs, options).map_err(|refused| {
            let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
            usage(reasons.join("\n"))
        })?;
        for row in &found.skipped {
            tracing::warn!("left out: {row}");
        }
        meters.extend(
            found
                .meters
                .into_iter()
                .map(|(meter, known)| MeterReadings { meter, rows: known.cumulative().into_iter().map(row).collect() }),
        );
        meters.sort_by(|a, b| a.meter.cmp(&b.meter));
    }
    match meters.windows(2).find(|pair| pair[0].meter == pair[1].meter) {
        Some(pair) => {
            Err(usage(format!("meter {} is in files of different kinds (convert them first)", pair[0].meter)))
        }
        None => Ok(meters),
    }
}

fn row(Cumulative { at, registers, estimated, after_missing }: Cumulative) -> RowRead {
    RowRead { at, registers, estimated, anew: after_missing }
}

/// Whether a file begins with the headings of the program's own format, in which registers are as they were read.
fn is_own(file: &Path) -> anyhow::Result<bool> {
    let mut head = Vec::new();
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    open.take(HEAD_BYTES).read_to_end(&mut head).with_context(|| format!("cannot read {}", file.display()))?;
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    Ok(["meter", "timestamp", "import_wh", "export_wh"]
        .iter()
        .all(|name| first.split(',').any(|cell| cell.trim().trim_start_matches('\u{feff}').trim_matches('"') == *name)))
}

fn add_own(file: &Path, meters: &mut BTreeMap<MeterId, Vec<RowRead>>) -> anyhow::Result<()> {
    let recorded = recording::read(file).exit_code(Exit::Usage)?;
    for meter in recorded.meters() {
        let rows = meters.entry(meter.id().clone()).or_default();
        for (number, at) in meter.times().iter().enumerate() {
            let wh = |register| meter.wh(register, number).unwrap_or_default();
            let registers = Registers { import_wh: wh(Register::Import), export_wh: wh(Register::Export) };
            rows.push(RowRead { at: *at, registers, estimated: false, anew: false });
        }
    }
    Ok(())
}

/// The rows of each meter in order of time. What is in two files must be the same in both.
fn settled(meters: BTreeMap<MeterId, Vec<RowRead>>) -> anyhow::Result<Vec<MeterReadings>> {
    let settle = |(meter, mut rows): (MeterId, Vec<RowRead>)| {
        rows.sort_by_key(|row| row.at);
        rows.dedup();
        match rows.windows(2).find(|pair| pair[0].at == pair[1].at) {
            None => Ok(MeterReadings { meter, rows }),
            Some(pair) => {
                let (one, other) = (pair[0].registers, pair[1].registers);
                let way_out = "remove one of them";
                Err(usage(format!(
                    "meter {meter} shows {one} in one file and {other} in another at {} ({way_out})",
                    pair[0].at
                )))
            }
        }
    };
    meters.into_iter().map(settle).collect()
}
