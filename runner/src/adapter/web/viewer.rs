//! Somebody who looks.

use domain::MemberId;

use crate::config::Role;

/// Somebody who looks, as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// For the records of who opened what.
    pub name: String,
    pub role: Role,
    /// The only community that the viewer sees; `None` for all of them.
    pub community: Option<String>,
    /// Who the viewer is among its members; only with the role of a member.
    pub member: Option<MemberId>,
    /// Whether there is a session that can be ended.
    pub has_session: bool,
}
