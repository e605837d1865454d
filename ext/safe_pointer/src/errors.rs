//! The report of an error that has no caller to go to.

use std::ptr;

use magnus::{
    Error, ExceptionClass, RString, Ruby, Value, error::ErrorType, prelude::*, value::ReprValue,
};
use rb_sys::VALUE;

use crate::{pointer, process, watch::Subject};

/// An error of `class`. The exception is made here: where magnus would make it, an interrupt that comes meanwhile (the end
/// of the thread) cannot be handed on, and ends the process.
pub fn new(class: ExceptionClass, message: impl Into<String>) -> Error {
    match class.new_instance((message.into(),)) {
        Ok(exception) => exception.into(),
        Err(error) => error,
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
        Err(error) if matches!(error.error_type(), ErrorType::Jump(_)) => ensure(body),
        _ => body(),
    }
}

fn ensure<F: FnOnce() -> Result<(), Error>>(body: F) -> Result<(), Error> {
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
        rb_sys::Qnil as VALUE
    }

    let mut both: Both<F> = (Some(body), Ok(()));
    let data = (&raw mut both).expose_provenance() as VALUE;
    // SAFETY: `body` hands on as an error what is raised in it, so nothing jumps across Rust's frames.
    unsafe { rb_sys::rb_ensure(Some(nothing), 0, Some(call::<F>), data) };
    both.1
}

/// When a release ran that nobody is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Its pointer was found dead, or one that it waited for; or the process ends.
    Finalizer,
    /// It was its turn in a queue.
    Queue,
    /// The last lease of its pointer ended.
    Lease,
    /// The last child of its pointer was released or given away.
    Child,
}

impl Occasion {
    fn name(self) -> &'static str {
        match self {
            _ if process::is_ending() => "exit",
            Self::Finalizer => "gc",
            Self::Queue => "queue",
            Self::Lease => "lease",
            Self::Child => "child",
        }
    }
}

/// Hands an error that a release raised to `SafePointer.report_release_error`.
///
/// What is not an exception (a `throw`, the end of the thread) goes on its way. So does an exception that is meant to
/// end more than the release (`exit`, an interrupt, a timeout), where it comes out in the midst of the program.
pub fn report(
    ruby: &Ruby,
    error: Error,
    subject: &Subject,
    occasion: Occasion,
) -> Result<(), Error> {
    let exception: Value = match error.error_type() {
        ErrorType::Jump(_) => return Err(error),
        ErrorType::Error(class, message) => class.new_instance((message.as_ref(),))?.as_value(),
        ErrorType::Exception(exception) => exception.as_value(),
    };
    let trigger = occasion.name();
    if matches!(trigger, "lease" | "child" | "queue") && !is_error(ruby, exception) {
        return Err(error);
    }
    let arguments = (
        exception,
        subject.class,
        subject.address,
        ruby.to_symbol(trigger),
        subject.made_at()?,
    );
    let _: Value = pointer::class(ruby)?.funcall("report_release_error", arguments)?;
    Ok(())
}

/// Whether `exception` is of the classes that Ruby has for errors.
fn is_error(ruby: &Ruby, exception: Value) -> bool {
    let classes = [
        ruby.exception_standard_error(),
        ruby.exception_script_error(),
        ruby.exception_no_mem_error(),
        ruby.exception_sys_stack_error(),
        ruby.exception_security_error(),
    ];
    classes.into_iter().any(|class| exception.is_kind_of(class))
}
