//! Work that the garbage collector leaves: done between two instructions, when Ruby is at a place where anything may
//! run.

use std::{
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicBool,
        Ordering::{AcqRel, Relaxed, Release},
    },
};

use magnus::{Error, Ruby};

use crate::{errors::Occasion, queue, releaser::is_releasing};

/// Whether it was not begun because the thread was in a release: that of one pointer would run within that of another,
/// and so on without end.
static MISSED: AtomicBool = AtomicBool::new(false);

/// Has [`run`] called soon. May be called in the midst of a garbage collection.
pub fn schedule() {
    // Each time anew: Ruby tells the fiber that runs now, and that one may never go on.
    request();
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
    if is_releasing() {
        MISSED.store(true, Release);
        return;
    }
    if let Ok(ruby) = Ruby::get() {
        // What a release raises has been reported; what else there is (a `throw`, the end of the thread) has nowhere to
        // go from here, and must not keep the others from their turn.
        if work(&ruby).is_err() {
            schedule();
        }
    }
}

fn work(ruby: &Ruby) -> Result<(), Error> {
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
