//! What people decide about algorithms, and what is kept of it: uploads, and the decisions about each community.
//!
//! Nothing here is ever changed or removed. What holds now follows from all that was decided, see [`crate::activation`].

use domain::{Boundary, Digest};
use jiff::Timestamp;

/// Who makes the decisions that the service makes by itself. No caller can have this name.
pub const SERVICE_ITSELF: &str = "rec-market";

/// An algorithm that was uploaded and passed the gate. Its name and version are labels on its digest, and stay so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What it is, and under what label.
    pub label: Label,
    /// The rule in one sentence, as it says itself.
    pub summary: String,
    /// Size of the component.
    pub component_bytes: u64,
    /// When it was uploaded, to the millisecond.
    pub uploaded_at: Timestamp,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// What the gate found: the JSON of `algorithm check --json`.
    pub report: String,
}

/// A component by its digest, with what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Its name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// What came of keeping an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptVersion {
    /// It is kept now.
    Now,
    /// It was there already, as it was uploaded first; nothing was changed.
    Already(Version),
    /// Its name and version mean something else already; nothing was changed.
    Taken(Version),
}

/// Something that was done about algorithms: an audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, to the millisecond.
    pub at: Timestamp,
    /// Who: a caller, or the service itself.
    pub by: String,
    /// Which community it is about; none for uploads.
    pub community: Option<String>,
    /// What.
    pub action: Action,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An upload was refused, and nothing of it was kept.
    Refuse {
        /// What was uploaded, as far as it came.
        digest: Digest,
        /// Why it was refused.
        reason: String,
    },
    /// From an interval on the community is settled with another algorithm.
    Activate {
        /// What it would have been settled with then.
        before: Label,
        /// What it is settled with.
        to: Label,
        /// The first interval's start.
        start: Boundary,
        /// Settings in place of the configured ones, if any were given.
        settings: Option<Vec<(String, String)>>,
    },
    /// From an interval on the community is settled as if something had not been activated.
    RollBack {
        /// What is withdrawn.
        before: Label,
        /// The number of the decision that activated it.
        activation: u64,
        /// What takes its place.
        to: Label,
        /// The first interval's start.
        start: Boundary,
        /// Why, if the service did it by itself.
        reason: Option<String>,
    },
    /// A candidate runs beside what settles, from now on, in place of any other.
    StartShadow {
        /// The candidate.
        candidate: Label,
        /// The first interval's start.
        since: Boundary,
        /// Settings in place of the configured ones, if any were given.
        settings: Option<Vec<(String, String)>>,
    },
    /// No candidate runs any more.
    EndShadow {
        /// The one that ran.
        candidate: Label,
    },
    /// An activated algorithm brought no result that could be used.
    Fail {
        /// The algorithm.
        algorithm: Label,
        /// The number of the decision that activated it.
        activation: u64,
        /// The interval's start.
        start: Boundary,
        /// What was wrong.
        reason: String,
    },
}

impl Action {
    /// The names of all that communities have.
    pub const OF_COMMUNITIES: [&str; 5] = ["activated", "rolled-back", "shadow-started", "shadow-ended", "failed"];

    /// Its name in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Action::Refuse { .. } => "refused",
            Action::Activate { .. } => "activated",
            Action::RollBack { .. } => "rolled-back",
            Action::StartShadow { .. } => "shadow-started",
            Action::EndShadow { .. } => "shadow-ended",
            Action::Fail { .. } => "failed",
        }
    }
}

/// A change as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// Where it stands in its community's activation log, rising from one decision to the next; none if it decides nothing.
    pub number: Option<u64>,
    /// The change.
    pub change: Change,
}

/// What must still be true of a community when something is decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedState {
    /// The start of an interval that is not settled, if that matters.
    pub open: Option<Boundary>,
    /// The number of its last decision; 0 if there is none.
    pub decision: u64,
}

impl ExpectedState {
    /// Whether a community with this resume mark and this last decision is as expected.
    pub fn holds(&self, mark: Option<Boundary>, decision: u64) -> bool {
        let is_open = |open| mark.is_none_or(|mark| mark <= open);
        self.decision == decision && self.open.is_none_or(is_open)
    }
}
