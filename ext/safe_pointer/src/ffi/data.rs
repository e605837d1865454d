//! The data of a pointer of ffi's.

use std::ptr::NonNull;

use magnus::Value;

use crate::ruby::data;

pub type Word = usize;

/// The data of a pointer of ffi's, as long as the pointer lives.
#[derive(Clone, Copy)]
pub struct Data {
    block: NonNull<u8>,
    is_typed: bool,
}

impl Data {
    pub fn of(pointer: Value) -> Option<Self> {
        let (block, is_typed) = match data::untyped(pointer) {
            Some(data) => (data.block, false),
            None => (data::typed(pointer)?.block, true),
        };
        NonNull::new(block.cast()).map(|block| Self { block, is_typed })
    }

    fn place<T>(self, at: usize) -> *mut T {
        self.block.as_ptr().wrapping_add(at).cast()
    }

    /// What is `at` so many bytes.
    pub fn read<T: Copy>(self, at: usize) -> T {
        // SAFETY: `at` is a place within the data that was made for a `T`, or a number of the same size.
        unsafe { self.place::<T>(at).read() }
    }

    /// The GVL is held, so nobody else is at it.
    pub fn write<T: Copy>(self, at: usize, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.place::<T>(at).write(value) };
    }

    /// How many bytes there are, of `length` at most. Without a type, `length` comes from other blocks, which may be longer:
    /// each is at least as long as what was asked for.
    pub fn length(self, length: usize) -> usize {
        let block = match self.is_typed {
            true => None,
            false => data::length(self.place(0)),
        };
        block.map_or(length, |block| block.min(length))
    }

    /// The data as so many words, or as many as there are.
    pub fn words<'a>(self, count: usize) -> &'a [Word] {
        let count = self.length(count * size_of::<Word>()) / size_of::<Word>();
        // SAFETY: the block has as many, and nobody writes to it while this is looked at.
        unsafe { std::slice::from_raw_parts(self.place(0), count) }
    }

    pub fn fill(self, words: &[Word]) {
        // SAFETY: there are as many of them as in ffi's data.
        unsafe {
            words
                .as_ptr()
                .copy_to_nonoverlapping(self.place(0), words.len())
        };
    }
}
