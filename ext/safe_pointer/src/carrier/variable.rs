//! What a pointer keeps in instance variables that Ruby code cannot see, and in one that it can.

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawId, AsRawValue, FromRawValue, protect},
    typed_data::Obj,
    value::LazyId,
};

use crate::releaser::Releaser;

// Without an `@`, Ruby code can neither set nor remove them.
static RELEASER: LazyId = LazyId::new("safe_pointer_releaser");
static PARENT: LazyId = LazyId::new("safe_pointer_parent");
static VISIBLE_RELEASER: LazyId = LazyId::new("@releaser");

pub fn set(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    store(ruby, pointer, &RELEASER, releaser.as_value())
}

pub fn get(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    let found = fetch(ruby, pointer, &RELEASER)?;
    Ok(Obj::try_convert(found).ok())
}

/// Sets `@releaser` too.
pub fn show(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    store(ruby, pointer, &VISIBLE_RELEASER, releaser.as_value())
}

pub fn set_parent(ruby: &Ruby, pointer: Value, parent: Value) -> Result<(), Error> {
    store(ruby, pointer, &PARENT, parent)
}

pub fn parent(ruby: &Ruby, pointer: Value) -> Result<Option<Value>, Error> {
    let found = fetch(ruby, pointer, &PARENT)?;
    Ok((!found.is_nil()).then_some(found))
}

fn store(ruby: &Ruby, pointer: Value, name: &LazyId, value: Value) -> Result<(), Error> {
    let id = LazyId::get_inner_with(name, ruby).as_raw();
    protect(|| {
        // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
        // catches the FrozenError.
        unsafe { rb_sys::rb_ivar_set(pointer.as_raw(), id, value.as_raw()) }
    })?;
    Ok(())
}

fn fetch(ruby: &Ruby, pointer: Value, name: &LazyId) -> Result<Value, Error> {
    let id = LazyId::get_inner_with(name, ruby).as_raw();
    let raw = protect(|| {
        // SAFETY: called with the GVL held, on a value that the caller's frame keeps alive; every object
        // answers `nil` for an instance variable it does not have.
        unsafe { rb_sys::rb_ivar_get(pointer.as_raw(), id) }
    })?;
    // SAFETY: `raw` is what `rb_ivar_get` returned just now: a live value.
    Ok(unsafe { Value::from_raw(raw) })
}

pub fn init(ruby: &Ruby) {
    for name in [&RELEASER, &PARENT, &VISIBLE_RELEASER] {
        LazyId::force(name, ruby);
    }
}
