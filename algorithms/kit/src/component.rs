//! How the host calls an algorithm: the canonical ABI of `wit/market.wit`, by hand, since the world is fixed. An author never
//! calls anything here.
#![allow(unsafe_code, reason = "the canonical ABI passes raw pointers")]

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{mem, slice};

use crate::{Algorithm, Party, Position, Round, Setting, Trade};

/// The world `algorithm`, encoded for the linker, which makes a component of the module. `runner/wrap` has the test that it is
/// that of `wit/market.wit`.
pub const WORLD: &[u8] = include_bytes!("world.bin");

/// A text or a list in memory: where it begins, and how many bytes or elements it has.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Span<T> {
    start: *mut T,
    length: usize,
}

type Text = Span<u8>;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct GivenPosition {
    member: Text,
    surplus: u64,
    deficit: u64,
    offer: i64,
    bid: i64,
    retail: i64,
    feed_in: i64,
    share: u32,
    rank: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct GivenSetting {
    key: Text,
    value: Text,
}

#[repr(C)]
struct DescribedSetting {
    key: Text,
    summary: Text,
    default: Text,
}

/// What `describe` answers with.
#[repr(C)]
pub struct Description {
    name: Text,
    version: Text,
    summary: Text,
    settings: Span<DescribedSetting>,
}

/// What `clear` answers with: trades, or the bytes of the reason why there are none.
#[repr(C)]
pub struct Answer {
    is_error: u32,
    start: *const u8,
    length: usize,
}

// The layout of these is the canonical ABI's.
const _: () = {
    assert!(size_of::<GivenPosition>() == 64 && mem::offset_of!(GivenPosition, rank) == 60);
    assert!(size_of::<Trade>() == 32 && mem::offset_of!(Trade, energy) == 16 && size_of::<Party>() == 8);
};

/// The arguments of `clear`, as they come.
pub struct Given {
    pub community: Span<u8>,
    pub start: u64,
    pub duration: u32,
    pub retail: i64,
    pub feed_in: i64,
    pub price_floor: Option<i64>,
    pub price_ceiling: Option<i64>,
    pub seed: u64,
    pub settings: Span<GivenSetting>,
    pub positions: Span<GivenPosition>,
}

impl<T: Copy> Span<T> {
    /// What the host has written there.
    ///
    /// # Safety
    ///
    /// `start` must be where `cabi_realloc` made room for as many elements, and the host must have written them.
    pub const unsafe fn new(start: *mut T, length: usize) -> Self {
        Self { start, length }
    }

    fn elements(&self) -> &[T] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: who made the span promised it.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl Text {
    /// Takes the text over, without copying it.
    fn into_string(self) -> String {
        if self.length == 0 {
            return String::new();
        }
        // SAFETY: the host made room with `cabi_realloc`, so by the global allocator, for exactly this text, writes UTF-8, and
        // forgets it.
        unsafe { String::from_raw_parts(self.start, self.length, self.length) }
    }

    const fn of(text: &'static str) -> Text {
        Span { start: text.as_ptr().cast_mut(), length: text.len() }
    }
}

impl From<GivenPosition> for Position {
    fn from(given: GivenPosition) -> Position {
        let GivenPosition { member, surplus, deficit, offer, bid, retail, feed_in, share, rank } = given;
        Position { member: member.into_string(), surplus, deficit, offer, bid, retail, feed_in, share, rank }
    }
}

impl From<Given> for Round {
    fn from(given: Given) -> Round {
        let Given { community, start, duration, retail, feed_in, price_floor, price_ceiling, seed, .. } = given;
        let setting = |&GivenSetting { key, value }: &GivenSetting| (key.into_string(), value.into_string());
        Round {
            community: community.into_string(),
            start,
            duration,
            retail,
            feed_in,
            price_floor,
            price_ceiling,
            seed,
            settings: given.settings.elements().iter().map(setting).collect(),
            positions: given.positions.elements().iter().copied().map(Position::from).collect(),
        }
    }
}

/// Answers `describe`. Nothing is freed: the instance is dropped after the call.
pub fn describe<A: Algorithm>() -> *const Description {
    let setting = |setting: &'static Setting| DescribedSetting {
        key: Text::of(setting.key),
        summary: Text::of(setting.summary),
        default: Text::of(setting.default),
    };
    let settings = A::SETTINGS.iter().map(setting).collect::<Vec<_>>().leak();
    Box::leak(Box::new(Description {
        name: Text::of(A::NAME),
        version: Text::of(A::VERSION),
        summary: Text::of(A::SUMMARY),
        settings: Span { start: settings.as_mut_ptr(), length: settings.len() },
    }))
}

/// Answers `clear`. Nothing is freed either: to free a million names would only waste fuel.
pub fn clear<A: Algorithm>(given: Given) -> *const Answer {
    let round = mem::ManuallyDrop::new(Round::from(given));
    let answer = match A::clear(&round) {
        Ok(trades) => {
            let trades: &[Trade] = trades.leak();
            Answer { is_error: 0, start: trades.as_ptr().cast(), length: trades.len() }
        }
        Err(reason) => {
            let reason = reason.leak();
            Answer { is_error: 1, start: reason.as_ptr(), length: reason.len() }
        }
    };
    Box::leak(Box::new(answer))
}
