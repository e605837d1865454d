//! Memory for when there is no more: the collection that would make room finds pointers dead, and what it leaves for the
//! finalizer takes some. Where Rust gets none, it aborts the process.
//!
//! The address space is reserved, and takes no memory before it is used. No lock: the garbage collector allocates here in
//! the midst of its work.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    ptr,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// In bytes, and as aligned. What is longer has to be asked for in a way that may fail.
const PIECE: usize = 1024;

/// A word of bits for 64 pieces.
const WORDS: usize = 64;

const PIECES_A_WORD: usize = u64::BITS as usize;

/// The C library's allocator, and pieces of the reserve where that has nothing.
pub struct Allocator {
    pieces: Pieces,
    /// The pieces that are in use have their bit set.
    used: [AtomicU64; WORDS],
}

#[repr(align(1024))]
struct Pieces(UnsafeCell<[[u8; PIECE]; WORDS * PIECES_A_WORD]>);

// SAFETY: of each piece there is one user, as the bit says.
unsafe impl Sync for Pieces {}

impl Allocator {
    pub const fn new() -> Self {
        Self {
            pieces: Pieces(UnsafeCell::new([[0; PIECE]; WORDS * PIECES_A_WORD])),
            used: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    #[cold]
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > PIECE || layout.align() > PIECE {
            return ptr::null_mut();
        }
        for (index, word) in self.used.iter().enumerate() {
            let first_free = |used: u64| (used != u64::MAX).then(|| used | (used + 1));
            if let Ok(used) = word.fetch_update(Acquire, Relaxed, first_free) {
                let piece = index * PIECES_A_WORD + used.trailing_ones() as usize;
                return self.first().wrapping_add(piece * PIECE);
            }
        }
        ptr::null_mut()
    }

    /// Whether `memory` is a piece. Then it is free from here on.
    fn take_back(&self, memory: *mut u8) -> bool {
        let piece = memory.addr().wrapping_sub(self.first().addr()) / PIECE;
        let word = self.used.get(piece / PIECES_A_WORD);
        if let Some(word) = word {
            word.fetch_and(!(1 << (piece % PIECES_A_WORD)), Release);
        }
        word.is_some()
    }

    fn first(&self) -> *mut u8 {
        self.pieces.0.get().cast()
    }
}

// SAFETY: what `System` gives goes back to it; a piece is as long and as aligned as it was asked for, and has one user.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: handed on.
        let memory = unsafe { System.alloc(layout) };
        match memory.is_null() {
            true => self.take(layout),
            false => memory,
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !self.take_back(memory) {
            // SAFETY: from `System`, as it is no piece.
            unsafe { System.dealloc(memory, layout) };
        }
    }
}

#[cfg(test)]
mod tests;
