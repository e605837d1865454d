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
    Error, Ruby, Value,
    prelude::*,
    value::{LazyId, OpaqueId},
};

use crate::{bell, errors::Occasion, exit, queue, releaser::is_releasing};

static BURY: LazyId = LazyId::new("bury");
static WORK: LazyId = LazyId::new("work");

/// Whether there is something in the default queue.
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
/// end of the thread) comes there. In a postponed job it would be lost, and the thread with it. In the midst of a
/// collection nothing is done: notes wait for the next bell, and the default queue for [`run`].
pub fn run_due() {
    if (bell::is_silent() && !DUE.load(Acquire)) || exit::is_over() {
        return;
    }
    match is_safe() {
        true => {
            while !bell::is_silent() && call(*BURY).is_some() {}
            work_off();
        }
        false if DUE.load(Acquire) => request(),
        false => {}
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
        false => work_off(),
    }
}

/// Where nothing is due, nothing of Ruby is called: an interrupt that has come for the thread is for the program.
fn work_off() {
    while DUE.swap(false, AcqRel) {
        if call(*WORK).is_some_and(|result| result.is_err()) {
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
fn call(method: OpaqueId) -> Option<Result<(), Error>> {
    let queue = queue::default(&Ruby::get().ok()?)?;
    Some(queue.funcall::<_, _, Value>(method, ()).map(drop))
}

/// Releases what pointers were of that are gone, but for some if they are many.
pub fn bury(ruby: &Ruby, _rb_self: Value) -> Result<(), Error> {
    bell::see_to_notes(ruby).map(drop)
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
