//! Readings of communities whose Meters service is this program.
//!
//! Several days are kept as one through a log of arrivals. Everything that an arrival changes is written out first, in parts
//! that nobody reads. Its entry in the log, with the next number, is the commit: whoever worked from an older state finds the
//! number taken, and looks again. Then the days are copied from the parts; who finds an entry that was not copied finishes that.

use std::collections::BTreeMap;

use domain::MeterId;
use domain::metering::{Base, Meter};
use domain::reading::Registers;
use jiff::Timestamp;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::document::{all, encode, insert, insert_missing, one};
use super::fault::Fault;
use super::mark;
use super::server::{Server, Stored};
use books::{Contradictions, DAY_SECONDS, Days, KeptReadings, LateArrival, Merging, MeterDay, MeterSpan, NewReadings};

/// Days in a part: a day has some kilobytes, and a document at most 16 MB.
const PART_DAYS: usize = 500;

/// A day of a meter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DayDocument {
    #[serde(rename = "_id")]
    id: String,
    meter: String,
    day: i64,
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_import: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_export: Option<i64>,
    import: i64,
    export: i64,
    content: Binary,
}

/// Some of the days that an arrival changes, as they are then.
#[derive(Serialize, Deserialize)]
struct PartDocument {
    #[serde(rename = "_id")]
    id: String,
    attempt: String,
    days: Vec<DayDocument>,
}

/// An arrival.
#[derive(Serialize, Deserialize)]
struct ArrivalDocument {
    /// Its number, from 1.
    #[serde(rename = "_id")]
    number: i64,
    attempt: String,
    /// When it came, in Unix milliseconds.
    at: i64,
    /// Whether its days are copied.
    copied: bool,
    /// What of it came after its intervals had been settled.
    late: Vec<LateEntry>,
}

#[derive(Serialize, Deserialize)]
struct LateEntry {
    meter: String,
    start: i64,
}

impl Stored for DayDocument {
    const COLLECTION: &'static str = "meter_days";
}

impl Stored for PartDocument {
    const COLLECTION: &'static str = "meter_day_parts";
}

impl Stored for ArrivalDocument {
    const COLLECTION: &'static str = "reading_arrivals";
}

impl DayDocument {
    fn new(meter: &MeterId, day: i64, revision: i64, content: &Meter) -> Result<DayDocument, Fault> {
        let stored = record::encode_day(day * DAY_SECONDS, content);
        let signed = |number: u64| i64::try_from(number).map_err(|error| Fault::Refused(error.into()));
        Ok(DayDocument {
            id: format!("{meter}/{day}"),
            meter: meter.to_string(),
            day,
            revision,
            read_import: stored.read.map(|read| signed(read.import_wh)).transpose()?,
            read_export: stored.read.map(|read| signed(read.export_wh)).transpose()?,
            import: signed(stored.import.get())?,
            export: signed(stored.export.get())?,
            content: Binary { subtype: BinarySubtype::Generic, bytes: stored.content },
        })
    }

    fn meter(&self) -> Result<MeterId, Fault> {
        MeterId::from_stored(&self.meter).map_err(|error| Fault::Record(error.into()))
    }

    fn content(&self) -> Result<Meter, Fault> {
        Ok(record::decode_day(self.day * DAY_SECONDS, &self.content.bytes)?)
    }
}

/// The newest arrival, whose days and those of all before are copied.
async fn settled(server: &Server) -> Result<i64, Fault> {
    let arrivals = server.of::<ArrivalDocument>();
    let newest = all("arrival", arrivals.find(doc! {}).sort(doc! { "_id": -1 }).limit(1)).await?.pop();
    let Some(newest) = newest else { return Ok(0) };
    if !newest.copied && server.is_writable() {
        let waiting = all("arrival", arrivals.find(doc! { "copied": false }).sort(doc! { "_id": 1 })).await?;
        for arrival in waiting {
            copy(server, &arrival).await?;
        }
    }
    Ok(newest.number)
}

