//! The report of an error that a release raised where no caller could rescue it.

use magnus::{Error, Ruby, Value, error::ErrorType, prelude::*};

use crate::{
    ruby::{errors, namespace},
    watch::{cause::Occasion, events::Subject},
};

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
    let trigger = occasion.name();
    if matches!(trigger, "lease" | "child" | "queue") && !errors::is_error(&error) {
        return Err(error);
    }
    let exception: Value = match error.error_type() {
        ErrorType::Jump(_) => return Err(error),
        ErrorType::Error(class, message) => class.new_instance((message.as_ref(),))?.as_value(),
        ErrorType::Exception(exception) => exception.as_value(),
    };
    let arguments = (
        exception,
        subject.class,
        subject.address,
        ruby.to_symbol(trigger),
        subject.made_at()?,
        subject.callable,
    );
    let _: Value = namespace::class(ruby)?.funcall("report_release_error", arguments)?;
    Ok(())
}
