//! Where a pointer keeps its releaser: in the instance variable `@releaser`, as `FFI::AutoPointer` does,
//! because there are programs that look for it there.

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawId, AsRawValue, FromRawValue, protect},
    typed_data::Obj,
    value::LazyId,
};

use crate::releaser::Releaser;

static RELEASER: LazyId = LazyId::new("@releaser");

/// Gives `pointer` its releaser.
pub fn attach(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    let id = LazyId::get_inner_with(&RELEASER, ruby).as_raw();
    protect(|| {
        // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
        // catches the FrozenError.
        unsafe { rb_sys::rb_ivar_set(pointer.as_raw(), id, releaser.as_raw()) }
    })?;
    Ok(())
}

/// The releaser of `pointer`, or `None` where it has none: it was allocated and never initialized, or
/// is not one of ours.
pub fn find(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    let id = LazyId::get_inner_with(&RELEASER, ruby).as_raw();
    let raw = protect(|| {
        // SAFETY: called with the GVL held, on a value that the caller's frame keeps alive; every object
        // answers `nil` for an instance variable it does not have.
        unsafe { rb_sys::rb_ivar_get(pointer.as_raw(), id) }
    })?;
    // SAFETY: `raw` is what `rb_ivar_get` returned just now: a live value.
    let value = unsafe { Value::from_raw(raw) };
    Ok(Obj::try_convert(value).ok())
}
