//! Which file makes which page.

use pages::place::{Part, Place};

use super::ask::{Ask, Refusal, Shown};
use super::{algorithms, community, compare, events, home, interval, member};

/// Makes a page.
///
/// # Errors
/// If there is none, or the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let Place::Of { part, .. } = &ask.place else { return home::look_up(ask).await };
    ask.community()?;
    match part {
        Part::Overview => community::look_up(ask).await,
        Part::Interval(start) => interval::look_up(ask, *start).await,
        Part::Member(member) => member::look_up(ask, member).await,
        Part::Compare => compare::look_up(ask).await,
        Part::Algorithms => algorithms::look_up(ask).await,
        Part::Events => events::look_up(ask).await,
    }
}
