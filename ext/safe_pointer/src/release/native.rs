//! Releases by a C function.

use magnus::{Error, Ruby, Value};
use safe_pointer_core::{Claim, Trigger};

use super::{announce, call, end};
use crate::{
    ffi::{self, block::NativeSlot, native_function::NativeFunction},
    holder::{self, Holder, native_release::NativeRelease},
    ruby::{errors, registry::Place},
    watch::cause::{Cause, Ending, Occasion},
};

/// Releases `pointer`, which `slot` is of, now, if nobody has claimed it before: the program asks, or the process
/// ends. It is NULL then, and observers have been notified. Returns whether it did.
pub fn release(
    ruby: &Ruby,
    pointer: Value,
    release: &NativeRelease,
    slot: NativeSlot,
    trigger: Trigger,
) -> Result<bool, Error> {
    if slot.state.claim(trigger) != Claim::Won {
        return Ok(false);
    }
    call::native(release.function, slot.address);
    let cause = match trigger {
        Trigger::Free => Cause::Free,
        Trigger::Finalizer => Cause::Exit,
    };
    let ending = Ending::new(cause, &Ok(()));
    // The function may have called Ruby, and that have had a releaser take over the state.
    let heir = match slot.state.is_detached() {
        true => holder::peek(ruby, pointer)?,
        false => Holder::Nothing,
    };
    if let Holder::Releaser(heir) = heir {
        end::finish(ruby, heir, Some(pointer), ending, Occasion::Child)?;
        return Ok(true);
    }
    announce::count_native_released(slot.address, ending);
    let place = slot.place.take();
    let subject = announce::native_subject(ruby, Some(pointer), slot.address, place);
    slot.state.finish();
    let nulled = ffi::pointer::set_null(ruby, pointer);
    let told = errors::despite(&nulled, || announce::released(ruby, subject, ending));
    errors::and(nulled, told)?;
    Ok(true)
}

/// Releases what is at `address`, whose pointer has been swept, and had its origin kept at `origin`. The release has been
/// claimed.
pub fn release_swept(
    ruby: &Ruby,
    function: NativeFunction,
    address: usize,
    origin: Option<Place>,
    cause: Cause,
) -> Result<(), Error> {
    call::native(function, address);
    let ending = Ending::new(cause, &Ok(()));
    announce::count_native_released(address, ending);
    let subject = announce::native_subject(ruby, None, address, origin);
    announce::released(ruby, subject, ending)
}
