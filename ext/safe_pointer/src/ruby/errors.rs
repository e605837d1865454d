//! Errors, and what interrupts them: when a method of Ruby's returns, the end of the thread may come out of it.

use std::ptr;

use magnus::{
    Error, ExceptionClass, RClass, RString, Ruby, Value,
    error::{ErrorType, Tag},
    prelude::*,
    rb_sys::{AsRawValue, protect},
    value::ReprValue,
};
use rb_sys::VALUE;

use super::class::class_of;

/// An error of `class`. The exception is made here: where magnus would make it, an interrupt that comes meanwhile (the end
/// of the thread) cannot be handed on, and ends the process.
pub fn new(class: ExceptionClass, message: impl Into<String>) -> Error {
    match class.new_instance((message.into(),)) {
        Ok(exception) => exception.into(),
        Err(error) => error,
    }
}

/// Raises a NoMemoryError, for which Ruby has memory.
pub fn no_memory() -> Result<(), Error> {
    // SAFETY: called with the GVL held; `protect` catches what is raised.
    let raised = protect(|| unsafe { rb_sys::rb_memerror() });
    // Until Ruby code, or what follows, has raised again, another `rb_memerror` ends the process: and what is due whatever
    // has been raised comes before that.
    let raised = raised.or_else(|error| {
        let exception = error.value();
        // SAFETY: an exception that has been raised just now; as above.
        let raise = |raised: Value| protect(|| unsafe { rb_sys::rb_exc_raise(raised.as_raw()) });
        exception.map_or(Err(error), raise)
    });
    raised.map(drop)
}

/// A RuntimeError.
pub fn runtime(ruby: &Ruby, message: impl Into<String>) -> Error {
    new(ruby.exception_runtime_error(), message)
}

/// The name of the class of `value`.
pub fn class_name(value: impl ReprValue) -> Result<String, Error> {
    class_of(value).funcall("to_s", ())
}

/// A method that messages are about. Its class is asked for its name only where there is one: that may be interrupted, and
/// may be the program's.
#[derive(Clone, Copy)]
pub struct Method {
    pub class: RClass,
    /// As `.new`, or `#size=`.
    pub name: &'static str,
}

impl Method {
    pub fn name(self) -> Result<String, Error> {
        let class: String = self.class.funcall("to_s", ())?;
        Ok(format!("{class}{}", self.name))
    }
}

/// What `value` looks like in a message. Magnus's function of this name drops an interrupt that comes
/// meanwhile.
pub fn inspect(value: impl ReprValue) -> Result<String, Error> {
    let ruby = Ruby::get_with(value);
    match value.funcall::<_, _, RString>("inspect", ()) {
        Ok(inspected) => {
            let inspected = inspected
                .conv_enc(ruby.utf8_encoding())
                .unwrap_or(inspected);
            // SAFETY: copied before anything else happens to it.
            Ok(unsafe { inspected.to_string_lossy() }.into_owned())
        }
        // A BasicObject. It has an answer for those.
        Err(error) if error.is_kind_of(ruby.exception_no_method_error()) => Ok(value.inspect()),
        Err(error) => Err(error),
    }
}

/// What comes out of a release for which Ruby calls the finalizer: nobody can take a jump (a `throw`, the end of the
/// thread) there, so it ends here, and an exception stands for it. Ruby would drop it, and crash where it shows a `throw`;
/// and what is released next meets it, as [`despite`] says.
pub fn end_jump(ruby: &Ruby, error: Error) -> Error {
    if !is_jump(&error) {
        return error;
    }
    // SAFETY: called with the GVL held; nil is what stands for no exception.
    unsafe { rb_sys::rb_set_errinfo(rb_sys::Qnil as VALUE) };
    let message = "a throw, or the end of the thread, cannot leave a finalizer";
    new(ruby.exception_local_jump_error(), message)
}

