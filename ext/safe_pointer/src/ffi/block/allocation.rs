//! How pointers are allocated with our part behind ffi's data.

use std::{
    ffi::{c_int, c_void},
    hint::black_box,
    ptr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use magnus::{Error, RClass, Ruby, Value, prelude::*, rb_sys::AsRawValue};
use rb_sys::{VALUE, rbimpl_typeddata_flags as Flags, size_t};

use super::{Free, Hooks, Kind, LAYOUT, Layout, Native, Plain, gc, slot};
use crate::{
    ffi::{classes, probe},
    ruby::data,
};

/// The data is freed within the sweep. Otherwise the slot and the block of a dead pointer stay in use until finalizers run,
/// which takes longer where thousands die at once.
const FREE_IMMEDIATELY: VALUE = Flags::RUBY_TYPED_FREE_IMMEDIATELY as VALUE;

/// What of ffi's flags ours take over: there are write barriers, and what frozen objects of ffi may, ours may too.
const TAKEN_OVER: VALUE = FREE_IMMEDIATELY
    | Flags::RUBY_TYPED_WB_PROTECTED as VALUE
    | Flags::RUBY_TYPED_FROZEN_SHAREABLE as VALUE;

/// `RUBY_TYPED_THREAD_SAFE_FREE` of Ruby 4.1: the data may be freed on any thread, at the same time as others are. Ours may
/// not, so types of ours never have it. Earlier Rubies do not have the flag and never set the bit.
const THREAD_SAFE_FREE: VALUE = 1 << 2;

/// Whether ffi takes objects of ours for pointers.
static WORKS: AtomicBool = AtomicBool::new(false);

type Size = unsafe extern "C" fn(*const c_void) -> size_t;

unsafe extern "C" fn allocate_plain(class: VALUE) -> VALUE {
    // SAFETY: Ruby calls with a class.
    unsafe { allocate(class, false) }
}

unsafe extern "C" fn allocate_native(class: VALUE) -> VALUE {
    // SAFETY: Ruby calls with a class.
    unsafe { allocate(class, true) }
}

/// # Safety
///
/// `class` is a class.
unsafe fn allocate(class: VALUE, native: bool) -> VALUE {
    let Some(layout) = LAYOUT.get() else {
        return rb_sys::Qnil as VALUE;
    };
    let part = if native {
        size_of::<Native>()
    } else {
        size_of::<Plain>()
    };
    // SAFETY: an allocation function may raise, and this one has nothing to drop. Zeroes are a state of ours too:
    // nothing is held, and what the state word of 0 says is not asked for before that.
    let block = unsafe { rb_sys::ruby_xcalloc(1, (layout.offset + part) as size_t) };
    // SAFETY: the block is at least as long as the blank data, and new.
    unsafe { ptr::copy_nonoverlapping(layout.blank.as_ptr(), block.cast(), layout.blank.len()) };
    match &layout.kind {
        Kind::Typed {
            plain,
            native: longer,
        } => {
            let data_type = if native { longer } else { plain };
            // SAFETY: the block is what the functions of the type expect; the layout is never dropped.
            unsafe { rb_sys::rb_data_typed_object_wrap(class, block, data_type) }
        }
        Kind::Untyped {
            plain,
            native: longer,
            ..
        } => {
            let free = if native { *longer } else { *plain };
            // SAFETY: the block is what the functions expect.
            unsafe { data::wrap_untyped(class, block, Some(gc::mark_untyped), Some(free)) }
        }
    }
}

/// How many blank pointers are looked at. Now and then the C library gives a block that is longer than what was asked for,
/// as the rest would be too short to be of use; not every block has that rest.
const BLANKS: usize = 16;

/// Derives the layout from blank pointers of ffi's. `None` where ffi's pointers are made in a way that leaves no room.
fn derive(blanks: &[Value], hooks: Hooks) -> Option<Layout> {
    let blank = *blanks.first()?;
    match data::untyped(blank) {
        Some(data) => {
            let blocks = blanks.iter().filter_map(|blank| data::untyped(*blank));
            let length = blocks.filter_map(|data| data::length(data.block)).min()?;
            Some(Layout {
                blank: copy(data.block, length),
                offset: length.next_multiple_of(align_of::<Native>()),
                kind: Kind::Untyped {
                    mark: data.mark,
                    free: data.free,
                    plain: gc::free_plain,
                    native: gc::free_native,
                },
                hooks,
            })
        }
        None => derive_typed(blank, hooks),
    }
}

fn derive_typed(blank: Value, hooks: Hooks) -> Option<Layout> {
    let data = data::typed(blank)?;
    // SAFETY: the type of a live object.
    let ffi = unsafe { data.data_type.as_ref() }?;
    let flags = flags(ffi.flags)?;
    let dsize = ffi.function.dsize?;
    // SAFETY: ffi's own function on its own data.
    let length = unsafe { dsize(data.block) } as usize;

    let derived = |free: Free, size: Size| {
        // SAFETY: the type of a live object.
        let mut derived = unsafe { data.data_type.read() };
        derived.parent = data.data_type;
        derived.flags = flags;
        derived.function.dmark = Some(gc::mark);
        derived.function.dcompact = Some(gc::compact);
        derived.function.dfree = Some(free);
        derived.function.dsize = Some(size);
        derived
    };
    Some(Layout {
        blank: copy(data.block, length),
        offset: length.next_multiple_of(align_of::<Native>()),
        kind: Kind::Typed {
            plain: derived(gc::free_plain, gc::size_plain),
            native: derived(gc::free_native, gc::size_native),
        },
        hooks,
    })
}

/// The flags of a type of ours that is derived from one of ffi's with the flags `ffi`. `None` if these say something that
/// is not known, or that leaves no room: data within the object has no block that could be longer, and functions of ours
/// cannot stand in for a list of what is to be marked.
pub(super) fn flags(ffi: VALUE) -> Option<VALUE> {
    (ffi & !(TAKEN_OVER | THREAD_SAFE_FREE) == 0).then_some((ffi & TAKEN_OVER) | FREE_IMMEDIATELY)
}

fn copy(data: *mut c_void, length: usize) -> Box<[u8]> {
    // SAFETY: `length` is that of the data of a live object.
    unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) }.into()
}

