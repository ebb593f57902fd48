//! The domain of rec-market: energy, money, rounds of trading, and the check that a result balances.
//!
//! Every rule that decides who owes what is here. Deliberately absent: async, clocks, files, serde, protobuf, WIT and
//! databases. All arithmetic is on integers: whole watt-hours (Wh), micro-euro per kilowatt-hour (µEUR/kWh) and
//! nano-euro (nEUR). Nothing rounds, wraps or panics on values from outside.
//!
//! Suggested order of reading: [`reading`] (what a meter reports), [`netting`] (what each member has to trade),
//! [`round`] (what an algorithm is given), [`settlement`] (which results are accepted).

/// Defines the text codes of an enum in one place: `CODES` lists them, `code` returns the one of a value.
macro_rules! codes {
    ($type:ty: $($variant:ident => $code:literal),+ $(,)?) => {
        impl $type {
            /// Every code, in the order of the variants.
            pub const CODES: [&'static str; [$($code),+].len()] = [$($code),+];

            /// The variant's code: a short name for programs that never changes.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code),+
                }
            }
        }
    };
}

pub mod digest;
pub mod disputes;
pub mod energy;
pub mod interval;
pub mod member;
pub mod metering;
pub mod money;
pub mod names;
pub mod netting;
pub mod ownership;
pub mod power;
pub mod prices;
pub mod reading;
pub mod round;
pub mod settlement;
pub mod tariff;
pub mod text;
pub mod trade;

pub use digest::Digest;
pub use energy::Energy;
pub use interval::{Boundary, Interval, IntervalLength};
pub use member::{MemberId, MeterId, PLATFORM_GRID};
pub use money::{Amount, Price, Tariff};
pub use power::Power;
pub use prices::{MeterPrice, OwnPrices, PriceBook, PriceRule, SetPrice};
pub use round::{Position, Round};
pub use settlement::{Settlement, Violation};
pub use tariff::{PartialTariff, TariffSchedule};
pub use trade::{CommunityCode, NamedParty, NamedTrade, Party, Trade, TradeId, TradeIds, TradeKind};
