//! What this library uses of ffi.

use std::sync::OnceLock;

use magnus::{Error, Module, RClass, RModule, Ruby, Value, prelude::*, value::Opaque};

static FFI: OnceLock<Ffi> = OnceLock::new();

struct Ffi {
    pointer: Opaque<RClass>,
    memory_pointer: Opaque<RClass>,
    auto_pointer: Opaque<RClass>,
    structure: Opaque<RClass>,
    /// `FFI::Pointer#initialize`, unbound.
    initialize: Opaque<Value>,
}

fn ffi(ruby: &Ruby) -> Result<&'static Ffi, Error> {
    FFI.get()
        .ok_or_else(|| Error::new(ruby.exception_load_error(), "ffi is not loaded"))
}

/// `FFI::Pointer`.
pub fn pointer_class(ruby: &Ruby) -> Result<RClass, Error> {
    Ok(ruby.get_inner(ffi(ruby)?.pointer))
}

/// `FFI::MemoryPointer`.
pub fn memory_pointer_class(ruby: &Ruby) -> Result<RClass, Error> {
    Ok(ruby.get_inner(ffi(ruby)?.memory_pointer))
}

/// `FFI::DataConverter`, which lets a class be a parameter or return type.
pub fn data_converter(ruby: &Ruby) -> Result<RModule, Error> {
    module(ruby)?.const_get("DataConverter")
}

/// `FFI::Type::POINTER`.
pub fn pointer_type(ruby: &Ruby) -> Result<Value, Error> {
    let types: RClass = module(ruby)?.const_get("Type")?;
    types.const_get("POINTER")
}

fn module(ruby: &Ruby) -> Result<RModule, Error> {
    ruby.class_object().const_get("FFI")
}

/// Whether `value` may be wrapped: a pointer that does not already own its memory.
pub fn is_raw_pointer(ruby: &Ruby, value: Value, safe_pointer: RClass) -> Result<bool, Error> {
    let ffi = ffi(ruby)?;
    Ok(value.is_kind_of(ruby.get_inner(ffi.pointer))
        && !value.is_kind_of(ruby.get_inner(ffi.memory_pointer))
        && !value.is_kind_of(ruby.get_inner(ffi.auto_pointer))
        && !value.is_kind_of(safe_pointer))
}

/// The pointer of a struct; any other object itself.
pub fn memory(ruby: &Ruby, value: Value) -> Result<Value, Error> {
    match value.is_kind_of(ruby.get_inner(ffi(ruby)?.structure)) {
        true => value.funcall("pointer", ()),
        false => Ok(value),
    }
}

/// Makes `pointer` NULL: from here on ffi refuses to read or write through it.
///
/// ffi looks at the address only, so this works on a frozen pointer too.
pub fn set_null(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    set_address(ruby, pointer, 0)
}

/// Points `pointer` at `address`, whatever its class makes of `initialize`.
pub fn set_address(ruby: &Ruby, pointer: Value, address: usize) -> Result<(), Error> {
    let initialize = ruby.get_inner(ffi(ruby)?.initialize);
    let type_size: Value = pointer.funcall("type_size", ())?;
    let _: Value = initialize.funcall("bind_call", (pointer, type_size, address))?;
    Ok(())
}

/// Looks up ffi's classes. ffi must have been required.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let module = module(ruby)?;
    let pointer: RClass = module.const_get("Pointer")?;
    let memory_pointer: RClass = module.const_get("MemoryPointer")?;
    let auto_pointer: RClass = module.const_get("AutoPointer")?;
    let structure: RClass = module.const_get("Struct")?;
    let initialize: Value = pointer.funcall("instance_method", ("initialize",))?;
    for value in [
        pointer.as_value(),
        memory_pointer.as_value(),
        auto_pointer.as_value(),
        structure.as_value(),
        initialize,
    ] {
        ruby.gc_register_mark_object(value);
    }
    FFI.get_or_init(|| Ffi {
        pointer: pointer.into(),
        memory_pointer: memory_pointer.into(),
        auto_pointer: auto_pointer.into(),
        structure: structure.into(),
        initialize: initialize.into(),
    });
    Ok(())
}
