//! Prices that members set: ours, and below them those that the original kept.

mod bounds;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Digest, MeterId, MeterPrice, OwnPrices, Price, PriceBook, SetPrice};
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use prost::Message;
use serde::Deserialize;
use tokio_stream::StreamExt;

use super::document::{all, each};
use super::fault::Fault;
use super::field::{self, Date};
use super::journal::Journal;
use super::known::Priced;
use super::original;
use super::server::{Server, Stored};
use crate::cause::about;
use books::{MeterPrices, NewPrices, PricesKept, Window};
use bounds::{Kept, WaitingMeter};

/// How many meters one query names.
const METERS_PER_QUERY: usize = 1000;

/// An entry of the journal of prices.
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    prices: Vec<Set>,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    set_at: i64,
    /// The `_id` of every price that lay ahead and is void now.
    #[prost(string, repeated, tag = "3")]
    void: Vec<String>,
    /// Meters that nobody knows.
    #[prost(string, repeated, tag = "4")]
    waiting: Vec<String>,
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
    /// Whether there is no price from then on.
    #[prost(bool, tag = "5")]
    withdrawn: bool,
}

fn id(meter: &str, start: i64) -> String {
    format!("{meter}/{start}")
}

impl Set {
    fn of(meter: &MeterId, from: Timestamp, own: Option<OwnPrices>) -> Set {
        let (bid, offer) = own.map_or((0, 0), |own| (own.bid.micro_eur(), own.offer.micro_eur()));
        Set { meter: meter.as_str().to_owned(), start: from.as_second(), bid, offer, withdrawn: own.is_none() }
    }

    /// The statement that sets it, unless a later entry has set it.
    fn statement(&self, number: i64, set_at: i64) -> Document {
        let price = |micro_eur: i64| if self.withdrawn { Bson::Null } else { Bson::from(micro_eur) };
        let values = doc! {
            "meter": &self.meter,
            "start": DateTime::from_millis(self.start.saturating_mul(1000)),
            "bid_micro_eur": price(self.bid),
            "offer_micro_eur": price(self.offer),
            "set_at": DateTime::from_millis(set_at),
            "revision": number,
        };
        // Where a later entry has set it, this finds nothing, and the insertion finds the `_id` taken.
        let earlier = doc! { "_id": id(&self.meter, self.start), "revision": { "$lt": number } };
        doc! { "q": earlier, "u": { "$set": values, "$unset": { "void": "" } }, "upsert": true }
    }
}

/// What is read of a price.
#[derive(Deserialize)]
pub(super) struct PriceFields {
    #[serde(rename = "_id")]
    id: String,
    meter: String,
    start: Date,
    /// None in both if there is no price from then on.
    bid_micro_eur: Option<i64>,
    offer_micro_eur: Option<i64>,
    set_at: Date,
}

impl Stored for PriceFields {
    const COLLECTION: &'static str = "market_prices";
}

impl PriceFields {
    fn into_set_price(self) -> Result<SetPrice, Fault> {
        let at = self.set_at.0;
        Ok(SetPrice { price: self.into_price()?, at })
    }

    fn into_price(self) -> Result<MeterPrice, Fault> {
        let wrong = |error| Fault::Record(about(format!("price {}", self.id), error));
        let own = self.bid_micro_eur.zip(self.offer_micro_eur);
        Ok(MeterPrice {
            meter: MeterId::from_stored(&self.meter).map_err(wrong)?,
            from: self.start.0,
            own: own
                .map(|(bid, offer)| OwnPrices { bid: Price::from_micro_eur(bid), offer: Price::from_micro_eur(offer) }),
        })
    }
}

