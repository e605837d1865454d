//! Weak references to pointers.

use std::cell::Cell;

use magnus::{
    Error, RArray, RClass, RModule, Ruby, Value,
    gc::Marker,
    prelude::*,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};

use super::Releaser;

/// A set of pointers, each of which is in it for as long as it lives: the keys of an `ObjectSpace::WeakMap`, which on
/// Ruby 3.1 are taken for alive as long as their values are.
#[derive(Default)]
pub struct Weak(Cell<Option<Opaque<Value>>>);

impl Weak {
    /// `holder` is the releaser that this is part of.
    pub fn add(&self, ruby: &Ruby, holder: Obj<Releaser>, pointer: Value) -> Result<(), Error> {
        let map = match self.0.get() {
            Some(map) => ruby.get_inner(map),
            None => {
                let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
                let class: RClass = object_space.const_get("WeakMap")?;
                let map = class.new_instance(())?;
                self.0.set(Some(map.into()));
                holder.writebarrier(map);
                map
            }
        };
        let _: Value = map.funcall("[]=", (pointer, pointer))?;
        Ok(())
    }

    /// Those that are alive.
    pub fn pointers(&self, ruby: &Ruby) -> Result<Option<RArray>, Error> {
        match self.0.get() {
            Some(map) => ruby.get_inner(map).funcall("keys", ()).map(Some),
            None => Ok(None),
        }
    }

    pub fn mark(&self, marker: &Marker) {
        if let Some(map) = self.0.get() {
            marker.mark(map);
        }
    }
}
