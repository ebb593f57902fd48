//! Prices that members set: ours, and below them those that the original kept.

use std::collections::BTreeMap;

use domain::{MeterPrice, Price, PriceBook};
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use prost::Message;
use serde::Deserialize;
use tokio_stream::StreamExt;

use super::document::all;
use super::fault::Fault;
use super::field::{self, Date};
use super::journal::Journal;
use super::original;
use super::server::{Server, Stored};
use books::Window;

/// An entry of the journal of prices.
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    prices: Vec<Set>,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    set_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(string, tag = "1")]
    meter: String,
    /// In seconds.
    #[prost(int64, tag = "2")]
    start: i64,
    #[prost(sint64, tag = "3")]
    bid: i64,
    #[prost(sint64, tag = "4")]
    offer: i64,
}

impl Set {
    fn of(price: &MeterPrice) -> Set {
        let (bid, offer) = (price.bid.micro_eur(), price.offer.micro_eur());
        Set { meter: price.meter.as_str().to_owned(), start: price.from.as_second(), bid, offer }
    }

    /// The statement that sets it, unless a later entry has set it.
    fn statement(&self, number: i64, set_at: i64) -> Document {
        let values = doc! {
            "meter": &self.meter,
            "start": DateTime::from_millis(self.start.saturating_mul(1000)),
            "bid_micro_eur": self.bid,
            "offer_micro_eur": self.offer,
            "set_at": DateTime::from_millis(set_at),
            "revision": number,
        };
        // Where a later entry has set it, this finds nothing, and the insertion finds the `_id` taken.
        let earlier = doc! { "_id": format!("{}/{}", self.meter, self.start), "revision": { "$lt": number } };
        doc! { "q": earlier, "u": { "$set": values }, "upsert": true }
    }
}

/// What is read of a price.
#[derive(Deserialize)]
pub(super) struct PriceFields {
    #[serde(rename = "_id")]
    id: String,
    meter: String,
    start: Date,
    bid_micro_eur: i64,
    offer_micro_eur: i64,
}

impl Stored for PriceFields {
    const COLLECTION: &'static str = "market_prices";
}

impl PriceFields {
    fn into_price(self) -> Result<MeterPrice, Fault> {
        let wrong = |error| Fault::Record(format!("price {}: {error}", self.id));
        Ok(MeterPrice {
            meter: self.meter.parse().map_err(wrong)?,
            from: self.start.0,
            bid: Price::from_micro_eur(self.bid_micro_eur),
            offer: Price::from_micro_eur(self.offer_micro_eur),
        })
    }
}

async fn make(server: &Server, number: i64, list: &List) -> Result<(), Fault> {
    let statements: Vec<Document> = list.prices.iter().map(|set| set.statement(number, list.set_at)).collect();
    server.update(&server.of::<PriceFields>(), &statements).await?;
    Journal::Prices.finish(server, number).await
}

/// Completes the newest list if somebody has left it half-done; answers its number.
async fn settle(server: &Server) -> Result<i64, Fault> {
    let (number, entry) = Journal::Prices.newest(server).await?;
    if let Some(list) = entry.filter(|_| server.is_writable()) {
        make(server, number, &list).await?;
    }
    Ok(number)
}

/// Sets prices, all or none.
pub(super) async fn set(server: &Server, prices: &[MeterPrice], now: Timestamp) -> Result<(), Fault> {
    server.check_writable()?;
    // Of several for the same meter and instant only the last counts.
    let last: BTreeMap<(String, i64), Set> =
        prices.iter().map(Set::of).map(|set| ((set.meter.clone(), set.start), set)).collect();
    let list = List { prices: last.into_values().collect(), set_at: now.as_millisecond() };
    if list.prices.is_empty() {
        return Ok(());
    }
    let bytes = list.encode_to_vec();
    loop {
        let after = settle(server).await?;
        if Journal::Prices.publish(server, after, &bytes).await? {
            return make(server, after + 1, &list).await;
        }
    }
}

