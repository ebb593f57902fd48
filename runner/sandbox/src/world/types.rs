//! The types of the interface, as in `wit/market.wit`. Each component is checked against them when it is loaded.
//!
//! They are not generated, because the engine looks up the guest's memory for every number of a record. Positions, of which
//! there are many, look it up once for all of theirs. What a guest sees is the same.
#![allow(
    unsafe_code,
    reason = "only unsafe traits let a type say how it is passed; all it does is checked by the engine"
)]

use std::mem::MaybeUninit;

use wasmtime::Result;
use wasmtime::component::__internal::{InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lift, Lower};

/// `setting`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Setting {
    pub key: String,
    pub summary: String,
    pub default: String,
}

/// `description`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub settings: Vec<Setting>,
}

/// `round`.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub struct Round<'a> {
    pub community: &'a str,
    pub start: u64,
    pub duration: u32,
    pub retail: i64,
    #[component(name = "feed-in")]
    pub feed_in: i64,
    #[component(name = "price-floor")]
    pub price_floor: Option<i64>,
    #[component(name = "price-ceiling")]
    pub price_ceiling: Option<i64>,
    pub seed: u64,
    pub settings: &'a [(&'a str, &'a str)],
    pub positions: &'a [Position<'a>],
}

/// `position`.
#[derive(Clone, Copy, ComponentType)]
#[component(record)]
pub struct Position<'a> {
    pub member: &'a str,
    pub surplus: u64,
    pub deficit: u64,
    pub offer: i64,
    pub bid: i64,
    pub retail: i64,
    #[component(name = "feed-in")]
    pub feed_in: i64,
    pub share: u32,
    pub rank: u32,
}

/// Size of a name in a record, in bytes: its place and its length.
const NAME_BYTES: usize = 8;
/// Size of the numbers of a position, in bytes.
const NUMBERS_BYTES: usize = 56;

const _: () = assert!(Position::SIZE32 == NAME_BYTES + NUMBERS_BYTES);

// SAFETY: it writes the record of the canonical ABI, whose fields follow each other without gaps, and only by way of what the
// engine lends for that, which checks every place.
unsafe impl Lower for Position<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        Err(wasmtime::Error::msg("a position is passed in a list only"))
    }

    fn linear_lower_to_memory<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let Position { member, surplus, deficit, offer, bid, retail, feed_in, share, rank } = *self;
        member.linear_lower_to_memory(context, InterfaceType::String, offset)?;
        let mut numbers = [0; NUMBERS_BYTES];
        let (long, short) = numbers.split_at_mut(48);
        let longs = [
            surplus,
            deficit,
            offer.cast_unsigned(),
            bid.cast_unsigned(),
            retail.cast_unsigned(),
            feed_in.cast_unsigned(),
        ];
        for (bytes, number) in long.as_chunks_mut().0.iter_mut().zip(longs) {
            *bytes = number.to_le_bytes();
        }
        for (bytes, number) in short.as_chunks_mut().0.iter_mut().zip([share, rank]) {
            *bytes = number.to_le_bytes();
        }
        *context.get(offset + NAME_BYTES) = numbers;
        Ok(())
    }
}

/// `party`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(variant)]
pub enum Party {
    #[component(name = "grid")]
    Grid,
    #[component(name = "operator")]
    Operator,
    #[component(name = "member")]
    Member(u32),
}

/// `trade`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub struct Trade {
    pub seller: Party,
    pub buyer: Party,
    pub energy: u64,
    pub price: i64,
}
