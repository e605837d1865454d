//! What `lib/safe_pointer/native_release.rb` is built on.

use magnus::{Error, Module, Object, RClass, RModule, function};

use crate::{
    ffi::{
        block::allocation,
        native_function::{self, NativeFunction},
    },
    release::call,
};

/// Calls the function at `function` with `address`. What `klass.release(pointer)` does by hand.
fn call(function: usize, address: usize) {
    // SAFETY: `release_with` has made sure that it is a function of a library, which stays loaded, and as far as ffi
    // knows takes one pointer.
    if let Some(function) = unsafe { NativeFunction::at(function) } {
        call::native(function, address);
    }
}

/// Defines `SafePointer::NativeRelease`.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    // Calls of C functions.
    //
    // @api private
    let module: RModule = safe_pointer.define_module("NativeRelease")?;
    module.define_singleton_method("prepare", function!(allocation::make_room, 1))?;
    module.define_singleton_method("pin", function!(native_function::pin, 1))?;
    module.define_singleton_method("call", function!(call, 2))
}
