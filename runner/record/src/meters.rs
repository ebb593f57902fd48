//! The stored form of disputed readings, exchanges, and decisions about meters.

use domain::disputes::{Crossed, Dispute, Exchange, Exchanges, MeterDecision, ReadAt, Run};
use domain::reading::Registers;
use domain::{MemberId, MeterId, Power};
use jiff::Timestamp;
use prost::Message;

use super::{InvalidRecord, decode_boundary};
use books::Decided;

#[derive(Clone, PartialEq, Message)]
pub(super) struct RegistersRecord {
    #[prost(uint64, tag = "1")]
    import_wh: u64,
    #[prost(uint64, tag = "2")]
    export_wh: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ReadAtRecord {
    #[prost(uint64, tag = "1")]
    boundary: u64,
    #[prost(uint64, tag = "2")]
    import_wh: u64,
    #[prost(uint64, tag = "3")]
    export_wh: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DisputeRecord {
    #[prost(message, optional, tag = "1")]
    first: Option<ReadAtRecord>,
    /// Absent if it is the first.
    #[prost(message, optional, tag = "2")]
    latest: Option<ReadAtRecord>,
    #[prost(message, optional, tag = "3")]
    shown: Option<RegistersRecord>,
    #[prost(message, optional, tag = "4")]
    stray: Option<ReadAtRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExchangeRecord {
    /// Absent where the meter is known otherwise.
    #[prost(string, optional, tag = "1")]
    meter: Option<String>,
    #[prost(sint64, tag = "2")]
    at_ms: i64,
    #[prost(message, optional, tag = "3")]
    last: Option<RegistersRecord>,
    #[prost(message, optional, tag = "4")]
    first: Option<RegistersRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DecidedRecord {
    #[prost(uint64, tag = "1")]
    decision: u64,
    #[prost(string, tag = "2")]
    meter: String,
    #[prost(string, tag = "3")]
    member: String,
}

/// A decision about a meter; which kind it is, its action says.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MeterDecisionRecord {
    #[prost(string, tag = "1")]
    pub(super) meter: String,
    #[prost(uint64, optional, tag = "2")]
    first: Option<u64>,
    #[prost(message, optional, tag = "3")]
    exchange: Option<ExchangeRecord>,
    #[prost(message, optional, tag = "4")]
    before: Option<ReadAtRecord>,
    #[prost(message, optional, tag = "5")]
    after: Option<ReadAtRecord>,
    #[prost(message, optional, tag = "6")]
    counted: Option<RegistersRecord>,
    #[prost(uint64, optional, tag = "7")]
    since: Option<u64>,
}

impl RegistersRecord {
    fn new(Registers { import_wh, export_wh }: Registers) -> RegistersRecord {
        RegistersRecord { import_wh, export_wh }
    }

    fn decoded(self) -> Registers {
        Registers { import_wh: self.import_wh, export_wh: self.export_wh }
    }
}

impl ReadAtRecord {
    fn new(ReadAt { boundary, registers: Registers { import_wh, export_wh } }: ReadAt) -> ReadAtRecord {
        ReadAtRecord { boundary: boundary.seconds(), import_wh, export_wh }
    }

    fn decoded(self) -> Result<ReadAt, InvalidRecord> {
        let registers = Registers { import_wh: self.import_wh, export_wh: self.export_wh };
        Ok(ReadAt { boundary: decode_boundary(self.boundary)?, registers })
    }
}

impl DisputeRecord {
    pub(super) fn new(Dispute { run: Run { first, latest, shown }, stray }: &Dispute) -> DisputeRecord {
        DisputeRecord {
            first: Some(ReadAtRecord::new(*first)),
            latest: (latest != first).then(|| ReadAtRecord::new(*latest)),
            shown: (*shown != Registers::ZERO).then(|| RegistersRecord::new(*shown)),
            stray: stray.map(ReadAtRecord::new),
        }
    }

    pub(super) fn decoded(self) -> Result<Dispute, InvalidRecord> {
        let first = self.first.ok_or_else(|| InvalidRecord::new("a dispute has no reading"))?.decoded()?;
        let latest = self.latest.map_or(Ok(first), ReadAtRecord::decoded)?;
        let shown = self.shown.map_or(Registers::ZERO, RegistersRecord::decoded);
        Ok(Dispute { run: Run { first, latest, shown }, stray: self.stray.map(ReadAtRecord::decoded).transpose()? })
    }
}

/// Encodes disputed readings of a meter.
pub fn encode_dispute(dispute: &Dispute) -> Vec<u8> {
    DisputeRecord::new(dispute).encode_to_vec()
}

/// Decodes disputed readings of a meter.
///
/// # Errors
/// If the bytes are not a valid dispute.
pub fn decode_dispute(bytes: &[u8]) -> Result<Dispute, InvalidRecord> {
    DisputeRecord::decode(bytes).map_err(InvalidRecord::new)?.decoded()
}

impl ExchangeRecord {
    fn new(meter: Option<&MeterId>, Exchange { at, last, first }: &Exchange) -> ExchangeRecord {
        ExchangeRecord {
            meter: meter.map(ToString::to_string),
            at_ms: at.as_millisecond(),
            last: Some(RegistersRecord::new(*last)),
            first: Some(RegistersRecord::new(*first)),
        }
    }

    fn decoded(self) -> Result<Exchange, InvalidRecord> {
        let registers = |record: Option<RegistersRecord>| record.unwrap_or_default().decoded();
        let at = Timestamp::from_millisecond(self.at_ms).map_err(InvalidRecord::new)?;
        Ok(Exchange { at, last: registers(self.last), first: registers(self.first) })
    }
}

pub(super) fn encode_exchanges(exchanges: &Exchanges) -> Vec<ExchangeRecord> {
    let of_meter = |(meter, exchanges): (&MeterId, &Vec<Exchange>)| -> Vec<ExchangeRecord> {
        exchanges.iter().map(|exchange| ExchangeRecord::new(Some(meter), exchange)).collect()
    };
    exchanges.iter().flat_map(of_meter).collect()
}

pub(super) fn decode_exchanges(records: Vec<ExchangeRecord>) -> Result<Exchanges, InvalidRecord> {
    let mut exchanges = Exchanges::new();
    for mut record in records {
        let meter = MeterId::from_stored(&record.meter.take().unwrap_or_default()).map_err(InvalidRecord::new)?;
        exchanges.entry(meter).or_default().push(record.decoded()?);
    }
    Ok(exchanges)
}

pub(super) fn decode_power(watts: u64) -> Result<Power, InvalidRecord> {
    Power::from_watts(watts).ok_or_else(|| InvalidRecord::new("a meter's most power is 0 W"))
}

impl DecidedRecord {
    pub(super) fn new(Decided { decision, meter, member }: &Decided) -> DecidedRecord {
        DecidedRecord { decision: *decision, meter: meter.to_string(), member: member.to_string() }
    }

    pub(super) fn decoded(self) -> Result<Decided, InvalidRecord> {
        Ok(Decided {
            decision: self.decision,
            meter: MeterId::from_stored(&self.meter).map_err(InvalidRecord::new)?,
            member: MemberId::from_stored(&self.member).map_err(InvalidRecord::new)?,
        })
    }
}

impl MeterDecisionRecord {
    pub(super) fn new(meter: &MeterId, decision: &MeterDecision) -> MeterDecisionRecord {
        let record = MeterDecisionRecord { meter: meter.to_string(), ..MeterDecisionRecord::default() };
        match decision {
            MeterDecision::Accept { first } | MeterDecision::Restart { first } => {
                MeterDecisionRecord { first: Some(first.seconds()), ..record }
            }
            MeterDecision::Exchange { exchange, crossed } => MeterDecisionRecord {
                exchange: Some(ExchangeRecord::new(None, exchange)),
                before: crossed.map(|crossed| ReadAtRecord::new(crossed.before)),
                after: crossed.map(|crossed| ReadAtRecord::new(crossed.after)),
                counted: crossed.map(|crossed| RegistersRecord::new(crossed.counted)),
                ..record
            },
            MeterDecision::Late { since, before, now } => MeterDecisionRecord {
                since: Some(since.seconds()),
                before: Some(ReadAtRecord::new(*before)),
                after: Some(ReadAtRecord::new(*now)),
                ..record
            },
        }
    }

    /// The meter and the decision of an action with this code.
    pub(super) fn decoded(self, action: &str) -> Result<(MeterId, MeterDecision), InvalidRecord> {
        let meter = MeterId::from_stored(&self.meter).map_err(InvalidRecord::new)?;
        let missing = |what: &str| InvalidRecord::new(format!("a change that is {action:?} has no {what}"));
        let first = || self.first.ok_or_else(|| missing("first reading")).and_then(decode_boundary);
        let decision = match action {
            "meter-accepted" => MeterDecision::Accept { first: first()? },
            "meter-restarted" => MeterDecision::Restart { first: first()? },
            "meter-late" => MeterDecision::Late {
                since: self.since.ok_or_else(|| missing("start")).and_then(decode_boundary)?,
                before: self.before.ok_or_else(|| missing("reading before"))?.decoded()?,
                now: self.after.ok_or_else(|| missing("reading"))?.decoded()?,
            },
            _ => {
                let exchange = self.exchange.ok_or_else(|| missing("exchange"))?.decoded()?;
                let crossed = match (self.before, self.after) {
                    (Some(before), Some(after)) => Some(Crossed {
                        before: before.decoded()?,
                        after: after.decoded()?,
                        counted: self.counted.unwrap_or_default().decoded(),
                    }),
                    _ => None,
                };
                MeterDecision::Exchange { exchange, crossed }
            }
        };
        Ok((meter, decision))
    }
}
