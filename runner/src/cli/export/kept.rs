//! Everything that the store keeps of a member, read page by page.

use std::io::Write;

use books::readings::day_of;
use books::{
    Action, EventFilter, Match, MatchFilter, Span, Store, StoreError, StoredInterval, VisitFilter, Window, WireParty,
};
use domain::metering::{Meter, Value};
use domain::{Boundary, NamedParty};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::object::Object;
use super::own::Own;
use crate::cli::link::list::LinkJson;
use crate::cli::meter::decisions;
use crate::cli::stored;
use crate::cli::trades::TradeJson;
use crate::cli::web::log::VisitJson;
use crate::event_json::EventJson;

/// Items that are held in memory at a time.
const PAGE: usize = 1000;
/// Days of readings that are held in memory at a time.
const DAYS: i64 = 31;
/// Payments are asked for by so much time.
const PAYMENTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Writes all of it; returns whether there is anything.
pub(super) async fn write<W: Write>(
    store: &dyn Store,
    mut own: Own,
    now: Timestamp,
    object: &mut Object<'_, W>,
    bar: &ProgressBar,
) -> anyhow::Result<bool> {
    let mut items = 0;
    let ends = intervals(store, &mut own, object, bar, &mut items).await?;
    items += payments(store, &own, ends, now, object).await?;
    items += prices(store, &own, object).await?;
    items += events(store, &own, object).await?;
    items += decided(store, &own, object).await?;
    items += readings(store, &own, object, bar).await?;
    items += late(store, &own, object).await?;
    items += shadows(store, &own, object).await?;
    items += links(store, &own, now, object).await?;
    items += visits(store, &own, object).await?;
    Ok(items > 0)
}

#[derive(Serialize)]
struct IntervalJson<'a> {
    start: String,
    end: String,
    readings: Vec<ReadingJson<'a>>,
    position: Option<PositionJson>,
    trades: Vec<TradeJson<'a>>,
}

#[derive(Serialize)]
struct ReadingJson<'a> {
    meter: &'a str,
    import_wh: u64,
    export_wh: u64,
}

/// What counted for the member in the round.
#[derive(Serialize)]
struct PositionJson {
    surplus: u64,
    deficit: u64,
    offer: i64,
    bid: i64,
    retail: i64,
    feed_in: i64,
    share: u32,
    rank: u32,
}

/// The intervals in which the member is; returns when the first and the last of them end.
async fn intervals<W: Write>(
    store: &dyn Store,
    own: &mut Own,
    object: &mut Object<'_, W>,
    bar: &ProgressBar,
    items: &mut u64,
) -> anyhow::Result<Option<(Boundary, Boundary)>> {
    let mut ends: Option<(Boundary, Boundary)> = None;
    let mut list = object.list("intervals")?;
    let (community, member) = (own.community.clone(), own.member.clone());
    stored::each_interval(store, &community, Span::default(), |interval| {
        bar.inc_length(1);
        bar.inc(1);
        let (start, end) = (interval.interval.start(), interval.interval.end());
        for reading in interval.readings.iter().filter(|reading| reading.member == member) {
            own.learn(&reading.meter, start.timestamp(), end.timestamp());
        }
        let Some(json) = interval_json(interval, own) else { return Ok(()) };
        ends = Some((ends.map_or(end, |(first, _)| first), end));
        list.item(&json)
    })
    .await?;
    *items += list.end()?;
    Ok(ends)
}

fn interval_json<'a>(interval: &'a StoredInterval, own: &'a Own) -> Option<IntervalJson<'a>> {
    let of_member = |party: &NamedParty| matches!(party, NamedParty::Member(member) if *member == own.member);
    let readings = interval.readings.iter().filter(|reading| reading.member == own.member);
    let readings: Vec<ReadingJson<'_>> = readings
        .map(|reading| ReadingJson {
            meter: reading.meter.as_str(),
            import_wh: reading.registers.import_wh,
            export_wh: reading.registers.export_wh,
        })
        .collect();
    let positions = interval.round.as_ref().map(|round| round.positions()).unwrap_or_default();
    let position = positions.iter().find(|position| position.member == own.member).map(|position| PositionJson {
        surplus: position.surplus.wh(),
        deficit: position.deficit.wh(),
        offer: position.offer.micro_eur(),
        bid: position.bid.micro_eur(),
        retail: position.tariff.retail.micro_eur(),
        feed_in: position.tariff.feed_in.micro_eur(),
        share: position.share,
        rank: position.rank,
    });
    let trades = interval.trades.iter().filter(|trade| of_member(&trade.seller) || of_member(&trade.buyer));
    let trades: Vec<TradeJson<'_>> = trades.map(|trade| TradeJson::new(&own.community, trade)).collect();
    let is_in = !readings.is_empty() || position.is_some() || !trades.is_empty();
    let (start, end) = (interval.interval.start().to_string(), interval.interval.end().to_string());
    is_in.then_some(IntervalJson { start, end, readings, position, trades })
}

