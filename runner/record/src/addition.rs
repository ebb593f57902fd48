//! An addition to an interval as one blob.

use domain::Interval;
use domain::netting::LastReads;
use prost::Message;

use super::meters::DecidedRecord;
use super::whole::{EventRecord, TradeRecord};
use super::{GapRecord, InvalidRecord, LastReadRecord, decode_gaps, decode_last_reads, encode_gaps, encode_last_reads};
use books::{Addition, Decided, GapTrade, StoredEvent, StoredTrade};

#[derive(Clone, PartialEq, Message)]
struct AdditionRecord {
    #[prost(message, repeated, tag = "1")]
    decided: Vec<DecidedRecord>,
    #[prost(message, repeated, tag = "2")]
    gaps: Vec<GapRecord>,
    /// The number of the first trade.
    #[prost(uint64, tag = "3")]
    first_trade: u64,
    #[prost(message, repeated, tag = "4")]
    trades: Vec<TradeRecord>,
    #[prost(message, repeated, tag = "5")]
    events: Vec<EventRecord>,
    #[prost(message, repeated, tag = "6")]
    states: Vec<LastReadRecord>,
}

/// What was added to an interval.
#[derive(Clone, Debug)]
pub struct Added {
    /// The decisions that have taken effect.
    pub decided: Vec<Decided>,
    /// The energy that came of them.
    pub gaps: Vec<GapTrade>,
    /// Its trades.
    pub trades: Vec<StoredTrade>,
    /// What people should know of.
    pub events: Vec<StoredEvent>,
    /// The new states of meters.
    pub states: LastReads,
}

/// Packs an addition, except its trades.
pub fn encode_addition(addition: &Addition) -> Vec<u8> {
    let record = AdditionRecord {
        decided: addition.decided.iter().map(DecidedRecord::new).collect(),
        gaps: encode_gaps(&addition.gaps),
        first_trade: addition.trades.first().map_or(0, |trade| trade.number),
        trades: addition.trades.iter().map(TradeRecord::new).collect(),
        events: addition.events.iter().map(EventRecord::new).collect(),
        states: encode_last_reads(&addition.states),
    };
    record.encode_to_vec()
}

/// Decodes what was added to an interval of a community.
///
/// # Errors
/// If the bytes are not a valid addition.
pub fn decode_addition(community: &str, interval: Interval, bytes: &[u8]) -> Result<Added, InvalidRecord> {
    let record = AdditionRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let trades = (record.first_trade..).zip(record.trades);
    let trades = trades.map(|(number, trade)| trade.decoded(community, interval, number));
    Ok(Added {
        decided: record.decided.into_iter().map(DecidedRecord::decoded).collect::<Result<_, _>>()?,
        gaps: decode_gaps(record.gaps)?,
        trades: trades.collect::<Result<_, _>>()?,
        events: record.events.into_iter().map(EventRecord::decoded).collect(),
        states: decode_last_reads(record.states)?,
    })
}
