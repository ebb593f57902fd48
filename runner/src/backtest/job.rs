//! What is to be run, and within which limits.

use std::num::NonZeroUsize;

use domain::round::PriceLimits;
use jiff::tz::TimeZone;
use sandbox::Limits;

use super::{Case, Variant};
use crate::config::CommunityConfig;

/// What is to be run.
pub struct Job<'j> {
    /// The community's name.
    pub community: &'j str,
    /// Whose days and months they are.
    pub zone: TimeZone,
    /// What is tried.
    pub variants: &'j [Variant],
    /// The limits of a case.
    pub limits: &'j (dyn Fn(&Case) -> RoundLimits + Sync),
    /// How many workers there are.
    pub workers: NonZeroUsize,
    /// Called with the number of cases that were run.
    pub progress: &'j (dyn Fn(u64) + Sync),
}

/// The limits on prices and on runs that a case has, whatever the variant.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundLimits {
    /// On prices between members.
    pub price: PriceLimits,
    /// On runs.
    pub run: Limits,
}

impl RoundLimits {
    /// Returns the limits that a community has for a case; those of the round where it is no longer configured.
    pub fn of(community: Option<&CommunityConfig>, case: &Case) -> RoundLimits {
        let terms = case.round.terms();
        match community.map(|community| community.terms_at(terms.interval.start())) {
            Some(own) => RoundLimits { price: own.price_limits(), run: own.limits() },
            None => RoundLimits { price: terms.limits, run: Limits::default() },
        }
    }
}
