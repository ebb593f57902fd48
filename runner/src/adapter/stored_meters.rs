//! The Meters service of a community whose readings are in the store.

use std::sync::Arc;

use async_trait::async_trait;
use books::Store;
use domain::MeterId;
use domain::reading::Register;
use jiff::Timestamp;

use crate::registers::{self, Wanted};
use crate::settlement::meters::MISSING;
use crate::settlement::{Meters, MetersError, Row};

/// What it is called in messages.
const NAME: &str = "the store";

/// Readings from the store.
pub struct StoredMeters {
    store: Arc<dyn Store>,
}

impl StoredMeters {
    pub fn new(store: Arc<dyn Store>) -> StoredMeters {
        StoredMeters { store }
    }
}

#[async_trait]
impl Meters for StoredMeters {
    fn address(&self) -> &str {
        NAME
    }

    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Vec<Row>, MetersError> {
        let wanted = Wanted { meter, from, until: None, skip: 0, limit: limit as usize };
        let listed = registers::list(&*self.store, wanted).await.map_err(|error| MetersError::Unavailable {
            address: NAME.to_owned(),
            attempts: 1,
            source: error.into(),
        })?;
        let mut rows = Vec::new();
        for (meter, readings) in listed {
            for reading in readings {
                let date = reading.at.to_string();
                let row = |field: &str, value: String| Row {
                    device_id: meter.to_string(),
                    field: field.to_owned(),
                    value,
                    date: date.clone(),
                };
                for register in Register::ALL {
                    rows.push(row(register.field(), reading.registers.of(register).to_string()));
                }
                if reading.after_missing {
                    rows.push(row(MISSING, String::new()));
                }
            }
        }
        Ok(rows)
    }
}
