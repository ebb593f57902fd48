//! Decisions as they are stored: uploads, and what was decided for each community about algorithms and meters.
//!
//! These records are append-only. The algorithm in effect follows from all decisions, see [`crate::activation`]; what they
//! come to for meters, from [`crate::meters`].

use domain::disputes::MeterDecision;
use domain::{Boundary, Digest, MeterId};
use jiff::Timestamp;

/// The author of decisions that the service makes itself. No caller can have this name.
pub const SERVICE_ITSELF: &str = "rec-market";

/// An algorithm that was uploaded and passed the gate. Its name and version refer to its digest for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The digest, with the name and version that the algorithm declares.
    pub label: Label,
    /// The rule in one sentence, as the algorithm declares it.
    pub summary: String,
    /// Size of the component, in bytes.
    pub component_bytes: u64,
    /// When it was uploaded, to the millisecond.
    pub uploaded_at: Timestamp,
    /// The caller that uploaded it.
    pub uploaded_by: String,
    /// The gate's report: the JSON of `algorithm check --json`.
    pub report: String,
}

/// A component's digest, with the name and version that it declares. Displayed as `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// SHA-256 digest of the component.
    pub digest: Digest,
    /// The name that the algorithm declares.
    pub name: String,
    /// The version that the algorithm declares.
    pub version: String,
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// The result of storing an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The upload was stored.
    Stored,
    /// The same component was stored before, as given here. Nothing was changed.
    AlreadyStored(Version),
    /// Its name and version already refer to this other component. Nothing was changed.
    NameTaken(Version),
}

/// An audit record of something done about algorithms or meters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was done, to the millisecond.
    pub at: Timestamp,
    /// Who did it: a caller, or [`SERVICE_ITSELF`].
    pub by: String,
    /// The community concerned; `None` for uploads.
    pub community: Option<String>,
    /// What was done.
    pub action: Action,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An upload was refused. Its component was not stored.
    Refuse {
        /// SHA-256 digest of the bytes that were received.
        digest: Digest,
        /// Why the upload was refused.
        reason: String,
    },
    /// Another algorithm was activated from an interval on.
    Activate {
        /// The algorithm that would have settled that interval otherwise.
        before: Label,
        /// The algorithm that was activated.
        to: Label,
        /// The start of the first interval that it settles.
        start: Boundary,
        /// Settings that replace the configured ones; `None` keeps those.
        settings: Option<Vec<(String, String)>>,
        /// What the caller confirmed, for people: which members are worse off than with the grid alone. `None` if there
        /// was nothing to confirm.
        confirmed: Option<String>,
    },
    /// An activation was withdrawn from an interval on.
    RollBack {
        /// The algorithm whose activation is withdrawn.
        before: Label,
        /// The number of the decision that activated it.
        activation: u64,
        /// The algorithm that takes its place.
        to: Label,
        /// The start of the first interval without it.
        start: Boundary,
        /// Why the service withdrew it by itself; `None` if a caller did.
        reason: Option<String>,
    },
    /// A candidate runs in shadow from now on, replacing any other.
    StartShadow {
        /// The candidate algorithm.
        candidate: Label,
        /// The start of the first interval on which it runs.
        since: Boundary,
        /// Settings that replace the configured ones; `None` keeps those.
        settings: Option<Vec<(String, String)>>,
    },
    /// The candidate no longer runs in shadow.
    EndShadow {
        /// The candidate that ran.
        candidate: Label,
    },
    /// An activated algorithm failed, or its result was rejected.
    Fail {
        /// The algorithm that failed.
        algorithm: Label,
        /// The number of the decision that activated it.
        activation: u64,
        /// The start of the interval on which it failed.
        start: Boundary,
        /// Why it failed, for people.
        reason: String,
    },
    /// A person decided about a meter.
    Meter {
        /// The meter.
        meter: MeterId,
        /// What was decided.
        decision: MeterDecision,
        /// Why, for people; `None` if nobody said.
        reason: Option<String>,
    },
}

impl Action {
    /// The codes of every action that concerns a community.
    pub const OF_COMMUNITIES: [&str; 9] = [
        "activated",
        "rolled-back",
        "shadow-started",
        "shadow-ended",
        "failed",
        "meter-accepted",
        "meter-restarted",
        "meter-exchanged",
        "meter-late",
    ];

    /// Returns the action's code: a short name for programs that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Action::Refuse { .. } => "refused",
            Action::Activate { .. } => "activated",
            Action::RollBack { .. } => "rolled-back",
            Action::StartShadow { .. } => "shadow-started",
            Action::EndShadow { .. } => "shadow-ended",
            Action::Fail { .. } => "failed",
            Action::Meter { decision, .. } => match decision {
                MeterDecision::Accept { .. } => "meter-accepted",
                MeterDecision::Restart { .. } => "meter-restarted",
                MeterDecision::Exchange { .. } => "meter-exchanged",
                MeterDecision::Late { .. } => "meter-late",
            },
        }
    }
}

/// A change as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// The number in the community's activation log, which rises with every decision; `None` if the change decides
    /// nothing.
    pub number: Option<u64>,
    /// What was changed, when and by whom.
    pub change: Change,
}

/// The state of a community on which a decision depends. If it has changed meanwhile, the decision is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedState {
    /// The start of an interval that must not be settled yet; `None` if that does not matter.
    pub open: Option<Boundary>,
    /// The number of the community's last decision; 0 if there is none.
    pub decision: u64,
}

impl ExpectedState {
    /// Returns whether a community with this resume mark and this last decision is in the expected state.
    pub fn holds(&self, mark: Option<Boundary>, decision: u64) -> bool {
        let is_open = |open| mark.is_none_or(|mark| mark <= open);
        self.decision == decision && self.open.is_none_or(is_open)
    }
}
