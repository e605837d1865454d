//! The replacement of `FFI::AutoPointer` in place. `lib/safe_pointer/auto_pointer.rb` is its Ruby side.

use magnus::{Error, Module, Object, RClass, Ruby, Value, method, prelude::*, typed_data::Obj};
use safe_pointer_core::Trigger;

use crate::{
    carrier, ffi, guard, pointer,
    releaser::{Message, Releaser},
};

fn install(ruby: &Ruby, _rb_self: RClass, class: RClass) -> Result<(), Error> {
    pointer::install(ruby, class)
}

/// Gives `pointer`, which was made when its class was still ffi's, a releaser. `held` is nil if the pointer is
/// released.
fn adopt(
    ruby: &Ruby,
    _rb_self: RClass,
    pointer: Value,
    held: Value,
    callable: Value,
    autorelease: bool,
) -> Result<Obj<Releaser>, Error> {
    let class = pointer.class();
    let releaser = Releaser::wrap(ruby, class, held, callable, Message::Call)?;
    releaser.state().set_autorelease(autorelease);
    carrier::attach(ruby, pointer, releaser)?;
    guard::expose(ruby, pointer)?;
    if held.is_nil() {
        releaser.state().claim(Trigger::Free);
        releaser.finish(ruby);
        ffi::set_null(ruby, pointer)?;
    }
    Ok(releaser)
}

/// Defines the private methods by which the replacement is made.
pub fn init(_ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let singleton = safe_pointer.singleton_class()?;
    singleton.define_private_method("install", method!(install, 1))?;
    singleton.define_private_method("adopt", method!(adopt, 4))
}
