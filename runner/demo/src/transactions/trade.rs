//! A trade as a careful receiver takes it: every field checked, floating-point numbers brought back to whole ones.

use domain::{Amount, Energy, PLATFORM_GRID, Price, TradeId};
use jiff::Timestamp;

use wire::rec_market_v1::Trade;
use wire::{MatchResponse, State};

/// A trade that was looked at and can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payable {
    /// Its id.
    pub id: TradeId,
    /// The end of its interval.
    pub end: Timestamp,
    /// Who is paid.
    pub seller: String,
    /// Who pays.
    pub buyer: String,
    /// How much energy.
    pub energy: Energy,
    /// At what price.
    pub price: Price,
}

/// A trade that cannot be paid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unpayable {
    /// Its id is none.
    #[error(transparent)]
    Id(#[from] domain::trade::InvalidTradeId),
    /// A time is none.
    #[error("{name} is {text:?}, which is no time (RFC 3339 is expected, such as 2023-09-01T12:15:00Z)")]
    Time {
        /// The field.
        name: &'static str,
        /// Its text.
        text: String,
    },
    /// The interval is empty.
    #[error("the interval from {start} to {end} is empty")]
    Interval {
        /// Its start.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Nobody, or the grid, is a party: the grid's bills are not paid here.
    #[error("{0:?} is not a member")]
    Party(String),
    /// Somebody trades with itself.
    #[error("{0} is both seller and buyer")]
    SelfTrade(String),
    /// There is nothing to pay for.
    #[error("it is about no energy")]
    NoEnergy,
    /// A floating-point number that is no energy or price.
    #[error("{value} {unit} is out of range")]
    Quantity {
        /// The number.
        value: f64,
        /// Its unit.
        unit: &'static str,
    },
    /// The amount is not energy × price.
    #[error("the amount is {text:?}, but {energy} Wh at {price} µEUR/kWh are {} nEUR", expected.nano_eur())]
    Amount {
        /// What was sent.
        text: String,
        /// Wh.
        energy: u64,
        /// µEUR/kWh.
        price: i64,
        /// What is right.
        expected: Amount,
    },
    /// The same id stands for something else.
    #[error("trade {0} was taken before with other contents")]
    Changed(TradeId),
}

impl Payable {
    /// What the buyer owes the seller.
    pub fn amount(&self) -> Amount {
        Amount::of(self.energy, self.price)
    }

    /// Looks at a trade that was pushed.
    ///
    /// # Errors
    /// What is wrong with it.
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

    /// Looks at a trade that was fetched from the platform's wire.
    ///
    /// # Errors
    /// What is wrong with it.
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

    /// As the platform's wire shows it.
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

/// The whole Wh and µEUR/kWh behind floating-point kWh and EUR/kWh. Single precision tells them apart up to 8 MWh in an
/// interval and 8 EUR/kWh.
fn quantity(kwh: f64, eur_per_kwh: f64) -> Result<(Energy, Price), Unpayable> {
    let out_of_range = |value, unit| Unpayable::Quantity { value, unit };
    let wh = whole(kwh * 1e3).and_then(|wh| u64::try_from(wh).ok()).ok_or(out_of_range(kwh, "kWh"))?;
    let price = whole(eur_per_kwh * 1e6).ok_or(out_of_range(eur_per_kwh, "EUR/kWh"))?;
    Ok((Energy::from_wh(wh), Price::from_micro_eur(price)))
}

/// The nearest integer, if floating-point numbers of that size are still exact.
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
    fn what_cannot_be_paid_is_refused_in_words() {
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
        assert_eq!(with(no_energy), "it is about no energy");
        assert!(with(|wire| wire.end = "noon".to_owned()).starts_with("end is \"noon\", which is no time"));
        assert!(with(|wire| wire.start = wire.end.clone()).ends_with("is empty"));
        let infinite = OriginalQuantity { energy_kwh: f64::INFINITY, price_eur_per_kwh: 0.1 };
        let wire = Trade { original: Some(infinite), ..wire() };
        assert_eq!(Payable::pushed(&wire).unwrap_err().to_string(), "inf kWh is out of range");
    }

    #[test]
    fn the_platforms_floats_are_the_integers_they_came_from() {
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
