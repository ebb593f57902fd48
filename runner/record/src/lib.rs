//! The stored form of intervals, sums, states of meters, decisions and shadow totals.
//!
//! What every interval has is packed into few bytes, with a version and a checksum: `block`, `days`, `details` and `states`. What
//! is rare are protobuf messages, so that any later version can read them.

mod addition;
mod block;
mod change;
mod days;
mod details;
mod meters;
mod names;
mod pack;
mod readings;
mod shadow;
mod states;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use domain::disputes::{MeterLimits, MeterRules};
use domain::netting::{LastRead, LastReads};
use domain::reading::Registers;
use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, MeterId, PLATFORM_GRID, Power, Price, Tariff};
use prost::Message;

use books::{Cause, ClearedInterval, Decided, GapTrade, MeterReading, WireParty};
use domain::NamedParty;
use meters::{DecidedRecord, DisputeRecord, ExchangeRecord};

pub use addition::{Added, decode_addition, encode_addition};
pub use block::{Block, PackedTrade, Trades, decode_block, decode_trades, encode_block, stored_trades};
pub use change::{decode_change, encode_change};
pub use days::{Counts, Day, decode_counts};
pub use details::{decode_told, encode_told};
pub use names::Names;
pub use readings::{add_day, decode_day, encode_day};
pub use shadow::{decode_shadow_totals, encode_shadow_totals};
pub use states::{decode_states, encode_states, meters_of_states};
pub use whole::{Whole, decode_whole, decode_whole_trades, encode_whole};

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
struct TermsRecord {
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
}

#[derive(Clone, PartialEq, Message)]
struct SettingRecord {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn terms_record(terms: &Terms) -> TermsRecord {
    let setting = |(key, value): &(String, String)| SettingRecord { key: key.clone(), value: value.clone() };
    TermsRecord {
        community: terms.community.clone(),
        start: terms.interval.start().seconds(),
        duration: terms.interval.length().seconds(),
        retail: terms.tariff.retail.micro_eur(),
        feed_in: terms.tariff.feed_in.micro_eur(),
        price_floor: terms.limits.floor().map(Price::micro_eur),
        price_ceiling: terms.limits.ceiling().map(Price::micro_eur),
        seed: terms.seed,
        settings: terms.settings.iter().map(setting).collect(),
    }
}

fn decode_terms(record: TermsRecord) -> Result<Terms, InvalidRecord> {
    let price = Price::from_micro_eur;
    let limits = PriceLimits::new(record.price_floor.map(price), record.price_ceiling.map(price));
    Ok(Terms {
        community: record.community,
        interval: decode_interval(record.start, record.duration)?,
        tariff: Tariff { retail: price(record.retail), feed_in: price(record.feed_in) },
        limits: limits.map_err(InvalidRecord::new)?,
        seed: record.seed,
        settings: record.settings.into_iter().map(|setting| (setting.key, setting.value)).collect(),
    })
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

/// The stored name of who has this name on the platform's wire; `None` for a name that no party can have.
pub fn stored_name(platform: &str) -> Option<&str> {
    match platform {
        PLATFORM_GRID => Some("grid"),
        "grid" => None,
        other => Some(other),
    }
}

/// The stored names that a party of the wire has in a community.
pub fn names_in<'p>(party: &'p WireParty, community: &str) -> BTreeSet<&'p str> {
    let named = stored_name(&party.name).filter(|_| !party.elsewhere.contains(community));
    let members = party.members.iter().filter(|(of, _)| of == community).map(|(_, member)| member.as_str());
    named.into_iter().chain(members).collect()
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
    /// Meters of which nobody knows what they measured in the interval.
    #[prost(string, repeated, tag = "7")]
    missing: Vec<String>,
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

/// What is wrong with an interval that has a number above 2⁶³ − 1, the most that the wire and a database hold; `None` if nothing.
pub fn too_large(cleared: &ClearedInterval) -> Option<String> {
    let registers = cleared.readings.iter().map(|reading| reading.registers);
    let registers = registers.flat_map(|registers| [registers.import_wh, registers.export_wh]);
    let energies = cleared.trades.iter().map(|trade| ("a trade's energy", trade.energy.wh()));
    let mut numbers = registers.map(|wh| ("a register", wh)).chain(energies);
    let (what, wh) = numbers.find(|(_, wh)| i64::try_from(*wh).is_err())?;
    Some(format!("{what} is {wh} Wh, at most {} can be kept", i64::MAX))
}

/// What [`Inputs`] are made of, wherever it is.
#[derive(Clone, Copy)]
pub struct InputParts<'i> {
    /// See [`Inputs::readings`].
    pub readings: &'i [MeterReading],
    /// See [`Inputs::rules`].
    pub rules: &'i MeterRules,
    /// See [`Inputs::gaps`].
    pub gaps: &'i [GapTrade],
    /// See [`Inputs::opening`].
    pub opening: &'i LastReads,
    /// See [`Inputs::decided`].
    pub decided: &'i [Decided],
}

impl Inputs {
    /// The parts.
    pub fn parts(&self) -> InputParts<'_> {
        let Inputs { readings, rules, gaps, opening, decided } = self;
        InputParts { readings, rules, gaps, opening, decided }
    }
}

/// What few intervals have.
fn rare_inputs(InputParts { rules, gaps, opening, decided, .. }: InputParts<'_>) -> InputsRecord {
    InputsRecord {
        gaps: encode_gaps(gaps),
        opening: encode_last_reads(opening),
        power_max: rules.limits.as_ref().map(|limits| limits.usual.watts()),
        exchanges: meters::encode_exchanges(&rules.exchanges),
        decided: decided.iter().map(DecidedRecord::new).collect(),
        missing: rules.missing.iter().map(|meter| meter.as_str().to_owned()).collect(),
    }
}

/// The inputs of an interval with these readings; `own` is the most power of meters that have their own.
fn decode_rare(
    record: InputsRecord,
    readings: Vec<MeterReading>,
    own: BTreeMap<MeterId, Power>,
) -> Result<Inputs, InvalidRecord> {
    let usual = record.power_max.map(meters::decode_power).transpose()?;
    let missing = record.missing.iter().map(|meter| MeterId::from_stored(meter).map_err(InvalidRecord::new));
    Ok(Inputs {
        readings,
        rules: MeterRules {
            limits: usual.map(|usual| MeterLimits { usual, own }),
            exchanges: meters::decode_exchanges(record.exchanges)?,
            missing: missing.collect::<Result<_, _>>()?,
        },
        gaps: decode_gaps(record.gaps)?,
        opening: decode_last_reads(record.opening)?,
        decided: record.decided.into_iter().map(DecidedRecord::decoded).collect::<Result<_, _>>()?,
    })
}