/// Copies the days of an arrival, however often.
async fn copy(server: &Server, arrival: &ArrivalDocument) -> Result<(), Fault> {
    let parts = server.of::<PartDocument>();
    let found =
        all("part of an arrival", parts.find(doc! { "attempt": &arrival.attempt }).sort(doc! { "_id": 1 })).await?;
    for part in found {
        let mut statements = Vec::with_capacity(part.days.len());
        for mut day in part.days {
            day.revision = arrival.number;
            let mut fields = encode(&day)?;
            fields.remove("_id");
            // One that an arrival after this one has changed has this in it.
            let find = doc! { "_id": &day.id, "revision": { "$lt": arrival.number } };
            statements.push(doc! { "q": find, "u": { "$set": fields }, "upsert": true });
        }
        server.update(&server.of::<DayDocument>(), &statements).await?;
    }
    let copied = doc! { "q": { "_id": arrival.number }, "u": { "$set": { "copied": true } } };
    server.update(&server.of::<ArrivalDocument>(), &[copied]).await.map(drop)
}

pub(super) async fn keep(server: &Server, new: &NewReadings) -> Result<Result<KeptReadings, Contradictions>, Fault> {
    server.check_writable()?;
    loop {
        let number = settled(server).await?;
        // An earlier try of this one may have been kept, without its answer having arrived.
        let arrivals = server.of::<ArrivalDocument>();
        let is_kept =
            one("arrival", &arrivals, doc! { "attempt": { "$regex": format!("^{}/", new.attempt) } }).await?.is_some();
        let merged = match merge(server, new).await?.finish() {
            Ok(merged) => merged,
            Err(contradictions) => return Ok(Err(contradictions)),
        };
        if merged.days.is_empty() {
            let KeptReadings { new, same } = merged.kept;
            return Ok(Ok(if is_kept { KeptReadings { new: same, same: 0 } } else { KeptReadings { new, same } }));
        }
        let attempt = format!("{}/{number}", new.attempt);
        let days = merged.days.iter().map(|((meter, day), content)| DayDocument::new(meter, *day, 0, content));
        let days = days.collect::<Result<Vec<_>, Fault>>()?;
        let part = |(index, days): (usize, &[DayDocument])| PartDocument {
            id: format!("{attempt}/{index:06}"),
            attempt: attempt.clone(),
            days: days.to_vec(),
        };
        let parts: Vec<PartDocument> = days.chunks(PART_DAYS).enumerate().map(part).collect();
        for part in &parts {
            insert_missing(&server.of::<PartDocument>(), std::slice::from_ref(part)).await?;
        }
        let mark = newest_mark(server).await?;
        let late = merged.first_new.iter().filter(|(_, start)| mark.is_some_and(|mark| **start < mark));
        let late = late.map(|(meter, start)| LateEntry { meter: meter.to_string(), start: *start }).collect();
        let at = new.at.as_millisecond();
        let arrival = ArrivalDocument { number: number + 1, attempt, at, copied: false, late };
        if insert(&arrivals, &arrival).await? {
            copy(server, &arrival).await?;
            return Ok(Ok(merged.kept));
        }
    }
}

/// How far any community is settled, in Unix seconds.
async fn newest_mark(server: &Server) -> Result<Option<i64>, Fault> {
    let ends = mark::list(server).await?.into_iter().filter_map(|mark| mark.end());
    Ok(ends.map(|end| i64::try_from(end.seconds()).unwrap_or(i64::MAX)).max())
}

async fn merge(server: &Server, new: &NewReadings) -> Result<Merging, Fault> {
    let mut merging = Merging::default();
    for (meter, days) in new.days() {
        let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else { continue };
        let kept = read_days(server, Some(&meter), first - 1, last + 2).await?;
        let known = |day: i64| kept.get(&(meter.clone(), day)).map(|day| day.content.clone());
        for (day, content) in &days {
            let before = days.get(&(day - 1)).cloned().or_else(|| known(day - 1));
            merging.add(&meter, *day, before.as_ref(), known(*day), content);
            merging.check_next(&meter, content, known(day + 1).as_ref());
        }
    }
    Ok(merging)
}

fn of_meter(meter: Option<&MeterId>, mut filter: Document) -> Document {
    if let Some(meter) = meter {
        filter.insert("meter", meter.as_str());
    }
    filter
}

