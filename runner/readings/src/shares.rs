//! Sharing coefficients, as Spanish operators take them: a line `CUPS;0,333333` for each metering point.

use std::collections::BTreeMap;

use domain::MeterId;

use crate::about::About;
use crate::amount::Decimal;
use crate::problem::Problem;
use crate::source::{Head, Rows};

/// All shares together, in parts per million.
const ALL: i128 = 1_000_000;

/// The shares of metering points, in parts per million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coefficients(pub BTreeMap<MeterId, u32>);

impl Coefficients {
    pub(crate) const ABOUT: About = About {
        name: "i-de-coefficients",
        title: "sharing coefficients",
        known_by: "CUPS;0,333333 without headings",
        unit: "shares that add up to 1",
        stamp: "none",
    };
}

/// Reads coefficients; `None` if it is another file.
pub(crate) fn coefficients(head: &Head, rows: &mut dyn Rows) -> Result<Option<Coefficients>, Problem> {
    let is_line = |cells: &[String]| match cells {
        [cups, share] => is_cups(cups) && Decimal::parse(share).is_ok(),
        _ => false,
    };
    if !head.rows().next().is_some_and(|(_, cells)| is_line(cells)) {
        return Ok(None);
    }
    let (mut shares, mut sum) = (BTreeMap::new(), 0);
    rows.each(None, &mut |row| {
        let wrong = |why: &str| Problem::Unusable(format!("row {} ({}): {why}", row.number, row.shown()));
        let (cups, share) = (row.text(0), row.text(1));
        let meter: MeterId = cups.parse().ok().filter(|_| is_cups(cups)).ok_or_else(|| wrong("it has no CUPS"))?;
        let digits = share.split_once([',', '.']).map_or(0, |(_, decimals)| decimals.len());
        let ppm =
            Decimal::parse(share).ok().and_then(Decimal::ppm).filter(|ppm| digits == 6 && (0..=ALL).contains(ppm));
        let ppm =
            ppm.ok_or_else(|| wrong("its share is no number from 0 to 1 with six decimals (such as 0,333333)"))?;
        if row.cells.len() > 2 && !row.is_empty(2) {
            return Err(wrong("it has more than a CUPS and its share (shares that change by the hour are not read)"));
        }
        sum += ppm;
        // OK because it is at most a million.
        match shares.insert(meter, u32::try_from(ppm).unwrap_or(0)) {
            None => Ok(()),
            Some(_) => Err(wrong("another row has this CUPS, too")),
        }
    })?;
    if sum != ALL {
        let text = format!("its shares add up to {}.{:06}, not to 1.000000", sum / ALL, sum % ALL);
        return Err(Problem::Unusable(text));
    }
    Ok(Some(Coefficients(shares)))
}

/// Whether a text is the code of a Spanish metering point: `ES`, 16 digits, 2 letters, and maybe 2 more characters.
fn is_cups(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.len(), 20 | 22)
        && bytes.starts_with(b"ES")
        && bytes[2..18].iter().all(u8::is_ascii_digit)
        && bytes[18..].iter().all(u8::is_ascii_alphanumeric)
}
