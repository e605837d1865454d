//! The classes of ffi, and its methods.

use std::sync::OnceLock;

use magnus::{
    Error, Module, RClass, RModule, Ruby, Value,
    prelude::*,
    value::{LazyId, Opaque},
};

use crate::ruby::errors;

static FFI: OnceLock<Ffi> = OnceLock::new();

static POINT: LazyId = LazyId::new("__point_at__");

struct Ffi {
    pointer: Opaque<RClass>,
    memory_pointer: Opaque<RClass>,
    auto_pointer: Opaque<RClass>,
    auto_pointer_releaser: Opaque<RClass>,
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

/// `FFI::AutoPointer`.
pub fn auto_pointer_class(ruby: &Ruby) -> Result<RClass, Error> {
    Ok(ruby.get_inner(ffi(ruby)?.auto_pointer))
}

/// `FFI::AutoPointer::Releaser`.
pub fn auto_pointer_releaser_class(ruby: &Ruby) -> Result<RClass, Error> {
    Ok(ruby.get_inner(ffi(ruby)?.auto_pointer_releaser))
}

/// `FFI::Struct`.
pub fn struct_class(ruby: &Ruby) -> Result<RClass, Error> {
    Ok(ruby.get_inner(ffi(ruby)?.structure))
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

/// Points `pointer`, of a class that was given our methods, at `address`, by way of ffi's `initialize`.
pub fn set_address(pointer: Value, type_size: i32, address: usize) -> Result<(), Error> {
    let _: Value = pointer.funcall(*POINT, (type_size, address))?;
    Ok(())
}

/// What ffi answers for the address of `pointer`.
pub fn address(ruby: &Ruby, pointer: Value) -> Result<usize, Error> {
    let address = ruby.get_inner(ffi(ruby)?.address);
    address.funcall("bind_call", (pointer,))
}

/// What ffi answers for the size of what `pointer` points to, in bytes.
pub fn type_size(ruby: &Ruby, pointer: Value) -> Result<i32, Error> {
    let type_size = ruby.get_inner(ffi(ruby)?.type_size);
    type_size.funcall("bind_call", (pointer,))
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

/// Looks up ffi's classes. ffi must have been required.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    LazyId::force(&POINT, ruby);
    let module = module(ruby)?;
    let pointer: RClass = module.const_get("Pointer")?;
    let memory_pointer: RClass = module.const_get("MemoryPointer")?;
    let auto_pointer: RClass = module.const_get("AutoPointer")?;
    let auto_pointer_releaser: RClass = auto_pointer.const_get("Releaser")?;
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
        auto_pointer_releaser.as_value(),
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
        auto_pointer_releaser: auto_pointer_releaser.into(),
        structure: structure.into(),
        initialize: initialize.into(),
        address: address.into(),
        type_size: type_size.into(),
    });
    Ok(())
}
