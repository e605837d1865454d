//! What is released at the end of the process without a finalizer of its own: what waits in queues, and the pointers
//! that a C function releases.
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
    ffi, process,
    queue::{self, ReleaseQueue},
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

/// The finalizer.
fn call(ruby: &Ruby, rb_self: Value, _id: Value) -> Result<(), Error> {
    if !process::is_ending(ruby)? {
        return Ok(());
    }
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
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let all = |class: RClass| -> Result<RArray, Error> {
        let each: Value = object_space.funcall("each_object", (class,))?;
        each.funcall("to_a", ())
    };
    // Releases may make pointers, and a collection that they begin may put more into the queues.
    for _ in 0..ROUNDS {
        let mut released = 0;
        // Queues first: what Ruby releases there may use what a C function releases.
        for queue in all(queue::class(ruby)?)? {
            released += Obj::<ReleaseQueue>::try_convert(queue)?.drain(
                ruby,
                usize::MAX,
                Occasion::Finalizer,
            )?;
        }
        if carrier::has_natives() {
            for pointer in all(ffi::pointer_class(ruby)?)? {
                if let Holder::Native(release, slot) = carrier::peek(ruby, pointer)?
                    && release.release(slot.state, slot.address, Trigger::Finalizer)
                {
                    released += 1;
                    ffi::set_null(ruby, pointer)?;
                }
            }
        }
        if released == 0 {
            break;
        }
    }
    OVER.store(true, Relaxed);
    Ok(())
}

/// Has what is left released when the process ends.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let finalizer: Value = ruby.class_object().new_instance(())?;
    let finalizer = magnus::RObject::try_convert(finalizer)?;
    finalizer.define_singleton_method("call", method!(call, 1))?;
    wait_for_end(ruby, finalizer.as_value())
}
