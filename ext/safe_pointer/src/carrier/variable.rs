//! The releaser in an instance variable that Ruby code cannot see, and in the one that it can.

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawId, AsRawValue, FromRawValue, protect},
    typed_data::Obj,
    value::LazyId,
};

use crate::releaser::Releaser;

/// Without an `@`, Ruby code can neither set nor remove it.
static HIDDEN: LazyId = LazyId::new("safe_pointer_releaser");
static VISIBLE: LazyId = LazyId::new("@releaser");

pub fn set(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    store(ruby, pointer, &HIDDEN, releaser)
}

/// Sets `@releaser` too.
pub fn show(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    store(ruby, pointer, &VISIBLE, releaser)
}

fn store(ruby: &Ruby, pointer: Value, name: &LazyId, releaser: Obj<Releaser>) -> Result<(), Error> {
    let id = LazyId::get_inner_with(name, ruby).as_raw();
    protect(|| {
        // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
        // catches the FrozenError.
        unsafe { rb_sys::rb_ivar_set(pointer.as_raw(), id, releaser.as_raw()) }
    })?;
    Ok(())
}

pub fn get(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    let id = LazyId::get_inner_with(&HIDDEN, ruby).as_raw();
    let raw = protect(|| {
        // SAFETY: called with the GVL held, on a value that the caller's frame keeps alive; every object
        // answers `nil` for an instance variable it does not have.
        unsafe { rb_sys::rb_ivar_get(pointer.as_raw(), id) }
    })?;
    // SAFETY: `raw` is what `rb_ivar_get` returned just now: a live value.
    let value = unsafe { Value::from_raw(raw) };
    Ok(Obj::try_convert(value).ok())
}

pub fn init(ruby: &Ruby) {
    LazyId::force(&HIDDEN, ruby);
    LazyId::force(&VISIBLE, ruby);
}
