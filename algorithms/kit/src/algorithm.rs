use alloc::{string::String, vec::Vec};
use core::mem;

use crate::{
    Round, Setting, Trade,
    bindings::{self, Description},
};

/// A matching algorithm: decides who sells how much to whom, and at what price.
///
/// Implement it on an empty struct and pass that to [`export!`](crate::export). The trait is independent of the
/// component interface, so the same code runs natively in tests.
///
/// ```
/// use market_kit::{Algorithm, Book, Outcome, Round, testing};
///
/// /// Every member trades with the grid only, as if there were no community.
/// struct Alone;
///
/// impl Algorithm for Alone {
///     const NAME: &'static str = "alone";
///     const VERSION: &'static str = "1.0.0";
///     const SUMMARY: &'static str = "Every member trades with the grid only";
///
///     fn clear(round: &Round) -> Outcome {
///         Ok(Book::new(round).rest())
///     }
/// }
///
/// let round = testing::round([("a", 1500, 0), ("b", 0, 700)]);
/// assert_eq!(Alone::clear(&round).unwrap().len(), 2);
/// ```
pub trait Algorithm {
    /// Short name, such as `mid-market-rate`.
    const NAME: &'static str;

    /// Version of the algorithm, such as `1.0.0`.
    const VERSION: &'static str;

    /// One sentence on the matching rule.
    const SUMMARY: &'static str;

    /// Every setting that [`clear`](Algorithm::clear) reads. The host refuses settings that are not listed.
    const SETTINGS: &'static [Setting] = &[];

    /// Clears one round: returns all trades, including those with the grid.
    ///
    /// # Errors
    ///
    /// The reason why the round cannot be cleared: a lower-case message with the wrong value and the way out.
    fn clear(round: &Round) -> Outcome;
}

/// All trades of a round, or the reason why it cannot be cleared.
pub type Outcome = Result<Vec<Trade>, String>;

impl<A: Algorithm> bindings::Guest for A {
    fn describe() -> Description {
        Description {
            name: A::NAME.into(),
            version: A::VERSION.into(),
            summary: A::SUMMARY.into(),
            settings: A::SETTINGS.iter().map(Setting::describe).collect(),
        }
    }

    fn clear(round: Round) -> Outcome {
        let trades = A::clear(&round);
        // The host drops the whole instance after this call, so freeing a million names would only waste fuel.
        mem::forget(round);
        trades
    }
}

/// Exports a type that implements [`Algorithm`] as a component.
///
/// Does nothing unless the crate is built for `wasm32`, so that several algorithms can be linked into one native test.
/// A component that uses the standard library imports `wasi:cli` and `wasi:io`; use
/// [`export_no_std!`](crate::export_no_std) for one without imports.
///
/// ```
/// # use market_kit::{Algorithm, Book, Outcome, Round};
/// # struct Alone;
/// # impl Algorithm for Alone {
/// #     const NAME: &'static str = "alone";
/// #     const VERSION: &'static str = "1.0.0";
/// #     const SUMMARY: &'static str = "";
/// #     fn clear(round: &Round) -> Outcome { Ok(Book::new(round).rest()) }
/// # }
/// market_kit::export!(Alone);
/// ```
#[macro_export]
macro_rules! export {
    ($algorithm:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated: the component's exports")]
        const _: () = {
    $crate::bindings::export_component!($algorithm with_types_in $crate::bindings);
        };
    };
}

/// Exports a type that implements [`Algorithm`] as a component without imports.
///
/// For crates that begin with `#![cfg_attr(target_arch = "wasm32", no_std)]`. It adds what the standard library would
/// otherwise provide: an allocator (the [bump allocator](crate::bump_allocator)) and a panic handler, which traps.
#[macro_export]
macro_rules! export_no_std {
    ($algorithm:ident) => {
        $crate::export!($algorithm);

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the host calls the allocator by this name to place the round")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::bump::Bump = $crate::bump::Bump::new();

            #[panic_handler]
            fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
                core::arch::wasm32::unreachable()
            }

            // SAFETY: the canonical ABI reserves this name for this signature, and without the standard library no
            // other crate of the component defines it.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, len: usize) -> *mut u8 {
                // SAFETY: the host keeps the canonical ABI's promises about `realloc`.
                unsafe { ALLOCATOR.cabi_realloc(old, old_len, align, len) }
            }
        };
    };
}

/// Makes the bump allocator the component's global allocator.
///
/// It allocates memory front to back, and only the last block can be freed. That suits a component, whose memory lives
/// for one call, and is much faster than an allocator with lists of free blocks. [`export_no_std!`] includes it; crates
/// that use the standard library may opt in. Does nothing unless built for `wasm32`.
///
/// [`export_no_std!`]: crate::export_no_std
#[macro_export]
macro_rules! bump_allocator {
    () => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::bump::Bump = $crate::bump::Bump::new();
        };
    };
}
