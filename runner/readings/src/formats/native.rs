//! The program's own CSV: registers.

use domain::reading::{Registers, parse_register};

use super::{Format, Layout, Opened};
use crate::Options;
use crate::about::About;
use crate::local::instant;
use crate::problem::Problem;
use crate::sink::Sink;
use crate::source::{Head, Row};

const HEADINGS: [&str; 4] = ["meter", "timestamp", "import wh", "export wh"];

pub struct Native;

impl Format for Native {
    fn about(&self) -> About {
        About {
            name: "native",
            title: "rec-market",
            known_by: "meter,timestamp,import_wh,export_wh",
            unit: "registers in Wh",
            stamp: "instants, RFC 3339",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let (header, _) = head.find(&HEADINGS)?;
        Some(Ok(Opened::new(header, Native, None)))
    }
}

impl Layout for Native {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let at = instant(row.text(1))
            .ok_or_else(|| format!("{:?} is no time (such as 2024-05-01T00:15:00Z)", row.text(1)))?;
        let register = |column| {
            let text = row.text(column);
            parse_register(text).ok_or_else(|| format!("{text:?} is no whole number of Wh from 0 to 2^63-1"))
        };
        let registers = Registers { import_wh: register(2)?, export_wh: register(3)? };
        let meter = sink.meter(row.text(0))?;
        sink.add_registers(meter, at, registers);
        Ok(())
    }
}
