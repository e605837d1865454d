//! The replacement of `FFI::AutoPointer` in place. `lib/safe_pointer/auto_pointer.rb` is its Ruby side.

use magnus::{Error, RClass, Ruby, Value, method, prelude::*, typed_data::Obj};

use super::{construction, pointer};
use crate::{
    ffi::{block::allocation, classes},
    holder::{self, ffi_made},
    releaser::Releaser,
};

/// Whether ffi's own methods may carry out the release of `old`, a releaser of ffi's.
fn claim(ruby: &Ruby, _rb_self: RClass, old: Value, is_sure: bool) -> Result<bool, Error> {
    ffi_made::claim(ruby, old, is_sure)
}

/// From here on those that exist have successors.
fn begin(_rb_self: RClass) {
    ffi_made::begin();
}

/// That of `old`. `is_dead` says that its pointer is gone.
fn successor(
    ruby: &Ruby,
    _rb_self: RClass,
    old: Value,
    is_dead: bool,
) -> Result<Option<Obj<Releaser>>, Error> {
    ffi_made::successor(ruby, old, classes::auto_pointer_class(ruby)?, is_dead)
}

/// Gives `FFI::AutoPointer` all methods but the constructor. Each takes over a pointer that ffi has made.
fn install(ruby: &Ruby, _rb_self: RClass) -> Result<(), Error> {
    let class = classes::auto_pointer_class(ruby)?;
    allocation::install(ruby, class)?;
    pointer::install(ruby, class)
}

/// Has the pointers of `class`, which there was before, allocated as those of `FFI::AutoPointer` are from here on.
fn install_allocator(ruby: &Ruby, _rb_self: RClass, class: RClass) -> Result<(), Error> {
    allocation::install(ruby, class)
}

/// From here on its pointers are ours from the beginning.
fn install_constructor(ruby: &Ruby, _rb_self: RClass) -> Result<(), Error> {
    construction::install(classes::auto_pointer_class(ruby)?)
}

/// Takes `pointer` over, if ffi has made that.
fn take_over(ruby: &Ruby, _rb_self: RClass, pointer: Value) -> Result<(), Error> {
    holder::peek(ruby, pointer).map(drop)
}

/// Defines the private methods by which the replacement is made.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    let singleton = safe_pointer.singleton_class()?;
    singleton.define_private_method("claim", method!(claim, 2))?;
    singleton.define_private_method("begin_replacement", method!(begin, 0))?;
    singleton.define_private_method("successor", method!(successor, 2))?;
    singleton.define_private_method("install", method!(install, 0))?;
    singleton.define_private_method("install_allocator", method!(install_allocator, 1))?;
    singleton.define_private_method("install_constructor", method!(install_constructor, 0))?;
    singleton.define_private_method("take_over", method!(take_over, 1))
}
