//! The parent that a pointer keeps alive.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj};

use super::variable;
use crate::{ffi::block, releaser::Releaser, ruby::data};

/// Has `pointer`, which `releaser` is attached to, keep `parent` alive, or none any more if that is `nil`. Raises if it
/// is frozen.
pub fn set(pointer: Value, releaser: Obj<Releaser>, parent: Value) -> Result<(), Error> {
    match block::slot(pointer) {
        Some(slot) => {
            pointer.check_frozen()?;
            let parent = (!parent.is_nil()).then_some(parent);
            releaser.set_parent(parent);
            slot.keep_parent(pointer, parent);
            Ok(())
        }
        None => variable::PARENT.set(pointer, parent),
    }
}

/// What [`set`] was given for `pointer`, which `releaser` is attached to.
pub fn get(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Option<Value> {
    match block::slot(pointer) {
        Some(_) => releaser.parent().map(|parent| ruby.get_inner(parent)),
        None => variable::PARENT.get(pointer),
    }
}

/// The parent of a pointer that holds `held`. May be called in the midst of a garbage collection.
pub fn at_gc(held: Value) -> Option<Value> {
    let parent = data::wrapped::<Releaser>(held)?.parent()?;
    // SAFETY: a GC runs on a thread of Ruby's, with the GVL.
    Some(unsafe { Ruby::get_unchecked() }.get_inner(parent))
}
