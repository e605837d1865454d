//! The class of an object.

use magnus::{
    RClass, Value,
    rb_sys::{AsRawValue, FromRawValue},
    value::ReprValue,
};

/// What Ruby's `class` answers. Magnus's function of this name answers with a singleton class where there is one, which
/// keeps its object alive.
pub fn class_of(object: impl ReprValue) -> RClass {
    // SAFETY: a live value, which is all this asks for.
    let class = unsafe { rb_sys::rb_obj_class(object.as_raw()) };
    // SAFETY: what Ruby has answered just now.
    let class = unsafe { Value::from_raw(class) };
    RClass::from_value(class).unwrap_or_else(|| object.class())
}
