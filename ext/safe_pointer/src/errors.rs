//! The report of an error that has no caller to go to.

use magnus::{Error, RClass, Ruby, Value, error::ErrorType, prelude::*};

use crate::{pointer, process};

/// Hands an error that a release raised at GC or at exit to `SafePointer.report_release_error`.
///
/// What is not an exception (a `throw`, the end of the thread) goes on its way.
pub fn report(
    ruby: &Ruby,
    error: Error,
    owner: RClass,
    address: Option<usize>,
) -> Result<(), Error> {
    let exception: Value = match error.error_type() {
        ErrorType::Jump(_) => return Err(error),
        ErrorType::Error(class, message) => class.new_instance((message.as_ref(),))?.as_value(),
        ErrorType::Exception(exception) => exception.as_value(),
    };
    let trigger = ruby.to_symbol(if process::is_ending(ruby)? {
        "exit"
    } else {
        "gc"
    });
    let _: Value = pointer::class(ruby)?
        .funcall("report_release_error", (exception, owner, address, trigger))?;
    Ok(())
}
