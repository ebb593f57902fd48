//! Who may open which page: the only table.

use domain::MemberId;
use pages::place::{Part, Place};

use super::viewer::Viewer;
use crate::config::Role;

/// How much of a page somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What is about this member, and what says nothing of any other one.
    Own(MemberId),
}

/// How much of a page this viewer sees; `None` if it is not for them, which nobody can tell from a page that is not there.
pub fn sight(viewer: &Viewer, place: &Place) -> Option<Sight> {
    let Place::Of { community, part } = place else {
        return (viewer.role != Role::Member).then_some(Sight::Whole);
    };
    if viewer.community.as_ref().is_some_and(|own| own != community) {
        return None;
    }
    match (viewer.role, part) {
        (Role::Manager, _) | (Role::Board, Part::Overview | Part::Compare) => Some(Sight::Whole),
        (Role::Board, Part::Interval(_) | Part::Member(_) | Part::Algorithms | Part::Events) => None,
        (Role::Member, Part::Interval(_)) => viewer.member.clone().map(Sight::Own),
        (Role::Member, Part::Member(member)) => {
            viewer.member.as_ref().filter(|own| own == &member).cloned().map(Sight::Own)
        }
        (Role::Member, Part::Overview | Part::Compare | Part::Algorithms | Part::Events) => None,
    }
}
