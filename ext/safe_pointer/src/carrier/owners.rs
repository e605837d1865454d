//! From a releaser that the program can get hold of to its pointer.
//!
//! A releaser must not keep its pointer alive, so this is a table of weak references. Only pointers whose
//! `@releaser` is read from outside are in it: were all of them, it would be another finalizer table.

use std::sync::OnceLock;

use magnus::{Error, RClass, RModule, Ruby, Value, prelude::*, typed_data::Obj, value::Opaque};

use crate::releaser::Releaser;

/// An `ObjectSpace::WeakMap`.
static OWNERS: OnceLock<Opaque<Value>> = OnceLock::new();

pub fn set(ruby: &Ruby, releaser: Obj<Releaser>, pointer: Value) -> Result<(), Error> {
    if let Some(owners) = OWNERS.get() {
        let _: Value = ruby
            .get_inner(*owners)
            .funcall("[]=", (releaser, pointer))?;
        releaser.track();
    }
    Ok(())
}

pub fn get(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    match OWNERS.get() {
        Some(owners) if releaser.is_tracked() => ruby.get_inner(*owners).funcall("[]", (releaser,)),
        _ => Ok(None),
    }
}

pub fn init(ruby: &Ruby) -> Result<(), Error> {
    if OWNERS.get().is_some() {
        return Ok(());
    }
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let class: RClass = object_space.const_get("WeakMap")?;
    let owners = class.new_instance(())?;
    ruby.gc_register_mark_object(owners);
    OWNERS.get_or_init(|| owners.into());
    Ok(())
}