/// Ours, by a condition on the instant, newest first.
async fn ours(server: &Server, meter: Option<&str>, start: Document, limit: i64) -> Result<Vec<MeterPrice>, Fault> {
    let mut filter = doc! { "start": start };
    filter.extend(meter.map(|meter| ("meter".to_owned(), Bson::from(meter))));
    let collection = server.of::<PriceFields>();
    let find = collection.find(filter).sort(doc! { "start": -1 }).limit(limit);
    all("price", find).await?.into_iter().map(PriceFields::into_price).collect()
}

/// The original's, by a condition on the instant, newest first; for the same instant the later one first.
async fn theirs(server: &Server, meter: Option<&str>, start: Document, limit: i64) -> Result<Vec<MeterPrice>, Fault> {
    let Some(original) = &server.original_prices else { return Ok(Vec::new()) };
    let mut filter = doc! { "timestamp": start };
    filter.extend(meter.map(|meter| ("metadata.meter_id".to_owned(), Bson::from(meter))));
    let find = original.find(filter).sort(doc! { "timestamp": -1, "_id": -1 }).limit(limit);
    Ok(all("price", find).await?.iter().filter_map(original::price).collect())
}

/// The prices of a meter, newest first.
pub(super) async fn list(
    server: &Server,
    meter: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    window: Window,
) -> Result<Vec<MeterPrice>, Fault> {
    settle(server).await?;
    let mut start = doc! { "$gte": from.map_or(DateTime::MIN, field::date_from) };
    start.extend(to.map(|to| ("$lt".to_owned(), Bson::from(field::date_from(to)))));
    // A meter's prices, ours above theirs.
    let mut merged: BTreeMap<Timestamp, MeterPrice> = BTreeMap::new();
    for price in theirs(server, Some(meter), start.clone(), 0).await? {
        merged.entry(price.from).or_insert(price);
    }
    // Where the original left none, the window is enough.
    let wanted = usize::try_from(window.skip).ok().and_then(|skip| skip.checked_add(window.limit));
    let limit = wanted.and_then(|wanted| i64::try_from(wanted).ok()).filter(|_| window.limit > 0).unwrap_or(0);
    for price in ours(server, Some(meter), start, limit).await? {
        merged.insert(price.from, price);
    }
    let skip = usize::try_from(window.skip).unwrap_or(usize::MAX);
    Ok(merged.into_values().rev().skip(skip).take(window.limit).collect())
}

/// Every price that holds at some instant between two.
pub(super) async fn book(server: &Server, from: Timestamp, to: Timestamp) -> Result<PriceBook, Fault> {
    settle(server).await?;
    let within = || doc! { "$gt": field::date(from), "$lte": field::date(to) };
    let before = || doc! { "$lte": field::date(from) };
    let mut prices: Vec<MeterPrice> = Vec::new();
    for meter in meters(&server.of::<PriceFields>(), "meter", "start", before()).await? {
        prices.extend(ours(server, Some(&meter), before(), 1).await?);
    }
    prices.extend(ours(server, None, within(), 0).await?);
    let mut old: Vec<MeterPrice> = Vec::new();
    if let Some(original) = &server.original_prices {
        for meter in meters(original, "metadata.meter_id", "timestamp", before()).await? {
            old.extend(theirs(server, Some(&meter), before(), 1).await?);
        }
        old.extend(theirs(server, None, within(), 0).await?);
    }
    // Of one meter and instant the last in order wins: theirs from the latest back, then ours.
    Ok(old.into_iter().rev().chain(prices).collect())
}

/// Every meter that has a price by a condition on the instant.
async fn meters<T: Send + Sync>(
    collection: &Collection<T>,
    meter: &str,
    start: &str,
    before: Document,
) -> Result<Vec<String>, Fault> {
    // Not `distinct`, which a time-series collection answers by unpacking all of it.
    let pipeline = [doc! { "$match": { start: before } }, doc! { "$group": { "_id": format!("${meter}") } }];
    let groups = collection.aggregate(pipeline).await?;
    let name = |group: Document| group.get_str("_id").ok().map(str::to_owned);
    let groups: Result<Vec<Document>, _> = groups.collect().await;
    Ok(groups?.into_iter().filter_map(name).collect())
}
