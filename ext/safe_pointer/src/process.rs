//! The process: its forks, and its end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use magnus::{Error, RClass, RModule, Ruby, Symbol, Value, method, prelude::*};
use rb_sys::VALUE;

use crate::{postponed, releaser};

/// Counts the forks between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// What a forked process does with the pointers it has from its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForkPolicy {
    /// GC and exit release them, as in the parent.
    Release,
    /// GC and exit leave them alone.
    Discard,
}

impl ForkPolicy {
    /// `value` as a policy. `None` if it is none.
    pub fn from_value(value: Value) -> Option<Self> {
        match Symbol::from_value(value)?.name().ok()?.as_ref() {
            "release" => Some(Self::Release),
            "discard" => Some(Self::Discard),
            _ => None,
        }
    }
}

/// The policy for pointers of `class`.
pub fn fork_policy_of(ruby: &Ruby, class: Value) -> Result<ForkPolicy, Error> {
    let policy = match class.respond_to("fork_policy", false)? {
        true => class.funcall("fork_policy", ())?,
        false => ruby.qnil().as_value(),
    };
    Ok(ForkPolicy::from_value(policy).unwrap_or(ForkPolicy::Release))
}

/// A number that is another one in each fork of the process. `Process.daemon` goes on as the same process.
pub fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Called in the child, before anything else runs there.
fn forked(_rb_self: Value) {
    GENERATION.fetch_add(1, Relaxed);
    releaser::forked();
    postponed::forked();
}

/// Whether the process has begun to end: finalizers are called after that, if not soon. Programs run whole test suites
/// in `at_exit`.
static LEAVING: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn leave(_: VALUE) {
    LEAVING.store(true, Relaxed);
}

/// Whether the process has begun to end.
pub fn is_leaving() -> bool {
    LEAVING.load(Relaxed)
}

/// Whether the process is ending and Ruby calls the finalizers of all that is left. By then the main thread
/// counts as dead, although it is the one that runs them.
///
/// Calls no method: when one returns the thread may be interrupted, and this is asked where that would be lost.
pub fn is_ending() -> bool {
    if !is_leaving() {
        return false;
    }
    // SAFETY: only asks.
    let here = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: as above.
    let main = unsafe { rb_sys::rb_thread_main() };
    // SAFETY: a thread; the one that runs is not woken by it.
    here == main && unsafe { rb_sys::rb_thread_wakeup_alive(here) } == rb_sys::Qnil as VALUE
}

/// The object with this id, where it is one, and the object still there.
pub fn object(ruby: &Ruby, id: Value) -> Result<Option<Value>, Error> {
    if !id.is_kind_of(ruby.class_integer()) {
        return Ok(None);
    }
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    match object_space.funcall("_id2ref", (id,)) {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_kind_of(ruby.exception_range_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Defines the private method by which `lib/safe_pointer/fork.rb` tells of a fork.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    // SAFETY: `leave` lives for ever.
    unsafe { rb_sys::rb_set_end_proc(Some(leave), rb_sys::Qnil as VALUE) };
    let singleton = safe_pointer.singleton_class()?;
    singleton.define_private_method("forked", method!(forked, 0))
}
