//! One interval: why this price.

use domain::Boundary;

use super::ask::{Ask, Refusal, Shown};

/// Makes the page.
///
/// # Errors
/// If the interval is not settled, or the store cannot be read.
pub async fn look_up(_ask: &Ask, _start: Boundary) -> Result<Shown, Refusal> {
    Err(Refusal::NotFound)
}
