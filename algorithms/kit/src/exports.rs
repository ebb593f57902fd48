//! What an author writes once, at the end: the macros that make an algorithm a component.

/// Exports a type that implements [`Algorithm`](crate::Algorithm) as a component.
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
        #[allow(unsafe_code, reason = "the component's exports")]
        const _: () = {
            use $crate::component::{Answer, Description, Given, GivenPosition, GivenSetting, Span, WORLD};

            #[unsafe(link_section = "component-type:rec:market:algorithm")]
            #[used]
            static ENCODED: [u8; WORLD.len()] = *WORLD.first_chunk().unwrap();

            // SAFETY: the world reserves this name for this signature.
            #[unsafe(export_name = "describe")]
            extern "C" fn describe() -> *const Description {
                $crate::component::describe::<$algorithm>()
            }

            // SAFETY: the world reserves this name for this signature; only the host calls it.
            #[unsafe(export_name = "clear")]
            unsafe extern "C" fn clear(
                community: *mut u8,
                community_length: usize,
                start: u64,
                duration: u32,
                retail: i64,
                feed_in: i64,
                has_floor: u32,
                floor: i64,
                has_ceiling: u32,
                ceiling: i64,
                seed: u64,
                settings: *mut GivenSetting,
                setting_count: usize,
                positions: *mut GivenPosition,
                position_count: usize,
            ) -> *const Answer {
                // SAFETY: the host has written texts and lists where `cabi_realloc` made room for them.
                let (community, settings, positions) = unsafe {
                    (
                        Span::new(community, community_length),
                        Span::new(settings, setting_count),
                        Span::new(positions, position_count),
                    )
                };
                $crate::component::clear::<$algorithm>(Given {
                    community,
                    start,
                    duration,
                    retail,
                    feed_in,
                    price_floor: (has_floor != 0).then_some(floor),
                    price_ceiling: (has_ceiling != 0).then_some(ceiling),
                    seed,
                    settings,
                    positions,
                })
            }
        };
    };
}

/// Exports a type that implements [`Algorithm`](crate::Algorithm) as a component without imports.
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
