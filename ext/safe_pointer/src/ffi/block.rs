//! The memory block of a pointer, with our part behind ffi's data.
//!
//! ```text
//!   block:  | ffi's data | held | place | has_parent |                      of most classes
//!           | ffi's data | held | place | has_parent | state | address |    of classes that are released by a C function
//! ```
//!
//! `held` is 0 before the pointer is initialized, then a Ruby object, or with its lowest bit set a number. `place` is one
//! in the registry, of what is kept for the pointer. A pointer may keep another object alive, its parent, which is found
//! by way of the object it holds.
//!
//! Nothing of ffi's layout is written down here: the data of a new object is a copy of a blank pointer's, and
//! changing, marking, compacting and freeing it is left to ffi's own functions. How long it is ffi says itself, where its
//! pointers are typed (ffi 1.16 and later): there the type of ours is derived from ffi's (`rb_data_type_t::parent`),
//! so ffi's functions take them for their own. Where they are not typed, ffi takes any data object of the right
//! class, and the C library says how long the block is.
//!
//! An instance variable would do, but that of a T_DATA lives in a table of the whole process.

use std::{
    cell::Cell,
    ffi::c_void,
    ptr::{self, NonNull},
    sync::OnceLock,
};

use magnus::{
    Value,
    rb_sys::{AsRawValue, FromRawValue},
};
use rb_sys::{RUBY_DATA_FUNC, VALUE, rb_data_type_t};
use safe_pointer_core::State;

use crate::ruby::{
    data,
    registry::{Place, PlaceCell},
};

pub mod allocation;
mod gc;

/// The bit that only numbers have, not Ruby objects.
const NUMBER: VALUE = 1;

/// Our part of a block.
#[repr(C)]
struct Plain {
    held: Cell<VALUE>,
    place: PlaceCell,
    /// Whether the pointer keeps a parent alive.
    has_parent: Cell<bool>,
}

/// Our part of a block of a class that is released by a C function.
#[repr(C)]
struct Native {
    plain: Plain,
    state: State,
    address: Cell<usize>,
}

/// What else is to be known at GC. These functions are called in the midst of a collection: none may make an object, or
/// raise.
pub struct Hooks {
    /// The parent of a pointer that holds this object.
    pub parent: fn(Value) -> Option<Value>,
    /// How much native memory goes with a pointer that holds this object, in bytes.
    pub native_size: fn(Value) -> usize,
    /// The pointer is being swept.
    pub swept: fn(Swept),
    /// Called after that where Ruby may call finalizers, as it does where data has no type.
    pub swept_untyped: fn(),
}

/// What is known of a pointer that is being swept.
pub struct Swept<'a> {
    pub held: Held,
    pub place: Option<Place>,
    /// State and address, where there is room for them.
    pub native: Option<(&'a State, usize)>,
}

static LAYOUT: OnceLock<Layout> = OnceLock::new();

struct Layout {
    /// ffi's data of a blank pointer.
    blank: Box<[u8]>,
    /// Where our part of a block is.
    offset: usize,
    kind: Kind,
    hooks: Hooks,
}

enum Kind {
    Typed {
        /// Derived from ffi's.
        plain: rb_data_type_t,
        /// The same for the longer block.
        native: rb_data_type_t,
    },
    Untyped {
        /// ffi's own.
        mark: RUBY_DATA_FUNC,
        free: RUBY_DATA_FUNC,
        /// Ours.
        plain: Free,
        native: Free,
    },
}

type Free = unsafe extern "C" fn(*mut c_void);

// SAFETY: never changed once made; the pointers in it are to functions and to static types.
unsafe impl Send for Layout {}
// SAFETY: as above.
unsafe impl Sync for Layout {}

/// Our part of the block of a live pointer.
#[derive(Clone, Copy)]
pub struct Slot {
    part: NonNull<Plain>,
    native: bool,
}

/// What a pointer holds.
#[derive(Clone, Copy)]
pub enum Held {
    Nothing,
    Object(Value),
    /// The address of something that lives for ever.
    Address(usize),
}

impl Held {
    /// # Safety
    ///
    /// Where `held` is an object, it is alive.
    unsafe fn from_word(held: VALUE) -> Self {
        match held {
            0 => Self::Nothing,
            held if held & NUMBER != 0 => Self::Address((held & !NUMBER) as usize),
            // SAFETY: the caller says so.
            held => Self::Object(unsafe { Value::from_raw(held) }),
        }
    }
}

