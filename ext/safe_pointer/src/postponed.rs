//! Work that the garbage collector leaves: done where Ruby calls finalizers, and what comes up elsewhere between two
//! instructions, when Ruby is at a place where anything may run.

use std::{
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicBool,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use magnus::{
    ArgList, Error, Ruby, Value,
    prelude::*,
    value::{LazyId, OpaqueId},
};

use crate::{errors::Occasion, exit, queue, register::Place, releaser::is_releasing};

static BURY: LazyId = LazyId::new("bury");
static WORK: LazyId = LazyId::new("work");

/// Whether there is something to do.
static DUE: AtomicBool = AtomicBool::new(false);

/// Whether it was not begun because the thread was in a release: that of one pointer would run within that of another,
/// and so on without end.
static MISSED: AtomicBool = AtomicBool::new(false);

/// Has [`run`] called soon. May be called in the midst of a garbage collection.
pub fn schedule() {
    DUE.store(true, Release);
    // Each time anew: Ruby tells the fiber that runs now, and that one may never go on.
    request();
}

/// As [`schedule`], where [`run_due`] is called next.
pub fn expect() {
    DUE.store(true, Release);
}

/// Does what is due. To be called where Ruby calls finalizers, after a garbage collection: no interrupt (a timeout, the
/// end of the thread) comes there. In a postponed job it would be lost, and the thread with it.
pub fn run_due() {
    if !DUE.load(Acquire) || exit::is_over() {
        return;
    }
    match is_safe() {
        true => attempt(),
        false => request(),
    }
}

/// Whether this is outside of garbage collections.
pub fn is_safe() -> bool {
    // SAFETY: only asks.
    unsafe { rb_sys::rb_during_gc() == 0 }
}

/// Called in a forked process: the thread that was to do the work may be none of its.
pub fn forked() {
    MISSED.store(false, Release);
    schedule();
}

/// Called when a thread has left a release.
pub fn catch_up() {
    if MISSED.load(Relaxed) && MISSED.swap(false, AcqRel) {
        schedule();
    }
}

#[cfg(ruby_gte_3_3)]
mod handle {
    use std::sync::OnceLock;

    pub static HANDLE: OnceLock<rb_sys::rb_postponed_job_handle_t> = OnceLock::new();
}

#[cfg(ruby_gte_3_3)]
fn request() {
    if let Some(handle) = handle::HANDLE.get() {
        // SAFETY: may be called anywhere, with a handle that Ruby has given.
        unsafe { rb_sys::rb_postponed_job_trigger(*handle) };
    }
}

#[cfg(not(ruby_gte_3_3))]
fn request() {
    // SAFETY: may be called anywhere. It does nothing if too much is scheduled, and where this is scheduled already.
    unsafe { rb_sys::rb_postponed_job_register_one(0, Some(run), ptr::null_mut()) };
}

unsafe extern "C" fn run(_: *mut c_void) {
    match is_releasing() {
        true => MISSED.store(true, Release),
        false => attempt(),
    }
}

fn attempt() {
    // Where nothing is due, nothing of Ruby is called: an interrupt that has come for the thread is for the program.
    while DUE.swap(false, AcqRel) {
        if call(*WORK, ()).is_err() {
            schedule();
            return;
        }
    }
}

/// Calls a method, which so has a frame of its own: a call with too many arguments leaves them on the stack of the frame
/// that it is made from.
///
/// What a release raises has been reported; what else there is (a `throw`, the end of the thread) has nowhere to go from
/// here, and must not keep the others from their turn.
fn call(method: OpaqueId, arguments: impl ArgList) -> Result<(), Error> {
    let Ok(ruby) = Ruby::get() else { return Ok(()) };
    match queue::default(&ruby) {
        Some(queue) => queue.funcall::<_, _, Value>(method, arguments).map(drop),
        None => Ok(()),
    }
}

/// The pointer is gone whose releaser is at `place`.
pub fn bury(place: Place) {
    if exit::is_over() {
        return;
    }
    match is_safe() {
        // It has been reported, and nothing else is left to do.
        true => _ = call(*BURY, (place.number(),)),
        false => queue::bury(place),
    }
}

/// What [`bury`] calls.
pub fn bury_now(ruby: &Ruby, _rb_self: Value, place: u32) -> Result<(), Error> {
    match Place::from_number(place) {
        Some(place) => queue::bury_now(ruby, place),
        None => Ok(()),
    }
}

/// Carries out what is in the default queue, and tells who has others to carry out.
pub fn work(ruby: &Ruby, _rb_self: Value) -> Result<(), Error> {
    let Some(queue) = queue::default(ruby) else {
        return Ok(());
    };
    queue
        .drain(ruby, usize::MAX, Occasion::Finalizer)
        .map(drop)
        .and(queue::signal(ruby))
}

/// Prepares Ruby for [`schedule`].
pub fn init() {
    #[cfg(ruby_gte_3_3)]
    handle::HANDLE.get_or_init(|| {
        // SAFETY: `run` lives for ever, and needs no data.
        unsafe { rb_sys::rb_postponed_job_preregister(0, Some(run), ptr::null_mut()) }
    });
}
