//! Notifies observers of what becomes of pointers.

use magnus::{Error, RClass, Ruby, TryConvert, Value, prelude::*, typed_data::Obj};

use crate::{
    holder::{self, Holder, origin},
    releaser::Releaser,
    ruby::{
        class::class_of,
        registry::{Place, Reservation},
    },
    watch::{
        cause::Ending,
        events::{self, Subject},
        flags, owners, stats,
    },
};

/// Counts what `releaser` is to release from now on, and notifies observers.
pub fn made(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    match releaser.count_made() && flags::is_on() {
        true => notify_made(ruby, releaser),
        false => Ok(()),
    }
}

#[cold]
fn notify_made(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    // First, as it ends with the release, which may come while Ruby runs.
    let second = owners::add(releaser.address()).then(|| releaser.as_value());
    let class = RClass::try_convert(releaser.pointer_class(ruby))?;
    if let Some(origin) = events::origin(ruby, class, releaser.address(), false)? {
        Releaser::set_origin(releaser, origin);
    }
    events::created(ruby, &releaser.subject(ruby), second)
}

/// The pointer as observers see it when it has come to its end, if there are any. To be asked for before that, as
/// the end lets go of what the release needed.
pub fn subject(ruby: &Ruby, releaser: Obj<Releaser>) -> Option<Subject> {
    flags::is_on().then(|| releaser.subject(ruby))
}

/// The release is over, and has been counted.
pub fn released(ruby: &Ruby, subject: Option<Subject>, ending: Ending) -> Result<(), Error> {
    match subject {
        Some(subject) => events::released(ruby, &subject, ending),
        None => Ok(()),
    }
}

/// Counts the pointer as given away, and notifies observers.
pub fn given_away(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    subject: Option<Subject>,
) -> Result<(), Error> {
    detached(ruby, subject, releaser.count_detached(false))
}

/// Somebody has asked for the release, and nothing is to be done: counts what became of the pointer if that has not
/// been done. `gone` says that nobody is expected to ask again.
pub fn refused(ruby: &Ruby, releaser: Obj<Releaser>, gone: bool) -> Result<(), Error> {
    refused_of(ruby, releaser, subject(ruby, releaser), gone)
}

/// The same of the pointer that `subject` is.
pub fn refused_of(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    subject: Option<Subject>,
    gone: bool,
) -> Result<(), Error> {
    if !releaser.is_counted() {
        return Ok(());
    }
    if releaser.state().is_released() {
        return match releaser.count_released(Ending::BY_PARENT) {
            true => released(ruby, subject, Ending::BY_PARENT),
            false => Ok(()),
        };
    }
    let given_up = gone && releaser.state().is_owned() && releaser.count_detached(true);
    detached(ruby, subject, given_up)
}

fn detached(ruby: &Ruby, subject: Option<Subject>, counted: bool) -> Result<(), Error> {
    match subject.filter(|_| counted) {
        Some(subject) => events::detached(ruby, &subject),
        None => Ok(()),
    }
}

/// Counts `pointer`, which was made for a C function to release what is at `address`, and tells who watches.
pub fn made_native(ruby: &Ruby, pointer: Value, address: usize) -> Result<(), Error> {
    stats::created();
    match flags::is_on() {
        true => notify_made_native(ruby, pointer, address),
        false => Ok(()),
    }
}

#[cold]
fn notify_made_native(ruby: &Ruby, pointer: Value, address: usize) -> Result<(), Error> {
    let class = class_of(pointer);
    // First, as in `notify_made`.
    let second = owners::add(Some(address)).then_some(pointer);
    let origin = events::origin(ruby, class, Some(address), true)?;
    if let Some(origin) = origin {
        set_origin(ruby, pointer, origin)?;
    }
    let subject = native(Some(class.as_value()), address, origin);
    events::created(ruby, &subject, second)
}

/// Remembers where `pointer` was made, which may have got a releaser or been released meanwhile.
fn set_origin(ruby: &Ruby, pointer: Value, origin: Value) -> Result<(), Error> {
    let reservation = Reservation::new(ruby)?;
    match holder::peek(ruby, pointer)? {
        Holder::Native(_, slot) if slot.state.is_alive() => {
            if let Some(place) = reservation.keep(ruby, origin) {
                slot.place.set(place);
            }
        }
        Holder::Releaser(releaser) => Releaser::set_origin(releaser, origin),
        Holder::Native(..) | Holder::Nothing => {}
    }
    Ok(())
}

pub fn count_native_released(address: usize, ending: Ending) {
    stats::released(ending);
    owners::remove(Some(address));
}

pub fn count_native_detached(address: usize) {
    stats::detached();
    owners::remove(Some(address));
}

/// What was made at `address` for a C function to release, as observers see its end, if there are any. `pointer` is
/// `None` where it is gone; its origin is kept at `place`.
pub fn native_subject(
    ruby: &Ruby,
    pointer: Option<Value>,
    address: usize,
    place: Option<Place>,
) -> Option<Subject> {
    if place.is_none() && !flags::is_on() {
        return None;
    }
    let origin = place.and_then(|place| origin::take(ruby, place));
    let class = pointer.map(|pointer| class_of(pointer).as_value());
    Some(native(class, address, origin))
}

fn native(class: Option<Value>, address: usize, origin: Option<Value>) -> Subject {
    Subject {
        class,
        address: Some(address),
        size: 0,
        origin,
        callable: None,
    }
}
