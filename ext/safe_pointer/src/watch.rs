//! Who watches pointers come and go: `SafePointer.trace`, subscribers, warnings. The Ruby side of this module is
//! `lib/safe_pointer/diagnostics.rb`.
//!
//! As long as nobody does, that costs one look at [`WATCHED`] for a pointer that is made, and one at its end.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use magnus::{
    Error, Module, RArray, RClass, RModule, Ruby, Symbol, TryConvert, Value, method, prelude::*,
    typed_data::Obj,
};
use safe_pointer_core::family::Member;

use crate::{
    carrier::{self, Holder},
    errors, owners, pointer, register,
    releaser::{Kin, Releaser},
    stats::{Cause, Ending},
};

/// The watches that are on.
static WATCHED: AtomicU32 = AtomicU32::new(Watch::SelfCapture as u32);

/// What is watched for.
#[derive(Clone, Copy)]
pub enum Watch {
    /// Where pointers are made.
    Trace = 1 << 0,
    /// What becomes of them.
    Events = 1 << 1,
    /// Second owners of an address.
    SecondOwner = 1 << 2,
    /// Pointers that nobody freed.
    FreedByGc = 1 << 3,
    /// Release callables that keep their own pointer alive.
    SelfCapture = 1 << 4,
    /// What is alive at the end of the process.
    ReportAtExit = 1 << 5,
}

/// The watches that all pointers are told to. The other two ask by themselves.
const ALL_POINTERS: u32 = Watch::Trace as u32
    | Watch::Events as u32
    | Watch::SecondOwner as u32
    | Watch::FreedByGc as u32;

impl Watch {
    const ALL: [(&'static str, Self); 6] = [
        ("trace", Self::Trace),
        ("events", Self::Events),
        ("second_owner", Self::SecondOwner),
        ("freed_by_gc", Self::FreedByGc),
        ("self_capture", Self::SelfCapture),
        ("report_at_exit", Self::ReportAtExit),
    ];

    fn named(ruby: &Ruby, name: Symbol) -> Result<Self, Error> {
        let name = name.name()?;
        let found = Self::ALL.iter().find(|(own, _)| *own == name);
        found.map(|(_, watch)| *watch).ok_or_else(|| {
            let message = format!("no watch of the name {name}");
            errors::new(ruby.exception_arg_error(), message)
        })
    }
}

/// Whether anybody watches what becomes of pointers.
pub fn is_on() -> bool {
    WATCHED.load(Relaxed) & ALL_POINTERS != 0
}

pub fn is(watch: Watch) -> bool {
    WATCHED.load(Relaxed) & watch as u32 != 0
}

/// Turns a watch off. Returns whether it was on.
pub fn end(watch: Watch) -> bool {
    WATCHED.fetch_and(!(watch as u32), Relaxed) & watch as u32 != 0
}

/// A pointer, as far as who watches is concerned.
pub struct Subject {
    /// Unknown of what a C function has released, if it was made when nobody watched.
    pub class: Option<Value>,
    pub address: Option<usize>,
    /// In bytes.
    pub size: usize,
    /// A `SafePointer::Diagnostics::Origin`, if it was made when somebody watched.
    pub origin: Option<Value>,
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
        );
        diagnostics(ruby)?.funcall::<_, _, Value>("notify", event)?;
        Ok(())
    }
}

fn diagnostics(ruby: &Ruby) -> Result<RModule, Error> {
    pointer::class(ruby)?.const_get("Diagnostics")
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
    let needed = trace || outlives && (is(Watch::Events) || is(Watch::FreedByGc));
    match needed {
        true => diagnostics(ruby)?.funcall("origin", (class, address, trace)),
        false => Ok(None),
    }
}

/// A pointer has been made. `second` stands for it in [`ownership`] where its address seems to have another owner
/// already.
#[cold]
pub fn created(ruby: &Ruby, subject: &Subject, second: Option<Value>) -> Result<(), Error> {
    if let Some(owner) = second {
        let arguments = (owner, subject.class, subject.address);
        diagnostics(ruby)?.funcall::<_, _, Value>("check_owners", arguments)?;
    }
    subject.notify(ruby, "created", None)
}

/// A pointer has been released.
#[cold]
pub fn released(ruby: &Ruby, subject: &Subject, ending: Ending) -> Result<(), Error> {
    if is(Watch::FreedByGc) && matches!(ending.cause, Cause::Gc | Cause::Queue) {
        let arguments = (subject.class()?, subject.address, subject.made_at()?);
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
    if is(Watch::ReportAtExit) && end(Watch::ReportAtExit) {
        diagnostics(ruby)?.funcall::<_, _, Value>("report_at_exit", ())?;
    }
    Ok(())
}

/// Whether a watch is on.
fn is_watching(ruby: &Ruby, _class: RClass, name: Symbol) -> Result<bool, Error> {
    Ok(is(Watch::named(ruby, name)?))
}

/// Turns a watch on or off.
fn set_watching(ruby: &Ruby, _class: RClass, name: Symbol, on: bool) -> Result<(), Error> {
    let watch = Watch::named(ruby, name)?;
    if let Watch::SecondOwner = watch {
        owners::clear();
    }
    match on {
        true => WATCHED.fetch_or(watch as u32, Relaxed) & watch as u32 != 0,
        false => end(watch),
    };
    Ok(())
}

/// The address of a pointer that is alive and was made before this was watched.
fn know_owner(_class: RClass, address: usize) {
    owners::add(Some(address));
}

/// What `object`, a pointer or a releaser, owns: what stands for the owner, its class, address, size and origin, what
/// stands for its parent, and the release callable. Nil if it owns nothing that is alive.
fn ownership(ruby: &Ruby, _class: RClass, object: Value) -> Result<Option<RArray>, Error> {
    let releaser = match Obj::<Releaser>::try_convert(object) {
        Ok(releaser) => releaser,
        Err(_) => match carrier::peek(ruby, object)? {
            Holder::Nothing => return Ok(None),
            Holder::Releaser(releaser) => releaser,
            Holder::Native(_, slot) if slot.state.is_alive() => {
                let origin = slot
                    .origin
                    .get()
                    .and_then(|place| register::origin(ruby, place));
                let parts = ruby.ary_new_capa(7);
                parts.push(object)?;
                parts.push(object.class())?;
                parts.push(slot.address)?;
                parts.push(0)?;
                parts.push(origin)?;
                return Ok(Some(parts));
            }
            Holder::Native(..) => return Ok(None),
        },
    };
    if !releaser.is_counted() || !releaser.state().is_alive() || Releaser::is_released(releaser) {
        return Ok(None);
    }
    let subject = releaser.subject(ruby);
    let parent = Kin(releaser).tie().map(|tie| tie.parent.0);
    let parts = ruby.ary_new_capa(7);
    parts.push(releaser)?;
    parts.push(subject.class)?;
    parts.push(subject.address)?;
    parts.push(subject.size)?;
    parts.push(subject.origin)?;
    parts.push(parent)?;
    parts.push(releaser.callable(ruby))?;
    Ok(Some(parts))
}

/// Defines the private methods that `lib/safe_pointer/diagnostics.rb` is built on.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    let singleton = safe_pointer.singleton_class()?;
    singleton.define_private_method("watching?", method!(is_watching, 1))?;
    singleton.define_private_method("watch", method!(set_watching, 2))?;
    singleton.define_private_method("know_owner", method!(know_owner, 1))?;
    singleton.define_private_method("ownership", method!(ownership, 1))
}
