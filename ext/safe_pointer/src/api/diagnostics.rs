//! The private methods that `lib/safe_pointer/diagnostics.rb` is built on.

use magnus::{Error, Module, RArray, RClass, Ruby, Symbol, Value, method, prelude::*};
use safe_pointer_core::family::Member;

use crate::{
    holder::{self, Holder, origin},
    releaser::{
        Releaser,
        family_member::{FamilyMember, is_released},
    },
    ruby::{class::class_of, data},
    watch::{
        flags::{self, Watch},
        owners,
    },
};

/// Whether a watch is on.
fn is_watching(ruby: &Ruby, _class: RClass, name: Symbol) -> Result<bool, Error> {
    Ok(flags::is(Watch::named(ruby, name)?))
}

/// Turns a watch on or off.
fn set_watching(ruby: &Ruby, _class: RClass, name: Symbol, on: bool) -> Result<(), Error> {
    let watch = Watch::named(ruby, name)?;
    if let Watch::SecondOwner = watch {
        owners::clear();
    }
    flags::set(watch, on);
    Ok(())
}

/// The address of a pointer that is alive and was made before this was watched.
fn know_owner(_class: RClass, address: usize) {
    owners::add(Some(address));
}

/// What `object`, a pointer or a releaser, owns: what stands for the owner, its class, address, size and origin, whether
/// GC and exit release it, what stands for its parent, and the release callable. Nil if it owns nothing that is alive.
fn ownership(ruby: &Ruby, _class: RClass, object: Value) -> Result<Option<RArray>, Error> {
    let releaser = match data::wrapped::<Releaser>(object) {
        Some(releaser) => releaser,
        None => match holder::peek(ruby, object)? {
            Holder::Nothing => return Ok(None),
            Holder::Releaser(releaser) => releaser,
            Holder::Native(_, slot) if slot.state.is_alive() => {
                let origin = slot.place.get().and_then(|place| origin::get(ruby, place));
                let parts = ruby.ary_new_capa(8);
                parts.push(object)?;
                parts.push(class_of(object))?;
                parts.push(slot.address)?;
                parts.push(0)?;
                parts.push(origin)?;
                parts.push(slot.state.autorelease())?;
                return Ok(Some(parts));
            }
            Holder::Native(..) => return Ok(None),
        },
    };
    if !releaser.is_counted() || !releaser.state().is_alive() || is_released(releaser) {
        return Ok(None);
    }
    let subject = releaser.subject(ruby);
    let parent = FamilyMember(releaser).tie().map(|tie| tie.parent.0);
    let parts = ruby.ary_new_capa(8);
    parts.push(releaser)?;
    parts.push(subject.class)?;
    parts.push(subject.address)?;
    parts.push(subject.size)?;
    parts.push(subject.origin)?;
    parts.push(releaser.state().autorelease())?;
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
