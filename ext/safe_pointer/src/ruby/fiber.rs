//! The fiber that runs, and whether it is in a release.
//!
//! Code runs on fibers: one thread may have many that run one after another, and a release that is suspended in one is none of the
//! others' concern.

use std::{
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicPtr, Ordering::Relaxed},
    },
};

use magnus::{
    Ruby, Value,
    prelude::*,
    rb_sys::{AsRawId, FromRawValue, protect},
};
use rb_sys::{ID, VALUE, rb_ractor_local_key_struct};

use super::object_id;

const NIL: VALUE = rb_sys::Qnil as VALUE;

/// The name of the variable of a fiber that says that it is in a release.
static RELEASING: OnceLock<ID> = OnceLock::new();

/// Where a Ractor has its Mutex.
static MUTEX: AtomicPtr<rb_ractor_local_key_struct> = AtomicPtr::new(ptr::null_mut());

/// The object id of the fiber that runs: unlike its address no other fiber will ever have it.
pub fn current_id() -> u64 {
    // SAFETY: called with the GVL held. A root fiber may be made an object for it.
    let fiber = unsafe { rb_sys::rb_fiber_current() };
    // SAFETY: a live object.
    unsafe { object_id::of(fiber) }
}

/// The same of the thread.
pub fn current_thread_id() -> u64 {
    // SAFETY: called with the GVL held.
    let thread = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: a live object.
    unsafe { object_id::of(thread) }
}

/// Where code runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The object id of the fiber. A reference would keep a fiber alive that never goes on, and with it a pointer.
    fiber: u64,
    /// Whether in a handler that has interrupted what else runs on it.
    is_interrupting: bool,
}

impl Context {
    /// That of the caller.
    pub fn here() -> Self {
        Self {
            fiber: current_id(),
            is_interrupting: is_interrupting(),
        }
    }
}

/// Whether Ruby has called what runs between two instructions of other code on this fiber: it is a trap handler, or a
/// finalizer. Ruby lets nobody lock a Mutex there, and has no other sign of it.
fn is_interrupting() -> bool {
    let locked = protect(|| {
        let mutex = mutex();
        // SAFETY: nobody has locked it, as it is only locked here, so no other thread gets its turn before it is
        // unlocked; `protect` catches what is raised.
        unsafe { rb_sys::rb_mutex_lock(mutex) };
        // SAFETY: this fiber has locked it; as above.
        unsafe { rb_sys::rb_mutex_unlock(mutex) }
    });
    locked.is_err()
}

/// One that each Ractor has.
fn mutex() -> VALUE {
    let key = MUTEX.load(Relaxed);
    let mut mutex = NIL;
    // SAFETY: a key that Ruby has made, and never frees; called with the GVL held.
    if unsafe { rb_sys::rb_ractor_local_storage_value_lookup(key, &raw mut mutex) } {
        return mutex;
    }
    // SAFETY: called with the GVL held, and within `protect`.
    mutex = unsafe { rb_sys::rb_mutex_new() };
    // SAFETY: as the first.
    unsafe { rb_sys::rb_ractor_local_storage_value_set(key, mutex) };
    mutex
}

/// Until this is dropped, the fiber is in a release.
pub struct Releasing(bool);

/// The fiber enters a release.
pub fn enter_release() -> Releasing {
    let outermost = !is_releasing();
    if outermost {
        set(rb_sys::Qtrue as VALUE);
    }
    Releasing(outermost)
}

impl Drop for Releasing {
    fn drop(&mut self) {
        if self.0 {
            set(NIL);
        }
    }
}

/// Whether the fiber that runs is in a release.
pub fn is_releasing() -> bool {
    let Some(&name) = RELEASING.get() else {
        return false;
    };
    // SAFETY: called with the GVL held.
    let thread = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: the current thread. What it answers is of the fiber that runs.
    unsafe { rb_sys::rb_thread_local_aref(thread, name) != NIL }
}

/// Called in a forked process: the release that forked may go on, but what comes after it is in none.
pub fn forked() {
    set(NIL);
}

fn set(value: VALUE) {
    // SAFETY: called with the GVL held.
    let thread = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: a live object.
    let is_frozen = unsafe { Value::from_raw(thread) }.is_frozen();
    // Ruby would raise. A frozen thread's fibers are never known to be in a release.
    let Some(&name) = RELEASING.get().filter(|_| !is_frozen) else {
        return;
    };
    // SAFETY: the current thread, which is not frozen; `value` is no object.
    unsafe { rb_sys::rb_thread_local_aset(thread, name, value) };
}

/// Prepares what is kept for each fiber and each Ractor.
pub fn init(ruby: &Ruby) {
    // SAFETY: called with the GVL held.
    let key = unsafe { rb_sys::rb_ractor_local_storage_value_newkey() };
    MUTEX.store(key, Relaxed);
    RELEASING.get_or_init(|| ruby.intern("safe_pointer_releasing").as_raw());
}