/// What a pointer has that is released by a C function.
#[derive(Clone, Copy)]
pub struct NativeSlot<'a> {
    pub state: &'a State,
    /// Stays when the pointer is NULL.
    pub address: usize,
    /// Where the origin of the pointer is kept, if somebody watched when it was made; or the releaser that has taken over.
    pub place: &'a PlaceCell,
}

impl Slot {
    fn plain<'a>(&self) -> &'a Plain {
        // SAFETY: made from the block of a live object, which has our part at this place.
        unsafe { self.part.as_ref() }
    }

    /// What only a pointer with the longer block has. The caller keeps the pointer alive.
    pub fn native<'a>(&self) -> Option<NativeSlot<'a>> {
        let native = self.native_part()?;
        Some(NativeSlot {
            state: &native.state,
            address: native.address.get(),
            place: &native.plain.place,
        })
    }

    fn native_part<'a>(&self) -> Option<&'a Native> {
        if !self.native {
            return None;
        }
        // SAFETY: as in `plain`; the longer part is there, as `native` says.
        Some(unsafe { self.part.cast::<Native>().as_ref() })
    }

    /// Whether [`hold_address`](Self::hold_address) can be done.
    pub fn has_room(&self) -> bool {
        self.native
    }

    pub fn held(&self) -> Held {
        // SAFETY: what the slot of a live pointer holds, the pointer's `mark` keeps alive.
        unsafe { Held::from_word(self.plain().held.get()) }
    }

    /// Has `pointer`, which the slot was taken from, hold `object`.
    pub fn hold(&self, pointer: Value, object: Value) {
        self.plain().held.set(object.as_raw());
        // SAFETY: both are live objects, and the slot of `pointer` refers to `object` already.
        unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), object.as_raw()) };
    }

    /// Has the pointer hold nothing, if it holds `object`.
    pub fn let_go(&self, object: Value) {
        if self.plain().held.get() == object.as_raw() {
            self.hold_nothing();
        }
    }

    pub fn hold_nothing(&self) {
        self.plain().held.set(0);
    }

    /// Has the pointer hold the even address `held`, and know that it points to `address`. Does nothing where there is no
    /// room for that.
    pub fn hold_address(&self, held: usize, address: usize) {
        if let Some(native) = self.native_part() {
            native.address.set(address);
            native.plain.held.set(held as VALUE | NUMBER);
        }
    }

    pub fn place(&self) -> &PlaceCell {
        &self.plain().place
    }

    /// Has `pointer`, which the slot was taken from, keep the parent alive that is known by what it holds.
    pub fn keep_parent(&self, pointer: Value, parent: Option<Value>) {
        self.plain().has_parent.set(parent.is_some());
        if let Some(parent) = parent {
            // SAFETY: both are live objects, and `mark` finds `parent` from `pointer` already.
            unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), parent.as_raw()) };
        }
    }
}

/// The slot of `pointer`, or `None` where it was allocated without.
pub fn slot(pointer: Value) -> Option<Slot> {
    let layout = LAYOUT.get()?;
    let (block, native) = match &layout.kind {
        Kind::Typed { plain, native } => {
            let data = data::typed(pointer)?;
            match data.data_type {
                found if ptr::eq(found, plain) => (data.block, false),
                found if ptr::eq(found, native) => (data.block, true),
                _ => return None,
            }
        }
        Kind::Untyped { plain, native, .. } => {
            let data = data::untyped(pointer)?;
            match data.free? {
                found if ptr::fn_addr_eq(found, *plain) => (data.block, false),
                found if ptr::fn_addr_eq(found, *native) => (data.block, true),
                _ => return None,
            }
        }
    };
    let part = NonNull::new(part_of(block, layout))?;
    Some(Slot { part, native })
}

/// Whether Ruby frees the data of a dead pointer within the sweep. Without a type, it does so among the finalizers.
pub fn is_freed_within_sweep() -> bool {
    matches!(
        LAYOUT.get().map(|layout| &layout.kind),
        Some(Kind::Typed { .. })
    )
}

fn part_of(block: *mut c_void, layout: &Layout) -> *mut Plain {
    block.wrapping_byte_add(layout.offset).cast()
}

#[cfg(test)]
mod tests;
