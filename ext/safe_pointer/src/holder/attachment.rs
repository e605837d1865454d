//! A pointer that is being made gets its release.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj};

use super::{Holder, native_release::NativeRelease, peek, variable};
use crate::{ffi::block, releaser::Releaser, ruby::finalizer};

/// Gives `pointer` its releaser. Returns `false` if it has one, or a native release. No Ruby runs meanwhile, so of all who
/// do this at once one is the first.
pub fn attach(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<bool, Error> {
    pointer.check_frozen()?;
    if !matches!(peek(ruby, pointer)?, Holder::Nothing) {
        return Ok(false);
    }
    match block::slot(pointer) {
        Some(slot) => slot.hold(pointer, releaser.as_value()),
        None => variable::RELEASER.set(pointer, releaser.as_value())?,
    }
    Ok(true)
}

/// Undoes [`attach`]: the pointer is as if it had never been initialized.
pub fn detach(pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match block::slot(pointer) {
        Some(slot) => {
            slot.let_go(releaser.as_value());
            Ok(())
        }
        None => variable::remove(pointer, releaser),
    }
}

/// Has a C function release `pointer`, which is at `address` and [has room](has_room) for that. Returns `false` if it has
/// a release.
pub fn attach_native(
    ruby: &Ruby,
    pointer: Value,
    release: &'static NativeRelease,
    address: usize,
) -> Result<bool, Error> {
    finalizer::ensure_sentinel(ruby, block::is_freed_within_sweep());
    pointer.check_frozen()?;
    match (peek(ruby, pointer)?, block::slot(pointer)) {
        (Holder::Nothing, Some(slot)) => {
            slot.hold_address(release.to_address(), address);
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Undoes [`attach_native`], unless something has become of the pointer since. Returns whether it did.
pub fn detach_native(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    match (peek(ruby, pointer)?, block::slot(pointer)) {
        (Holder::Native(_, native), Some(slot)) if native.state.is_owned() => {
            native.state.set_autorelease(true);
            slot.hold_nothing();
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Whether [`attach_native`] can be done.
pub fn has_room(pointer: Value) -> bool {
    block::slot(pointer).is_some_and(|slot| slot.has_room())
}
