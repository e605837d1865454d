//! A weak table from pointers to releasers, for pointers that were frozen before `FFI::AutoPointer` was replaced:
//! they can be given no instance variable.

use std::sync::OnceLock;

use magnus::{
    Error, RClass, RModule, Ruby, TryConvert, Value, prelude::*, typed_data::Obj, value::Opaque,
};

use crate::releaser::Releaser;

static TABLE: OnceLock<Opaque<Value>> = OnceLock::new();

pub fn set(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    if let Some(table) = TABLE.get() {
        let _: Value = ruby.get_inner(*table).funcall("[]=", (pointer, releaser))?;
    }
    Ok(())
}

pub fn get(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    let Some(table) = TABLE.get() else {
        return Ok(None);
    };
    let releaser: Value = ruby.get_inner(*table).funcall("[]", (pointer,))?;
    Ok(Obj::try_convert(releaser).ok())
}

pub fn init(ruby: &Ruby) -> Result<(), Error> {
    if TABLE.get().is_none() {
        let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
        let class: RClass = object_space.const_get("WeakMap")?;
        let table = class.new_instance(())?;
        ruby.gc_register_mark_object(table);
        TABLE.get_or_init(|| table.into());
    }
    Ok(())
}