async fn make(server: &Server, number: i64, list: &List) -> Result<(), Fault> {
    // A void price is marked and not removed: a process that makes an earlier entry late would set it again.
    let void = |id: &String| {
        let earlier = doc! { "_id": id, "revision": { "$lt": number } };
        doc! { "q": earlier, "u": { "$set": { "void": true, "revision": number } } }
    };
    let sets = list.prices.iter().map(|set| set.statement(number, list.set_at));
    let statements: Vec<Document> = list.void.iter().map(void).chain(sets).collect();
    server.update(&server.of::<PriceFields>(), &statements).await?;
    let waiting: Vec<Document> = list.waiting.iter().map(|meter| WaitingMeter::statement(meter, number)).collect();
    server.update(&server.of::<WaitingMeter>(), &waiting).await?;
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
pub(super) async fn set(server: &Server, list: &NewPrices) -> Result<PricesKept, Fault> {
    server.check_writable()?;
    let kept = Kept::of(server, list).await?;
    if kept.meters.is_empty() {
        return kept.enforce(server, list, 0).await;
    }
    let sets = |meter: &MeterPrices| -> Vec<Set> {
        meter.prices.iter().map(|(from, own)| Set::of(&meter.meter, *from, *own)).collect()
    };
    let mut entry = List {
        prices: kept.meters.iter().flat_map(sets).collect(),
        set_at: list.now.as_millisecond(),
        void: Vec::new(),
        waiting: kept.waiting.iter().cloned().collect(),
    };
    loop {
        let after = settle(server).await?;
        entry.void = void(server, &kept.meters).await?;
        if Journal::Prices.publish(server, after, &entry.encode_to_vec()).await? {
            make(server, after + 1, &entry).await?;
            return kept.enforce(server, list, after + 1).await;
        }
    }
}

/// The `_id` of every price that these lists void and do not set anew.
async fn void(server: &Server, meters: &[MeterPrices]) -> Result<Vec<String>, Fault> {
    let mut void = Vec::new();
    // What lies after the earliest instant of all, and then after each meter's own.
    let ending: BTreeMap<&str, &MeterPrices> =
        meters.iter().filter(|meter| meter.voids_after.is_some()).map(|meter| (meter.meter.as_str(), meter)).collect();
    let Some(first) = ending.values().filter_map(|meter| meter.voids_after).min() else { return Ok(void) };
    let names: Vec<&str> = ending.keys().copied().collect();
    for names in names.chunks(METERS_PER_QUERY) {
        let filter = doc! { "meter": { "$in": names }, "start": { "$gt": field::date(first) }, "void": Bson::Null };
        each("price", server.of::<PriceFields>().find(filter), |found: PriceFields| {
            let from = found.start.0;
            let is_void = ending.get(found.meter.as_str()).is_some_and(|meter| {
                meter.voids_after.is_some_and(|after| from > after) && !meter.prices.contains_key(&from)
            });
            void.extend(is_void.then_some(found.id));
            Ok(())
        })
        .await?;
    }
    Ok(void)
}

/// Ours, by a condition on meter and instant, newest first.
async fn ours(server: &Server, mut filter: Document, limit: i64) -> Result<Vec<SetPrice>, Fault> {
    filter.insert("void", Bson::Null);
    let collection = server.of::<PriceFields>();
    let find = collection.find(filter).sort(doc! { "start": -1 }).limit(limit);
    all("price", find).await?.into_iter().map(PriceFields::into_set_price).collect()
}

/// The original's of a meter, by a condition on the instant, newest first; for the same instant the later one first.
async fn theirs(server: &Server, meter: &str, start: Document, limit: i64) -> Result<Vec<MeterPrice>, Fault> {
    let Some(original) = &server.original_prices else { return Ok(Vec::new()) };
    let filter = doc! { "timestamp": start, "metadata.meter_id": meter };
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
    for price in theirs(server, meter, start.clone(), 0).await? {
        merged.entry(price.from).or_insert(price);
    }
    // Where the original left none, the window is enough.
    let wanted = usize::try_from(window.skip).ok().and_then(|skip| skip.checked_add(window.limit));
    let limit = wanted.and_then(|wanted| i64::try_from(wanted).ok()).filter(|_| window.limit > 0).unwrap_or(0);
    for SetPrice { price, .. } in ours(server, doc! { "meter": meter, "start": start }, limit).await? {
        merged.insert(price.from, price);
    }
    let skip = usize::try_from(window.skip).unwrap_or(usize::MAX);
    Ok(merged.into_values().rev().skip(skip).take(window.limit).collect())
}

/// The prices that hold at some of these instants: however many are read, only these are kept.
struct Holding<'i> {
    instants: &'i BTreeSet<Timestamp>,
    prices: BTreeMap<(MeterId, Timestamp), SetPrice>,
}

