//! What is released at the end of the process: what waits in queues, and the pointers that are left.
//!
//! Ruby has no hook between the finalizers, which may still use such pointers, and the freeing of all objects, in which
//! nothing can be called any more. But it calls finalizers in rounds: those that exist, then those that have been
//! defined meanwhile. So a finalizer that defines another one is called after all others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use magnus::{
    Error, Object, RArray, RClass, RModule, Ruby, TryConvert, Value, method,
    prelude::*,
    rb_sys::{AsRawValue, protect},
    typed_data::Obj,
};
use safe_pointer_core::Trigger;

use crate::{
    carrier::{self, Holder},
    errors::Occasion,
    ffi, native, process,
    queue::{self, ReleaseQueue},
    register,
    releaser::Releaser,
    stats::Cause,
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
    match watch::is(Watch::ReportAtExit) && process::is_ending(ruby)? {
        true => watch::report_at_exit(ruby),
        false => Ok(()),
    }
}

/// The finalizer.
fn call(ruby: &Ruby, rb_self: Value, _id: Value) -> Result<(), Error> {
    if !process::is_ending(ruby)? {
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
    // Releases may make pointers, and a collection that they begin may put more into the queues.
    for _ in 0..ROUNDS {
        // Queues first: what Ruby releases there may use what a C function releases.
        if drain_queues(ruby)? + release_registered(ruby)? + release_natives(ruby)? == 0 {
            break;
        }
    }
    OVER.store(true, Relaxed);
    Ok(())
}

fn drain_queues(ruby: &Ruby) -> Result<usize, Error> {
    let mut released = 0;
    for queue in all(ruby, queue::class(ruby)?)? {
        let queue = Obj::<ReleaseQueue>::try_convert(queue)?;
        released += queue.drain(ruby, usize::MAX, Occasion::Finalizer)?;
    }
    Ok(released)
}

fn release_registered(ruby: &Ruby) -> Result<usize, Error> {
    let mut released = 0;
    if register::is_empty() {
        return Ok(released);
    }
    for pointer in all(ruby, ffi::pointer_class(ruby)?)? {
        if let Some(releaser) = carrier::give_up(ruby, pointer) {
            released += 1;
            Releaser::bury(ruby, releaser, Some(pointer))?;
        }
    }
    // Those of the pointers of other Ractors, of which Ruby does not tell.
    for releaser in register::take_all(ruby) {
        released += 1;
        Releaser::bury(ruby, releaser, None)?;
    }
    Ok(released)
}

fn release_natives(ruby: &Ruby) -> Result<usize, Error> {
    let mut released = 0;
    if carrier::has_natives() {
        for pointer in all(ruby, ffi::pointer_class(ruby)?)? {
            if let Holder::Native(release, slot) = carrier::peek(ruby, pointer)?
                && release.release(slot, Trigger::Finalizer)
            {
                released += 1;
                ffi::set_null(ruby, pointer)?;
                native::tell(ruby, pointer, slot, Some(Cause::Exit))?;
            }
        }
    }
    Ok(released)
}

/// The objects of `class` that Ruby tells of.
fn all(ruby: &Ruby, class: RClass) -> Result<RArray, Error> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let each: Value = object_space.funcall("each_object", (class,))?;
    each.funcall("to_a", ())
}

/// Has what is left released when the process ends.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let finalizer: Value = ruby.class_object().new_instance(())?;
    let finalizer = magnus::RObject::try_convert(finalizer)?;
    finalizer.define_singleton_method("call", method!(call, 1))?;
    wait_for_end(ruby, finalizer.as_value())
}
