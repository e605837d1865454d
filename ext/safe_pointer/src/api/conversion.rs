//! Pointer classes as parameter and return types of C functions: ffi's `DataConverter`.

use magnus::{Error, RClass, Ruby, Value, method, prelude::*, value::LazyId};

use crate::{
    ffi::classes,
    holder,
    ruby::{errors, namespace},
};

static NEW: LazyId = LazyId::new("new");

/// Called by ffi where an object of this class is passed to a function.
///
/// @param value [SafePointer, Object] the argument
/// @param ctx [Object] of no concern
/// @return [Object] the argument
/// @raise [SafePointer::ReleasedError] if it is released
fn to_native(ruby: &Ruby, rb_self: RClass, value: Value, _ctx: Value) -> Result<Value, Error> {
    if holder::is_freed(ruby, value)? {
        let (class, value) = (errors::inspect(rb_self)?, errors::inspect(value)?);
        let message = format!("{class}.to_native: {value} has been released");
        return Err(namespace::released_error(ruby, message)?);
    }
    Ok(value)
}

/// Called by ffi to make an object of this class of what a function has returned.
///
/// @param value [FFI::Pointer]
/// @param ctx [Object] of no concern
/// @return [SafePointer] of this class
fn from_native(rb_self: RClass, value: Value, _ctx: Value) -> Result<Value, Error> {
    rb_self.funcall(*NEW, (value,))
}

/// The type under which ffi passes objects of this class.
///
/// @return [FFI::Type]
/// @raise [RuntimeError] if the class has no `release`
fn native_type(ruby: &Ruby, rb_self: RClass) -> Result<Value, Error> {
    if !rb_self.respond_to("release", true)? {
        let message = format!(
            "no release method defined for {}",
            errors::inspect(rb_self)?
        );
        return Err(errors::runtime(ruby, message));
    }
    classes::pointer_type(ruby)
}

/// Makes `class` a converter.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    LazyId::force(&NEW, ruby);
    class.extend_object(classes::data_converter(ruby)?)?;
    class.define_singleton_method("to_native", method!(to_native, 2))?;
    class.define_singleton_method("from_native", method!(from_native, 2))?;
    class.define_singleton_method("native_type", method!(native_type, 0))
}
