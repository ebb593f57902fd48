//! Everything a Rust author needs to write a matching algorithm for rec-market.
//!
//! An algorithm is a type that implements [`Algorithm`]. It receives a [`Round`], which has each member's surplus and
//! deficit in one interval, and returns [`Trade`]s: who sells how much to whom, and at what price. [`export!`] makes it
//! a WebAssembly component. The types are those of `wit/market.wit`: energy is in whole watt-hours and prices are in
//! µEUR/kWh, so money never needs rounding.
//!
//! Building blocks: [`Book`] keeps track of unmatched energy (`pro_rata`, `greedy`, `rest`), [`split`](split()) divides
//! energy to the last unit, [`mid`] and [`PriceLimits`] help with prices, [`double_auction`] runs an auction, and
//! [`Setting`] reads a community's settings. [`testing`] has rounds and a balance check for native tests. There are no
//! host functions: an algorithm imports nothing.
//!
//! ```
//! use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, Setting, testing};
//!
//! /// All trades inside the community are at the feed-in tariff plus a premium.
//! struct Premium;
//!
//! const PREMIUM: Setting =
//!     Setting { key: "premium", summary: "surcharge on the feed-in tariff, in µEUR/kWh", default: "20000" };
//!
//! impl Algorithm for Premium {
//!     const NAME: &'static str = "premium";
//!     const VERSION: &'static str = "1.0.0";
//!     const SUMMARY: &'static str = "Shares energy pro rata, at the feed-in tariff plus a premium";
//!     const SETTINGS: &'static [Setting] = &[PREMIUM];
//!
//!     fn clear(round: &Round) -> Outcome {
//!         let price = round.feed_in.saturating_add(PREMIUM.read(round)?);
//!         let mut book = Book::new(round);
//!         let (sellers, buyers) = (book.sellers(), book.buyers());
//!         book.pro_rata(&sellers, &buyers);
//!         book.greedy(&sellers, &buyers, PriceLimits::of(round)?.clamp(price));
//!         Ok(book.rest())
//!     }
//! }
//!
//! market_kit::export!(Premium);
//!
//! let round = testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]);
//! let trades = Premium::clear(&round).unwrap();
//! assert_eq!(testing::lines(&round, &trades), [
//!     "grid > ben 250 Wh at 162400",
//!     "grid > carla 250 Wh at 162400",
//!     "anna > ben 450 Wh at 50000",
//!     "anna > carla 450 Wh at 50000",
//! ]);
//! assert_eq!(testing::check(&round, &trades), Ok(()));
//! assert_eq!(testing::check_random_rounds::<Premium>(100), Ok(()));
//! ```
#![no_std]

extern crate alloc;

mod algorithm;
mod exports;
mod setting;

mod auction;
mod book;
mod injection;
mod pair;
mod price;
mod queue;
mod sharing;
mod split;
mod types;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
pub mod bump;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[allow(missing_docs, reason = "what `export!` writes is its only user")]
pub mod component;

pub use algorithm::{Algorithm, Outcome};
pub use auction::{LastPair, Pair, double_auction};
pub use book::Book;
pub use injection::{Injection, Offer, inject};
pub use price::{PriceLimits, between, mid};
pub use setting::{Setting, Value};
pub use sharing::{SharingPrice, cascade, share, shares, total_share, turn};
pub use split::{split, split_from};
pub use types::{Party, Position, Round, Trade};
