//! Trades as a careful receiver reads them: every field is validated, and floating-point numbers are converted back to
//! integers.

use domain::{Amount, Energy, PLATFORM_GRID, Price, TradeId};
use jiff::Timestamp;

use wire::rec_market_v1::Trade;
use wire::{MatchResponse, State};

/// A validated trade that can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payable {
    /// The trade's id.
    pub id: TradeId,
    /// The end of the trade's interval.
    pub end: Timestamp,
    /// The platform's name of the member that is paid.
    pub seller: String,
    /// The platform's name of the member that pays.
    pub buyer: String,
    /// The energy, in Wh; above 0.
    pub energy: Energy,
    /// The price, in µEUR/kWh.
    pub price: Price,
}

/// Why a trade cannot be paid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unpayable {
    /// The id is invalid.
    #[error(transparent)]
    Id(#[from] domain::trade::InvalidTradeId),
    /// A time is invalid.
    #[error("{name} is {text:?}, which is not a time (RFC 3339 is expected, such as 2023-09-01T12:15:00Z)")]
    Time {
        /// The field's name.
        name: &'static str,
        /// The field's text.
        text: String,
    },
    /// The interval is empty.
    #[error("the interval from {start} to {end} is empty")]
    Interval {
        /// The start of the interval.
        start: Timestamp,
        /// The end of the interval.
        end: Timestamp,
    },
    /// A party is empty or the grid, whose bills are not paid here.
    #[error("{0:?} is not a member")]
    Party(String),
    /// Seller and buyer are the same.
    #[error("{0} is both seller and buyer")]
    SelfTrade(String),
    /// There is no energy to pay for.
    #[error("the energy is 0 Wh")]
    NoEnergy,
    /// A floating-point number is not a valid energy or price.
    #[error("{value} {unit} is out of range")]
    Quantity {
        /// The number as received.
        value: f64,
        /// The number's unit.
        unit: &'static str,
    },
    /// The amount is not energy × price.
    #[error("the amount is {text:?}, but {energy} Wh at {price} µEUR/kWh are {} nEUR", expected.nano_eur())]
    Amount {
        /// The amount as received, in nEUR.
        text: String,
        /// The energy, in Wh.
        energy: u64,
        /// The price, in µEUR/kWh.
        price: i64,
        /// The correct amount.
        expected: Amount,
    },
    /// A trade with the same id and other contents was received before.
    #[error("trade {0} was taken before with other contents")]
    Changed(TradeId),
}

impl Payable {
    /// Computes what the buyer owes the seller: energy × price, exactly.
    pub fn amount(&self) -> Amount {
        Amount::of(self.energy, self.price)
    }

    /// Validates a trade that was pushed.
    ///
    /// # Errors
    /// If a field is invalid.
    pub fn pushed(wire: &Trade) -> Result<Payable, Unpayable> {
        let end = time("end", &wire.end)?;
        if !wire.start.is_empty() {
            let start = time("start", &wire.start)?;
            if start >= end {
                return Err(Unpayable::Interval { start, end });
            }
        }
        let (energy, price) = match wire.original {
            Some(original) => quantity(original.energy_kwh, original.price_eur_per_kwh)?,
            None => exact(wire)?,
        };
        let (id, seller, buyer) = (wire.id.parse()?, wire.seller.clone(), wire.buyer.clone());
        Payable { id, end, seller, buyer, energy, price }.check()
    }

    /// Validates a trade that was fetched over the platform's wire.
    ///
    /// # Errors
    /// If a field is invalid.
    pub fn fetched(wire: &MatchResponse) -> Result<Payable, Unpayable> {
        let end = time("timestamp", &wire.timestamp)?;
        let (energy, price) = quantity(wire.energy.into(), wire.price.into())?;
        let (id, seller, buyer) = (wire.id.parse()?, wire.seller_id.clone(), wire.buyer_id.clone());
        Payable { id, end, seller, buyer, energy, price }.check()
    }

    fn check(self) -> Result<Payable, Unpayable> {
        for party in [&self.seller, &self.buyer] {
            if party.is_empty() || party == PLATFORM_GRID || party == "grid" {
                return Err(Unpayable::Party(party.clone()));
            }
        }
        if self.seller == self.buyer {
            return Err(Unpayable::SelfTrade(self.seller));
        }
        if self.energy == Energy::ZERO {
            return Err(Unpayable::NoEnergy);
        }
        Ok(self)
    }

    /// Makes the trade's message for the platform's wire, which has single precision.
    #[allow(clippy::cast_possible_truncation, reason = "that wire has single precision; nothing is computed from it")]
    pub fn to_platform(&self, state: State, transaction_id: Option<String>) -> MatchResponse {
        MatchResponse {
            timestamp: self.end.to_string(),
            buyer_id: self.buyer.clone(),
            seller_id: self.seller.clone(),
            energy: (self.energy.wh() as f64 / 1e3) as f32,
            price: (self.price.micro_eur() as f64 / 1e6) as f32,
            id: self.id.to_string(),
            transaction_id,
            transaction_state: Some(state.into()),
            ..MatchResponse::default()
        }
    }
}

