//! Limits on prices, which depend on who wrote the algorithm: one that is not part of the program always has both.

use std::sync::Arc;

use base::is_own;
use domain::{Digest, Round};

/// The round as the algorithm with this digest settles it: with the community's limits on prices, and the default ones in
/// place of those that the community does not set, unless the algorithm is part of the program.
pub fn limited(round: Arc<Round>, algorithm: &Digest) -> Arc<Round> {
    if is_own(algorithm) {
        return round;
    }
    let terms = round.terms();
    let limits = terms.limits.or_default(terms.tariff, round.positions());
    if limits == terms.limits { round } else { Arc::new(Arc::unwrap_or_clone(round).with_limits(limits)) }
}
