//! What the Python original left in the database: trades without a community, and prices, both in floating-point numbers.
//!
//! It wrote whatever its callers sent, so a document may have anything in any field. What can be shown is shown; the rest is
//! left out with a warning, because a document of years ago must not stop the service.

use domain::trade::State;
use domain::{MeterId, MeterPrice, OwnPrices, Price, TradeId};
use jiff::Timestamp;
use mongodb::bson::{Bson, Document};

use super::field::{self, GRID};
use books::{Match, Quantity};
use domain::PLATFORM_GRID;

/// A trade that the original left; none if it cannot be shown.
pub(super) fn trade(document: &Document) -> Option<Match> {
    let shown = shown(document);
    if shown.is_none() {
        let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
        tracing::warn!(id, "a trade that the original left cannot be read and is left out");
    }
    shown
}

fn shown(document: &Document) -> Option<Match> {
    let end = time(document, "timestamp")?;
    let (seller, buyer) = (party(document.get("seller_id"))?, party(document.get("buyer_id"))?);
    let metadata = document.get_document("metadata").ok();
    let text = |name| metadata.and_then(|metadata| metadata.get_str(name).ok()).map(str::to_owned);
    let number = metadata.and_then(|metadata| number(metadata.get("transaction_state")));
    let state = number.and_then(|number| State::ALL.into_iter().find(|state| f64::from(*state as i32) == number));
    Some(Match {
        id: TradeId::from_bytes(document.get_object_id("_id").ok()?.bytes()),
        end,
        of: None,
        state: state.filter(|_| seller != PLATFORM_GRID && buyer != PLATFORM_GRID),
        seller,
        buyer,
        quantity: Quantity::Original {
            kwh: self::number(document.get("energy"))?,
            eur_per_kwh: self::number(document.get("price"))?,
        },
        transaction_id: text("transaction_id"),
        message: text("message"),
        created_at: time(document, "created_at").unwrap_or(end),
        updated_at: metadata.and_then(|metadata| time(metadata, "updated_at")),
    })
}

fn time(document: &Document, name: &str) -> Option<Timestamp> {
    field::timestamp(*document.get_datetime(name).ok()?)
}

/// The original kept the grid as a number, and members as texts.
fn party(value: Option<&Bson>) -> Option<String> {
    match value? {
        Bson::String(name) => Some(name.clone()),
        Bson::Int32(GRID) => Some(PLATFORM_GRID.to_owned()),
        Bson::Int32(number) => Some(number.to_string()),
        Bson::Int64(number) => Some(number.to_string()),
        Bson::Double(number) if number.fract() == 0.0 => Some(format!("{number:.0}")),
        _ => None,
    }
}

fn number(value: Option<&Bson>) -> Option<f64> {
    let number = match value? {
        Bson::Double(number) => *number,
        Bson::Int32(number) => f64::from(*number),
        // Texts say more digits than any of the original's numbers had.
        Bson::Int64(number) => number.to_string().parse().ok()?,
        Bson::Decimal128(number) => number.to_string().parse().ok()?,
        Bson::String(number) => number.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A price that the original kept; none if it cannot be used.
pub(super) fn price(document: &Document) -> Option<MeterPrice> {
    let metadata = document.get_document("metadata").ok();
    let read = || {
        let metadata = metadata?;
        Some(MeterPrice {
            meter: MeterId::from_stored(metadata.get_str("meter_id").ok()?).ok()?,
            from: time(document, "timestamp")?,
            own: Some(OwnPrices {
                bid: exact(number(metadata.get("buy_price"))?)?,
                offer: exact(number(metadata.get("sell_price"))?)?,
            }),
        })
    };
    let price = read();
    if price.is_none() {
        let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
        tracing::warn!(id, "a price that the original left cannot be read and does not count");
    }
    price
}

/// A price in EUR/kWh to the nearest µEUR/kWh; none below zero, or beyond all sense.
fn exact(eur_per_kwh: f64) -> Option<Price> {
    let micro = (eur_per_kwh * 1e6).round();
    // 2⁵³: up to here every whole number is exact.
    if !(0.0..=9_007_199_254_740_992.0).contains(&micro) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and within range")]
    let micro = micro as i64;
    Some(Price::from_micro_eur(micro))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{DateTime, doc};

    use super::*;

    #[test]
    fn prices_become_exact_to_the_nearest_micro_euro() {
        let exact = |eur| exact(eur).map(Price::micro_eur);
        assert_eq!(exact(0.1624), Some(162_400));
        assert_eq!(exact(0.03), Some(30_000));
        assert_eq!(exact(0.000_000_5), Some(1));
        assert_eq!(exact(0.0), Some(0));
        for wrong in [-0.01, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(exact(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whatever_can_be_shown_is_shown() {
        let id = ObjectId::from_bytes([7; 12]);
        let odd = doc! {
            "_id": id,
            "timestamp": DateTime::from_millis(1_693_569_600_500),
            "buyer_id": 7_i64,
            "seller_id": 100.0,
            "energy": "1e-17",
            "price": 1,
            "metadata": { "transaction_state": 0.0, "message": 3 },
        };
        let shown = trade(&odd).unwrap();
        assert_eq!((shown.buyer.as_str(), shown.seller.as_str(), shown.state), ("7", "100", None));
        assert_eq!(shown.quantity, Quantity::Original { kwh: 1e-17, eur_per_kwh: 1.0 });
        assert_eq!((shown.created_at, shown.message.clone()), (shown.end, None));
        for (name, wrong) in [
            ("_id", Bson::Int32(1)),
            ("timestamp", Bson::String("2023-09-01".to_owned())),
            ("timestamp", Bson::DateTime(DateTime::MAX)),
            ("buyer_id", Bson::Null),
            ("energy", Bson::Double(f64::NAN)),
            ("price", Bson::Boolean(true)),
        ] {
            let mut document = odd.clone();
            document.insert(name, wrong.clone());
            assert_eq!(trade(&document), None, "{name}: {wrong}");
        }
        for (wrong, state) in [(Bson::Int32(3), Some(State::NotPaid)), (Bson::Int32(9), None), (Bson::Null, None)] {
            let mut document = odd.clone();
            document.insert("seller_id", "a");
            document.insert("metadata", doc! { "transaction_state": wrong });
            assert_eq!(trade(&document).unwrap().state, state);
        }
    }
}
