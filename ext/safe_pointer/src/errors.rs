//! The report of an error that has no caller to go to.

use magnus::{Error, Ruby, Value, error::ErrorType, prelude::*};

use crate::{pointer, process};

/// When a release ran that nobody is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Ruby called the finalizer of its pointer, or of one that it waited for.
    Finalizer,
    /// It was its turn in a queue.
    Queue,
    /// The last lease of its pointer ended.
    Lease,
    /// The last child of its pointer was released or given away.
    Child,
}

impl Occasion {
    fn name(self, ruby: &Ruby) -> Result<&'static str, Error> {
        Ok(match self {
            _ if process::is_ending(ruby)? => "exit",
            Self::Finalizer => "gc",
            Self::Queue => "queue",
            Self::Lease => "lease",
            Self::Child => "child",
        })
    }
}

/// Hands an error that a release raised to `SafePointer.report_release_error`.
///
/// What is not an exception (a `throw`, the end of the thread) goes on its way. So does an exception that is meant to
/// end more than the release (`exit`, an interrupt, a timeout), where it comes out in the midst of the program.
pub fn report(
    ruby: &Ruby,
    error: Error,
    owner: Value,
    address: Option<usize>,
    occasion: Occasion,
) -> Result<(), Error> {
    let exception: Value = match error.error_type() {
        ErrorType::Jump(_) => return Err(error),
        ErrorType::Error(class, message) => class.new_instance((message.as_ref(),))?.as_value(),
        ErrorType::Exception(exception) => exception.as_value(),
    };
    let trigger = occasion.name(ruby)?;
    if matches!(trigger, "lease" | "child") && !is_error(ruby, exception) {
        return Err(error);
    }
    let trigger = ruby.to_symbol(trigger);
    let _: Value = pointer::class(ruby)?
        .funcall("report_release_error", (exception, owner, address, trigger))?;
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
