//! The page `home`.

use super::ask::{Ask, Refusal, Shown};

/// Makes the page.
///
/// # Errors
/// If the store cannot be read.
pub async fn look_up(_ask: &Ask) -> Result<Shown, Refusal> {
    Err(Refusal::NotFound)
}
