//! The end of the process.

use magnus::{Error, RModule, Ruby, Value, prelude::*};

/// Whether the process is ending and Ruby calls the finalizers of all that is left. By then the main thread
/// counts as dead, although it is the one that runs them.
pub fn is_ending(ruby: &Ruby) -> Result<bool, Error> {
    let main: Value = ruby.class_thread().funcall("main", ())?;
    let alive: bool = main.funcall("alive?", ())?;
    Ok(!alive)
}

/// The object with this id, where it is still there.
pub fn object(ruby: &Ruby, id: Value) -> Option<Value> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace").ok()?;
    object_space.funcall("_id2ref", (id,)).ok()
}
