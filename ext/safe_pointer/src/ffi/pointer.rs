//! Pointers of ffi's: where they point, and whether they can be wrapped. Where the layout of their data is known it is
//! read and written there; otherwise ffi is asked.

use magnus::{Error, RClass, Ruby, Value, prelude::*, rb_sys::AsRawValue};

use super::{
    block, classes,
    layout::{self, Target},
};

/// Whether `value` may be wrapped: a pointer that does not already own its memory.
pub fn is_raw(ruby: &Ruby, value: Value, safe_pointer: RClass) -> Result<bool, Error> {
    let pointer = classes::pointer_class(ruby)?;
    // What functions return.
    if value.class().as_raw() == pointer.as_raw() {
        return Ok(true);
    }
    Ok(value.is_kind_of(pointer)
        && !value.is_kind_of(classes::memory_pointer_class(ruby)?)
        && !value.is_kind_of(classes::auto_pointer_class(ruby)?)
        && !value.is_kind_of(safe_pointer))
}

/// Whether `pointer` is an address and nothing else: an object of ffi's own class that keeps no other object alive.
pub fn is_address(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    let is_ffis_own = pointer.class().as_raw() == classes::pointer_class(ruby)?.as_raw();
    Ok(is_ffis_own && layout::is_address(pointer))
}

/// Whether `value` is an `FFI::Pointer`.
pub fn is_pointer(ruby: &Ruby, value: Value) -> Result<bool, Error> {
    Ok(value.is_kind_of(classes::pointer_class(ruby)?))
}

/// The pointer of a struct; any other object itself.
pub fn memory(ruby: &Ruby, value: Value) -> Result<Value, Error> {
    match value.is_kind_of(classes::struct_class(ruby)?) {
        true => value.funcall("pointer", ()),
        false => Ok(value),
    }
}

/// Where `pointer` points.
pub fn address(ruby: &Ruby, pointer: Value) -> Result<usize, Error> {
    match layout::address(pointer) {
        Some(address) => Ok(address),
        None => classes::address(ruby, pointer),
    }
}

/// The address of a pointer, or of the memory of a struct; `None` of an object that is neither.
pub fn address_of(ruby: &Ruby, value: Value) -> Result<Option<usize>, Error> {
    let memory = memory(ruby, value)?;
    match is_pointer(ruby, memory)? {
        true => address(ruby, memory).map(Some),
        false => Ok(None),
    }
}

/// The size of what `pointer` points to, in bytes, if it is an array of such.
pub fn type_size(ruby: &Ruby, pointer: Value) -> Result<i32, Error> {
    match layout::type_size(pointer) {
        Some(size) => Ok(size),
        None => classes::type_size(ruby, pointer),
    }
}

/// A pointer of ffi's own that points to `address`.
pub fn at(ruby: &Ruby, address: usize) -> Result<Value, Error> {
    classes::pointer_class(ruby)?.new_instance((address,))
}

/// Does to `pointer` what ffi's `initialize(type_size, target)` would, but faster. Returns `false`, and has done nothing,
/// if that is left to ffi.
pub fn point(pointer: Value, type_size: i32, target: Target) -> bool {
    block::slot(pointer).is_some() && layout::point(pointer, type_size, target)
}

/// Makes `pointer` NULL: from here on ffi refuses to read or write through it.
///
/// ffi looks at the address only, so this works on a frozen pointer too.
pub fn set_null(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    let type_size = type_size(ruby, pointer)?;
    match layout::address(pointer) {
        Some(0) => Ok(()),
        _ if point(pointer, type_size, Target::Address(0)) => Ok(()),
        _ => classes::set_address(pointer, type_size, 0),
    }
}
