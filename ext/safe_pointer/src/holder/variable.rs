//! What a pointer keeps in instance variables that Ruby code cannot see, and in one that it can.

use magnus::{Error, Ruby, Value, rb_sys::AsRawValue, typed_data::Obj};

use crate::{
    releaser::Releaser,
    ruby::{data, hidden_variable::HiddenVariable},
};

pub static RELEASER: HiddenVariable = HiddenVariable::new("safe_pointer_releaser");
pub static PARENT: HiddenVariable = HiddenVariable::new("safe_pointer_parent");
pub static VISIBLE_RELEASER: HiddenVariable = HiddenVariable::new("@releaser");

/// Has `pointer` have no releaser any more, if it is this one.
pub fn remove(pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match get(pointer) {
        Some(found) if found.as_raw() == releaser.as_raw() => RELEASER.remove(pointer),
        _ => Ok(()),
    }
}

/// The releaser of `pointer`.
pub fn get(pointer: Value) -> Option<Obj<Releaser>> {
    data::wrapped(RELEASER.get(pointer)?)
}

pub fn init(ruby: &Ruby) {
    for name in [&RELEASER, &PARENT, &VISIBLE_RELEASER] {
        name.init(ruby);
    }
}
