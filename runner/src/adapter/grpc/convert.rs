//! Conversions between the platform's messages and the types of the store: texts become times and ids, floats integers.
//!
//! Pure. An invalid value is refused with its field and what is expected. Start reading at [`match_filter`] and
//! [`match_response`].

use std::collections::BTreeSet;
use std::fmt;

use domain::member::InvalidName;
use domain::trade::State;
use domain::{MeterId, MeterPrice, OwnPrices, Price, TradeId};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use tonic::Status;

use super::instant::Instant;
use books::{Match, MatchFilter, MatchUpdate, Quantity, Wallets};

/// Maximum length of a payment id, in bytes; those of ledgers have some 90.
const TRANSACTION_BYTES_MAX: usize = 256;
/// Maximum length of a message, in bytes: enough for another program's error, and a page can still hold hundreds of them.
const MESSAGE_BYTES_MAX: usize = 4096;
/// Maximum number of prices in a list: every meter of a large community, and written in a fraction of a second.
const PRICES_MAX: usize = 20_000;
/// How much of an invalid value a response repeats, in characters.
const REPEATED_CHARS: usize = 64;
/// 2⁶³: the first number of µEUR/kWh that is too large to store.
const MICRO_EUR_END: f64 = 9_223_372_036_854_775_808.0;

const AN_ID: &str = "24 hexadecimal digits are expected";
const A_TIME: &str = "YYYY-MM-DDTHH:MM:SSZ is expected (or with an offset, such as +01:00, from the year 1 on)";

/// A request with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Invalid(String);

/// A half-open span of time, open on the sides that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Invalid {
    pub(super) fn new(field: impl fmt::Display, value: impl fmt::Display, expected: impl fmt::Display) -> Invalid {
        Invalid(format!("{field} is {value}, but {expected}"))
    }

    fn text(field: impl fmt::Display, value: &str, expected: &str) -> Invalid {
        let mut start: String = value.chars().take(REPEATED_CHARS).collect();
        if start.len() < value.len() {
            start.push('…');
        }
        Invalid::new(field, format_args!("{start:?}"), expected)
    }
}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Status {
        Status::invalid_argument(invalid.to_string())
    }
}

/// The trades that a caller asks for; none if there cannot be any.
pub(super) fn match_filter(filter: &wire::MatchesFilter, wallets: &Wallets) -> Result<Option<MatchFilter>, Invalid> {
    let states = filter.state.iter().enumerate().map(|(at, number)| state(format_args!("state[{at}]"), *number));
    let states = states.collect::<Result<BTreeSet<State>, Invalid>>()?;
    let span = span(filter.start_timestamp.as_deref(), filter.end_timestamp.as_deref())?;
    let id = filter.match_id.as_deref().map(|text| trade_id("matchID", text)).transpose()?;
    Ok(span.map(|Span { from, to }| MatchFilter {
        buyer: filter.buyer_id.as_deref().map(|name| wallets.party(name)),
        seller: filter.seller_id.as_deref().map(|name| wallets.party(name)),
        states,
        from,
        to,
        id,
    }))
}

/// The buyer whose waiting trades a caller claims: if the filter names exactly a buyer and both waiting states.
pub(super) fn claimed_buyer(filter: &wire::MatchesFilter) -> Option<&str> {
    let waiting = State::ALL.into_iter().filter(|state| state.is_waiting()).map(|state| state as i32);
    let requested: BTreeSet<i32> = filter.state.iter().copied().collect();
    let narrowed = filter.seller_id.is_some()
        || filter.match_id.is_some()
        || filter.start_timestamp.is_some()
        || filter.end_timestamp.is_some();
    (!narrowed && requested == waiting.collect()).then_some(filter.buyer_id.as_deref()).flatten()
}

/// The reports of Transactions.
pub(super) fn updates(list: &wire::ListUpdateMatch) -> Result<Vec<MatchUpdate>, Invalid> {
    let read = |(at, update): (usize, &wire::UpdateMatch)| {
        let field = |name: &str| format!("matches[{at}].{name}");
        Ok(MatchUpdate {
            id: trade_id(field("matchID"), &update.match_id)?,
            state: state(field("state"), update.state)?,
            transaction_id: limited(field("transactionID"), update.transaction_id.as_deref(), TRANSACTION_BYTES_MAX)?,
            message: limited(field("message"), update.message.as_deref(), MESSAGE_BYTES_MAX)?,
        })
    };
    list.matches.iter().enumerate().map(read).collect()
}

pub(super) fn meter_prices(list: &wire::ListPricesUpdate) -> Result<Vec<MeterPrice>, Invalid> {
    if list.prices.len() > PRICES_MAX {
        let expected = format!("{PRICES_MAX} are taken at once (split the list)");
        return Err(Invalid::new("prices", format_args!("{} entries long", list.prices.len()), expected));
    }
    let read = |(at, price): (usize, &wire::PriceUpdate)| {
        let field = |name: &str| format!("prices[{at}].{name}");
        Ok(MeterPrice {
            meter: meter(field("meterID"), &price.meter_id)?,
            from: whole_second(field("timestamp"), &price.timestamp)?,
            own: own_prices(price, field)?,
        })
    };
    list.prices.iter().enumerate().map(read).collect()
}

/// The prices of an entry; none if it withdraws them.
fn own_prices(price: &wire::PriceUpdate, field: impl Fn(&str) -> String) -> Result<Option<OwnPrices>, Invalid> {
    let own = OwnPrices {
        bid: micro_eur(field("buyPrice"), price.buy_price)?,
        offer: micro_eur(field("sellPrice"), price.sell_price)?,
    };
    if !price.withdraw {
        return Ok(Some(own));
    }
    for (name, eur) in [("buyPrice", price.buy_price), ("sellPrice", price.sell_price)] {
        if eur != 0.0 {
            let expected = format!("{} is true (leave both prices out to withdraw them)", field("withdraw"));
            return Err(Invalid::new(field(name), eur, expected));
        }
    }
    Ok(None)
}

