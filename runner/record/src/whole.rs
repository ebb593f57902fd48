//! A whole cleared interval as one blob, for stores that keep an interval in one document.

use domain::netting::LastReads;
use domain::{Energy, Interval, NamedTrade, Price, Round};
use prost::Message;

use super::{Block, InputParts, Inputs, InvalidRecord, LastReadRecord, Trades};
use super::{decode_block, decode_last_reads, decode_party, decode_trades};
use super::{encode_block, encode_last_reads, stored_trades};
use books::{ClearedInterval, StoredEvent, StoredTrade};

#[derive(Clone, PartialEq, Message)]
struct WholeRecord {
    #[prost(message, repeated, tag = "3")]
    absent: Vec<LastReadRecord>,
    #[prost(message, repeated, tag = "5")]
    events: Vec<EventRecord>,
    #[prost(message, repeated, tag = "6")]
    disputed: Vec<LastReadRecord>,
    #[prost(bytes = "vec", tag = "7")]
    block: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TradeRecord {
    #[prost(string, tag = "1")]
    seller: String,
    #[prost(string, tag = "2")]
    buyer: String,
    #[prost(uint64, tag = "3")]
    energy: u64,
    #[prost(sint64, tag = "4")]
    price: i64,
    #[prost(string, optional, tag = "5")]
    message: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EventRecord {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(string, tag = "2")]
    subject: String,
    #[prost(string, tag = "3")]
    message: String,
}

impl TradeRecord {
    pub(super) fn new(trade: &StoredTrade) -> TradeRecord {
        TradeRecord {
            seller: trade.seller.to_string(),
            buyer: trade.buyer.to_string(),
            energy: trade.energy.wh(),
            price: trade.price.micro_eur(),
            message: trade.message.clone(),
        }
    }

    pub(super) fn decoded(
        self,
        community: &str,
        interval: Interval,
        number: u64,
    ) -> Result<StoredTrade, InvalidRecord> {
        let (seller, buyer) = (decode_party(&self.seller)?, decode_party(&self.buyer)?);
        let (energy, price) = (Energy::from_wh(self.energy), Price::from_micro_eur(self.price));
        let trade = NamedTrade { seller, buyer, energy, price };
        Ok(StoredTrade::new(community, interval, number, trade, self.message))
    }
}

impl EventRecord {
    pub(super) fn new(event: &StoredEvent) -> EventRecord {
        let StoredEvent { code, subject, message } = event.clone();
        EventRecord { code, subject, message }
    }

    pub(super) fn decoded(self) -> StoredEvent {
        let EventRecord { code, subject, message } = self;
        StoredEvent { code, subject, message }
    }
}

/// A cleared interval, except how it was cleared.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The interval's inputs, except its round.
    pub inputs: Inputs,
    /// The round; `None` if no member was read at both ends.
    pub round: Option<Round>,
    /// The last registers of every meter that was not read at the interval's end.
    pub absent: LastReads,
    /// The state of those that were, but whose reading is disputed.
    pub disputed: LastReads,
    /// All trades, in their state right after clearing.
    pub trades: Vec<StoredTrade>,
    /// What happened in the interval that people should know of.
    pub events: Vec<StoredEvent>,
}

/// Encodes a cleared interval, except how it was cleared.
pub fn encode_whole(cleared: &ClearedInterval) -> Vec<u8> {
    let ClearedInterval { readings, rules, gaps, round, disputed, absent, opening, trades, events, .. } = cleared;
    let record = WholeRecord {
        block: encode_block(
            trades,
            InputParts { readings, rules, gaps, opening, decided: &[] },
            round.as_ref().map(|round| &**round.settlement.round()),
        ),
        absent: encode_last_reads(absent),
        events: events.iter().map(EventRecord::new).collect(),
        disputed: encode_last_reads(disputed),
    };
    record.encode_to_vec()
}

/// Decodes a community's interval.
///
/// # Errors
/// If the bytes are not a valid interval.
pub fn decode_whole(community: &str, interval: Interval, bytes: &[u8]) -> Result<Whole, InvalidRecord> {
    let record = WholeRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let Block { trades, inputs, round } = decode_block(&record.block)?;
    Ok(Whole {
        inputs,
        round,
        absent: decode_last_reads(record.absent)?,
        trades: stored_trades(community, interval, trades),
        events: record.events.into_iter().map(EventRecord::decoded).collect(),
        disputed: decode_last_reads(record.disputed)?,
    })
}

/// Decodes only the trades of an interval.
///
/// # Errors
/// If the bytes are not a valid interval, as far as they are read.
pub fn decode_whole_trades(bytes: &[u8]) -> Result<Trades, InvalidRecord> {
    decode_trades(&WholeRecord::decode(bytes).map_err(InvalidRecord::new)?.block)
}
