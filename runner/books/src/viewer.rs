//! Who looks at the pages: links for members, sessions, and the record of who opened what.
//!
//! Of a secret only its SHA-256 digest is kept: of a link's token, and of what a browser has in its cookie.

use std::fmt;

use domain::{Digest, MemberId};
use jiff::Timestamp;

/// Who looks where `web.open` lets everybody in who is on this machine.
pub const ANYONE_HERE: &str = "anyone on this machine";
/// What the names begin with of those who look by a link: no viewer may be called so.
pub const LINK_PREFIX: &str = "link ";

/// What somebody may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Manager,
    /// What communities do, and what rules would do; no page of a member.
    Board,
    /// Its own data.
    Member,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Manager, Role::Board, Role::Member];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Manager => "manager",
            Role::Board => "board",
            Role::Member => "member",
        }
    }

    /// Finds a role by its name; `None` if there is none.
    pub fn of_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A link with which a member looks at its own page, without the token that is in its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The digest of its token.
    pub digest: Digest,
    /// The community.
    pub community: String,
    /// The member whose page it opens.
    pub member: MemberId,
    /// When it was made, to the millisecond.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends, to the millisecond.
    pub expires_at: Timestamp,
    /// When somebody revoked it, to the millisecond.
    pub revoked_at: Option<Timestamp>,
}

impl Link {
    /// Returns what people call it: the beginning of its digest, from which nobody finds the token.
    pub fn id(&self) -> String {
        self.digest.short()
    }

    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// What a browser may do until its session ends, without the secret in its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The digest of the secret.
    pub digest: Digest,
    /// Who looks.
    pub who: Who,
    /// The digest of the secret together with the digest of the token by which it was begun: whoever has another token by now
    /// has to show it.
    pub bound: Digest,
    /// When it ends, to the millisecond.
    pub expires_at: Timestamp,
}

/// Who began a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A viewer of the configuration, by its name.
    Viewer(String),
    /// Whoever has a link, by its id.
    Link(String),
}

/// Somebody opened a page, or wanted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When, to the millisecond.
    pub at: Timestamp,
    /// The viewer's name, or the link's.
    pub viewer: String,
    /// What the viewer may look at.
    pub role: Role,
    /// The page's path. It has no secret in it.
    pub page: String,
    /// The community whose page it is, if it is of one.
    pub community: Option<String>,
    /// The member whose page it is, if it is of one.
    pub member: Option<String>,
    /// The status of the answer: 200, or 404 for what there is not or is not the viewer's.
    pub status: u16,
}

/// Where a visit stands in the list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitPlace {
    /// When it was.
    pub at: Timestamp,
    /// What tells it from others of that time; only the store knows what it means.
    pub number: String,
}

/// A visit and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVisit {
    /// Its place.
    pub place: VisitPlace,
    /// The visit.
    pub visit: Visit,
}

/// Which visits are listed: those that meet every condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitFilter {
    /// Those of pages of this community.
    pub community: Option<String>,
    /// Those of pages of this member.
    pub member: Option<String>,
    /// Those of this viewer.
    pub viewer: Option<String>,
    /// Those at or after this time.
    pub from: Option<Timestamp>,
    /// Those before this time.
    pub to: Option<Timestamp>,
}
