//! The replacement of `FFI::AutoPointer` in place. `lib/safe_pointer/auto_pointer.rb` is its Ruby side.

use magnus::{Error, Module, Object, RClass, Ruby, Value, method, prelude::*, typed_data::Obj};
use safe_pointer_core::Trigger;

use crate::{
    carrier,
    errors::Occasion,
    guard, pointer,
    releaser::{Message, Releaser},
    stats::{Cause, Ending},
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
    releaser.set_autorelease(ruby, autorelease);
    carrier::attach(ruby, pointer, releaser)?;
    guard::expose(ruby, pointer)?;
    match held.is_nil() {
        true => {
            let ending = Ending::new(Cause::Free, &Ok(()));
            let _ = releaser.state().claim(Trigger::Free);
            Releaser::finish(ruby, releaser, Some(pointer), ending, Occasion::Child)?;
        }
        // Where it was made, nobody knows any more.
        false => releaser.open_account_quietly(),
    }
    Ok(releaser)
}

/// Defines the private methods by which the replacement is made.
pub fn init(_ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let singleton = safe_pointer.singleton_class()?;
    singleton.define_private_method("install", method!(install, 1))?;
    singleton.define_private_method("adopt", method!(adopt, 4))
}
