//! The releaser in the pointer's own block of memory, behind ffi's data.
//!
//! ```text
//!   block:  | ffi's data (as long as ffi's `dsize` says) | Slot |
//! ```
//!
//! The object's type is derived from ffi's (`rb_data_type_t::parent`), so ffi's functions take it for one
//! of their own. Nothing of ffi's layout is known or touched: the data of a new object is a copy of a
//! blank pointer's, and marking, compacting and freeing it is left to ffi's own functions.
//!
//! An instance variable would do, but that of a T_DATA lives in a table of the whole process.

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    ptr::{self, NonNull},
    sync::OnceLock,
};

use magnus::{
    Error, RClass, Ruby, TryConvert, Value,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    typed_data::Obj,
};
use rb_sys::{VALUE, rb_data_type_t, size_t};

use crate::{ffi, releaser::Releaser};

/// `RUBY_TYPED_EMBEDDABLE` of Ruby 3.3 and later: the data is inside the object, so it has no block that
/// could be longer. Earlier Rubies do not have the flag and never set the bit.
const EMBEDDABLE: VALUE = 1 << 1;

/// 0 (Ruby's `false`) until the pointer is initialized.
type RawSlot = Cell<VALUE>;

const SLOT_LENGTH: usize = size_of::<RawSlot>();

static LAYOUT: OnceLock<Layout> = OnceLock::new();

struct Layout {
    /// Derived from ffi's.
    data_type: rb_data_type_t,
    /// ffi's data of a blank pointer.
    blank: Box<[u8]>,
    /// Where the slot is in the block.
    offset: usize,
}

// SAFETY: never changed once made; the pointers in `data_type` are to functions and to ffi's static type.
unsafe impl Send for Layout {}
// SAFETY: as above.
unsafe impl Sync for Layout {}

/// Where a pointer's releaser is kept.
pub struct Slot(NonNull<RawSlot>);

impl Slot {
    fn raw(&self) -> &RawSlot {
        // SAFETY: made from the block of a live object, which is longer than `offset` by a slot.
        unsafe { self.0.as_ref() }
    }

    /// `pointer` is the object the slot was taken from.
    pub fn set(&self, pointer: Value, releaser: Obj<Releaser>) {
        self.raw().set(releaser.as_raw());
        // SAFETY: both are live objects, and the slot of `pointer` refers to `releaser` already.
        unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), releaser.as_raw()) };
    }

    pub fn get(&self) -> Option<Obj<Releaser>> {
        let raw = self.raw().get();
        // SAFETY: the slot holds `false` or a releaser, which the pointer's `mark` keeps alive.
        let value = unsafe { Value::from_raw(raw) };
        Obj::try_convert(value).ok()
    }
}

/// The slot of `pointer`, or `None` where it was allocated without.
pub fn slot(pointer: Value) -> Option<Slot> {
    let layout = LAYOUT.get()?;
    // SAFETY: takes any value.
    let ours = unsafe { rb_sys::rb_typeddata_is_kind_of(pointer.as_raw(), &layout.data_type) };
    if ours == 0 {
        return None;
    }
    // SAFETY: `pointer` is typed data, as was just seen.
    let block = unsafe { rb_sys::macros::RTYPEDDATA_GET_DATA(pointer.as_raw()) };
    NonNull::new(slot_in(block, layout)).map(Slot)
}

fn slot_in(block: *mut c_void, layout: &Layout) -> *mut RawSlot {
    block.wrapping_byte_add(layout.offset).cast()
}

/// Calls `visit` with the slot in `block`. For the functions that the garbage collector calls.
fn visit(block: *mut c_void, visit: impl FnOnce(&RawSlot)) {
    if let Some(layout) = LAYOUT.get()
        && let Some(slot) = NonNull::new(slot_in(block, layout))
    {
        // SAFETY: Ruby calls with the block of an object of our type.
        visit(unsafe { slot.as_ref() });
    }
}

fn parent() -> Option<&'static rb_data_type_t> {
    // SAFETY: ffi's type is static, and ffi's library is never unloaded while Ruby runs.
    unsafe { LAYOUT.get()?.data_type.parent.as_ref() }
}

unsafe extern "C" fn mark(block: *mut c_void) {
    if let Some(mark) = parent().and_then(|parent| parent.function.dmark) {
        // SAFETY: ffi's data is at the start of the block.
        unsafe { mark(block) };
    }
    visit(block, |slot| {
        // SAFETY: the slot holds `false` or a live object; `compact` follows it when it moves.
        unsafe { rb_sys::rb_gc_mark_movable(slot.get()) };
    });
}

