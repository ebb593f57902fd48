use alloc::{string::String, vec::Vec};

use crate::{Round, Setting, Trade};

/// A matching algorithm: decides who sells how much to whom, and at what price.
///
/// Implement it on an empty struct and pass that to [`export!`](crate::export). The trait is independent of the
/// component interface, so the same code runs natively in tests.
///
/// ```
/// use market_kit::{Algorithm, Book, Outcome, Round, testing};
///
/// /// Every member trades with the grid only, as if there were no community.
/// struct Alone;
///
/// impl Algorithm for Alone {
///     const NAME: &'static str = "alone";
///     const VERSION: &'static str = "1.0.0";
///     const SUMMARY: &'static str = "Every member trades with the grid only";
///
///     fn clear(round: &Round) -> Outcome {
///         Ok(Book::new(round).rest())
///     }
/// }
///
/// let round = testing::round([("a", 1500, 0), ("b", 0, 700)]);
/// assert_eq!(Alone::clear(&round).unwrap().len(), 2);
/// ```
pub trait Algorithm {
    /// Short name, such as `mid-market-rate`.
    const NAME: &'static str;

    /// Version of the algorithm, such as `1.0.0`.
    const VERSION: &'static str;

    /// One sentence on the matching rule.
    const SUMMARY: &'static str;

    /// Every setting that [`clear`](Algorithm::clear) reads. The host refuses settings that are not listed.
    const SETTINGS: &'static [Setting] = &[];

    /// Clears one round: returns all trades, including those with the grid.
    ///
    /// # Errors
    ///
    /// The reason why the round cannot be cleared: a lower-case message with the wrong value and the way out.
    fn clear(round: &Round) -> Outcome;
}

/// All trades of a round, or the reason why it cannot be cleared.
pub type Outcome = Result<Vec<Trade>, String>;
