//! What rec-market is about: energy, money, rounds of trading and the check that a result balances.
//!
//! Here is every rule that decides who owes what. Deliberately not here: async, clocks, files, serde, protobuf,
//! WIT, databases. Everything is integer arithmetic on whole watt-hours (Wh), micro-euro per kilowatt-hour
//! (µEUR/kWh) and nano-euro (nEUR); nothing rounds, wraps or panics on values that come from outside.
//!
//! Read from [`reading`] (what a meter says) over [`netting`] (what a member has) and [`round`] (what an algorithm
//! is asked) to [`settlement`] (what is believed).

pub mod digest;
pub mod energy;
pub mod interval;
pub mod member;
pub mod money;
pub mod netting;
pub mod prices;
pub mod reading;
pub mod round;
pub mod settlement;
pub mod tariff;
pub mod trade;

pub use digest::Digest;
pub use energy::Energy;
pub use interval::{Boundary, Interval, IntervalLength};
pub use member::{MemberId, MeterId, PLATFORM_GRID};
pub use money::{Amount, Price, Tariff};
pub use prices::{MeterPrice, PriceBook};
pub use round::{Position, Round};
pub use settlement::{Settlement, Violation};
pub use tariff::{PartialTariff, TariffSchedule};
pub use trade::{NamedParty, NamedTrade, Party, Trade, TradeId, TradeKind};
