//! The class `SafePointer::ReleaseQueue`.

use std::sync::{Arc, OnceLock};

use magnus::{
    Error, Module, Object, RClass, Ruby, TryConvert, Value, method,
    prelude::*,
    scan_args::{get_kwargs, scan_args},
    typed_data::Obj,
    value::Opaque,
};

use crate::{
    release::deferred,
    releaser::{
        Releaser,
        queue::{self, Jobs, ReleaseQueue},
    },
    ruby::{errors, fiber, process},
    triggers::dead,
    watch::cause::Occasion,
};

static DEFAULT: OnceLock<Opaque<Obj<ReleaseQueue>>> = OnceLock::new();

/// Releases what is due, on the calling thread: what is in the queue when this is called, at most `max` of it. An
/// error of one release is reported (see {SafePointer.on_release_error}) and does not stop the others; what is no
/// error, an interrupt for instance, comes out of here. Does nothing inside a release.
///
/// @overload drain(max: nil)
///   @param max [Integer, nil]
/// @return [Integer] how many were released
/// @raise [TypeError, ArgumentError] if `max` is no Integer, or negative
fn drain(ruby: &Ruby, rb_self: Obj<ReleaseQueue>, args: &[Value]) -> Result<usize, Error> {
    let args = scan_args::<(), (), (), (), _, ()>(args)?;
    let (max,) = get_kwargs::<_, (), (Option<Value>,), ()>(args.keywords, &[], &["max"])?.optional;
    let max = match max.filter(|max| !max.is_nil()) {
        None => usize::MAX,
        Some(max) if !max.is_kind_of(ruby.class_integer()) => {
            let message = format!(
                "SafePointer::ReleaseQueue#drain: max must be an Integer, not {}",
                errors::inspect(max)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        }
        Some(max) => match usize::try_convert(max) {
            Ok(max) => max,
            Err(_) => {
                let max = errors::inspect(max)?;
                let message = format!("SafePointer::ReleaseQueue#drain: max must not be {max}");
                return Err(errors::new(ruby.exception_arg_error(), message));
            }
        },
    };
    match fiber::is_releasing() {
        true => Ok(0),
        // A release may drop the last other reference.
        false => dead::drain(ruby, &rb_self.jobs.clone(), max, Occasion::Queue),
    }
}

/// How many releases wait.
///
/// @return [Integer]
fn size(rb_self: &ReleaseQueue) -> usize {
    rb_self.jobs.len()
}

/// Whether none waits.
///
/// @return [Boolean]
fn is_empty(rb_self: &ReleaseQueue) -> bool {
    rb_self.jobs.is_empty()
}

/// The largest number of releases that have waited at once.
///
/// @return [Integer]
fn high_water(rb_self: &ReleaseQueue) -> usize {
    rb_self.jobs.high_water()
}

/// Whether it has been closed.
///
/// @return [Boolean]
fn is_closed(rb_self: &ReleaseQueue) -> bool {
    rb_self.jobs.is_closed()
}

/// From here on nothing comes to wait here.
fn shut(ruby: &Ruby, rb_self: Obj<ReleaseQueue>) {
    deferred::close(ruby, &rb_self.jobs);
}

/// From here on `worker` has its `signal` called when there are jobs.
fn watch(ruby: &Ruby, rb_self: Obj<ReleaseQueue>, worker: Value) -> Result<(), Error> {
    deferred::add_worker(ruby, rb_self.jobs.clone(), worker)
}

/// Has `releaser`, which has no queue yet, release from here, or as if there was none if this one is closed.
fn push(ruby: &Ruby, rb_self: Obj<ReleaseQueue>, releaser: Obj<Releaser>) -> Result<(), Error> {
    releaser.set_queue(ruby, &rb_self.jobs)?;
    deferred::push(ruby, releaser)
}

/// Where the releases of dead pointers wait that have no other queue: from GC until Ruby calls the finalizer, which drains
/// it. What is swept after that call waits for the next collection.
///
/// @return [SafePointer::ReleaseQueue]
fn the_default(ruby: &Ruby, _class: RClass) -> Option<Obj<ReleaseQueue>> {
    DEFAULT.get().map(|queue| ruby.get_inner(*queue))
}

/// Whether the process has begun to end.
fn is_leaving(_class: RClass) -> bool {
    process::is_leaving()
}

fn wrap(ruby: &Ruby, class: RClass, jobs: Arc<Jobs>) -> Obj<ReleaseQueue> {
    ruby.obj_wrap_as(ReleaseQueue { jobs }, class)
}

/// A queue that somebody drains.
fn make(ruby: &Ruby, class: RClass) -> Result<Obj<ReleaseQueue>, Error> {
    Ok(wrap(ruby, class, queue::add()?))
}

/// Defines `SafePointer::ReleaseQueue`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let class = safe_pointer.define_class("ReleaseQueue", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_private_method("push", method!(push, 1))?;
    class.define_private_method("shut", method!(shut, 0))?;
    class.define_private_method("watch", method!(watch, 1))?;
    class.define_method("drain", method!(drain, -1))?;
    class.define_method("size", method!(size, 0))?;
    class.define_method("empty?", method!(is_empty, 0))?;
    class.define_method("high_water", method!(high_water, 0))?;
    class.define_method("closed?", method!(is_closed, 0))?;
    class.define_singleton_method("default", method!(the_default, 0))?;
    let singleton = class.singleton_class()?;
    singleton.define_private_method("make", method!(make, 0))?;
    singleton.define_private_method("leaving?", method!(is_leaving, 0))?;
    let default = wrap(ruby, class, queue::default().clone());
    ruby.gc_register_mark_object(default);
    DEFAULT.get_or_init(|| default.into());
    Ok(())
}
