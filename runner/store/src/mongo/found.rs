//! A trade as the platform's lists find it, whether it has a document or is in its interval alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::field::{Date, StateNumber};
use books::{CLAIM_TERM_MAX, Match, Standing};

/// A trade with what a change of its state has to know.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) shown: Match,
    /// The number of the journal's entry that changed it last; none if nothing did.
    pub(super) revision: Option<i64>,
    pub(super) claim: Option<ClaimFields>,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    pub(super) lapsed: bool,
    /// Where it is counted, as long as nothing has become of it.
    pub(super) fresh: Option<Fresh>,
}

/// The interval of a trade of which nothing has become.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    /// The `_id` of its link.
    pub(super) link: String,
    /// How many such trades it has.
    pub(super) left: u64,
}

impl Found {
    /// Its state and last change, at an instant: an expired claim has lapsed, and one that lasts longer than any can.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let has_lapsed = |until: Timestamp| Standing::of(until, now, CLAIM_TERM_MAX) != Standing::Valid;
        if let Some(claim) = self.claim.take_if(|claim| has_lapsed(claim.until.0)) {
            self.lapsed = true;
            (self.shown.state, self.shown.updated_at) = (Some(claim.from.0), Some(claim.until.0.min(now)));
        }
    }
}

/// Until when a trade is claimed, and its state before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ClaimFields {
    pub(super) until: Date,
    pub(super) from: StateNumber,
}
