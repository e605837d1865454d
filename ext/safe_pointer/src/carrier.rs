//! Where a pointer keeps what it is released by.
//!
//! A pointer is an object of ffi's, so nothing of ours can be its data. [`embedded`] puts it
//! behind ffi's own data, where ffi allows that. [`variable`] puts it into an instance variable, and
//! serves every other object.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use magnus::{Error, RClass, Ruby, Value, prelude::*, rb_sys::AsRawValue, typed_data::Obj};

use crate::{
    exit, ffi,
    native::NativeRelease,
    register,
    releaser::{self, Releaser},
};

mod data;
mod embedded;
mod frozen;
mod image;
mod variable;

pub use embedded::{Held as Holder, NativeSlot};
pub use image::{Target, address, is_address, type_size};

/// Whether a class has been made room in for the state of native releases.
static NATIVES: AtomicBool = AtomicBool::new(false);

/// Does to `pointer` what ffi's `initialize(type_size, target)` would, but faster. Returns `false`, and has done nothing,
/// if that is left to ffi.
pub fn point(pointer: Value, type_size: i32, target: Target) -> bool {
    embedded::slot(pointer).is_some() && image::point(pointer, type_size, target)
}

/// Gives `pointer` its releaser.
pub fn attach(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match embedded::slot(pointer) {
        Some(slot) => {
            slot.set(pointer, releaser);
            Ok(())
        }
        None if pointer.is_frozen() => frozen::set(ruby, pointer, releaser),
        None => variable::set(pointer, releaser),
    }
}

/// Has `releaser` release `pointer` when that is gone, or the process ends.
pub fn keep(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match embedded::slot(pointer) {
        // What comes after the last look at the register, Ruby looks after.
        Some(slot) if !exit::is_over() => {
            pointer.check_frozen()?;
            slot.set_place(register::keep(ruby, releaser.as_value()));
            Ok(())
        }
        _ => releaser::define_finalizer(pointer, releaser),
    }
}

/// The releaser that was to release `pointer`. Nobody does any more.
pub fn take_releaser(ruby: &Ruby, pointer: Value) -> Option<Obj<Releaser>> {
    register::take_releaser(ruby, embedded::slot(pointer)?.take_place()?)
}

/// Has nobody release `pointer` any more.
pub fn give_up(ruby: &Ruby, pointer: Value) {
    if let Some(place) = embedded::slot(pointer).and_then(|slot| slot.take_place()) {
        register::take(ruby, place);
    }
}

/// Has a C function release `pointer`, which is at `address`. Returns `false` if there is no room for that.
pub fn attach_native(pointer: Value, release: &'static NativeRelease, address: usize) -> bool {
    embedded::slot(pointer).is_some_and(|slot| slot.set_native(release, address))
}

/// Whether [`attach_native`] can be done.
pub fn has_room(pointer: Value) -> bool {
    embedded::slot(pointer).is_some_and(|slot| slot.has_room())
}

/// Has pointers of `class` and its subclasses made with room for [`attach_native`], where that is possible.
pub fn make_room(class: RClass) {
    embedded::make_room(class);
    NATIVES.store(true, Relaxed);
}

/// Whether there may be pointers that [`attach_native`] was called for.
pub fn has_natives() -> bool {
    NATIVES.load(Relaxed)
}

/// What `pointer` is released by: nothing where it was allocated and never initialized, or is not one of ours.
///
/// The state of a native release is in the pointer: keep it alive.
pub fn peek<'a>(ruby: &Ruby, pointer: Value) -> Result<Holder<'a>, Error> {
    let releaser = match embedded::slot(pointer) {
        Some(slot) => return Ok(slot.get()),
        None => match variable::get(pointer) {
            None if pointer.is_frozen() => frozen::get(ruby, pointer)?,
            found => found,
        },
    };
    Ok(releaser.map_or(Holder::Nothing, Holder::Releaser))
}

/// The releaser of `pointer`, if it is released by anything. A native release is replaced by one for what it cannot do:
/// to have relatives, to be waited for, to run a method of the class.
pub fn find(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    match peek(ruby, pointer)? {
        Holder::Nothing => Ok(None),
        Holder::Releaser(releaser) => Ok(Some(releaser)),
        Holder::Native(_, slot) => {
            let held = ffi::pointer_at(ruby, slot.address)?;
            let origin = slot.origin.take();
            let origin = origin.and_then(|place| register::take_origin(ruby, place));
            let releaser = Releaser::succeed(ruby, pointer, held, slot.state)?;
            if let Some(origin) = origin {
                Releaser::set_origin(releaser, origin);
            }
            attach(ruby, pointer, releaser)?;
            Ok(Some(releaser))
        }
    }
}

/// Whether `releaser` is that of `pointer`.
pub fn holds(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<bool, Error> {
    let found = find(ruby, pointer)?;
    Ok(found.is_some_and(|found| found.as_raw() == releaser.as_raw()))
}

/// Puts the releaser of `pointer` into `@releaser`, where `FFI::AutoPointer` has it, for code of its class that
/// looks there. A frozen pointer keeps what it has.
pub fn expose(pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match pointer.is_frozen() {
        true => Ok(()),
        false => variable::show(pointer, releaser),
    }
}

/// Has `pointer`, which `releaser` is attached to, keep `parent` alive, or none any more if that is `nil`. Raises if it
/// is frozen.
pub fn set_parent(pointer: Value, releaser: Obj<Releaser>, parent: Value) -> Result<(), Error> {
    match embedded::slot(pointer) {
        Some(slot) => {
            pointer.check_frozen()?;
            slot.set_parent(pointer, releaser, parent);
            Ok(())
        }
        None => variable::set_parent(pointer, parent),
    }
}

/// What [`set_parent`] was given for `pointer`, which `releaser` is attached to.
pub fn parent(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Option<Value> {
    match embedded::slot(pointer) {
        Some(_) => releaser.parent().map(|parent| ruby.get_inner(parent)),
        None => variable::parent(pointer),
    }
}

/// Prepares pointers of `class` to have something they are released by.
pub fn init(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    variable::init(ruby);
    frozen::init(ruby)?;
    embedded::init(ruby, class)
}