unsafe extern "C" fn compact(block: *mut c_void) {
    if let Some(compact) = parent().and_then(|parent| parent.function.dcompact) {
        // SAFETY: as in `mark`.
        unsafe { compact(block) };
    }
    visit(block, |slot| {
        // SAFETY: the slot holds `false` or an object that was marked in this GC.
        slot.set(unsafe { rb_sys::rb_gc_location(slot.get()) });
    });
}

unsafe extern "C" fn free(block: *mut c_void) {
    if let Some(free) = parent().and_then(|parent| parent.function.dfree) {
        // SAFETY: as in `mark`. ffi frees the block, which comes from Ruby's allocator like its own.
        unsafe { free(block) };
    }
}

unsafe extern "C" fn size(block: *const c_void) -> size_t {
    let ffi = parent().and_then(|parent| parent.function.dsize);
    // SAFETY: as in `mark`.
    let size = ffi.map_or(0, |size| unsafe { size(block) });
    size + SLOT_LENGTH as size_t
}

unsafe extern "C" fn allocate(class: VALUE) -> VALUE {
    let Some(layout) = LAYOUT.get() else {
        return rb_sys::Qnil as VALUE;
    };
    let length = layout.offset + SLOT_LENGTH;
    // SAFETY: an allocation function may raise, and this one has nothing to drop.
    let block = unsafe { rb_sys::ruby_xcalloc(1, length as size_t) };
    // SAFETY: the block is at least as long as the blank data, and new.
    unsafe { ptr::copy_nonoverlapping(layout.blank.as_ptr(), block.cast(), layout.blank.len()) };
    // SAFETY: the block is what the functions of `data_type` expect; the layout is never dropped.
    unsafe { rb_sys::rb_data_typed_object_wrap(class, block, &layout.data_type) }
}

/// Derives the layout from a blank pointer of ffi's. `None` where ffi's pointers are not typed (before
/// ffi 1.16), or are made in a way that leaves no room.
fn derive(blank: Value) -> Option<Layout> {
    // SAFETY: takes any object.
    if !unsafe { rb_sys::macros::RTYPEDDATA_P(blank.as_raw()) } {
        return None;
    }
    // SAFETY: `blank` is typed data, as was just seen.
    let parent = unsafe { rb_sys::macros::RTYPEDDATA_TYPE(blank.as_raw()) };
    // SAFETY: the type of a live object.
    let mut data_type = unsafe { parent.read() };
    if data_type.flags & EMBEDDABLE != 0 {
        return None;
    }
    // SAFETY: as for the type.
    let data = unsafe { rb_sys::macros::RTYPEDDATA_GET_DATA(blank.as_raw()) };
    let dsize = data_type.function.dsize?;
    // SAFETY: ffi's own function on its own data.
    let length = unsafe { dsize(data) } as usize;
    // SAFETY: `dsize` of a pointer that owns no memory is the length of its data.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };

    data_type.parent = parent;
    data_type.function.dmark = Some(mark);
    data_type.function.dfree = Some(free);
    data_type.function.dsize = Some(size);
    data_type.function.dcompact = Some(compact);
    Some(Layout {
        data_type,
        blank: bytes.into(),
        offset: length.next_multiple_of(align_of::<RawSlot>()),
    })
}

/// Whether ffi takes an object of the derived type for a pointer: writes go through it and come back.
fn works(ruby: &Ruby, class: RClass) -> Result<bool, Error> {
    let memory: Value = ffi::memory_pointer_class(ruby)?.new_instance((c_int::BITS / 8,))?;
    let address: usize = memory.funcall("address", ())?;
    let pointer: Value = class.funcall("allocate", ())?;
    ffi::set_address(ruby, pointer, address)?;
    let _: Value = pointer.funcall("put_int", (0, 0x5afe))?;
    let read: c_int = memory.funcall("get_int", (0,))?;
    let sum: Value = pointer.funcall("+", (1,))?;
    let next: usize = sum.funcall("address", ())?;
    Ok(slot(pointer).is_some() && read == 0x5afe && next == address + 1)
}

/// Has pointers of `class` allocated with a slot, if ffi is such that this works.
pub fn init(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    let pointer_class = ffi::pointer_class(ruby)?;
    let Some(layout) = derive(pointer_class.funcall("allocate", ())?) else {
        return Ok(());
    };
    LAYOUT.get_or_init(|| layout);
    // SAFETY: `class` is a class, and `allocate` returns an object of it.
    unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate)) };
    if !works(ruby, class).unwrap_or(false) {
        // SAFETY: a class.
        let inherited = unsafe { rb_sys::rb_get_alloc_func(pointer_class.as_raw()) };
        // SAFETY: what allocates a pointer allocates one of a subclass.
        unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), inherited) };
    }
    Ok(())
}
