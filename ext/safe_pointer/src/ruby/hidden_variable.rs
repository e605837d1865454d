//! Instance variables that Ruby code cannot see: their names have no `@`.

use std::sync::OnceLock;

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawId, AsRawValue, FromRawValue, protect},
};
use rb_sys::ID;

/// A name, to be [`init`](Self::init)ialized before use.
pub struct HiddenVariable {
    name: &'static str,
    id: OnceLock<ID>,
}

impl HiddenVariable {
    pub const fn new(name: &'static str) -> Self {
        let id = OnceLock::new();
        Self { name, id }
    }

    pub fn init(&self, ruby: &Ruby) {
        self.id.get_or_init(|| ruby.intern(self.name).as_raw());
    }

    /// `None` where `object` has no such variable.
    pub fn get(&self, object: Value) -> Option<Value> {
        let id = *self.id.get()?;
        // SAFETY: every object answers `nil` for a variable it does not have. Nothing is raised: what Ruby checks about
        // a variable, it checks for names that have an `@`.
        let raw = unsafe { rb_sys::rb_ivar_get(object.as_raw(), id) };
        // SAFETY: `raw` is what `rb_ivar_get` returned just now: a live value.
        let value = unsafe { Value::from_raw(raw) };
        (!value.is_nil()).then_some(value)
    }

    /// What [`get`](Self::get) finds afterwards is nothing. Raises if `object` is frozen.
    pub fn remove(&self, object: Value) -> Result<(), Error> {
        self.set(object, Ruby::get_with(object).qnil().as_value())
    }

    /// Raises if `object` is frozen. Runs no Ruby.
    pub fn set(&self, object: Value, value: Value) -> Result<(), Error> {
        let Some(&id) = self.id.get() else {
            return Ok(());
        };
        protect(|| {
            // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
            // catches the FrozenError.
            unsafe { rb_sys::rb_ivar_set(object.as_raw(), id, value.as_raw()) }
        })?;
        Ok(())
    }
}
