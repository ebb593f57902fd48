//! Prices that members set.

use std::collections::BTreeSet;

use domain::{MeterId, MeterPrice, OwnPrices, Price, PriceBook, SetPrice};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::value::unsigned;
use books::{MeterPrices, NewPrices, PricesKept, Window};

const COLUMNS: &str = "meter, start, bid, offer, withdrawn, set_at";

pub(super) fn set(transaction: &Transaction<'_>, list: &NewPrices) -> Result<PricesKept, Fault> {
    let bounds = list.bounds;
    let mut unknown = Vec::new();
    for meter in list.by_meter() {
        if is_known(transaction, list, meter.meter.as_str())? {
            transaction.prepare_cached("DELETE FROM waiting WHERE meter = ?1")?.execute([meter.meter.as_str()])?;
            write(transaction, meter, bounds.per_meter, list.now)?;
        } else {
            unknown.push(meter);
        }
    }
    // Those that would give way to the rest of the same list are not even written.
    let too_many = unknown.len().saturating_sub(bounds.waiting_meters);
    for meter in unknown.drain(too_many..) {
        let name = meter.meter.to_string();
        // Whoever was there already comes last again.
        transaction.prepare_cached("INSERT OR REPLACE INTO waiting (meter) VALUES (?1)")?.execute([name])?;
        write(transaction, meter, bounds.per_waiting_meter, list.now)?;
    }
    let dropped = u64::try_from(too_many).unwrap_or(u64::MAX) + make_room(transaction, list)?;
    Ok(PricesKept { waiting_meters: waiting(transaction)?, dropped_meters: dropped })
}

/// Whether a meter is configured or has been read.
fn is_known(connection: &Connection, list: &NewPrices, meter: &str) -> Result<bool, Fault> {
    if list.is_configured(meter) {
        return Ok(true);
    }
    let mut find = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM community CROSS JOIN meter ON meter.community = community.id AND meter.meter = ?1)",
    )?;
    Ok(find.query_row([meter], |row| row.get(0))?)
}

/// Writes the prices of a meter, and removes what they void and what is too old.
fn write(transaction: &Transaction<'_>, mut meter: MeterPrices, most: usize, now: Timestamp) -> Result<(), Fault> {
    meter.keep_newest(most);
    let name = meter.meter.as_str();
    if let Some(after) = meter.voids_after {
        let mut void = transaction.prepare_cached("DELETE FROM price WHERE meter = ?1 AND start > ?2")?;
        void.execute(params![name, after.as_second()])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO price (meter, start, bid, offer, withdrawn, set_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (meter, start) DO UPDATE SET bid = excluded.bid, offer = excluded.offer,
             withdrawn = excluded.withdrawn, set_at = excluded.set_at",
    )?;
    for (from, own) in &meter.prices {
        let (bid, offer) = own.map_or((0, 0), |own| (own.bid.micro_eur(), own.offer.micro_eur()));
        insert.execute(params![name, from.as_second(), bid, offer, own.is_none(), now.as_second()])?;
    }
    let mut remove = transaction.prepare_cached(
        "DELETE FROM price WHERE meter = ?1 AND start <=
             (SELECT start FROM price WHERE meter = ?1 ORDER BY start DESC LIMIT 1 OFFSET ?2)",
    )?;
    remove.execute(params![name, i64::try_from(most).unwrap_or(i64::MAX)])?;
    Ok(())
}

fn waiting(connection: &Connection) -> Result<u64, Fault> {
    let mut count = connection.prepare_cached("SELECT count(*) FROM waiting")?;
    Ok(count.query_row((), |row| unsigned(row, 0))?)
}

/// Lets those go that have waited longest, if there are too many; answers how many of them nobody knows to this day.
fn make_room(transaction: &Transaction<'_>, list: &NewPrices) -> Result<u64, Fault> {
    let most = u64::try_from(list.bounds.waiting_meters).unwrap_or(u64::MAX);
    let mut dropped = 0;
    for _ in most..waiting(transaction)? {
        let mut first = transaction.prepare_cached("SELECT turn, meter FROM waiting ORDER BY turn LIMIT 1")?;
        let found = first.query_row((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let Some((turn, meter)) = found.optional()? else { break };
        transaction.prepare_cached("DELETE FROM waiting WHERE turn = ?1")?.execute([turn])?;
        if !is_known(transaction, list, &meter)? {
            transaction.prepare_cached("DELETE FROM price WHERE meter = ?1")?.execute([meter])?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

pub(super) fn list(
    connection: &Connection,
    meter: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    window: Window,
) -> Result<Vec<MeterPrice>, Fault> {
    let from = from.map_or(i64::MIN, super::value::second_from);
    let to = to.map_or(i64::MAX, super::value::second_from);
    let (skip, limit) = super::value::signed(window);
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM price WHERE meter = ?1 AND start >= ?2 AND start < ?3
         ORDER BY start DESC LIMIT ?4 OFFSET ?5"
    ))?;
    let mut rows = select.query(params![meter, from, to, limit, skip])?;
    let mut prices = Vec::new();
    while let Some(row) = rows.next()? {
        prices.push(price(row)?);
    }
    Ok(prices)
}

pub(super) fn book(
    connection: &Connection,
    meters: &BTreeSet<MeterId>,
    instants: &BTreeSet<Timestamp>,
) -> Result<PriceBook, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM price WHERE meter = ?1 AND start <= ?2 ORDER BY start DESC LIMIT 1"
    ))?;
    let mut with_prices = connection.prepare_cached("SELECT min(meter) FROM price WHERE meter > ?1")?;
    let (mut prices, mut wanted) = (Vec::new(), meters.iter().peekable());
    while let Some(meter) = wanted.next() {
        let before = prices.len();
        // From the latest instant back: each price found skips the instants at which it is in effect, so that it takes no
        // longer if there are many prices between two instants.
        let mut next = instants.last();
        while let Some(instant) = next {
            let mut rows = select.query(params![meter.as_str(), instant.as_second()])?;
            let Some(row) = rows.next()? else { break };
            let found = price(row)?;
            next = instants.range(..found.from).next_back();
            prices.push(SetPrice { price: found, at: super::value::time(row.get(5)?)? });
        }
        if prices.len() > before {
            continue;
        }
        // Few members set prices: all are passed over up to the next one that somebody has set.
        let Some(next) = with_prices.query_row([meter.as_str()], |row| row.get::<_, Option<String>>(0))? else { break };
        while wanted.next_if(|meter| meter.as_str() < next.as_str()).is_some() {}
    }
    Ok(prices.into_iter().collect())
}

fn price(row: &Row<'_>) -> Result<MeterPrice, Fault> {
    read(row).map_err(|fault| fault.of(|| "a price".to_owned()))
}

fn read(row: &Row<'_>) -> Result<MeterPrice, Fault> {
    let meter: String = row.get(0)?;
    let own = OwnPrices { bid: Price::from_micro_eur(row.get(2)?), offer: Price::from_micro_eur(row.get(3)?) };
    Ok(MeterPrice {
        meter: MeterId::from_stored(&meter).map_err(|error| Fault::Record(error.into()))?,
        from: super::value::time(row.get(1)?)?,
        own: (!row.get::<_, bool>(4)?).then_some(own),
    })
}