async fn read_days(server: &Server, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, Fault> {
    let filter = of_meter(meter, doc! { "day": { "$gte": from, "$lt": before } });
    let found = all("meter's day", server.of::<DayDocument>().find(filter)).await?;
    let day = |day: DayDocument| {
        let revision = u64::try_from(day.revision).unwrap_or(0);
        Ok(((day.meter()?, day.day), MeterDay { content: day.content()?, revision }))
    };
    found.into_iter().map(day).collect()
}

pub(super) async fn days(server: &Server, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, Fault> {
    settled(server).await?;
    read_days(server, meter, from, before).await
}

/// The sums of a day, without its content.
#[derive(Deserialize)]
struct CountedDocument {
    meter: String,
    day: i64,
    read_import: Option<i64>,
    read_export: Option<i64>,
    import: i64,
    export: i64,
}

/// The sums of days in the order of meters and days.
async fn counted(server: &Server, filter: Document) -> Result<Vec<CountedDocument>, Fault> {
    let days = server.of::<DayDocument>().clone_with_type::<CountedDocument>();
    let fields = doc! { "meter": 1, "day": 1, "read_import": 1, "read_export": 1, "import": 1, "export": 1 };
    let mut found = all("meter's day", days.find(filter).projection(fields)).await?;
    found.sort_by(|a, b| (&a.meter, a.day).cmp(&(&b.meter, b.day)));
    Ok(found)
}

pub(super) async fn counted_before(
    server: &Server,
    meter: Option<&MeterId>,
    day: i64,
) -> Result<BTreeMap<MeterId, Base>, Fault> {
    settled(server).await?;
    let mut counted_of: BTreeMap<MeterId, Base> = BTreeMap::new();
    for day in counted(server, of_meter(meter, doc! { "day": { "$lt": day } })).await? {
        let unsigned = |number: i64| u64::try_from(number).map_err(|error| Fault::Record(error.into()));
        let read = match (day.read_import, day.read_export) {
            (Some(import), Some(export)) => {
                Some(Registers { import_wh: unsigned(import)?, export_wh: unsigned(export)? })
            }
            _ => None,
        };
        let meter = MeterId::from_stored(&day.meter).map_err(|error| Fault::Record(error.into()))?;
        let base = counted_of.entry(meter).or_default();
        *base = record::add_day(*base, read, unsigned(day.import)?, unsigned(day.export)?)?;
    }
    Ok(counted_of)
}

pub(super) async fn spans(server: &Server, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, Fault> {
    settled(server).await?;
    let mut spans: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for day in counted(server, of_meter(meter, doc! {})).await? {
        let span = spans.entry(day.meter).or_insert((day.day, day.day));
        *span = (span.0.min(day.day), span.1.max(day.day));
    }
    let span = |(name, (first, last)): (String, (i64, i64))| {
        let meter = MeterId::from_stored(&name).map_err(|error| Fault::Record(error.into()))?;
        Ok(MeterSpan { meter, first, last })
    };
    spans.into_iter().map(span).collect()
}

pub(super) async fn next_day(server: &Server, meter: &MeterId, from: i64) -> Result<Option<i64>, Fault> {
    settled(server).await?;
    let filter = doc! { "meter": meter.as_str(), "day": { "$gte": Bson::from(from) } };
    let days = server.of::<DayDocument>();
    Ok(all("meter's day", days.find(filter).sort(doc! { "day": 1 }).limit(1)).await?.pop().map(|day| day.day))
}

pub(super) async fn late(server: &Server) -> Result<Vec<LateArrival>, Fault> {
    let filter = doc! { "late.0": { "$exists": true } };
    let arrivals = server.of::<ArrivalDocument>();
    let mut late = Vec::new();
    for arrival in all("arrival", arrivals.find(filter).sort(doc! { "_id": 1 })).await? {
        let at = Timestamp::from_millisecond(arrival.at).map_err(|error| Fault::Record(error.into()))?;
        for LateEntry { meter, start } in arrival.late {
            let meter = MeterId::from_stored(&meter).map_err(|error| Fault::Record(error.into()))?;
            late.push(LateArrival { meter, from: start, at });
        }
    }
    Ok(late)
}
