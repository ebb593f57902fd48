//! Readings of a Meters service, without settling them.

use tokio::runtime::Handle;

use super::rounds::Rounds;
use super::run::{Feed, Told};
use crate::settlement::{Boundaries, BoundaryRead};

/// Hands in the cases of a Meters service's readings. Blocks, in a thread where the runtime's other tasks go on.
///
/// # Errors
/// If the service cannot be read, its readings do not make a round, or nobody takes the cases.
pub fn feed(mut boundaries: Boundaries, mut rounds: Rounds<'_>, feed: &Feed<'_>) -> anyhow::Result<Told> {
    let runtime = Handle::current();
    while let Some(page) = runtime.block_on(boundaries.next())? {
        for BoundaryRead { at, readings, missing } in page {
            rounds.boundary(at, &readings, &missing.into_iter().collect::<Vec<_>>(), feed)?;
        }
    }
    // A Meters service does not say what it estimated.
    rounds.finish(feed).map(|told| Told { estimated: None, ..told })
}
