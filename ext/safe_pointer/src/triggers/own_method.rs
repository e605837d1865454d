//! A method of the class's own is called that releases: its `free`, another name of it, or `release` by hand.

use magnus::{Error, Ruby, Value, prelude::*};
use safe_pointer_core::{Claim, Trigger};

use super::free;
use crate::{
    ffi, holder,
    release::call,
    releaser::own_release::{Entry, OwnCall, OwnMethod},
    ruby::errors,
};

/// Claims the release of `pointer` if nobody has, and calls the block, which is `method`, if it may run. Without a
/// releaser, as in a subclass whose constructor never calls `super`, the block is none of our business and just runs.
///
/// Returns what the block returns, or `nil` if it may not run, or not now.
pub fn call(ruby: &Ruby, pointer: Value, method: OwnMethod) -> Result<Value, Error> {
    let pointer = ffi::pointer::memory(ruby, pointer)?;
    if method.entry == Entry::Release && is_null(ruby, pointer)? {
        return Ok(ruby.qnil().as_value());
    }
    let mut won = false;
    // The claim of a native release comes first, so that the releaser that takes over need not be kept in the registry.
    let releaser = holder::find_after(ruby, pointer, |state| {
        won = state.claim(Trigger::Free) == Claim::Won;
    })?;
    let Some(releaser) = releaser else {
        return ruby.yield_values(());
    };
    let body = || ruby.yield_values(());
    let own = || {
        let block = ruby.block_proc()?.into();
        Ok(Some(OwnCall { method, block }))
    };
    let claim = match won {
        true => Claim::Won,
        false => free::claim(ruby, releaser, Some(pointer), own)?,
    };
    match claim {
        Claim::Won => {
            let result = call::own_method(ruby, releaser, pointer, method, body);
            let ended = free::finish(ruby, releaser, Some(pointer), &result);
            errors::and(result, ended)
        }
        Claim::Deferred => Ok(ruby.qnil().as_value()),
        Claim::Refused => call::admitted(ruby, releaser, releaser.admit(method), body),
    }
}

fn is_null(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    Ok(ffi::pointer::is_pointer(ruby, pointer)? && ffi::pointer::address(ruby, pointer)? == 0)
}
