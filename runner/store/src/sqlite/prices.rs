//! Prices that members set.

use domain::{MeterPrice, Price, PriceBook};
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::fault::Fault;
use books::Window;

const COLUMNS: &str = "meter, start, bid, offer";

pub(super) fn set(transaction: &Transaction<'_>, prices: &[MeterPrice], now: Timestamp) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO price (meter, start, bid, offer, set_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (meter, start) DO UPDATE
         SET bid = excluded.bid, offer = excluded.offer, set_at = excluded.set_at",
    )?;
    for price in prices {
        let (bid, offer) = (price.bid.micro_eur(), price.offer.micro_eur());
        insert.execute(params![price.meter.as_str(), price.from.as_second(), bid, offer, now.as_second()])?;
    }
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    meter: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    window: Window,
) -> Result<Vec<MeterPrice>, Fault> {
    let from = from.map_or(i64::MIN, super::payments::second_from);
    let to = to.map_or(i64::MAX, super::payments::second_from);
    let (skip, limit) = super::payments::signed(window);
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM price WHERE meter = ?1 AND start >= ?2 AND start < ?3
         ORDER BY start DESC LIMIT ?4 OFFSET ?5"
    ))?;
    read(select.query(params![meter, from, to, limit, skip])?)
}

pub(super) fn book(connection: &Connection, from: Timestamp, to: Timestamp) -> Result<PriceBook, Fault> {
    // The prices that take effect within the span, and for each meter the one in effect at its start.
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM price AS held
         WHERE start <= ?2 AND (start > ?1 OR start =
             (SELECT max(start) FROM price WHERE price.meter = held.meter AND start <= ?1))"
    ))?;
    Ok(read(select.query([from.as_second(), to.as_second()])?)?.into_iter().collect())
}

fn read(mut rows: rusqlite::Rows<'_>) -> Result<Vec<MeterPrice>, Fault> {
    let mut prices = Vec::new();
    while let Some(row) = rows.next()? {
        prices.push(price(row).map_err(|fault| fault.of(|| "a price".to_owned()))?);
    }
    Ok(prices)
}

fn price(row: &Row<'_>) -> Result<MeterPrice, Fault> {
    let meter: String = row.get(0)?;
    Ok(MeterPrice {
        meter: meter.parse().map_err(|error| Fault::Record(format!("{error}")))?,
        from: super::payments::time(row.get(1)?)?,
        bid: Price::from_micro_eur(row.get(2)?),
        offer: Price::from_micro_eur(row.get(3)?),
    })
}
