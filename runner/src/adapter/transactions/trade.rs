//! A trade as it is sent to Transactions.

use books::{Match, Quantity};
use domain::Amount;
use wire::rec_market_v1::{OriginalQuantity, Trade};

pub fn to_wire(trade: &Match) -> Trade {
    let (community, start) = match &trade.of {
        Some((community, interval)) => (community.clone(), interval.start().to_string()),
        None => Default::default(),
    };
    let mut wire = Trade {
        id: trade.id.to_string(),
        community,
        start,
        end: trade.end.to_string(),
        seller: trade.seller.clone(),
        buyer: trade.buyer.clone(),
        message: trade.message.clone().unwrap_or_default(),
        ..Trade::default()
    };
    match trade.quantity {
        Quantity::Exact { energy, price } => {
            wire.energy_wh = energy.wh();
            wire.price_micro_eur_per_kwh = price.micro_eur();
            wire.amount_nano_eur = Amount::of(energy, price).nano_eur().to_string();
        }
        Quantity::Original { kwh, eur_per_kwh } => {
            wire.original = Some(OriginalQuantity { energy_kwh: kwh, price_eur_per_kwh: eur_per_kwh });
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use demo::transactions::trade::Payable;
    use domain::{Energy, Price};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_is_sent_can_be_paid() {
        let sent = Match {
            id: "01aeb270c49f028600000007".parse().unwrap(),
            end: "2023-09-01T12:15:00Z".parse().unwrap(),
            of: None,
            seller: "a".to_owned(),
            buyer: "b".to_owned(),
            quantity: Quantity::Exact { energy: Energy::from_wh(u64::MAX), price: Price::from_micro_eur(i64::MIN) },
            state: Some(domain::trade::State::Created),
            transaction_id: None,
            message: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: None,
        };
        let wire = to_wire(&sent);
        assert_eq!(wire.amount_nano_eur, "-170141183460469231722463931679029329920");
        let taken = Payable::pushed(&wire).unwrap();
        assert_eq!(Quantity::Exact { energy: taken.energy, price: taken.price }, sent.quantity);
        let original = Match { quantity: Quantity::Original { kwh: 1.2, eur_per_kwh: 0.0962 }, ..sent };
        let taken = Payable::pushed(&to_wire(&original)).unwrap();
        assert_eq!((taken.energy.wh(), taken.price.micro_eur()), (1200, 96_200));
    }
}
