//! The class `SafePointer`, and what is defined under it.

use std::sync::OnceLock;

use magnus::{Error, Module, RClass, Ruby, TypedData, Value, prelude::*, value::Opaque};

use super::errors;

static CLASS: OnceLock<Opaque<RClass>> = OnceLock::new();

/// The class `SafePointer`.
pub fn class(ruby: &Ruby) -> Result<RClass, Error> {
    CLASS
        .get()
        .map(|class| ruby.get_inner(*class))
        .ok_or_else(|| errors::new(ruby.exception_load_error(), "safe_pointer is not loaded"))
}

/// The class or module of this name under `SafePointer`.
pub fn get(ruby: &Ruby, name: &str) -> Result<Value, Error> {
    class(ruby)?.const_get(name)
}

/// Defines a class for data of type `T`, without `allocate`, that Ruby code does not see.
pub fn define_data_class<T: TypedData>(ruby: &Ruby, name: &str) -> Result<(), Error> {
    let namespace = class(ruby)?;
    let class = namespace.define_class(name, ruby.class_object())?;
    class.undef_default_alloc_func();
    namespace.funcall::<_, _, Value>("private_constant", (name,))?;
    find_class::<T>(ruby);
    Ok(())
}

/// Has magnus look for the class of `T`. It does so once and holds a lock meanwhile, while Ruby may go on with another
/// thread, which would wait for the lock and never let the first one go on. At load no other thread has such data.
pub fn find_class<T: TypedData>(ruby: &Ruby) {
    T::class(ruby);
}

/// A `SafePointer::ReleasedError`.
pub fn released_error(ruby: &Ruby, message: String) -> Result<Error, Error> {
    let released = class(ruby)?.const_get("ReleasedError")?;
    Ok(errors::new(released, message))
}

/// Defines `SafePointer`.
pub fn init(ruby: &Ruby, superclass: RClass) -> Result<RClass, Error> {
    let class = ruby.define_class("SafePointer", superclass)?;
    CLASS.get_or_init(|| class.into());
    // Somebody has released the pointer already, or asked for its release.
    class.define_error("ReleasedError", ruby.exception_runtime_error())?;
    // Of the gem.
    class.const_set("VERSION", env!("CARGO_PKG_VERSION"))?;
    Ok(class)
}
