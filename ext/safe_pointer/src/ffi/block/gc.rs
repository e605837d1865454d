//! What the garbage collector calls with the block of a pointer: nothing in here may make an object, or raise.

use std::{ffi::c_void, ptr::NonNull};

use magnus::rb_sys::AsRawValue;
use rb_sys::{RUBY_DATA_FUNC, size_t};

use super::{Held, Kind, LAYOUT, Layout, Native, Plain, Swept, part_of};

/// Our part of `block`, with what it holds.
///
/// # Safety
///
/// Ruby calls with the block of an object of ours, and what that holds is alive.
unsafe fn part<'a>(block: *mut c_void) -> Option<(&'static Layout, &'a Plain, Held)> {
    let layout = LAYOUT.get()?;
    let part = NonNull::new(part_of(block, layout))?;
    // SAFETY: the caller says so.
    let part = unsafe { part.as_ref() };
    // SAFETY: as above.
    let held = unsafe { Held::from_word(part.held.get()) };
    Some((layout, part, held))
}

/// ffi's own functions for a block.
struct Inherited {
    mark: RUBY_DATA_FUNC,
    free: RUBY_DATA_FUNC,
    compact: RUBY_DATA_FUNC,
    size: Option<unsafe extern "C" fn(*const c_void) -> size_t>,
}

const NONE: Inherited = Inherited {
    mark: None,
    free: None,
    compact: None,
    size: None,
};

fn inherited() -> Inherited {
    match LAYOUT.get().map(|layout| &layout.kind) {
        Some(Kind::Typed { plain, .. }) if !plain.parent.is_null() => {
            // SAFETY: ffi's type is static, and ffi's library is never unloaded while Ruby runs.
            let functions = unsafe { &(*plain.parent).function };
            Inherited {
                mark: functions.dmark,
                free: functions.dfree,
                compact: functions.dcompact,
                size: functions.dsize,
            }
        }
        Some(Kind::Untyped { mark, free, .. }) => Inherited {
            mark: *mark,
            free: *free,
            ..NONE
        },
        _ => NONE,
    }
}

/// # Safety
///
/// Ruby calls with the block of a live object of ours. `mark_held` marks an object.
unsafe fn mark_with(block: *mut c_void, mark_held: unsafe extern "C" fn(rb_sys::VALUE)) {
    if let Some(mark) = inherited().mark {
        // SAFETY: ffi's data is at the start of the block.
        unsafe { mark(block) };
    }
    // SAFETY: what a live object holds was marked in the last collection, or is new.
    let Some((layout, part, Held::Object(held))) = (unsafe { part(block) }) else {
        return;
    };
    if part.has_parent.get() {
        if let Some(parent) = (layout.hooks.parent)(held) {
            // SAFETY: a live object, as this has marked it since the pointer has it. It may not move: what refers to it
            // is what the pointer holds, which does not follow it.
            unsafe { rb_sys::rb_gc_mark(parent.as_raw()) };
        }
    }
    // SAFETY: a live object.
    unsafe { mark_held(held.as_raw()) };
}

/// What the pointer holds may move: `compact` follows it.
pub unsafe extern "C" fn mark(block: *mut c_void) {
    // SAFETY: handed on.
    unsafe { mark_with(block, rb_sys::rb_gc_mark_movable) };
}

/// Untyped data cannot follow what moves.
pub unsafe extern "C" fn mark_untyped(block: *mut c_void) {
    // SAFETY: handed on.
    unsafe { mark_with(block, rb_sys::rb_gc_mark) };
}

pub unsafe extern "C" fn compact(block: *mut c_void) {
    if let Some(compact) = inherited().compact {
        // SAFETY: ffi's data is at the start of the block.
        unsafe { compact(block) };
    }
    // SAFETY: as in `mark_with`.
    if let Some((_, part, Held::Object(held))) = unsafe { part(block) } {
        // SAFETY: an object that was marked in this collection.
        part.held
            .set(unsafe { rb_sys::rb_gc_location(held.as_raw()) });
    }
}

/// # Safety
///
/// Ruby calls with the block of a dead object of ours, which has the longer part if `native` says so.
unsafe fn free(block: *mut c_void, native: bool) {
    // SAFETY: what a dead object holds may be dead as well: only its address is asked for.
    if let Some((layout, part, held)) = unsafe { part(block) } {
        let native = native.then(|| {
            // SAFETY: the longer part is there.
            let native = unsafe { &*std::ptr::from_ref(part).cast::<Native>() };
            (&native.state, native.address.get())
        });
        let place = part.place.take();
        (layout.hooks.swept)(Swept {
            held,
            place,
            native,
        });
    }
    if let Some(free) = inherited().free {
        // SAFETY: ffi frees the block, which comes from Ruby's allocator like its own.
        unsafe { free(block) };
    }
    if let Some(Layout {
        kind: Kind::Untyped { .. },
        hooks,
        ..
    }) = LAYOUT.get()
    {
        (hooks.swept_untyped)();
    }
}

pub unsafe extern "C" fn free_plain(block: *mut c_void) {
    // SAFETY: handed on.
    unsafe { free(block, false) };
}

pub unsafe extern "C" fn free_native(block: *mut c_void) {
    // SAFETY: handed on.
    unsafe { free(block, true) };
}

/// The block, and as ffi has it for memory of its own, the native memory that goes with it.
///
/// # Safety
///
/// Ruby asks for the size of live objects of ours, which have a part of this size.
unsafe fn size(block: *const c_void, part_size: usize) -> size_t {
    // SAFETY: ffi's data is at the start of the block.
    let size = inherited().size.map_or(0, |size| unsafe { size(block) });
    // SAFETY: as in `mark_with`.
    let Some((layout, _, held)) = (unsafe { part(block.cast_mut()) }) else {
        return size;
    };
    let padding = layout.offset - layout.blank.len();
    let native_size = match held {
        Held::Object(held) => (layout.hooks.native_size)(held),
        Held::Nothing | Held::Address(_) => 0,
    };
    size + (padding + part_size + native_size) as size_t
}

pub unsafe extern "C" fn size_plain(block: *const c_void) -> size_t {
    // SAFETY: handed on.
    unsafe { size(block, size_of::<Plain>()) }
}

pub unsafe extern "C" fn size_native(block: *const c_void) -> size_t {
    // SAFETY: handed on.
    unsafe { size(block, size_of::<Native>()) }
}
