//! How many prices are kept: of each meter the newest, and of meters that nobody knows those that were set last.
//!
//! Nobody needs what is removed here. So it does not matter if a process dies before it does, or if one that makes an earlier
//! entry late sets some of it again: a later list removes it.

use std::collections::HashSet;

use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::super::document::all;
use super::super::fault::Fault;
use super::super::meters;
use super::super::server::{Server, Stored};
use super::PriceFields;
use books::{MeterPrices, NewPrices, PricesKept};

/// A meter that nobody knows, in `waiting_meters`.
#[derive(Deserialize)]
pub(super) struct WaitingMeter {
    #[serde(rename = "_id")]
    meter: String,
    /// The number of the list that named it last.
    turn: i64,
}

impl Stored for WaitingMeter {
    const COLLECTION: &'static str = "waiting_meters";
}

impl WaitingMeter {
    /// The statement that a list names it.
    pub(super) fn statement(meter: &str, number: i64) -> Document {
        let earlier = doc! { "_id": meter, "turn": { "$lt": number } };
        doc! { "q": earlier, "u": { "$set": { "turn": number } }, "upsert": true }
    }
}

/// A list, as much of it as will be kept.
pub(super) struct Kept {
    pub(super) meters: Vec<MeterPrices>,
    /// Those of the meters that nobody knows.
    pub(super) waiting: HashSet<String>,
    /// How many that nobody knows are left out, because they would give way to the rest of the list.
    left_out: u64,
}

impl Kept {
    pub(super) async fn of(server: &Server, list: &NewPrices) -> Result<Kept, Fault> {
        let mut meters = list.by_meter();
        let names = meters.iter().map(|meter| meter.meter.as_str());
        let mut waiting = unknown(server, list, names).await?;
        let mut too_many = waiting.len().saturating_sub(list.bounds.waiting_meters);
        let left_out = u64::try_from(too_many).unwrap_or(u64::MAX);
        meters.retain_mut(|meter| {
            let is_waiting = waiting.contains(meter.meter.as_str());
            if is_waiting && too_many > 0 {
                too_many -= 1;
                waiting.remove(meter.meter.as_str());
                return false;
            }
            meter.keep_newest(if is_waiting { list.bounds.per_waiting_meter } else { list.bounds.per_meter });
            true
        });
        Ok(Kept { meters, waiting, left_out })
    }

    /// Removes what is too much, once the list with this number is there.
    pub(super) async fn enforce(&self, server: &Server, list: &NewPrices, number: i64) -> Result<PricesKept, Fault> {
        for (place, meter) in self.meters.iter().enumerate() {
            let is_waiting = self.waiting.contains(meter.meter.as_str());
            let most = if is_waiting { list.bounds.per_waiting_meter } else { list.bounds.per_meter };
            if is_due(meter, most, place, number) {
                remove_old(server, meter.meter.as_str(), most, number).await?;
            }
        }
        let dropped = make_room(server, list).await?;
        Ok(PricesKept { waiting_meters: waiting(server).await?, dropped_meters: self.left_out + dropped })
    }
}

/// Those of the meters that are neither configured nor read.
async fn unknown<'m>(
    server: &Server,
    list: &NewPrices,
    meters: impl Iterator<Item = &'m str>,
) -> Result<HashSet<String>, Fault> {
    let unread = meters::unread(server, meters.filter(|meter| !list.is_configured(meter))).await?;
    Ok(unread.into_iter().map(str::to_owned).collect())
}

/// Whether to look for old prices of a meter: not with each list, because each look takes a query. So a meter may have a
/// sixty-fourth more than it should.
fn is_due(meter: &MeterPrices, most: usize, place: usize, number: i64) -> bool {
    let every = (most / 64).max(1);
    let turn = usize::try_from(number).unwrap_or(0).wrapping_add(place);
    turn % every < meter.prices.len()
}

async fn remove_old(server: &Server, meter: &str, most: usize, number: i64) -> Result<(), Fault> {
    let prices = server.of::<PriceFields>().clone_with_type::<Start>();
    let find = prices.find(doc! { "meter": meter }).sort(doc! { "start": -1 }).limit(1);
    let find = find.skip(u64::try_from(most).unwrap_or(u64::MAX)).projection(doc! { "start": 1 });
    if let Some(Start { start }) = all("price", find).await?.pop() {
        let old = doc! { "meter": meter, "start": { "$lte": start }, "revision": { "$lte": number } };
        prices.delete_many(old).await?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Start {
    start: DateTime,
}

/// How many meters wait.
pub(super) async fn waiting(server: &Server) -> Result<u64, Fault> {
    Ok(server.of::<WaitingMeter>().count_documents(doc! {}).await?)
}

/// Lets those go that have waited longest, if there are too many; answers how many of them nobody knows to this day.
async fn make_room(server: &Server, list: &NewPrices) -> Result<u64, Fault> {
    let most = u64::try_from(list.bounds.waiting_meters).unwrap_or(u64::MAX);
    let too_many = waiting(server).await?.saturating_sub(most);
    let Some(limit) = i64::try_from(too_many).ok().filter(|limit| *limit > 0) else { return Ok(0) };
    let room = server.of::<WaitingMeter>();
    let oldest = all("waiting meter", room.find(doc! {}).sort(doc! { "turn": 1, "_id": 1 }).limit(limit)).await?;
    let unknown = unknown(server, list, oldest.iter().map(|waiting| waiting.meter.as_str())).await?;
    let Some(turn) = oldest.iter().map(|waiting| waiting.turn).max() else { return Ok(0) };
    let names: Vec<&str> = oldest.iter().map(|waiting| waiting.meter.as_str()).collect();
    let dropped: Vec<&str> = unknown.iter().map(String::as_str).collect();
    // Whoever has been named again since stays.
    room.delete_many(doc! { "_id": { "$in": names }, "turn": { "$lte": turn } }).await?;
    let prices = doc! { "meter": { "$in": dropped }, "revision": { "$lte": turn } };
    server.of::<PriceFields>().delete_many(prices).await?;
    Ok(u64::try_from(unknown.len()).unwrap_or(u64::MAX))
}
