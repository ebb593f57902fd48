//! The allocator for components whose instance lives for one call.
//!
//! Install it with [`export_no_std!`](crate::export_no_std) or [`bump_allocator!`](crate::bump_allocator).
#![allow(unsafe_code, reason = "an allocator hands out raw memory; nothing else in the kit does")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::Cell,
    ptr,
};

const PAGE: usize = 65_536;

/// Minimum number of pages to add at once. A small round then needs one or two growths, each of which calls the host.
const GROWTH_MIN: usize = 4;

/// Allocates memory front to back; only the last block can be freed, grown or shrunk in place.
///
/// It uses only memory that it has added itself, so it can coexist with a C library's allocator.
pub struct Bump {
    /// The first free byte.
    next: Cell<usize>,
    /// The end of the free bytes.
    end: Cell<usize>,
}

// SAFETY: this module exists only on wasm32, and a component of this world has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    /// Makes an allocator without memory; the first allocation adds some.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "its one use is a static, which cannot call `default`")]
    pub const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0) }
    }

    /// Takes a block at the first free byte; `None` if it does not fit into the free bytes.
    ///
    /// This is hot, since it is called for every name in a round. `next` is never above `end`, so the sums need no
    /// further checks.
    #[inline]
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let next = self.next.get();
        let padding = next.wrapping_neg() & (layout.align() - 1);
        let wanted = padding.saturating_add(layout.size());
        if wanted > self.end.get().wrapping_sub(next) {
            return None;
        }
        self.next.set(next.wrapping_add(wanted));
        Some(ptr::with_exposed_provenance_mut(next.wrapping_add(padding)))
    }

    /// Adds at least `size` bytes of memory; returns whether the host granted them.
    #[cold]
    #[inline(never)]
    fn grow(&self, size: usize) -> bool {
        let in_use = wasm32::memory_size::<0>();
        // Saturating, because the end of 4 GiB does not fit; losing its last byte is the simplest solution.
        let top = in_use.saturating_mul(PAGE);
        let pages = size.div_ceil(PAGE);
        // Grows by an eighth, so that growths are few and little is wasted; by less if the host's limit is near.
        for pages in [pages.max(in_use / 8).max(GROWTH_MIN), pages] {
            if wasm32::memory_grow::<0>(pages) != usize::MAX {
                if self.end.get() != top {
                    // This is the first memory, or another allocator has added some since: start after it.
                    self.next.set(top);
                }
                self.end.set(top.saturating_add(pages.saturating_mul(PAGE)));
                return true;
            }
        }
        false
    }

    /// The canonical ABI's `realloc`; traps if there is no memory left.
    ///
    /// # Safety
    ///
    /// As the canonical ABI guarantees, `old` must be a block of `old_len` bytes that this function returned for the
    /// same `align`, or `old_len` must be 0; `align` must be a power of two.
    #[inline]
    pub unsafe fn cabi_realloc(&self, old: *mut u8, old_len: usize, align: usize, len: usize) -> *mut u8 {
        if len == 0 {
            return ptr::without_provenance_mut(align);
        }
        // SAFETY: `align` is a power of two, and a size beyond `isize` does not fit into the free bytes either.
        let block = unsafe {
            match old_len {
                0 => self.alloc(Layout::from_size_align_unchecked(len, align)),
                _ => self.realloc(old, Layout::from_size_align_unchecked(old_len, align), len),
            }
        };
        if block.is_null() {
            wasm32::unreachable();
        }
        block
    }

    fn is_last(&self, block: *mut u8, layout: Layout) -> bool {
        block.addr().wrapping_add(layout.size()) == self.next.get()
    }
}

// SAFETY: `take` hands out bytes between `next` and `end` only and moves `next` behind them, `grow` moves `next` only
// upwards, and `dealloc` and `realloc` move it back only to the start or into the last block: no two blocks overlap.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(block) = self.take(layout) {
            return block;
        }
        // Includes room for the alignment, since the new memory may begin anywhere.
        let grown = self.grow(layout.size().saturating_add(layout.align()));
        if grown { self.take(layout).unwrap_or(ptr::null_mut()) } else { ptr::null_mut() }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_last(block, layout) {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let old = layout.size();
        if self.is_last(block, layout) {
            let end = block.addr().saturating_add(size);
            // Checked again after the growth, which starts elsewhere if another allocator has added memory.
            if end <= self.end.get() || self.grow(size) && self.is_last(block, layout) && end <= self.end.get() {
                self.next.set(end);
                return block;
            }
        } else if size <= old {
            return block;
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, fits `isize`.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both blocks have at least the smaller size, and a new block overlaps no other.
            unsafe { ptr::copy_nonoverlapping(block, moved, old.min(size)) };
        }
        moved
    }
}
