//! What ffi's data of a pointer looks like.
//!
//! Nothing of ffi's layout is written down here: which field is where, and what ffi's `initialize` writes, [`probe`]
//! finds out by looking at pointers that it makes. Where that gives no clear answer, ffi is asked every time.
//!
//! [`probe`]: super::probe

use std::sync::OnceLock;

use magnus::{Value, rb_sys::AsRawValue};
use rb_sys::VALUE;

use super::data::{Data, Word};

static LAYOUT: OnceLock<Layout> = OnceLock::new();

pub const NIL: VALUE = rb_sys::Qnil as VALUE;

pub struct Layout {
    pub fields: Fields,
    pub shapes: Option<Shapes>,
}

/// Where in ffi's data is what, in bytes from its start.
#[derive(Clone, Copy)]
pub struct Fields {
    pub address: Option<usize>,
    pub type_size: Option<usize>,
    /// The pointer that this one was made from.
    pub origin: Option<usize>,
}

/// What is in ffi's data beside the fields.
pub struct Shapes {
    pub at: Places,
    /// Has the bits set that do not belong to the fields.
    pub mask: Box<[Word]>,
    /// Of a pointer that is allocated and not initialized.
    pub blank: Box<[Word]>,
    /// Of one that was initialized with a number other than 0, or with such a pointer.
    pub initialized: Box<[Word]>,
    /// Of one that was initialized again, with 0.
    pub null: Box<[Word]>,
    /// Whether that keeps the origin.
    pub null_keeps_origin: bool,
}

/// [`Fields`], all of them known.
#[derive(Clone, Copy)]
pub struct Places {
    pub address: usize,
    pub type_size: usize,
    pub origin: usize,
}

/// What a pointer is to be initialized with.
#[derive(Clone, Copy)]
pub enum Target {
    Address(usize),
    /// A pointer of ffi's.
    Pointer(Value),
}

/// The address of `pointer`, a pointer of ffi or ours, if it can be read without asking ffi.
pub fn address(pointer: Value) -> Option<usize> {
    let at = LAYOUT.get()?.fields.address?;
    Data::of(pointer).map(|data| data.read(at))
}

/// The same for the size of what it points to.
pub fn type_size(pointer: Value) -> Option<i32> {
    let at = LAYOUT.get()?.fields.type_size?;
    Data::of(pointer).map(|data| data.read(at))
}

/// Whether `raw`, a pointer of ffi's own class, is an address and nothing else: neither does it keep another object alive
/// nor has it memory of its own.
pub fn is_address(raw: Value) -> bool {
    let shapes = LAYOUT.get().and_then(|layout| layout.shapes.as_ref());
    shapes.zip(Data::of(raw)).is_some_and(|(shapes, data)| {
        shapes.fit(data, &shapes.initialized) && data.read::<VALUE>(shapes.at.origin) == NIL
    })
}

/// Does to `pointer`, one of ours, what ffi's `initialize(type_size, target)` would, by writing the same data. Returns
/// `false`, and has done nothing, where it is not known what that is.
pub fn point(pointer: Value, type_size: i32, target: Target) -> bool {
    let shapes = LAYOUT.get().and_then(|layout| layout.shapes.as_ref());
    shapes.is_some_and(|shapes| shapes.point(pointer, type_size, target) == Some(()))
}

impl Shapes {
    fn point(&self, pointer: Value, type_size: i32, target: Target) -> Option<()> {
        let data = Data::of(pointer)?;
        let (before, after, address, origin) = match target {
            // A pointer that is released.
            Target::Address(0) => {
                let origin = match self.null_keeps_origin {
                    true => data.read(self.at.origin),
                    false => NIL,
                };
                (&self.initialized, &self.null, 0, origin)
            }
            Target::Address(address) => (&self.blank, &self.initialized, address, NIL),
            Target::Pointer(raw) => {
                let from = Data::of(raw).filter(|from| self.fit(*from, &self.initialized))?;
                let address = from.read(self.at.address);
                (&self.blank, &self.initialized, address, raw.as_raw())
            }
        };
        if !self.fit(data, before) {
            return None;
        }
        data.fill(after);
        data.write(self.at.address, address);
        data.write(self.at.type_size, type_size);
        data.write(self.at.origin, origin);
        if let Target::Pointer(_) = target {
            // SAFETY: both are live objects, and `pointer` refers to `origin` already.
            unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), origin) };
        }
        Some(())
    }

    fn fit(&self, data: Data, shape: &[Word]) -> bool {
        let words = data.words(shape.len()).iter().zip(&self.mask).zip(shape);
        // All of them, which takes fewer instructions than to stop at the first that differs.
        words.fold(0, |other, ((data, mask), word)| other | data & mask ^ word) == 0
    }
}

/// From here on pointers have this layout.
pub fn set(layout: Layout) {
    LAYOUT.get_or_init(|| layout);
}

#[cfg(test)]
mod tests;
