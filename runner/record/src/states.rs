//! The state of every meter of a community, packed: its last good registers, and what is disputed.

use domain::MeterId;
use domain::disputes::LastRead;
use domain::netting::LastReads;
use domain::reading::Registers;

use super::meters::{decode_dispute, encode_dispute};
use super::names::{NameTable, Names};
use super::pack::{Packer, Unpacker};
use super::{InvalidRecord, decode_boundary};

/// The version of the layout.
const VERSION: u8 = 1;

/// Packs the state of every meter.
pub fn encode_states(states: &LastReads) -> Vec<u8> {
    let names = NameTable::of(states.keys().map(MeterId::as_str));
    let mut packer = Packer::new(VERSION, 16 + 16 * states.len());
    names.write(&mut packer);
    // Most were read at the same boundary, the last one.
    let usual = states.values().map(|state| state.boundary.seconds()).max().unwrap_or(0);
    packer.u64(usual);
    let earlier = |state: &LastRead| Some(usual - state.boundary.seconds()).filter(|seconds| *seconds > 0);
    packer.sparse(states.values().map(earlier), Packer::u64);
    states.values().for_each(|state| packer.u64(state.registers.import_wh));
    states.values().for_each(|state| packer.u64(state.registers.export_wh));
    let disputes = states.values().map(|state| state.dispute.as_ref().map(encode_dispute));
    packer.sparse(disputes, |packer, dispute| packer.bytes(&dispute));
    packer.finish()
}

/// Unpacks the state of every meter.
///
/// # Errors
/// If the bytes are not valid states.
pub fn decode_states(bytes: &[u8]) -> Result<LastReads, InvalidRecord> {
    let mut unpacker = Unpacker::new(bytes, VERSION)?;
    let names = Names::read(&mut unpacker)?;
    let usual = unpacker.u64()?;
    let earlier = unpacker.sparse(names.len(), Unpacker::u64)?;
    let imports = unpacker.column(names.len(), Unpacker::u64)?;
    let exports = unpacker.column(names.len(), Unpacker::u64)?;
    let disputes = unpacker.sparse(names.len(), |unpacker| decode_dispute(unpacker.bytes()?))?;
    unpacker.finish()?;
    let (mut earlier, mut disputes) = (earlier.into_iter().peekable(), disputes.into_iter().peekable());
    let registers = imports.into_iter().zip(exports).map(|(import_wh, export_wh)| Registers { import_wh, export_wh });
    let state = |(index, (name, registers))| {
        let seconds = earlier.next_if(|(place, _)| *place == index).map_or(0, |(_, seconds)| seconds);
        let second = usual.checked_sub(seconds).ok_or_else(|| InvalidRecord::new("a meter was read before 1970"))?;
        let dispute = disputes.next_if(|(place, _)| *place == index).map(|(_, dispute)| dispute);
        let state = LastRead { boundary: decode_boundary(second)?, registers, dispute };
        Ok((MeterId::from_stored(name).map_err(InvalidRecord::new)?, state))
    };
    names.iter().zip(registers).enumerate().map(state).collect()
}

/// The names of the meters that have a state.
///
/// # Errors
/// If the bytes are not valid states.
pub fn meters_of_states(bytes: &[u8]) -> Result<Names, InvalidRecord> {
    Names::read(&mut Unpacker::new(bytes, VERSION)?)
}
