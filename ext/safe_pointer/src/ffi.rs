//! What this library uses of ffi.

use std::sync::OnceLock;

use magnus::{
    Error, Module, RClass, RModule, Ruby, Value,
    prelude::*,
    rb_sys::AsRawValue,
    value::{LazyId, Opaque},
};

use crate::{
    carrier::{self, Target},
    errors,
};

static FFI: OnceLock<Ffi> = OnceLock::new();

static POINT: LazyId = LazyId::new("__point_at__");

struct Ffi {
    pointer: Opaque<RClass>,
    memory_pointer: Opaque<RClass>,
    auto_pointer: Opaque<RClass>,
    structure: Opaque<RClass>,
    /// Methods of `FFI::Pointer`, unbound: a subclass may make anything of their names.
    initialize: Opaque<Value>,
    address: Opaque<Value>,
    type_size: Opaque<Value>,
}

fn ffi(ruby: &Ruby) -> Result<&'static Ffi, Error> {
    FFI.get()
        .ok_or_else(|| errors::new(ruby.exception_load_error(), "ffi is not loaded"))
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
    // What functions return.
    if value.class().as_raw() == ruby.get_inner(ffi.pointer).as_raw() {
        return Ok(true);
    }
    Ok(value.is_kind_of(ruby.get_inner(ffi.pointer))
        && !value.is_kind_of(ruby.get_inner(ffi.memory_pointer))
        && !value.is_kind_of(ruby.get_inner(ffi.auto_pointer))
        && !value.is_kind_of(safe_pointer))
}

/// Whether `pointer` is an address and nothing else: an object of ffi's own class that keeps no other object alive.
pub fn is_address(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    Ok(pointer.class().as_raw() == pointer_class(ruby)?.as_raw() && carrier::is_address(pointer))
}

/// Whether `value` is an `FFI::Pointer`.
pub fn is_pointer(ruby: &Ruby, value: Value) -> Result<bool, Error> {
    Ok(value.is_kind_of(pointer_class(ruby)?))
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
    let type_size = type_size(ruby, pointer)?;
    match carrier::address(pointer) {
        Some(0) => Ok(()),
        _ if carrier::point(pointer, type_size, Target::Address(0)) => Ok(()),
        _ => set_address(ruby, pointer, 0),
    }
}

/// Points `pointer`, one of ours, at `address`.
pub fn set_address(ruby: &Ruby, pointer: Value, address: usize) -> Result<(), Error> {
    let type_size = type_size(ruby, pointer)?;
    let _: Value = pointer.funcall(*POINT, (type_size, address))?;
    Ok(())
}

/// Calls ffi's `initialize` of any pointer.
pub fn initialize(
    ruby: &Ruby,
    pointer: Value,
    type_size: i32,
    address: usize,
) -> Result<(), Error> {
    let initialize = ruby.get_inner(ffi(ruby)?.initialize);
    let _: Value = initialize.funcall("bind_call", (pointer, type_size, address))?;
    Ok(())
}

/// Gives `class`, a subclass of `FFI::Pointer`, the method by which [`set_address`] reaches ffi's `initialize`, whatever the
/// class makes of that.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    let initialize = ruby.get_inner(ffi(ruby)?.initialize);
    let _: Value = class.funcall("define_method", (*POINT, initialize))?;
    let _: Value = class.funcall("private", (*POINT,))?;
    Ok(())
}

/// Where `pointer` points.
pub fn address(ruby: &Ruby, pointer: Value) -> Result<usize, Error> {
    match carrier::address(pointer) {
        Some(address) => Ok(address),
        None => ruby
            .get_inner(ffi(ruby)?.address)
            .funcall("bind_call", (pointer,)),
    }
}

/// The size of what `pointer` points to, in bytes, if it is an array of such.
pub fn type_size(ruby: &Ruby, pointer: Value) -> Result<i32, Error> {
    match carrier::type_size(pointer) {
        Some(size) => Ok(size),
        None => ruby
            .get_inner(ffi(ruby)?.type_size)
            .funcall("bind_call", (pointer,)),
    }
}

/// A pointer of ffi's own that points to `address`.
pub fn pointer_at(ruby: &Ruby, address: usize) -> Result<Value, Error> {
    pointer_class(ruby)?.new_instance((address,))
}

/// Looks up ffi's classes. ffi must have been required.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    LazyId::force(&POINT, ruby);
    let module = module(ruby)?;
    let pointer: RClass = module.const_get("Pointer")?;
    let memory_pointer: RClass = module.const_get("MemoryPointer")?;
    let auto_pointer: RClass = module.const_get("AutoPointer")?;
    let structure: RClass = module.const_get("Struct")?;
    let method = |name: &str| pointer.funcall::<_, _, Value>("instance_method", (name,));
    let (initialize, address, type_size) = (
        method("initialize")?,
        method("address")?,
        method("type_size")?,
    );
    for value in [
        pointer.as_value(),
        memory_pointer.as_value(),
        auto_pointer.as_value(),
        structure.as_value(),
        initialize,
        address,
        type_size,
    ] {
        ruby.gc_register_mark_object(value);
    }
    FFI.get_or_init(|| Ffi {
        pointer: pointer.into(),
        memory_pointer: memory_pointer.into(),
        auto_pointer: auto_pointer.into(),
        structure: structure.into(),
        initialize: initialize.into(),
        address: address.into(),
        type_size: type_size.into(),
    });
    Ok(())
}