/// A meter and the span of the prices that are asked for; no span if there cannot be any.
pub(super) fn price_filter(filter: &wire::PriceFilter) -> Result<(MeterId, Option<Span>), Invalid> {
    // A stored price may be of a meter that could have any name.
    let meter =
        MeterId::from_stored(&filter.meter_id).map_err(|error| no_meter("meterID", &filter.meter_id, &error))?;
    Ok((meter, span(filter.start_timestamp.as_deref(), filter.end_timestamp.as_deref())?))
}

pub(super) fn match_response(trade: Match) -> wire::MatchResponse {
    let (energy, price) = match trade.quantity {
        Quantity::Exact { energy, price } => (to_wire(energy.wh() as f64 / 1e3), eur(price)),
        Quantity::Original { kwh, eur_per_kwh } => (to_wire(kwh), to_wire(eur_per_kwh)),
    };
    wire::MatchResponse {
        timestamp: time(trade.end),
        buyer_id: trade.buyer,
        seller_id: trade.seller,
        energy,
        price,
        id: trade.id.to_string(),
        created_at: time(trade.created_at),
        transaction_id: trade.transaction_id,
        transaction_state: trade.state.map(|state| state as i32),
        updated_at: trade.updated_at.map(time),
        message: trade.message,
    }
}

pub(super) fn price_response(price: &MeterPrice) -> wire::PriceResponse {
    wire::PriceResponse {
        timestamp: time(price.from),
        meter_id: price.meter.as_str().to_owned(),
        sell_price: price.own.map_or(0.0, |own| eur(own.offer)),
        buy_price: price.own.map_or(0.0, |own| eur(own.bid)),
        withdrawn: price.own.is_none(),
    }
}

/// A span of time; none if it starts after all times that can be stored.
fn span(start: Option<&str>, end: Option<&str>) -> Result<Option<Span>, Invalid> {
    let read = |field: &str, text: &str| Instant::parse(text).ok_or_else(|| Invalid::text(field, text, A_TIME));
    let from = start.map(|text| read("startTimestamp", text)).transpose()?;
    let to = end.map(|text| read("endTimestamp", text)).transpose()?;
    if let (Some(from), Some(to), Some(text)) = (from, to, start)
        && from > to
    {
        return Err(Invalid::text("startTimestamp", text, "endTimestamp is earlier (it may not be before the start)"));
    }
    let stored = |instant| match instant {
        Instant::At(at) => Some(at),
        Instant::AfterAll => None,
    };
    match from {
        Some(Instant::AfterAll) => Ok(None),
        _ => Ok(Some(Span { from: from.and_then(stored), to: to.and_then(stored) })),
    }
}

fn whole_second(field: String, text: &str) -> Result<Timestamp, Invalid> {
    match Instant::parse(text) {
        Some(Instant::At(at)) if at.subsec_nanosecond() == 0 => Ok(at),
        Some(Instant::At(_)) => Err(Invalid::text(field, text, "a whole second is expected")),
        Some(Instant::AfterAll) => {
            let expected = format!("it must not be after {} (the latest that can be kept)", time(Timestamp::MAX));
            Err(Invalid::text(field, text, &expected))
        }
        None => Err(Invalid::text(field, text, A_TIME)),
    }
}

fn trade_id(field: impl fmt::Display, text: &str) -> Result<TradeId, Invalid> {
    text.parse().map_err(|_| Invalid::text(field, text, AN_ID))
}

fn meter(field: impl fmt::Display, text: &str) -> Result<MeterId, Invalid> {
    text.parse().map_err(|error| no_meter(field, text, &error))
}

fn no_meter(field: impl fmt::Display, text: &str, error: &InvalidName) -> Invalid {
    Invalid::text(field, text, &format!("a meter's name is expected: {error}"))
}

fn state(field: impl fmt::Display, number: i32) -> Result<State, Invalid> {
    let expected = "Created (0), Sent (1), Paid (2), NotPaid (3) or Error (4) is expected";
    State::from_number(number.into()).ok_or_else(|| Invalid::new(field, number, expected))
}

fn limited(field: String, text: Option<&str>, bytes_max: usize) -> Result<Option<String>, Invalid> {
    match text {
        Some(text) if text.len() > bytes_max => {
            let expected = format!("{bytes_max} are allowed (shorten it)");
            Err(Invalid::new(field, format_args!("{} bytes long", text.len()), expected))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// EUR/kWh rounded to whole µEUR/kWh.
fn micro_eur(field: String, eur: f32) -> Result<Price, Invalid> {
    let micro = (f64::from(eur) * 1e6).round();
    if eur.is_nan() || eur < 0.0 || micro >= MICRO_EUR_END {
        let expected = "a number of EUR/kWh from 0 to below 9223372036854 is expected";
        return Err(Invalid::new(field, eur, expected));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number from 0 to below 2⁶³")]
    Ok(Price::from_micro_eur(micro as i64))
}

fn eur(price: Price) -> f32 {
    to_wire(price.micro_eur() as f64 / 1e6)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the platform's wire has floats of 32 bit; nothing is computed from them"
)]
fn to_wire(value: f64) -> f32 {
    value as f32
}

/// A time in the platform's form: whole seconds in UTC.
fn time(at: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
    PRINTER.timestamp_to_string(&at)
}

#[cfg(test)]
mod tests;
