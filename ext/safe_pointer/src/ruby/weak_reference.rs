//! Weak references.

use std::{cell::Cell, sync::OnceLock};

use magnus::{
    Error, RClass, RModule, Ruby, TypedData, Value,
    gc::Marker,
    prelude::*,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};

static CLASS: OnceLock<Opaque<RClass>> = OnceLock::new();

/// Leads from the object that it is part of to another one, for as long as that lives: an entry of an
/// `ObjectSpace::WeakMap`. It remembers the map, as a finalizer may follow it in another Ractor.
#[derive(Default)]
pub struct WeakReference(Cell<Option<Opaque<Value>>>);

impl WeakReference {
    /// Leads to `object` from here on, and to no other one later. `holder` is the object that this is part of. Ruby may
    /// run meanwhile.
    pub fn set<T: TypedData>(
        &self,
        ruby: &Ruby,
        holder: Obj<T>,
        object: Value,
    ) -> Result<(), Error> {
        // Ruby 3.1 keeps something for each time that a map is told of an entry.
        if self.0.get().is_none() {
            let map = weak_map(ruby)?;
            let _: Value = map.funcall("[]=", (holder, object))?;
            self.0.set(Some(map.into()));
            holder.writebarrier(map);
        }
        Ok(())
    }

    /// The object, if it is alive. Ruby may run meanwhile.
    pub fn get<T: TypedData>(&self, ruby: &Ruby, holder: Obj<T>) -> Result<Option<Value>, Error> {
        match self.0.get() {
            Some(map) => ruby.get_inner(map).funcall("[]", (holder,)),
            None => Ok(None),
        }
    }

    pub fn mark(&self, marker: &Marker) {
        if let Some(map) = self.0.get() {
            marker.mark(map);
        }
    }
}

/// A map for an entry.
pub fn weak_map(ruby: &Ruby) -> Result<Value, Error> {
    local::weak_map(ruby)
}

fn new_map(ruby: &Ruby) -> Result<Value, Error> {
    match CLASS.get() {
        Some(class) => ruby.get_inner(*class).new_instance(()),
        None => Ok(ruby.qnil().as_value()),
    }
}

/// Each entry has a map of its own: a finalizer in another Ractor finds none that is being changed.
#[cfg(ruby_gte_3_3)]
mod local {
    pub(super) use super::new_map as weak_map;

    pub fn init() {}
}

/// Ruby does not free all of a map that is gone, so there is one for each Ractor.
#[cfg(not(ruby_gte_3_3))]
mod local {
    use std::sync::OnceLock;

    use magnus::{
        Error, Ruby, Value,
        prelude::*,
        rb_sys::{AsRawValue, FromRawValue},
    };
    use rb_sys::rb_ractor_local_key_t;

    struct Key(rb_ractor_local_key_t);

    // SAFETY: Ruby never changes what it points to.
    unsafe impl Send for Key {}
    // SAFETY: as above.
    unsafe impl Sync for Key {}

    static KEY: OnceLock<Key> = OnceLock::new();

    pub fn weak_map(ruby: &Ruby) -> Result<Value, Error> {
        let Some(Key(key)) = KEY.get() else {
            return super::new_map(ruby);
        };
        let find = || {
            // SAFETY: called with the GVL held, with a key that Ruby has made.
            let raw = unsafe { rb_sys::rb_ractor_local_storage_value(*key) };
            // SAFETY: what Ruby has answered just now.
            unsafe { Value::from_raw(raw) }
        };
        if find().is_nil() {
            let map = super::new_map(ruby)?;
            // Another thread may have made one meanwhile.
            if find().is_nil() {
                // SAFETY: as above. The map is alive, and Ruby keeps it from here on.
                unsafe { rb_sys::rb_ractor_local_storage_value_set(*key, map.as_raw()) };
            }
        }
        Ok(find())
    }

    pub fn init() {
        // SAFETY: called with the GVL held.
        KEY.get_or_init(|| Key(unsafe { rb_sys::rb_ractor_local_storage_value_newkey() }));
    }
}

/// Looks up what maps are made of.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let class: RClass = object_space.const_get("WeakMap")?;
    ruby.gc_register_mark_object(class);
    CLASS.get_or_init(|| class.into());
    local::init();
    Ok(())
}
