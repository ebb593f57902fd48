//! The allocator of a component that lives for one call.
//!
//! Authors get it by [`export_no_std!`](crate::export_no_std) or [`bump_allocator!`](crate::bump_allocator).
#![allow(unsafe_code, reason = "an allocator hands out raw memory; nothing else in the kit does")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::Cell,
    ptr,
};

const PAGE: usize = 65_536;

/// The least number of pages to add at once: a small round then needs one or two growths, each a call of the host.
const GROWTH_MIN: usize = 4;

/// Hands out memory front to back; takes back, grows and shrinks only the block that it handed out last.
///
/// It uses only memory that it has added itself, so it gets along with an allocator of the C library beside it.
pub struct Bump {
    /// The first free byte.
    next: Cell<usize>,
    /// The end of the free bytes.
    end: Cell<usize>,
}

// SAFETY: this module exists only on wasm32, and a component of this world has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    /// An allocator without memory; the first block adds some.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "its one use is a static, which cannot call `default`")]
    pub const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0) }
    }

    /// The block of `layout` at the first free byte; `None` if it does not fit the free bytes.
    ///
    /// Called for every name of a round: `next` is never above `end`, so the sums need no checks of their own.
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

    /// Adds memory for at least `size` bytes more; false if there is none.
    #[cold]
    #[inline(never)]
    fn grow(&self, size: usize) -> bool {
        let in_use = wasm32::memory_size::<0>();
        // Saturating: the end of 4 GiB does not fit, and giving up its last byte is the simplest way out.
        let top = in_use.saturating_mul(PAGE);
        let pages = size.div_ceil(PAGE);
        // By an eighth, so that there are few growths and little is in vain; by less if the host's limit is near.
        for pages in [pages.max(in_use / 8).max(GROWTH_MIN), pages] {
            if wasm32::memory_grow::<0>(pages) != usize::MAX {
                if self.end.get() != top {
                    // The first memory, or another allocator has added some since: begin anew behind it.
                    self.next.set(top);
                }
                self.end.set(top.saturating_add(pages.saturating_mul(PAGE)));
                return true;
            }
        }
        false
    }

    /// The canonical ABI's `realloc`; traps where there is no memory.
    ///
    /// # Safety
    ///
    /// As the canonical ABI promises: `old` is a block of `old_len` bytes that this function returned for the same
    /// `align`, or `old_len` is 0; `align` is a power of two.
    #[inline]
    pub unsafe fn cabi_realloc(&self, old: *mut u8, old_len: usize, align: usize, len: usize) -> *mut u8 {
        if len == 0 {
            return ptr::without_provenance_mut(align);
        }
        // SAFETY: `align` is a power of two, and what does not fit `isize` does not fit the free bytes either.
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
        // With room for the alignment, as nothing is known of where the new memory begins.
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
            // Asked again after the growth, which has begun elsewhere if the memory was not its own up to the end.
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
