//! `rec-market readings convert`: files of readings as the program's own CSV.

use std::io::Write;

use clap::Args;

use super::files::{FileArgs, read_together, tell};
use crate::cli::exit::Exit;
use crate::spreadsheet::Csv;

/// Print files of readings as registers: meter,timestamp,import_wh,export_wh
///
/// Registers are the exact sums of the energies, counted from 0 and rounded to whole Wh. Where something is missing, the
/// registers before and after it are the same, and it is told: a register cannot say that nothing is known.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    #[command(flatten)]
    pub files: FileArgs,
}

pub fn run(args: &ConvertArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let readings = read_together(&args.files)?;
    readings.notes.iter().for_each(tell);
    let mut csv = Csv::new(&["meter", "timestamp", "import_wh", "export_wh"], out)?;
    for (name, meter) in &readings.meters {
        let missing = meter.missing();
        if missing > 0 {
            tracing::warn!(meter = %name, missing, "intervals are missing: its registers do not move over them");
        }
        for reading in meter.cumulative() {
            let (at, registers) = (reading.at.to_string(), reading.registers);
            csv.row([name.to_string().into(), at.into(), registers.import_wh.into(), registers.export_wh.into()])?;
        }
    }
    for row in &readings.skipped {
        tracing::warn!(file = row.file, "left out: {row}");
    }
    csv.finish()?;
    Ok(Exit::Done)
}
