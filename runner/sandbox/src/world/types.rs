//! The types of the interface, as in `wit/market.wit`. Each component is checked against them when it is loaded.
//!
//! They are not generated, because the engine looks up the guest's memory for every number of a record. Positions and trades,
//! of which there are many, are passed as a whole. What a guest sees is the same.
#![allow(
    unsafe_code,
    reason = "only unsafe traits let a type say how it is passed; all it does is checked by the engine"
)]

use std::mem::MaybeUninit;

use wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wasmtime::component::__internal::{InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{ComponentType, Lift, Lower};
use wasmtime::{Result, bail};

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

/// What a position takes in a list, in bytes.
const POSITION_BYTES: usize = 64;
const _: () = assert!(Position::SIZE32 == POSITION_BYTES);

// SAFETY: it writes the record of the canonical ABI, whose fields follow each other without gaps, and only by way of what the
// engine lends for that, which checks every place.
unsafe impl Lower for Position<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        bail!("a position is passed in a list only")
    }

    fn linear_lower_to_memory<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let mut name = MaybeUninit::uninit();
        self.member.linear_lower_to_flat(context, InterfaceType::String, &mut name)?;
        // SAFETY: the engine promises that it is initialised where that succeeded.
        let [place, length] = unsafe { name.assume_init() };
        *context.get(offset) = self.record([place.get_u32(), length.get_u32()]);
        Ok(())
    }

    /// Makes room for all names before anything is written: looking up the guest's memory, which any call of the guest may move,
    /// takes as long as copying a name.
    fn linear_store_list_to_memory<T>(
        context: &mut LowerContext<'_, T>,
        item: InterfaceType,
        offset: usize,
        positions: &[Self],
    ) -> Result<()> {
        let offsets = (offset..).step_by(POSITION_BYTES);
        if context.options().string_encoding != StringEncoding::Utf8 {
            let mut placed = positions.iter().zip(offsets);
            return placed.try_for_each(|(position, offset)| position.linear_lower_to_memory(context, item, offset));
        }
        let room = positions.iter().map(|position| context.realloc(0, 0, 1, position.member.len()));
        let room = room.collect::<Result<Vec<usize>>>()?;
        let memory = context.as_slice_mut();
        for ((position, place), offset) in positions.iter().zip(room).zip(offsets) {
            let name = position.member.as_bytes();
            memory[place..][..name.len()].copy_from_slice(name);
            let record = position.record([u32::try_from(place)?, u32::try_from(name.len())?]);
            memory[offset..][..POSITION_BYTES].copy_from_slice(&record);
        }
        Ok(())
    }
}

impl Position<'_> {
    /// The record, with the place and the length of its name in the guest's memory.
    fn record(&self, name: [u32; 2]) -> [u8; POSITION_BYTES] {
        let Position { member: _, surplus, deficit, offer, bid, retail, feed_in, share, rank } = *self;
        let mut bytes = [0; POSITION_BYTES];
        let (start, rest) = bytes.split_at_mut(8);
        let (middle, end) = rest.split_at_mut(48);
        write(start, name.map(u32::to_le_bytes));
        write(middle, [surplus, deficit].map(u64::to_le_bytes));
        write(&mut middle[16..], [offer, bid, retail, feed_in].map(i64::to_le_bytes));
        write(end, [share, rank].map(u32::to_le_bytes));
        bytes
    }
}

/// Writes numbers one after the other.
fn write<const N: usize, const COUNT: usize>(bytes: &mut [u8], numbers: [[u8; N]; COUNT]) {
    for (place, number) in bytes.chunks_exact_mut(N).zip(numbers) {
        place.copy_from_slice(&number);
    }
}

/// `party`.
#[derive(Clone, Copy, ComponentType)]
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
#[derive(Clone, Copy, ComponentType)]
#[component(record)]
pub struct Trade {
    pub seller: Party,
    pub buyer: Party,
    pub energy: u64,
    pub price: i64,
}

const _: () = assert!(Trade::SIZE32 == 32 && Party::SIZE32 == 8);

// SAFETY: it reads the record of the canonical ABI from the bytes that the engine has found to be there.
unsafe impl Lift for Trade {
    fn linear_lift_from_flat(_: &mut LiftContext<'_>, _: InterfaceType, _: &Self::Lower) -> Result<Self> {
        bail!("a trade is passed in a list only")
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, _: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let ([seller, buyer, energy, price], []) = (words, rest) else { bail!("a trade of {} bytes", bytes.len()) };
        let (energy, price) = (u64::from_le_bytes(*energy), i64::from_le_bytes(*price));
        Ok(Trade { seller: party(*seller)?, buyer: party(*buyer)?, energy, price })
    }
}

fn party([discriminant, _, _, _, index @ ..]: [u8; 8]) -> Result<Party> {
    match discriminant {
        0 => Ok(Party::Grid),
        1 => Ok(Party::Operator),
        2 => Ok(Party::Member(u32::from_le_bytes(index))),
        _ => bail!("unexpected discriminant: {discriminant}"),
    }
}
