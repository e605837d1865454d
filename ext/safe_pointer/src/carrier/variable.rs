//! What a pointer keeps in instance variables that Ruby code cannot see, and in one that it can.

use magnus::{Error, Ruby, TryConvert, Value, prelude::*, typed_data::Obj};

use crate::{hidden::Hidden, releaser::Releaser};

static RELEASER: Hidden = Hidden::new("safe_pointer_releaser");
static PARENT: Hidden = Hidden::new("safe_pointer_parent");
static VISIBLE_RELEASER: Hidden = Hidden::new("@releaser");

pub fn set(pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    RELEASER.set(pointer, releaser.as_value())
}

pub fn get(pointer: Value) -> Option<Obj<Releaser>> {
    Obj::try_convert(RELEASER.get(pointer)?).ok()
}

/// Sets `@releaser` too.
pub fn show(pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    VISIBLE_RELEASER.set(pointer, releaser.as_value())
}

pub fn set_parent(pointer: Value, parent: Value) -> Result<(), Error> {
    PARENT.set(pointer, parent)
}

pub fn parent(pointer: Value) -> Option<Value> {
    PARENT.get(pointer)
}

pub fn init(ruby: &Ruby) {
    for name in [&RELEASER, &PARENT, &VISIBLE_RELEASER] {
        name.init(ruby);
    }
}
