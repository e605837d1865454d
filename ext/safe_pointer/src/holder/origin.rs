//! The origin of a pointer that has no releaser: kept in the registry, for who watches.

use magnus::{Ruby, TypedData, Value, prelude::*};

use crate::{
    releaser::Releaser,
    ruby::registry::{self, Place},
};

/// The origin at `place`, which stays there.
pub fn get(ruby: &Ruby, place: Place) -> Option<Value> {
    registry::get(ruby, place).filter(|kept| !is_releaser(ruby, *kept))
}

/// The origin at `place`, which is vacant afterwards.
pub fn take(ruby: &Ruby, place: Place) -> Option<Value> {
    registry::take(ruby, place).filter(|kept| !is_releaser(ruby, *kept))
}

/// Runs no Ruby, which a conversion that fails would.
fn is_releaser(ruby: &Ruby, kept: Value) -> bool {
    kept.is_kind_of(Releaser::class(ruby))
}
