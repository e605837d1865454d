//! The data of a pointer of ffi's.

use std::ptr::NonNull;

use magnus::Value;

use crate::ruby::data;

pub type Word = usize;

/// The data of a pointer of ffi's, as long as the pointer lives.
#[derive(Clone, Copy)]
pub struct Data(NonNull<u8>);

impl Data {
    pub fn of(pointer: Value) -> Option<Self> {
        let block = match data::untyped(pointer) {
            Some(data) => data.block,
            None => data::typed(pointer)?.block,
        };
        NonNull::new(block.cast()).map(Self)
    }

    fn place<T>(self, at: usize) -> *mut T {
        self.0.as_ptr().wrapping_add(at).cast()
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

    /// The data as so many words.
    pub fn words<'a>(self, count: usize) -> &'a [Word] {
        // SAFETY: `count` is that of ffi's data, which nobody writes to while this is looked at.
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
