//! The program asks: `free`, or the release called by hand.

use std::hint::black_box;

use magnus::{Error, Ruby, Value, typed_data::Obj};
use safe_pointer_core::{Claim, Trigger, family};

use super::lease;
use crate::{
    holder,
    release::{announce, call, end},
    releaser::{
        Releaser,
        family_member::{FamilyMember, is_released},
        own_release::OwnCall,
    },
    ruby::errors,
    watch::cause::{Cause, Ending, Occasion},
};

/// Claims the release. One that has to wait is remembered, with the class's own method for it.
pub fn claim(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    own: impl FnOnce() -> Result<Option<OwnCall>, Error>,
) -> Result<Claim, Error> {
    lease::end_of_the_dead(ruby, releaser)?;
    let mut own_call = None;
    // Before the claim: whoever ends the last hold, on whatever thread, needs this right after.
    if releaser.state().is_held() && releaser.state().is_alive() {
        own_call = own()?;
        // The wait may be for what only the pointer keeps: it must not be kept itself.
        if let (Some(pointer), None) = (pointer, &own_call) {
            Releaser::know_owner(ruby, releaser, pointer)?;
        }
    }
    let claim = family::claim(&FamilyMember(releaser), Trigger::Free);
    match claim {
        Claim::Won => {}
        Claim::Deferred if own_call.is_some() || pointer.is_none() => {
            Releaser::set_request(releaser, pointer, own_call);
        }
        Claim::Deferred => {}
        Claim::Refused => {
            let announced = announce::refused(ruby, releaser, false);
            // The release of a parent may have begun, which is its own as well, and not be over.
            let nulled = errors::despite(&announced, || match is_released(releaser) {
                true => end::set_null(ruby, pointer),
                false => Ok(()),
            });
            errors::and(announced, nulled)?;
        }
    }
    Ok(claim)
}

/// Releases `pointer`, which `releaser` is of.
///
/// Within the class's own release of it, which `is_within` tells of, it has been claimed, and the callable is called unless
/// it has been already.
pub fn free(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    is_within: impl FnOnce() -> Result<bool, Error>,
) -> Result<(), Error> {
    match claim(ruby, releaser, pointer, || Ok(None))? {
        Claim::Won => {
            let result = call::callable(ruby, releaser);
            let ended = finish(ruby, releaser, pointer, &result);
            // Until here: the state lives in the object.
            black_box(releaser);
            errors::and(result, ended)
        }
        Claim::Refused if is_within()? => {
            let result = call::callable(ruby, releaser);
            let nulled = errors::despite(&result, || end::set_null(ruby, pointer));
            errors::and(result, nulled)
        }
        _ => Ok(()),
    }
}

/// Whether it is the class's own method that calls the base class's `free`: on its fiber, or on another one of its thread,
/// which it may have started. Others on such a fiber do not come there where the class has a `free` of its own.
pub fn is_super(ruby: &Ruby, releaser: Obj<Releaser>, pointer: Value) -> Result<bool, Error> {
    match releaser.is_in_own_release() {
        true => Ok(true),
        false => Ok(releaser.is_own_release_here() && holder::overrides_free(ruby, pointer)?),
    }
}

/// Releases `held`, given by hand, as the object that was wrapped.
pub fn by_hand(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    held: Value,
) -> Result<(), Error> {
    let won = claim(ruby, releaser, pointer, || Ok(None))? == Claim::Won;
    let mut result = Ok(());
    if won || releaser.is_in_own_release() {
        result = call::callable_by_hand(ruby, releaser, held);
    }
    if won {
        let ended = finish(ruby, releaser, pointer, &result);
        result = errors::and(result, ended);
    }
    result
}

/// Ends a release that the program has asked for, and that came to `result`.
pub fn finish(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    result: &Result<impl Sized, Error>,
) -> Result<(), Error> {
    let ending = Ending::new(Cause::Free, result);
    errors::despite(result, || {
        end::finish(ruby, releaser, pointer, ending, Occasion::Child)
    })
}
