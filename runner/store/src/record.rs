//! The stored form of rounds, readings, gaps, decisions and shadow totals: protobuf messages, so that any later version
//! can read them.
//!
//! A field is only written if it differs from its default: by default a member's prices are its tariff, and its tariff
//! is the community's.

mod addition;
mod change;
mod meters;
mod readings;
mod shadow;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use domain::disputes::{MeterLimits, MeterRules};
use domain::netting::{LastRead, LastReads};
use domain::reading::Registers;
use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, MeterId, Position, Price, Round, Tariff};
use prost::Message;

use books::{Cause, Decided, GapTrade, MeterReading};
use domain::NamedParty;
use meters::{DecidedRecord, DisputeRecord, ExchangeRecord};

pub use addition::{Added, decode_addition, encode_addition};
pub use change::{decode_change, encode_change};
pub use meters::{decode_dispute, encode_dispute};
pub use readings::{add_day, decode_day, encode_day};
pub use shadow::{decode_shadow_totals, encode_shadow_totals};
pub use whole::{Whole, decode_whole, encode_whole};

/// The error for a stored record that is not valid.
#[derive(Debug, thiserror::Error)]
#[error("a stored record is invalid")]
pub struct InvalidRecord(#[source] pub Cause);

impl InvalidRecord {
    fn new(reason: impl Into<Cause>) -> InvalidRecord {
        InvalidRecord(reason.into())
    }
}

#[derive(Clone, PartialEq, Message)]
struct RoundRecord {
    #[prost(string, tag = "1")]
    community: String,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint32, tag = "3")]
    duration: u32,
    #[prost(sint64, tag = "4")]
    retail: i64,
    #[prost(sint64, tag = "5")]
    feed_in: i64,
    #[prost(sint64, optional, tag = "6")]
    price_floor: Option<i64>,
    #[prost(sint64, optional, tag = "7")]
    price_ceiling: Option<i64>,
    #[prost(fixed64, tag = "8")]
    seed: u64,
    #[prost(message, repeated, tag = "9")]
    settings: Vec<SettingRecord>,
    #[prost(message, repeated, tag = "10")]
    positions: Vec<PositionRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct SettingRecord {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct PositionRecord {
    #[prost(string, tag = "1")]
    member: String,
    #[prost(uint64, tag = "2")]
    surplus: u64,
    #[prost(uint64, tag = "3")]
    deficit: u64,
    /// Absent if it equals the member's feed-in tariff.
    #[prost(sint64, optional, tag = "4")]
    offer: Option<i64>,
    /// Absent if it equals the member's retail tariff.
    #[prost(sint64, optional, tag = "5")]
    bid: Option<i64>,
    /// Absent if it equals the round's.
    #[prost(sint64, optional, tag = "6")]
    retail: Option<i64>,
    /// Absent if it equals the round's.
    #[prost(sint64, optional, tag = "7")]
    feed_in: Option<i64>,
    #[prost(uint32, tag = "8")]
    share: u32,
    #[prost(uint32, tag = "9")]
    rank: u32,
}

pub fn encode_round(round: &Round) -> Vec<u8> {
    let terms = round.terms();
    let unless = |value: Price, usual: Price| (value != usual).then_some(value.micro_eur());
    let position = |position: &Position| PositionRecord {
        member: position.member.as_str().to_owned(),
        surplus: position.surplus.wh(),
        deficit: position.deficit.wh(),
        offer: unless(position.offer, position.tariff.feed_in),
        bid: unless(position.bid, position.tariff.retail),
        retail: unless(position.tariff.retail, terms.tariff.retail),
        feed_in: unless(position.tariff.feed_in, terms.tariff.feed_in),
        share: position.share,
        rank: position.rank,
    };
    let setting = |(key, value): &(String, String)| SettingRecord { key: key.clone(), value: value.clone() };
    let record = RoundRecord {
        community: terms.community.clone(),
        start: terms.interval.start().seconds(),
        duration: terms.interval.length().seconds(),
        retail: terms.tariff.retail.micro_eur(),
        feed_in: terms.tariff.feed_in.micro_eur(),
        price_floor: terms.limits.floor().map(Price::micro_eur),
        price_ceiling: terms.limits.ceiling().map(Price::micro_eur),
        seed: terms.seed,
        settings: terms.settings.iter().map(setting).collect(),
        positions: round.positions().iter().map(position).collect(),
    };
    record.encode_to_vec()
}

/// Decodes a round.
///
/// # Errors
/// If the bytes are not a valid round.
pub fn decode_round(bytes: &[u8]) -> Result<Round, InvalidRecord> {
    let record = RoundRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let price = Price::from_micro_eur;
    let tariff = Tariff { retail: price(record.retail), feed_in: price(record.feed_in) };
    let limits = PriceLimits::new(record.price_floor.map(price), record.price_ceiling.map(price));
    let position = |position: PositionRecord| {
        let retail = position.retail.map_or(tariff.retail, price);
        let feed_in = position.feed_in.map_or(tariff.feed_in, price);
        Ok(Position {
            member: MemberId::from_stored(&position.member).map_err(InvalidRecord::new)?,
            surplus: Energy::from_wh(position.surplus),
            deficit: Energy::from_wh(position.deficit),
            offer: position.offer.map_or(feed_in, price),
            bid: position.bid.map_or(retail, price),
            tariff: Tariff { retail, feed_in },
            share: position.share,
            rank: position.rank,
        })
    };
    let positions: Result<Vec<Position>, InvalidRecord> = record.positions.into_iter().map(position).collect();
    let terms = Terms {
        community: record.community,
        interval: decode_interval(record.start, record.duration)?,
        tariff,
        limits: limits.map_err(InvalidRecord::new)?,
        seed: record.seed,
        settings: record.settings.into_iter().map(|setting| (setting.key, setting.value)).collect(),
    };
    Round::new(terms, positions?).map_err(InvalidRecord::new)
}

/// Decodes an interval from its start, in seconds since the Unix epoch, and its length in seconds.
///
/// # Errors
/// If no valid interval has them.
pub fn decode_interval(start: u64, length: u32) -> Result<Interval, InvalidRecord> {
    let length = IntervalLength::from_seconds(length).map_err(InvalidRecord::new)?;
    let interval = decode_boundary(start).ok().and_then(|start| Interval::starting(start, length));
    interval.ok_or_else(|| InvalidRecord::new(format!("no interval starts at Unix second {start}")))
}

/// Decodes a party from its stored name.
///
/// # Errors
/// If no party can have this name.
pub fn decode_party(name: &str) -> Result<NamedParty, InvalidRecord> {
    match name {
        "grid" => Ok(NamedParty::Grid),
        "operator" => Ok(NamedParty::Operator),
        member => MemberId::from_stored(member).map(NamedParty::Member).map_err(InvalidRecord::new),
    }
}

/// Decodes a boundary from seconds since the Unix epoch.
///
/// # Errors
/// If the time is out of range.
pub fn decode_boundary(seconds: u64) -> Result<Boundary, InvalidRecord> {
    Boundary::from_seconds(seconds).ok_or_else(|| InvalidRecord::new(format!("Unix second {seconds} is out of range")))
}

#[derive(Clone, PartialEq, Message)]
struct InputsRecord {
    #[prost(message, repeated, tag = "1")]
    readings: Vec<ReadingRecord>,
    #[prost(message, repeated, tag = "2")]
    gaps: Vec<GapRecord>,
    /// Only in the first interval of books that continue others.
    #[prost(message, repeated, tag = "3")]
    opening: Vec<LastReadRecord>,
    /// In watts; absent in intervals from before there were disputes.
    #[prost(uint64, optional, tag = "4")]
    power_max: Option<u64>,
    #[prost(message, repeated, tag = "5")]
    exchanges: Vec<ExchangeRecord>,
    #[prost(message, repeated, tag = "6")]
    decided: Vec<DecidedRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct LastReadRecord {
    #[prost(string, tag = "1")]
    meter: String,
    #[prost(uint64, tag = "2")]
    boundary: u64,
    #[prost(uint64, tag = "3")]
    import_wh: u64,
    #[prost(uint64, tag = "4")]
    export_wh: u64,
    /// Absent if nothing is disputed.
    #[prost(message, optional, tag = "5")]
    dispute: Option<DisputeRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct ReadingRecord {
    #[prost(string, tag = "1")]
    meter: String,
    /// Absent if it equals the meter's id.
    #[prost(string, optional, tag = "2")]
    member: Option<String>,
    #[prost(uint64, tag = "3")]
    import_wh: u64,
    #[prost(uint64, tag = "4")]
    export_wh: u64,
    /// The meter's own, in watts; absent if it has that of all.
    #[prost(uint64, optional, tag = "5")]
    power_max: Option<u64>,
    /// Whether it counts for its member only from here.
    #[prost(bool, tag = "6")]
    anew: bool,
    /// Whether it is not known what the meter measured in the interval.
    #[prost(bool, tag = "7")]
    missing: bool,
}

#[derive(Clone, PartialEq, Message)]
struct GapRecord {
    #[prost(string, tag = "1")]
    member: String,
    #[prost(uint64, tag = "2")]
    since: u64,
    #[prost(uint64, tag = "3")]
    surplus: u64,
    #[prost(uint64, tag = "4")]
    deficit: u64,
    #[prost(sint64, tag = "5")]
    retail: i64,
    #[prost(sint64, tag = "6")]
    feed_in: i64,
}

/// The inputs of an interval, except its round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The readings of every meter that was read at the interval's end.
    pub readings: Vec<MeterReading>,
    /// What decided whether they count.
    pub rules: MeterRules,
    /// The energy of meters that were read again after a gap.
    pub gaps: Vec<GapTrade>,
    /// The last registers of meters that were read before the books begin.
    pub opening: LastReads,
    /// What people decided about meters while it was the newest interval.
    pub decided: Vec<Decided>,
}

fn encode_last_reads(reads: &LastReads) -> Vec<LastReadRecord> {
    let record = |(meter, read): (&MeterId, &LastRead)| LastReadRecord {
        meter: meter.as_str().to_owned(),
        boundary: read.boundary.seconds(),
        import_wh: read.registers.import_wh,
        export_wh: read.registers.export_wh,
        dispute: read.dispute.as_ref().map(DisputeRecord::new),
    };
    reads.iter().map(record).collect()
}

fn decode_last_reads(records: Vec<LastReadRecord>) -> Result<LastReads, InvalidRecord> {
    let read = |record: LastReadRecord| {
        let registers = Registers { import_wh: record.import_wh, export_wh: record.export_wh };
        let dispute = record.dispute.map(DisputeRecord::decoded).transpose()?;
        let read = LastRead { boundary: decode_boundary(record.boundary)?, registers, dispute };
        Ok((MeterId::from_stored(&record.meter).map_err(InvalidRecord::new)?, read))
    };
    records.into_iter().map(read).collect()
}

fn encode_gaps(gaps: &[GapTrade]) -> Vec<GapRecord> {
    let gap = |gap: &GapTrade| GapRecord {
        member: gap.member.as_str().to_owned(),
        since: gap.since.seconds(),
        surplus: gap.surplus.wh(),
        deficit: gap.deficit.wh(),
        retail: gap.tariff.retail.micro_eur(),
        feed_in: gap.tariff.feed_in.micro_eur(),
    };
    gaps.iter().map(gap).collect()
}

fn decode_gaps(records: Vec<GapRecord>) -> Result<Vec<GapTrade>, InvalidRecord> {
    let gap = |gap: GapRecord| {
        let price = Price::from_micro_eur;
        Ok(GapTrade {
            member: MemberId::from_stored(&gap.member).map_err(InvalidRecord::new)?,
            since: decode_boundary(gap.since)?,
            surplus: Energy::from_wh(gap.surplus),
            deficit: Energy::from_wh(gap.deficit),
            tariff: Tariff { retail: price(gap.retail), feed_in: price(gap.feed_in) },
        })
    };
    records.into_iter().map(gap).collect()
}

pub fn encode_inputs(
    readings: &[MeterReading],
    rules: &MeterRules,
    gaps: &[GapTrade],
    opening: &LastReads,
    decided: &[Decided],
) -> Vec<u8> {
    let own = |meter: &MeterId| rules.limits.as_ref().and_then(|limits| limits.own.get(meter)).map(|own| own.watts());
    let reading = |reading: &MeterReading| ReadingRecord {
        meter: reading.meter.as_str().to_owned(),
        member: (reading.member.as_str() != reading.meter.as_str()).then(|| reading.member.as_str().to_owned()),
        import_wh: reading.registers.import_wh,
        export_wh: reading.registers.export_wh,
        power_max: own(&reading.meter),
        anew: reading.anew,
        missing: rules.missing.contains(&reading.meter),
    };
    let record = InputsRecord {
        readings: readings.iter().map(reading).collect(),
        gaps: encode_gaps(gaps),
        opening: encode_last_reads(opening),
        power_max: rules.limits.as_ref().map(|limits| limits.usual.watts()),
        exchanges: meters::encode_exchanges(&rules.exchanges),
        decided: decided.iter().map(DecidedRecord::new).collect(),
    };
    record.encode_to_vec()
}

/// Encodes inputs that were decoded and added to.
pub fn encode_again(inputs: &Inputs) -> Vec<u8> {
    let Inputs { readings, rules, gaps, opening, decided } = inputs;
    encode_inputs(readings, rules, gaps, opening, decided)
}

/// Decodes inputs.
///
/// # Errors
/// If the bytes are not valid inputs.
pub fn decode_inputs(bytes: &[u8]) -> Result<Inputs, InvalidRecord> {
    let record = InputsRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let (mut own, mut missing) = (BTreeMap::new(), BTreeSet::new());
    let mut reading = |reading: ReadingRecord| {
        let member = reading.member.as_deref().unwrap_or(&reading.meter);
        let meter = MeterId::from_stored(&reading.meter).map_err(InvalidRecord::new)?;
        if let Some(watts) = reading.power_max {
            own.insert(meter.clone(), meters::decode_power(watts)?);
        }
        if reading.missing {
            missing.insert(meter.clone());
        }
        Ok(MeterReading {
            member: MemberId::from_stored(member).map_err(InvalidRecord::new)?,
            meter,
            registers: Registers { import_wh: reading.import_wh, export_wh: reading.export_wh },
            anew: reading.anew,
        })
    };
    let readings = record.readings.into_iter().map(&mut reading).collect::<Result<_, InvalidRecord>>()?;
    let usual = record.power_max.map(meters::decode_power).transpose()?;
    Ok(Inputs {
        readings,
        rules: MeterRules {
            limits: usual.map(|usual| MeterLimits { usual, own }),
            exchanges: meters::decode_exchanges(record.exchanges)?,
            missing,
        },
        gaps: decode_gaps(record.gaps)?,
        opening: decode_last_reads(record.opening)?,
        decided: record.decided.into_iter().map(DecidedRecord::decoded).collect::<Result<_, _>>()?,
    })
}
