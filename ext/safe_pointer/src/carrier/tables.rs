//! Weak references between pointers and releasers that neither can hold itself.
//!
//! A releaser must not keep its pointer alive, so what leads back is a table. Only pointers whose `@releaser`
//! is read from outside are in it: were all of them, it would be another finalizer table.
//!
//! A pointer that was frozen before `FFI::AutoPointer` was replaced can be given no instance variable; another
//! table leads from it to its releaser.

use std::sync::OnceLock;

use magnus::{Error, RClass, RModule, Ruby, Value, prelude::*, typed_data::Obj, value::Opaque};

use crate::releaser::Releaser;

/// An `ObjectSpace::WeakMap` from releaser to pointer.
static OWNERS: OnceLock<Opaque<Value>> = OnceLock::new();

/// An `ObjectSpace::WeakMap` from frozen pointer to releaser.
static FROZEN: OnceLock<Opaque<Value>> = OnceLock::new();

pub fn set(ruby: &Ruby, releaser: Obj<Releaser>, pointer: Value) -> Result<(), Error> {
    store(ruby, &OWNERS, releaser.as_value(), pointer)?;
    releaser.track();
    Ok(())
}

pub fn get(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    match releaser.is_tracked() {
        true => fetch(ruby, &OWNERS, releaser.as_value()),
        false => Ok(None),
    }
}

pub fn set_frozen(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    store(ruby, &FROZEN, pointer, releaser.as_value())
}

pub fn get_frozen(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    let releaser = fetch(ruby, &FROZEN, pointer)?;
    Ok(releaser.and_then(|releaser| Obj::try_convert(releaser).ok()))
}

fn store(
    ruby: &Ruby,
    table: &OnceLock<Opaque<Value>>,
    key: Value,
    value: Value,
) -> Result<(), Error> {
    if let Some(table) = table.get() {
        let _: Value = ruby.get_inner(*table).funcall("[]=", (key, value))?;
    }
    Ok(())
}

fn fetch(ruby: &Ruby, table: &OnceLock<Opaque<Value>>, key: Value) -> Result<Option<Value>, Error> {
    match table.get() {
        Some(table) => ruby.get_inner(*table).funcall("[]", (key,)),
        None => Ok(None),
    }
}

pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let class: RClass = object_space.const_get("WeakMap")?;
    for table in [&OWNERS, &FROZEN] {
        if table.get().is_none() {
            let map = class.new_instance(())?;
            ruby.gc_register_mark_object(map);
            table.get_or_init(|| map.into());
        }
    }
    Ok(())
}