#[derive(Serialize)]
struct PaymentJson {
    trade: String,
    end: String,
    state: &'static str,
    payment: Option<String>,
    message: Option<String>,
    created: String,
    updated: Option<String>,
}

async fn payments<W: Write>(
    store: &dyn Store,
    own: &Own,
    ends: Option<(Boundary, Boundary)>,
    now: Timestamp,
    object: &mut Object<'_, W>,
) -> anyhow::Result<u64> {
    let mut list = object.list("payments")?;
    let Some((first, last)) = ends.map(|(first, last)| (first.timestamp(), last.timestamp())) else {
        return list.end();
    };
    let mut from = first;
    while from <= last {
        let to = from.checked_add(PAYMENTS).unwrap_or(Timestamp::MAX);
        for trade in matches(store, own, (from, to), now).await? {
            let Some(state) = trade.state else { continue };
            list.item(&PaymentJson {
                trade: trade.id.to_string(),
                end: trade.end.to_string(),
                state: state.as_str(),
                payment: trade.transaction_id,
                message: trade.message,
                created: trade.created_at.to_string(),
                updated: trade.updated_at.map(|at| at.to_string()),
            })?;
        }
        from = to;
    }
    list.end()
}

/// The member's trades of intervals that end in a span, in order of time.
async fn matches(
    store: &dyn Store,
    own: &Own,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<Match>, StoreError> {
    let party = WireParty::from(own.member.as_str());
    let mut found = Vec::new();
    for (seller, buyer) in [(Some(party.clone()), None), (None, Some(party))] {
        let filter = MatchFilter { seller, buyer, from: Some(from), to: Some(to), ..MatchFilter::default() };
        let mut skip = 0;
        loop {
            let page = store.matches(&filter, Window { skip, limit: PAGE }, now).await?;
            let length = page.len();
            // Another community may have a member of that name.
            let is_own = |found: &Match| found.of.as_ref().is_some_and(|(community, _)| *community == own.community);
            found.extend(page.into_iter().filter(is_own));
            if length < PAGE {
                break;
            }
            skip += length as u64;
        }
    }
    found.sort_by_key(|found| (found.end, found.id));
    found.dedup_by_key(|found| found.id);
    Ok(found)
}

#[derive(Serialize)]
struct PriceJson<'a> {
    meter: &'a str,
    from: String,
    /// Both are null from when the prices are withdrawn.
    bid: Option<i64>,
    offer: Option<i64>,
}

async fn prices<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("prices")?;
    for (meter, from, until) in own.meters() {
        // The store keeps a bounded number of each meter.
        let mut set = store.prices(meter.as_str(), Some(from), Some(until), Window::first(usize::MAX)).await?;
        set.reverse();
        for price in set.iter().filter(|price| own.has_at(&meter, price.from)) {
            let (bid, offer) = price.own.map(|own| (own.bid.micro_eur(), own.offer.micro_eur())).unzip();
            list.item(&PriceJson { meter: meter.as_str(), from: price.from.to_string(), bid, offer })?;
        }
    }
    list.end()
}

async fn events<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("events")?;
    for (meter, ..) in own.meters() {
        let filter = EventFilter { subject: Some(meter.to_string()), ..EventFilter::default() };
        let mut after = None;
        loop {
            let page = store.events(&own.community, &filter, after.as_ref(), PAGE).await?;
            for listed in &page {
                let at = i64::try_from(listed.place.at).ok().and_then(|second| Timestamp::from_second(second).ok());
                if at.is_some_and(|at| own.has_at(&meter, at)) {
                    list.item(&EventJson::new(&own.community, listed))?;
                }
            }
            if page.len() < PAGE {
                break;
            }
            after = page.last().map(|last| last.place.clone());
        }
    }
    list.end()
}

async fn decided<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("decisions")?;
    for kept in store.decisions(&own.community).await? {
        let (Some(number), Action::Meter { meter, decision, .. }) = (kept.number, &kept.change.action) else {
            continue;
        };
        if own.has_at(meter, decisions::about(decision))
            && let Some(json) = decisions::json(number, &kept.change)
        {
            list.item(&json)?;
        }
    }
    list.end()
}

/// A reading of an interval, or registers that were read.
#[derive(Serialize)]
#[serde(untagged)]
enum StoredReadingJson<'a> {
    Interval {
        meter: &'a str,
        start: String,
        seconds: u32,
        import: Option<EnergyJson>,
        export: Option<EnergyJson>,
        /// Which directions are measured, and not known.
        missing: Vec<&'static str>,
    },
    Registers {
        meter: &'a str,
        at: String,
        import_wh: u64,
        export_wh: u64,
    },
}

#[derive(Serialize)]
struct EnergyJson {
    /// Exactly, such as `0.125 kWh`.
    energy: String,
    estimated: bool,
}

impl EnergyJson {
    fn new(value: Value) -> EnergyJson {
        EnergyJson { energy: value.grains.to_string(), estimated: value.estimated }
    }
}

