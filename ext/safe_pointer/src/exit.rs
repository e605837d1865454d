//! What is released at the end of the process: what waits in queues, and the pointers that are left.
//!
//! Ruby has no hook between the finalizers, which may still use such pointers, and the freeing of all objects, in which
//! nothing can be called any more. But it calls finalizers in rounds: those that exist, then those that have been
//! defined meanwhile. So a finalizer that defines another one is called after all others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use magnus::{
    Error, Object, RArray, RModule, Ruby, TryConvert, Value, method,
    prelude::*,
    rb_sys::{AsRawValue, protect},
};
use safe_pointer_core::Trigger;

use crate::{
    bell,
    carrier::{self, Holder},
    errors::Occasion,
    ffi, process, queue, register,
    releaser::Releaser,
    watch::{self, Watch},
};

/// Whether the first round is over.
static LAST_ROUND: AtomicBool = AtomicBool::new(false);

/// Whether nobody drains queues any more.
static OVER: AtomicBool = AtomicBool::new(false);

/// Releases that leave something behind each time do not keep the process for ever.
const ROUNDS: usize = 100;

/// Whether what is found dead from here on has nobody else to release it.
pub fn is_over() -> bool {
    OVER.load(Relaxed)
}

/// Reports what is alive if the process ends, and that is wanted. Called before anything is released there.
pub fn report(ruby: &Ruby) -> Result<(), Error> {
    match watch::is(Watch::ReportAtExit) && process::is_ending() {
        true => watch::report_at_exit(ruby),
        false => Ok(()),
    }
}

/// The finalizer.
fn call(ruby: &Ruby, rb_self: Value, _id: Value) -> Result<(), Error> {
    if !process::is_ending() {
        return Ok(());
    }
    watch::report_at_exit(ruby)?;
    match LAST_ROUND.swap(true, Relaxed) {
        false => wait_for_end(ruby, rb_self),
        true => release_all(ruby),
    }
}

/// Has `finalizer` called in the next round.
fn wait_for_end(ruby: &Ruby, finalizer: Value) -> Result<(), Error> {
    let sentinel: Value = ruby.class_object().new_instance(())?;
    ruby.gc_register_mark_object(sentinel);
    protect(|| {
        // SAFETY: called with the GVL held, on live values; `protect` catches what it raises.
        unsafe { rb_sys::rb_define_finalizer(sentinel.as_raw(), finalizer.as_raw()) }
    })?;
    Ok(())
}

fn release_all(ruby: &Ruby) -> Result<(), Error> {
    let mut end = End {
        released: 0,
        first_error: Ok(()),
    };
    // Releases may make pointers, and a collection that they begin may put more into the queues.
    for _ in 0..ROUNDS {
        end.released = 0;
        // Queues first: what Ruby releases there may use what a C function releases.
        end.drain_queues(ruby);
        let looked = end.release_pointers(ruby);
        end.note(looked);
        if end.released == 0 {
            break;
        }
    }
    OVER.store(true, Relaxed);
    // What was found dead in between.
    end.drain_queues(ruby);
    end.first_error
}

/// What has been done at the end of the process. An error, where a release or the report of its error has failed, does not
/// keep the others from theirs.
struct End {
    released: usize,
    first_error: Result<(), Error>,
}

impl End {
    fn note(&mut self, result: Result<(), Error>) {
        if self.first_error.is_ok() {
            self.first_error = result;
        }
    }

    fn drain_queues(&mut self, ruby: &Ruby) {
        while !bell::is_silent() {
            let seen_to = bell::see_to_notes(ruby);
            self.released += *seen_to.as_ref().unwrap_or(&1);
            self.note(seen_to.map(drop));
        }
        for queue in queue::all() {
            let queue = ruby.get_inner(queue);
            // An error has taken a job with it, so this ends.
            while let Err(error) = queue
                .drain(ruby, usize::MAX, Occasion::Finalizer)
                .map(|done| self.released += done)
            {
                self.released += 1;
                self.note(Err(error));
            }
        }
    }

    fn release_pointers(&mut self, ruby: &Ruby) -> Result<(), Error> {
        if !register::is_empty() {
            for pointer in pointers(ruby)? {
                if let Some(releaser) = carrier::take_releaser(ruby, pointer) {
                    self.released += 1;
                    self.note(Releaser::bury(ruby, releaser, Some(pointer)));
                }
            }
            // Those that Ruby does not tell of: of other Ractors, and where there are such, of this one.
            for releaser in register::take_all(ruby) {
                self.released += 1;
                self.note(Releaser::bury(ruby, releaser, None));
            }
        }
        if carrier::has_natives() {
            for pointer in pointers(ruby)? {
                if let Holder::Native(release, slot) = carrier::peek(ruby, pointer)? {
                    let released = release.release(ruby, pointer, slot, Trigger::Finalizer);
                    self.released += usize::from(*released.as_ref().unwrap_or(&true));
                    self.note(released.map(drop));
                }
            }
        }
        Ok(())
    }
}

/// The pointers that Ruby tells of.
fn pointers(ruby: &Ruby) -> Result<RArray, Error> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let each: Value = object_space.funcall("each_object", (ffi::pointer_class(ruby)?,))?;
    each.funcall("to_a", ())
}

/// Has what is left released when the process ends.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let finalizer: Value = ruby.class_object().new_instance(())?;
    let finalizer = magnus::RObject::try_convert(finalizer)?;
    finalizer.define_singleton_method("call", method!(call, 1))?;
    wait_for_end(ruby, finalizer.as_value())
}
