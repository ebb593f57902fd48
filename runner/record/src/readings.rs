//! The stored form of a day of a meter.

use domain::metering::{Base, Grains, Meter, Slot, Value};
use domain::reading::Registers;
use prost::Message;

use super::InvalidRecord;
use books::readings::counted_until;

#[derive(Clone, PartialEq, Message)]
struct DayRecord {
    #[prost(message, repeated, tag = "1")]
    slots: Vec<SlotRecord>,
    #[prost(message, repeated, tag = "2")]
    registers: Vec<ReadRecord>,
}

/// An interval. Zero is the usual value of what is left out, so that a day takes little.
#[derive(Clone, PartialEq, Message)]
struct SlotRecord {
    /// From the start of the day, in seconds.
    #[prost(uint32, tag = "1")]
    start: u32,
    #[prost(uint32, tag = "2")]
    seconds: u32,
    #[prost(uint64, optional, tag = "3")]
    import: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    export: Option<u64>,
    /// Whether import and export are estimated (1, 2) or missing (4, 8).
    #[prost(uint32, tag = "5")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ReadRecord {
    #[prost(uint32, tag = "1")]
    at: u32,
    #[prost(uint64, tag = "2")]
    import_wh: u64,
    #[prost(uint64, tag = "3")]
    export_wh: u64,
}

const ESTIMATED: [u32; 2] = [1, 2];
const LACKS: [u32; 2] = [4, 8];

/// A day of a meter as it is stored, with what it adds to what was counted before.
#[derive(Clone, Debug)]
pub struct StoredDay {
    /// The registers that were read last on this day, in Wh; `None` if none were.
    pub read: Option<Registers>,
    /// What was counted since, or on the whole day.
    pub import: Grains,
    /// What was fed in since.
    pub export: Grains,
    /// Everything.
    pub content: Vec<u8>,
}

/// Encodes a day that begins at a Unix second.
pub fn encode_day(begins: i64, day: &Meter) -> StoredDay {
    let offset = |second: i64| u32::try_from(second - begins).unwrap_or(u32::MAX);
    let slot = |(start, slot): (&i64, &Slot)| {
        let value = |value: Option<Value>| value.map(|value| value.grains.get());
        let estimated =
            |value: Option<Value>, flag: u32| if value.is_some_and(|value| value.estimated) { flag } else { 0 };
        let lacks = |lacks: bool, flag: u32| if lacks { flag } else { 0 };
        let flags = estimated(slot.import, ESTIMATED[0])
            | estimated(slot.export, ESTIMATED[1])
            | lacks(slot.lacks_import, LACKS[0])
            | lacks(slot.lacks_export, LACKS[1]);
        let (import, export) = (value(slot.import), value(slot.export));
        SlotRecord { start: offset(*start), seconds: slot.seconds, import, export, flags }
    };
    let read = |(at, registers): (&i64, &Registers)| ReadRecord {
        at: offset(*at),
        import_wh: registers.import_wh,
        export_wh: registers.export_wh,
    };
    let record =
        DayRecord { slots: day.slots.iter().map(slot).collect(), registers: day.registers.iter().map(read).collect() };
    let counted = counted_until(Base::default(), day, None);
    StoredDay {
        read: day.registers.values().next_back().copied(),
        import: counted.import,
        export: counted.export,
        content: record.encode_to_vec(),
    }
}

/// Decodes a day that begins at a Unix second.
///
/// # Errors
/// If the bytes are not a valid day.
pub fn decode_day(begins: i64, bytes: &[u8]) -> Result<Meter, InvalidRecord> {
    let record = DayRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let mut day = Meter::default();
    for SlotRecord { start, seconds, import, export, flags } in record.slots {
        let value = |grains: Option<u64>, flag: u32| -> Result<Option<Value>, InvalidRecord> {
            let Some(grains) = grains else { return Ok(None) };
            let grains = Grains::new(grains).ok_or_else(|| InvalidRecord::new("an energy is too large"))?;
            Ok(Some(Value { grains, estimated: flags & flag != 0 }))
        };
        let slot = Slot {
            seconds,
            import: value(import, ESTIMATED[0])?,
            export: value(export, ESTIMATED[1])?,
            lacks_import: flags & LACKS[0] != 0,
            lacks_export: flags & LACKS[1] != 0,
        };
        day.slots.insert(begins + i64::from(start), slot);
    }
    for ReadRecord { at, import_wh, export_wh } in record.registers {
        day.registers.insert(begins + i64::from(at), Registers { import_wh, export_wh });
    }
    Ok(day)
}

/// What a meter had counted, after a further day of which only the sums are known.
pub fn add_day(base: Base, read: Option<Registers>, import: u64, export: u64) -> Result<Base, InvalidRecord> {
    let grains = |grains: u64| Grains::new(grains).ok_or_else(|| InvalidRecord::new("a day's energy is too large"));
    let (import, export) = (grains(import)?, grains(export)?);
    let base = read.map_or(base, Base::at);
    Ok(Base { import: base.import.plus(import), export: base.export.plus(export), ..base })
}