fn exact(wire: &Trade) -> Result<(Energy, Price), Unpayable> {
    let quantity = (Energy::from_wh(wire.energy_wh), Price::from_micro_eur(wire.price_micro_eur_per_kwh));
    let expected = Amount::of(quantity.0, quantity.1);
    if wire.amount_nano_eur == expected.nano_eur().to_string() {
        return Ok(quantity);
    }
    Err(Unpayable::Amount {
        text: wire.amount_nano_eur.clone(),
        energy: wire.energy_wh,
        price: wire.price_micro_eur_per_kwh,
        expected,
    })
}

fn time(name: &'static str, text: &str) -> Result<Timestamp, Unpayable> {
    text.parse().map_err(|_| Unpayable::Time { name, text: text.to_owned() })
}

/// Converts floating-point kWh and EUR/kWh to whole Wh and µEUR/kWh. In single precision the conversion is exact up to
/// 8 MWh per interval and 8 EUR/kWh.
fn quantity(kwh: f64, eur_per_kwh: f64) -> Result<(Energy, Price), Unpayable> {
    let out_of_range = |value, unit| Unpayable::Quantity { value, unit };
    let wh = whole(kwh * 1e3).and_then(|wh| u64::try_from(wh).ok()).ok_or(out_of_range(kwh, "kWh"))?;
    let price = whole(eur_per_kwh * 1e6).ok_or(out_of_range(eur_per_kwh, "EUR/kWh"))?;
    Ok((Energy::from_wh(wh), Price::from_micro_eur(price)))
}

/// The nearest integer; `None` if floating-point numbers of that size are not exact.
fn whole(value: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2⁵³
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and its size is checked")]
    (value.abs() <= EXACT_MAX).then(|| value.round() as i64)
}

#[cfg(test)]
mod tests {
    use wire::rec_market_v1::OriginalQuantity;

    use super::*;

    fn wire() -> Trade {
        Trade {
            id: "01aeb270c49f028600000007".to_owned(),
            community: "aveiro".to_owned(),
            start: "2023-09-01T12:00:00Z".to_owned(),
            end: "2023-09-01T12:15:00Z".to_owned(),
            seller: "a".to_owned(),
            buyer: "b".to_owned(),
            energy_wh: 1200,
            price_micro_eur_per_kwh: 96_200,
            amount_nano_eur: "115440000".to_owned(),
            ..Trade::default()
        }
    }

    #[test]
    fn trades_that_cannot_be_paid_are_refused_with_the_reason() {
        let with = |change: fn(&mut Trade)| {
            let mut wire = wire();
            change(&mut wire);
            Payable::pushed(&wire).unwrap_err().to_string()
        };
        assert!(Payable::pushed(&wire()).is_ok());
        assert_eq!(
            with(|wire| wire.id = "7".to_owned()),
            "\"7\" is not a trade id (24 hexadecimal digits are expected)"
        );
        assert_eq!(with(|wire| wire.seller = "b".to_owned()), "b is both seller and buyer");
        assert_eq!(with(|wire| wire.buyer = "100".to_owned()), "\"100\" is not a member");
        assert_eq!(with(|wire| wire.buyer = String::new()), "\"\" is not a member");
        assert_eq!(
            with(|wire| wire.amount_nano_eur = "115440001".to_owned()),
            "the amount is \"115440001\", but 1200 Wh at 96200 µEUR/kWh are 115440000 nEUR"
        );
        let no_energy = |wire: &mut Trade| (wire.energy_wh, wire.amount_nano_eur) = (0, "0".to_owned());
        assert_eq!(with(no_energy), "the energy is 0 Wh");
        assert!(with(|wire| wire.end = "noon".to_owned()).starts_with("end is \"noon\", which is not a time"));
        assert!(with(|wire| wire.start = wire.end.clone()).ends_with("is empty"));
        let infinite = OriginalQuantity { energy_kwh: f64::INFINITY, price_eur_per_kwh: 0.1 };
        let wire = Trade { original: Some(infinite), ..wire() };
        assert_eq!(Payable::pushed(&wire).unwrap_err().to_string(), "inf kWh is out of range");
    }

    #[test]
    fn the_platforms_floats_convert_back_to_the_same_integers() {
        for (wh, price) in [(1, 1), (333, 96_200), (8_000_000, 8_000_000), (1_234_567, -30_000)] {
            let trade = Payable {
                energy: Energy::from_wh(wh),
                price: Price::from_micro_eur(price),
                ..Payable::pushed(&wire()).unwrap()
            };
            assert_eq!(Payable::fetched(&trade.to_platform(State::Created, None)), Ok(trade));
        }
    }
}