/// Whether ffi takes an object of ours for a pointer: writes go through it and come back.
fn works(ruby: &Ruby, class: RClass) -> Result<bool, Error> {
    let memory: Value = classes::memory_pointer_class(ruby)?.new_instance((c_int::BITS / 8,))?;
    let address: usize = memory.funcall("address", ())?;
    let pointer: Value = class.funcall("allocate", ())?;
    classes::set_address(pointer, 1, address)?;
    let _: Value = pointer.funcall("put_int", (0, 0x5afe))?;
    let read: c_int = memory.funcall("get_int", (0,))?;
    let sum: Value = pointer.funcall("+", (1,))?;
    let next: usize = sum.funcall("address", ())?;
    Ok(slot(pointer).is_some() && read == 0x5afe && next == address + 1)
}

/// Has pointers of `class` allocated with a slot, if ffi is such that this works.
pub fn init(ruby: &Ruby, class: RClass, hooks: Hooks) -> Result<(), Error> {
    let pointer_class = classes::pointer_class(ruby)?;
    let mut blanks = [ruby.qnil().as_value(); BLANKS];
    for blank in &mut blanks {
        *blank = pointer_class.funcall("allocate", ())?;
    }
    let Some(layout) = derive(&blanks, hooks) else {
        return Ok(());
    };
    // Until here: their data was looked at.
    black_box(blanks);
    probe::init(ruby, layout.blank.len());
    LAYOUT.get_or_init(|| layout);
    // SAFETY: `class` is a class, and `allocate_plain` returns an object of it.
    unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate_plain)) };
    if works(ruby, class).unwrap_or(false) {
        WORKS.store(true, Relaxed);
        return Ok(());
    }
    let inherited = allocator(pointer_class);
    // SAFETY: what allocates a pointer allocates one of a subclass.
    unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), inherited) };
    Ok(())
}

/// The same for another class, once [`init`] has found out, and if `class` has its pointers allocated as ffi does.
///
/// A class has a copy of what allocated the objects of its superclass when it was made.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    let ffis = allocator(classes::pointer_class(ruby)?);
    if WORKS.load(Relaxed) && ffis.is_some_and(|ffis| is_allocated_by(class, ffis)) {
        // SAFETY: `class` is a class, and `allocate_plain` returns an object of it.
        unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate_plain)) };
    }
    Ok(())
}

/// Has pointers of `class` and its subclasses allocated with room for the state of a native release, if they are
/// allocated with a slot.
pub fn make_room(class: RClass) {
    if is_allocated_by(class, allocate_plain) {
        // SAFETY: `class` is a class, and `allocate_native` returns an object of it.
        unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate_native)) };
    }
}

type Allocate = unsafe extern "C" fn(VALUE) -> VALUE;

fn allocator(class: RClass) -> Option<Allocate> {
    // SAFETY: a class.
    unsafe { rb_sys::rb_get_alloc_func(class.as_raw()) }
}

fn is_allocated_by(class: RClass, allocate: Allocate) -> bool {
    allocator(class).is_some_and(|current| ptr::fn_addr_eq(current, allocate))
}
