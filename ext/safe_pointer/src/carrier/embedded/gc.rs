//! What the garbage collector calls with the block of a pointer: nothing in here may make an object, or raise.

use std::{ffi::c_void, ptr::NonNull};

use magnus::{
    Ruby, TryConvert, Value,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    typed_data::Obj,
};
use rb_sys::{RUBY_DATA_FUNC, size_t};

use super::{Kind, LAYOUT, NATIVE, Native, Plain, native_release, part_of};
use crate::{bell, postponed, releaser::Releaser};

/// Calls `visit` with our part of `block` if it holds an object, or `false`.
fn visit(block: *mut c_void, visit: impl FnOnce(&Plain)) {
    if let Some(layout) = LAYOUT.get()
        && let Some(part) = NonNull::new(part_of(block, layout))
    {
        // SAFETY: Ruby calls with the block of an object of ours.
        let part = unsafe { part.as_ref() };
        if part.held.get() & NATIVE == 0 {
            visit(part);
        }
    }
}

/// The releaser that `part` holds.
fn releaser(part: &Plain) -> Option<Obj<Releaser>> {
    // SAFETY: what calls this has made sure that `part` holds a live object, or 0, which is `false`.
    let held = unsafe { Value::from_raw(part.held.get()) };
    // Asked of `false`, the conversion would make an exception, which nothing may at GC.
    held.to_bool()
        .then(|| Obj::try_convert(held).ok())
        .flatten()
}

/// Not movable: what refers to it is the releaser, which does not follow it.
fn mark_parent(part: &Plain) {
    if part.has_parent.get()
        && let Some(parent) = releaser(part).and_then(|releaser| releaser.parent())
    {
        // SAFETY: a GC runs on a thread of Ruby's, with the GVL.
        let parent = unsafe { Ruby::get_unchecked() }.get_inner(parent);
        // SAFETY: a live object, as this has marked it since the pointer has it.
        unsafe { rb_sys::rb_gc_mark(parent.as_raw()) };
    }
}

/// ffi's own functions for a block.
struct Inherited {
    mark: RUBY_DATA_FUNC,
    free: RUBY_DATA_FUNC,
    compact: RUBY_DATA_FUNC,
    size: Option<unsafe extern "C" fn(*const c_void) -> size_t>,
}

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
        Some(Kind::Untyped { mark, free }) => Inherited {
            mark: *mark,
            free: *free,
            compact: None,
            size: None,
        },
        _ => Inherited {
            mark: None,
            free: None,
            compact: None,
            size: None,
        },
    }
}

pub unsafe extern "C" fn mark(block: *mut c_void) {
    if let Some(mark) = inherited().mark {
        // SAFETY: ffi's data is at the start of the block.
        unsafe { mark(block) };
    }
    visit(block, |part| {
        mark_parent(part);
        // SAFETY: it holds `false` or a live object; `compact` follows it when it moves.
        unsafe { rb_sys::rb_gc_mark_movable(part.held.get()) };
    });
}

/// Untyped data cannot follow what moves.
pub unsafe extern "C" fn mark_untyped(block: *mut c_void) {
    if let Some(mark) = inherited().mark {
        // SAFETY: as in `mark`.
        unsafe { mark(block) };
    }
    visit(block, |part| {
        mark_parent(part);
        // SAFETY: it holds `false` or a live object.
        unsafe { rb_sys::rb_gc_mark(part.held.get()) };
    });
}

pub unsafe extern "C" fn compact(block: *mut c_void) {
    if let Some(compact) = inherited().compact {
        // SAFETY: as in `mark`.
        unsafe { compact(block) };
    }
    visit(block, |part| {
        // SAFETY: it holds `false` or an object that was marked in this GC.
        let held = unsafe { rb_sys::rb_gc_location(part.held.get()) };
        part.held.set(held);
    });
}

pub unsafe extern "C" fn free_plain(block: *mut c_void) {
    let mut dead = None;
    if let Some(layout) = LAYOUT.get()
        && let Some(part) = NonNull::new(part_of(block, layout))
    {
        // SAFETY: Ruby calls with the block of an object of ours.
        let place = unsafe { &part.as_ref().place };
        dead = place.take();
    }
    if let Some(free) = inherited().free {
        // SAFETY: as in `mark`. ffi frees the block, which comes from Ruby's allocator like its own.
        unsafe { free(block) };
    }
    if let Some(place) = dead {
        bell::note(place);
    }
    postponed::run_due();
}

pub unsafe extern "C" fn free_native(block: *mut c_void) {
    if let Some(layout) = LAYOUT.get()
        && let Some(part) = NonNull::new(part_of(block, layout).cast::<Native>())
    {
        // SAFETY: Ruby calls with the block of an object of ours that has the longer part.
        let native = unsafe { part.as_ref() };
        if let Some(release) = native_release(native.plain.held.get()) {
            let origin = native.plain.place.take();
            release.bury(&native.state, native.address.get(), origin);
        }
    }
    // SAFETY: handed on.
    unsafe { free_plain(block) };
}

/// The block, and as ffi has it for memory of its own, the native memory that goes with it.
fn size(block: *const c_void, part: usize) -> size_t {
    // SAFETY: as in `mark`.
    let size = inherited().size.map_or(0, |size| unsafe { size(block) });
    let Some(layout) = LAYOUT.get() else {
        return size;
    };
    let padding = layout.offset - layout.blank.len();
    let mut native_size = 0;
    // Ruby asks for the size of live objects.
    visit(block.cast_mut(), |part| {
        native_size = releaser(part).map_or(0, |releaser| releaser.counted());
    });
    size + (padding + part + native_size) as size_t
}

pub unsafe extern "C" fn size_plain(block: *const c_void) -> size_t {
    size(block, size_of::<Plain>())
}

pub unsafe extern "C" fn size_native(block: *const c_void) -> size_t {
    size(block, size_of::<Native>())
}
