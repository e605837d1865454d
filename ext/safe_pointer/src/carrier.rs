//! Where a pointer keeps its releaser.
//!
//! A pointer is an object of ffi's, so nothing of ours can be its data. [`embedded`] puts the releaser
//! behind ffi's own data, where ffi's type allows it. [`variable`] puts it into an instance variable, and
//! serves every other object.

use magnus::{Error, RClass, Ruby, Value, prelude::*, rb_sys::AsRawValue, typed_data::Obj};

use crate::releaser::Releaser;

mod embedded;
mod tables;
mod variable;

/// Gives `pointer` its releaser.
pub fn attach(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match embedded::slot(pointer) {
        Some(slot) => {
            slot.set(pointer, releaser);
            Ok(())
        }
        None if pointer.is_frozen() => tables::set_frozen(ruby, pointer, releaser),
        None => variable::set(ruby, pointer, releaser),
    }
}

/// The releaser of `pointer`, or `None` where it has none: it was allocated and never initialized, or
/// is not one of ours.
pub fn find(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    match embedded::slot(pointer) {
        Some(slot) => Ok(slot.get()),
        None => match variable::get(ruby, pointer)? {
            None if pointer.is_frozen() => tables::get_frozen(ruby, pointer),
            found => Ok(found),
        },
    }
}

/// Whether `releaser` is that of `pointer`.
pub fn holds(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<bool, Error> {
    let found = find(ruby, pointer)?;
    Ok(found.is_some_and(|found| found.as_raw() == releaser.as_raw()))
}

/// Puts the releaser of `pointer` into `@releaser`, where `FFI::AutoPointer` has it, for code of its class that
/// looks there. A frozen pointer keeps what it has.
pub fn expose(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match pointer.is_frozen() {
        true => Ok(()),
        false => variable::show(ruby, pointer, releaser),
    }
}

/// Has [`owner`] know whose releaser this is.
pub fn track(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    tables::set(ruby, releaser, pointer)
}

/// The pointer of `releaser`, if it is alive and has been tracked.
pub fn owner(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    tables::get(ruby, releaser)
}

/// Prepares pointers of `class` to have a releaser.
pub fn init(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    variable::init(ruby);
    tables::init(ruby)?;
    embedded::init(ruby, class)
}