impl Holding<'_> {
    /// Adds a price, which takes precedence over one of the same instant that was added before.
    fn add(&mut self, set: SetPrice) {
        let MeterPrice { meter, from, .. } = &set.price;
        // The first instant at which it may hold; if it holds later, so it does there.
        let Some(instant) = self.instants.range(from..).next() else { return };
        match self.prices.get_mut(&(meter.clone(), *instant)) {
            Some(held) if held.price.from > *from => {}
            Some(held) => *held = set,
            None => drop(self.prices.insert((meter.clone(), *instant), set)),
        }
    }
}

/// The price of each of these meters that holds at each of these instants.
pub(super) async fn book(
    server: &Server,
    meters: &BTreeSet<MeterId>,
    instants: &BTreeSet<Timestamp>,
) -> Result<PriceBook, Fault> {
    let entry = settle(server).await?;
    let mut holding = Holding { instants, prices: BTreeMap::new() };
    let (Some(first), Some(last)) = (instants.first(), instants.last()) else { return Ok(PriceBook::default()) };
    let within = || doc! { "$gt": field::date(*first), "$lte": field::date(*last) };
    let before = || doc! { "$lte": field::date(*first) };
    let names: Vec<&str> = meters.iter().map(MeterId::as_str).collect();
    for names in names.chunks(METERS_PER_QUERY) {
        let Priced { by_us, by_them, .. } = priced(server, names, entry).await?;
        for meter in &by_them {
            let mut old = theirs(server, meter, before(), 1).await?;
            // Of the same instant the later one, which comes first here, is to be added last.
            old.extend(theirs(server, meter, within(), 0).await?.into_iter().rev());
            // The original kept no more of when a price was set than from when on it holds.
            old.into_iter().for_each(|price| holding.add(SetPrice { at: price.from, price }));
        }
        for meter in &by_us {
            let held = ours(server, doc! { "meter": meter, "start": before() }, 1).await?;
            held.into_iter().for_each(|set| holding.add(set));
        }
        if first < last && !by_us.is_empty() {
            let of = doc! { "meter": { "$in": &by_us }, "start": within(), "void": Bson::Null };
            let ours = server.of::<PriceFields>();
            each("price", ours.find(of), |found| found.into_set_price().map(|set| holding.add(set))).await?;
        }
    }
    Ok(holding.prices.into_values().collect())
}

/// Those of some meters of which there are prices. It is remembered until somebody sets prices: most meters have none, and a live
/// interval shall not ask for them each time.
async fn priced(server: &Server, meters: &[&str], entry: i64) -> Result<Priced, Fault> {
    let key = Digest::of(meters.join("\n").as_bytes());
    if let Some(known) = server.known_priced(&key, entry) {
        return Ok(known);
    }
    let by_us = match entry {
        0 => Vec::new(),
        _ => {
            let ours = doc! { "meter": { "$in": meters }, "void": Bson::Null };
            distinct(&server.of::<PriceFields>(), "meter", ours).await?
        }
    };
    let by_them = match &server.original_prices {
        None => Vec::new(),
        Some(original) => {
            distinct(original, "metadata.meter_id", doc! { "metadata.meter_id": { "$in": meters } }).await?
        }
    };
    let priced = Priced { entry, by_us, by_them };
    // Who only reads may see an entry that is half done.
    if server.is_writable() {
        server.remember_priced(key, priced.clone());
    }
    Ok(priced)
}

/// Every meter that a filter finds.
async fn distinct<T: Send + Sync>(
    collection: &Collection<T>,
    meter: &str,
    filter: Document,
) -> Result<Vec<String>, Fault> {
    // Not `distinct`, which a time-series collection answers by unpacking all of it.
    let pipeline = [doc! { "$match": filter }, doc! { "$group": { "_id": format!("${meter}") } }];
    let groups = collection.aggregate(pipeline).await?;
    let name = |group: Document| group.get_str("_id").ok().map(str::to_owned);
    let groups: Result<Vec<Document>, _> = groups.collect().await;
    Ok(groups?.into_iter().filter_map(name).collect())
}
