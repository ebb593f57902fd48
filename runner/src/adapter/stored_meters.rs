//! The Meters service of a community whose readings are in the store.

use std::sync::Arc;

use async_trait::async_trait;
use books::Store;
use domain::reading::Register;
use domain::{Boundary, IntervalLength, MeterId};
use jiff::{SignedDuration, Timestamp};

use crate::registers::{self, Wanted};
use crate::settlement::meters::MISSING;
use crate::settlement::{Meters, MetersError, Row};

/// What it is called in messages.
const NAME: &str = "the store";

/// Readings from the store, for a community.
pub struct StoredMeters {
    store: Arc<dyn Store>,
    /// The length of the community's intervals, in which something may be missing between readings.
    length: IntervalLength,
}

impl StoredMeters {
    pub fn new(store: Arc<dyn Store>, length: IntervalLength) -> StoredMeters {
        StoredMeters { store, length }
    }

    /// The instant before which nothing of the interval before `from` begins.
    fn look_back(&self, from: Timestamp) -> Timestamp {
        let length = SignedDuration::from_secs(self.length.seconds().into());
        from.checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
    }

    /// The most readings that are less than an interval before another one, at one a minute.
    fn more(&self) -> usize {
        self.length.seconds() as usize / 60
    }
}

#[async_trait]
impl Meters for StoredMeters {
    fn address(&self) -> &str {
        NAME
    }

    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Vec<Row>, MetersError> {
        let (since, most) = (self.look_back(from), (limit as usize).saturating_add(self.more()));
        let wanted = Wanted { meter, from: since, until: None, skip: 0, limit: most };
        let listed = registers::list(&*self.store, wanted).await.map_err(|error| MetersError::Unavailable {
            address: NAME.to_owned(),
            attempts: 1,
            source: error.into(),
        })?;
        let mut rows = Vec::new();
        for (meter, readings) in listed {
            let row = |field: &str, value: String, date: String| Row {
                device_id: meter.to_string(),
                field: field.to_owned(),
                value,
                date,
            };
            let before = readings.iter().take_while(|reading| reading.at < from).count();
            for (number, reading) in readings.iter().enumerate().take(before.saturating_add(limit as usize)) {
                // Wherever in an interval something is missing, the interval is.
                let end = Boundary::at_or_after(reading.at, self.length).filter(|_| reading.after_missing);
                rows.extend(end.map(|end| row(MISSING, String::new(), end.to_string())));
                if number >= before {
                    let value = |register| reading.registers.of(register).to_string();
                    let at = reading.at.to_string();
                    rows.extend(Register::ALL.map(|register| row(register.field(), value(register), at.clone())));
                }
            }
        }
        Ok(rows)
    }
}
