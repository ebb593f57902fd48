//! Why a page is not shown.

use books::StoreError;
use domain::text::chain;

use super::overview::OverviewError;
use crate::algorithms::registry::RegistryError;

/// Why a page is not shown.
#[derive(Debug)]
pub enum Refusal {
    /// There is none, or it is not the viewer's to see.
    NotFound,
    /// A parameter says something that cannot be.
    Wrong { name: &'static str, value: String, expected: &'static str },
    /// The store cannot be read.
    Store(StoreError),
    /// Something of this machine failed, as told here for the log.
    Failed(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Store(error)
    }
}

impl From<OverviewError> for Refusal {
    fn from(error: OverviewError) -> Refusal {
        match error {
            OverviewError::Store(error) => Refusal::Store(error),
            OverviewError::TooLarge(error) => Refusal::Failed(error.to_string()),
        }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Refusal {
        match error {
            RegistryError::Store(error) => Refusal::Store(error),
            error => Refusal::Failed(chain(&error)),
        }
    }
}
