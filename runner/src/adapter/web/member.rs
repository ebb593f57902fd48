//! The statement of a member.

use domain::MemberId;

use super::ask::{Ask, Refusal, Shown};

/// Makes the page.
///
/// # Errors
/// If there is no such member, or the store cannot be read.
pub async fn look_up(_ask: &Ask, _member: &MemberId) -> Result<Shown, Refusal> {
    Err(Refusal::NotFound)
}
