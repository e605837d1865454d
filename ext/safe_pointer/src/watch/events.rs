//! Who watches pointers come and go: `SafePointer.trace`, subscribers, warnings. The Ruby side of this is
//! `lib/safe_pointer/diagnostics.rb`.

use magnus::{Error, RClass, RModule, Ruby, TryConvert, Value, prelude::*};

use super::{
    cause::{Cause, Ending},
    flags::{self, Watch, is},
};
use crate::ruby::namespace;

/// A pointer, as far as who watches is concerned.
pub struct Subject {
    /// Unknown of what a C function has released, if it was made when nobody watched.
    pub class: Option<Value>,
    pub address: Option<usize>,
    /// In bytes.
    pub size: usize,
    /// A `SafePointer::Diagnostics::Origin`, if it was made when somebody watched.
    pub origin: Option<Value>,
    /// What releases it, if that is no method of its class, and has not been let go of.
    pub callable: Option<Value>,
}

impl Subject {
    /// Where the pointer was made, if that was traced.
    pub fn made_at(&self) -> Result<Option<Value>, Error> {
        match self.origin {
            Some(origin) => origin.funcall("made_at", ()),
            None => Ok(None),
        }
    }

    fn class(&self) -> Result<Option<Value>, Error> {
        match (self.class, self.origin) {
            (None, Some(origin)) => origin.funcall("pointer_class", ()),
            (class, _) => Ok(class),
        }
    }

    fn notify(&self, ruby: &Ruby, name: &str, cause: Option<Cause>) -> Result<(), Error> {
        if !is(Watch::Events) {
            return Ok(());
        }
        let trigger = cause.map(|cause| ruby.to_symbol(cause.name()));
        let event = (
            ruby.to_symbol(name),
            self.class()?,
            self.address,
            trigger,
            self.size,
            self.callable,
            self.origin,
        );
        diagnostics(ruby)?.funcall::<_, _, Value>("notify", event)?;
        Ok(())
    }
}

fn diagnostics(ruby: &Ruby) -> Result<RModule, Error> {
    RModule::try_convert(namespace::get(ruby, "Diagnostics")?)
}

/// What is to be remembered of the origin of a pointer of `class` that is being made. `outlives` says that nothing else
/// will be known of it when it is gone.
#[cold]
pub fn origin(
    ruby: &Ruby,
    class: RClass,
    address: Option<usize>,
    outlives: bool,
) -> Result<Option<Value>, Error> {
    let trace = is(Watch::Trace);
    let needed = trace || is(Watch::Events) || outlives && is(Watch::FreedByGc);
    match needed {
        true => diagnostics(ruby)?.funcall("origin", (class, address, trace, outlives)),
        false => Ok(None),
    }
}

/// A pointer has been made. `second` stands for it in [`ownership`] where its address seems to have another owner
/// already.
#[cold]
pub fn created(ruby: &Ruby, subject: &Subject, second: Option<Value>) -> Result<(), Error> {
    if let Some(owner) = second {
        let arguments = (owner, subject.class, subject.address, subject.callable);
        diagnostics(ruby)?.funcall::<_, _, Value>("check_owners", arguments)?;
    }
    subject.notify(ruby, "created", None)
}

/// A pointer has been released.
#[cold]
pub fn released(ruby: &Ruby, subject: &Subject, ending: Ending) -> Result<(), Error> {
    if is(Watch::FreedByGc) && matches!(ending.cause, Cause::Gc | Cause::Queue) {
        let arguments = (
            subject.class()?,
            subject.address,
            subject.made_at()?,
            subject.callable,
        );
        diagnostics(ruby)?.funcall::<_, _, Value>("warn_of_gc", arguments)?;
    }
    let name = if ending.failed { "failed" } else { "released" };
    subject.notify(ruby, name, Some(ending.cause))
}

/// A pointer has been given away, or will never be released.
#[cold]
pub fn detached(ruby: &Ruby, subject: &Subject) -> Result<(), Error> {
    subject.notify(ruby, "detached", None)
}

/// The pointer is gone that `origin` is of, which nothing will release.
#[cold]
pub fn left(ruby: &Ruby, origin: Value) -> Result<(), Error> {
    let subject = Subject {
        class: None,
        address: origin.funcall("address", ())?,
        size: 0,
        origin: Some(origin),
        callable: None,
    };
    detached(ruby, &subject)
}

/// `callable` is to release what `owner` owns, and must not keep it alive.
#[cold]
pub fn check_capture(ruby: &Ruby, owner: Value, callable: Value) -> Result<(), Error> {
    if is(Watch::SelfCapture) {
        diagnostics(ruby)?.funcall::<_, _, Value>("check_capture", (owner, callable))?;
    }
    Ok(())
}

/// Reports what is alive at the end of the process, if that is wanted. To be called before anything is released there.
pub fn report_at_exit(ruby: &Ruby) -> Result<(), Error> {
    if flags::set(Watch::ReportAtExit, false) {
        diagnostics(ruby)?.funcall::<_, _, Value>("report_at_exit", ())?;
    }
    Ok(())
}
