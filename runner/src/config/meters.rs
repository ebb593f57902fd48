//! Where readings come from.

use std::fmt;

/// Where a community's readings come from. The text forms are an address and `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetersSource {
    /// A Meters service at this address.
    Service(String),
    /// The store: readings that were imported, or sent to the Meters service of this program.
    Store,
}

impl fmt::Display for MetersSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetersSource::Service(address) => f.write_str(address),
            MetersSource::Store => f.write_str("store"),
        }
    }
}