async fn readings<W: Write>(
    store: &dyn Store,
    own: &Own,
    object: &mut Object<'_, W>,
    bar: &ProgressBar,
) -> anyhow::Result<u64> {
    let mut list = object.list("readings")?;
    for (meter, from, until) in own.meters() {
        let spans = store.metered(Some(&meter)).await?;
        let Some((first, last)) = spans.first().map(|span| (span.first, span.last)) else { continue };
        let (first, last) = (first.max(day_of(from.as_second())), last.min(day_of(until.as_second())));
        let mut day = first;
        while day <= last {
            let next = day.saturating_add(DAYS);
            for (_, of_day) in store.meter_days(Some(&meter), day, next.min(last.saturating_add(1))).await? {
                for json in readings_of(meter.as_str(), &of_day.content, |at| own.has_at(&meter, at)) {
                    list.item(&json)?;
                }
            }
            bar.inc_length(1);
            bar.inc(1);
            day = next;
        }
    }
    list.end()
}

/// The readings of a day that are the member's.
fn readings_of<'m>(meter: &'m str, content: &Meter, is_own: impl Fn(Timestamp) -> bool) -> Vec<StoredReadingJson<'m>> {
    let at = |second: &i64| Timestamp::from_second(*second).ok().filter(|at| is_own(*at));
    let slots = content.slots.iter().filter_map(|(start, slot)| {
        let missing = [("import", slot.lacks_import), ("export", slot.lacks_export)];
        Some(StoredReadingJson::Interval {
            meter,
            start: at(start)?.to_string(),
            seconds: slot.seconds,
            import: slot.import.map(EnergyJson::new),
            export: slot.export.map(EnergyJson::new),
            missing: missing.into_iter().filter_map(|(name, lacks)| lacks.then_some(name)).collect(),
        })
    });
    let registers = content.registers.iter().filter_map(|(second, read)| {
        let (import_wh, export_wh) = (read.import_wh, read.export_wh);
        Some(StoredReadingJson::Registers { meter, at: at(second)?.to_string(), import_wh, export_wh })
    });
    slots.chain(registers).collect()
}

#[derive(Serialize)]
struct LateJson<'a> {
    meter: &'a str,
    from: String,
    at: String,
}

async fn late<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("late_arrivals")?;
    for late in store.late_arrivals().await? {
        let Ok(from) = Timestamp::from_second(late.from) else { continue };
        if own.has_at(&late.meter, from) {
            list.item(&LateJson { meter: late.meter.as_str(), from: from.to_string(), at: late.at.to_string() })?;
        }
    }
    list.end()
}

#[derive(Serialize)]
struct ShadowJson<'a> {
    /// The decision that started it.
    decision: u64,
    candidate: &'a str,
    version: &'a str,
    /// The end of the last interval that is in the sums.
    until: String,
    settled_local_wh: i128,
    settled_balance: i128,
    candidate_local_wh: i128,
    candidate_balance: i128,
}

async fn shadows<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("shadows")?;
    for kept in store.decisions(&own.community).await? {
        let (Some(decision), Action::StartShadow { candidate, .. }) = (kept.number, &kept.change.action) else {
            continue;
        };
        let Some(state) = store.shadow_totals(&own.community, decision).await? else { continue };
        let Some(difference) = state.totals.members.get(&own.member) else { continue };
        list.item(&ShadowJson {
            decision,
            candidate: &candidate.name,
            version: &candidate.version,
            until: state.until.to_string(),
            settled_local_wh: difference.settled.local_wh,
            settled_balance: difference.settled.balance,
            candidate_local_wh: difference.candidate.local_wh,
            candidate_balance: difference.candidate.balance,
        })?;
    }
    list.end()
}

async fn links<W: Write>(
    store: &dyn Store,
    own: &Own,
    now: Timestamp,
    object: &mut Object<'_, W>,
) -> anyhow::Result<u64> {
    let mut list = object.list("links")?;
    let mut after = None;
    loop {
        let page = store.links(Some(&own.community), Some(&own.member), after.as_ref(), PAGE).await?;
        page.iter().try_for_each(|link| list.item(&LinkJson::new(link, now)))?;
        if page.len() < PAGE {
            return list.end();
        }
        after = page.last().cloned();
    }
}

async fn visits<W: Write>(store: &dyn Store, own: &Own, object: &mut Object<'_, W>) -> anyhow::Result<u64> {
    let mut list = object.list("visits")?;
    let (community, member) = (Some(own.community.clone()), Some(own.member.to_string()));
    let filter = VisitFilter { community, member, ..VisitFilter::default() };
    let mut before = None;
    loop {
        let page = store.visits(&filter, before.as_ref(), PAGE).await?;
        page.iter().try_for_each(|listed| list.item(&VisitJson::new(&listed.visit)))?;
        if page.len() < PAGE {
            return list.end();
        }
        before = page.last().map(|last| last.place.clone());
    }
}