/// What is handed on of `first`, and of `later`, which was due whatever `first` said. As with Ruby's `ensure`, what is to
/// end more than a call (a jump, `exit`, an interrupt) takes the place of what was on its way. Of errors it is the first.
#[inline]
pub fn and<T>(first: Result<T, Error>, later: Result<(), Error>) -> Result<T, Error> {
    match later {
        Ok(()) => first,
        Err(later) => Err(handed_on(first.err(), later)),
    }
}

#[cold]
fn handed_on(first: Option<Error>, later: Error) -> Error {
    match first {
        Some(first) if is_error(&later) => first,
        Some(first) if is_jump(&first) && !is_jump(&later) => {
            // What Ruby has of the jump is no exception, and would be the cause of the one that is raised instead.
            // SAFETY: with the GVL held; nil is what stands for no exception.
            unsafe { rb_sys::rb_set_errinfo(rb_sys::Qnil as VALUE) };
            later
        }
        // The first was no error, or a jump as well.
        _ => later,
    }
}

/// Whether `error` is the end of the thread. One that is lost is never made up for.
pub fn is_end_of_thread(error: &Error) -> bool {
    matches!(error.error_type(), ErrorType::Jump(Tag::Fatal))
}

fn is_jump(error: &Error) -> bool {
    matches!(error.error_type(), ErrorType::Jump(_))
}

/// Whether `error` is of the classes that Ruby has for errors. Others are meant to end more than what has raised them.
pub fn is_error(error: &Error) -> bool {
    let Ok(ruby) = Ruby::get() else {
        return false;
    };
    let classes = [
        ruby.exception_standard_error(),
        ruby.exception_script_error(),
        ruby.exception_no_mem_error(),
        ruby.exception_sys_stack_error(),
        ruby.exception_security_error(),
    ];
    classes.into_iter().any(|class| error.is_kind_of(class))
}

/// Runs `body`, which is due whatever `result` says.
///
/// A jump (a `throw`, the end of the thread) that is on its way keeps what Ruby has for an exception (`$!`) on a value
/// that is none, and Ruby raises where that is to be set again after an exception in `body` was rescued. `rb_ensure` puts
/// it aside for as long as what it ensures runs.
pub fn despite(
    result: &Result<impl Sized, Error>,
    body: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    match result {
        Err(error) if is_jump(error) => ensure(body),
        _ => body(),
    }
}

/// Runs `body`. What Ruby has for an exception (`$!`) is the same afterwards, unless a jump comes out of `body`.
pub fn ensure<F: FnOnce() -> Result<(), Error>>(body: F) -> Result<(), Error> {
    type Both<F> = (Option<F>, Result<(), Error>);

    unsafe extern "C" fn nothing(_: VALUE) -> VALUE {
        rb_sys::Qnil as VALUE
    }

    unsafe extern "C" fn call<F: FnOnce() -> Result<(), Error>>(both: VALUE) -> VALUE {
        let both = ptr::with_exposed_provenance_mut::<Both<F>>(both as usize);
        // SAFETY: what `ensure` has passed on, and does not use meanwhile.
        let both = unsafe { &mut *both };
        if let Some(body) = both.0.take() {
            both.1 = body();
        }
        if let Some(ErrorType::Jump(tag)) = both.1.as_ref().err().map(Error::error_type) {
            // From here, as what Ruby has of the jump would be replaced by what it had before.
            // SAFETY: `protect` catches it, and no frame in between has anything to drop.
            unsafe { rb_sys::rb_jump_tag(*tag as i32) };
        }
        rb_sys::Qnil as VALUE
    }

    let mut both: Both<F> = (Some(body), Ok(()));
    let data = (&raw mut both).expose_provenance() as VALUE;
    // SAFETY: `body` hands on as an error what is raised in it, so nothing jumps across a Rust frame but that of `call`.
    protect(|| unsafe { rb_sys::rb_ensure(Some(nothing), 0, Some(call::<F>), data) })?;
    both.1
}
