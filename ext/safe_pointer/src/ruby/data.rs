//! Data objects: C data in Ruby objects, with or without a type.

use std::{ffi::c_void, mem, ptr};

use magnus::{TypedData, Value, rb_sys::AsRawValue, typed_data::Obj};
use rb_sys::{RUBY_DATA_FUNC, VALUE, rb_data_type_t, ruby_value_type};

/// What a data object with a type consists of.
pub struct Typed {
    pub data_type: *const rb_data_type_t,
    pub block: *mut c_void,
}

/// `value`, if it is an object of ours with data of type `T`.
///
/// For `Obj::try_convert` Ruby is asked, and protected from the exception that it would raise, which takes much longer.
pub fn wrapped<T: TypedData>(value: Value) -> Option<Obj<T>> {
    let data = typed(value)?;
    if !ptr::eq(data.data_type, ptr::from_ref(T::data_type()).cast()) || data.block.is_null() {
        return None;
    }
    // SAFETY: magnus has `Obj`, as `Value`, transparent about the number that Ruby has for the object. Its data has the
    // type, as was just seen.
    Some(unsafe { mem::transmute::<Value, Obj<T>>(value) })
}

/// What a data object without a type consists of, as the pointers of ffi before 1.16 are.
pub struct Untyped {
    pub mark: RUBY_DATA_FUNC,
    pub free: RUBY_DATA_FUNC,
    pub block: *mut c_void,
}

fn is_data(object: Value) -> bool {
    let object = object.as_raw();
    if rb_sys::macros::SPECIAL_CONST_P(object) {
        return false;
    }
    // SAFETY: an object.
    let kind = unsafe { rb_sys::macros::RB_BUILTIN_TYPE(object) };
    kind == ruby_value_type::RUBY_T_DATA
}

/// `None` if `object` is something else.
pub fn typed(object: Value) -> Option<Typed> {
    // SAFETY: asked of data objects only.
    if !is_data(object) || !unsafe { rb_sys::macros::RTYPEDDATA_P(object.as_raw()) } {
        return None;
    }
    // SAFETY: typed data, as was just seen.
    let data_type = unsafe { rb_sys::macros::RTYPEDDATA_TYPE(object.as_raw()) };
    // SAFETY: as for the type.
    let block = unsafe { rb_sys::macros::RTYPEDDATA_GET_DATA(object.as_raw()) };
    Some(Typed { data_type, block })
}

/// `None` if `object` is something else.
pub fn untyped(object: Value) -> Option<Untyped> {
    // SAFETY: asked of data objects only.
    if !is_data(object) || unsafe { rb_sys::macros::RTYPEDDATA_P(object.as_raw()) } {
        return None;
    }
    without_type::read(object)
}

/// Makes a data object without a type. Ruby may raise. Since Ruby 4.1 there are none, and this is nil.
///
/// # Safety
///
/// `class` is a class, and `block` what `mark` and `free` expect.
pub unsafe fn wrap_untyped(
    class: VALUE,
    block: *mut c_void,
    mark: RUBY_DATA_FUNC,
    free: RUBY_DATA_FUNC,
) -> VALUE {
    // SAFETY: the caller says so.
    unsafe { without_type::wrap(class, block, mark, free) }
}

#[cfg(not(ruby_gte_4_1))]
mod without_type {
    use super::*;

    pub(super) use rb_sys::rb_data_object_wrap as wrap;

    /// `struct RData` of Ruby up to 4.0. Its bindings are opaque.
    #[repr(C)]
    struct RData {
        flags: VALUE,
        class: VALUE,
        mark: RUBY_DATA_FUNC,
        free: RUBY_DATA_FUNC,
        block: *mut c_void,
    }

    pub fn read(object: Value) -> Option<Untyped> {
        let data = ptr::with_exposed_provenance::<RData>(object.as_raw() as usize);
        // SAFETY: a live data object without a type has this layout.
        let data = unsafe { data.as_ref() }?;
        Some(Untyped {
            mark: data.mark,
            free: data.free,
            block: data.block,
        })
    }
}

/// All data has a type.
#[cfg(ruby_gte_4_1)]
mod without_type {
    use super::*;

    pub unsafe fn wrap(
        _class: VALUE,
        _block: *mut c_void,
        _mark: RUBY_DATA_FUNC,
        _free: RUBY_DATA_FUNC,
    ) -> VALUE {
        rb_sys::Qnil as VALUE
    }

    pub fn read(_object: Value) -> Option<Untyped> {
        None
    }
}

/// How long `block` is at least, which comes from Ruby's allocator, and so from the C library's.
pub fn length(block: *mut c_void) -> Option<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: what the block was allocated with is known from the object it belongs to.
    let length = unsafe { libc::malloc_usable_size(block) };
    #[cfg(target_os = "macos")]
    // SAFETY: as above.
    let length = unsafe { libc::malloc_size(block) };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
    let length = {
        let _ = block;
        0
    };
    (length > 0).then_some(length)
}
