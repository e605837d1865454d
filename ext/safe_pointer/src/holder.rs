//! What a pointer is released by, and where it keeps that.
//!
//! A pointer is an object of ffi's, so nothing of ours can be its data. It is behind ffi's own data, where ffi allows that
//! ([`block`]); otherwise in an instance variable ([`variable`]).

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue, protect},
    typed_data::Obj,
    value::LazyId,
};
use safe_pointer_core::State;

use crate::{
    ffi::{
        block::{self, Held, NativeSlot},
        classes, pointer,
    },
    releaser::{Message, Parts, Releaser, family_member::is_released, release_name::ReleaseName},
    ruby::{
        class::class_of,
        data, finalizer, namespace,
        registry::{self, Reservation},
    },
};

pub mod attachment;
pub mod class_info;
pub mod ffi_made;
pub mod native_release;
pub mod origin;
pub mod parent;
mod variable;

use native_release::NativeRelease;

/// What a class defines to release its pointers.
pub static RELEASE: LazyId = LazyId::new("release");

/// What a pointer is released by.
pub enum Holder<'a> {
    Nothing,
    Releaser(Obj<Releaser>),
    Native(&'static NativeRelease, NativeSlot<'a>),
}

impl Holder<'_> {
    /// How far the release has come.
    pub fn state(&self) -> Option<&State> {
        match self {
            Holder::Nothing => None,
            Holder::Releaser(releaser) => Some(releaser.state()),
            Holder::Native(_, slot) => Some(slot.state),
        }
    }
}

/// What `pointer` is released by: nothing where it was allocated and never initialized, or is not one of ours. One that ffi
/// has made is taken over.
///
/// The state of a native release is in the pointer: keep it alive.
pub fn peek<'a>(ruby: &Ruby, pointer: Value) -> Result<Holder<'a>, Error> {
    let releaser = match block::slot(pointer) {
        None => variable::get(pointer),
        Some(slot) => match slot.held() {
            Held::Nothing => None,
            Held::Object(held) => data::wrapped(held),
            Held::Address(address) => {
                let native = NativeRelease::at(address).zip(slot.native());
                return Ok(native.map_or(Holder::Nothing, |(release, slot)| {
                    Holder::Native(release, slot)
                }));
            }
        },
    };
    let releaser = match releaser {
        None => ffi_made::take_over(ruby, pointer)?,
        found => found,
    };
    Ok(releaser.map_or(Holder::Nothing, Holder::Releaser))
}

/// Whether the release of `pointer` is over.
pub fn is_freed(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    Ok(match peek(ruby, pointer)? {
        Holder::Nothing => false,
        Holder::Releaser(releaser) => is_released(releaser),
        Holder::Native(_, slot) => slot.state.is_released(),
    })
}

/// The releaser of `pointer`, if it is released by anything. A native release is replaced by one for what it cannot do:
/// to have relatives, to be waited for, to run a method of the class.
pub fn find(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    find_after(ruby, pointer, |_| ())
}

/// The same. What `before` does to the state of a native release is done right before that is replaced: no Ruby runs in
/// between.
pub fn find_after(
    ruby: &Ruby,
    pointer: Value,
    before: impl FnOnce(&State),
) -> Result<Option<Obj<Releaser>>, Error> {
    let (releaser, reservation) = match peek(ruby, pointer)? {
        Holder::Nothing => return Ok(None),
        Holder::Releaser(releaser) => return Ok(Some(releaser)),
        Holder::Native(release, slot) => heir(ruby, pointer, release, slot.address)?,
    };
    // Ruby has run, and another thread may have been here. None runs from here on.
    let slot = match peek(ruby, pointer)? {
        Holder::Nothing => return Ok(None),
        Holder::Releaser(found) => return Ok(Some(found)),
        Holder::Native(_, slot) => slot,
    };
    before(slot.state);
    let origin = slot
        .place
        .take()
        .and_then(|place| origin::take(ruby, place));
    if let Some(origin) = origin {
        Releaser::set_origin(releaser, origin);
    }
    // The pointer has been counted when it was made, and at its end if that has come.
    if !slot.state.is_released() && !slot.state.is_detached() {
        releaser.count_inherited();
    }
    // Whoever is releasing it has the pointer object, or there is nothing left to release.
    let reservation = reservation.filter(|_| slot.state.is_owned());
    let kept = reservation.and_then(|reservation| reservation.keep(ruby, releaser.as_value()));
    if let Some(place) = kept {
        slot.place.set(place);
    }
    slot.state.move_to(releaser.state());
    if let Some(slot) = block::slot(pointer) {
        slot.hold(pointer, releaser.as_value());
    }
    Ok(Some(releaser))
}

/// A releaser that can take over from the native release of `pointer`, and until then has nothing to release; and a place
/// for it, unless Ruby looks after it.
fn heir(
    ruby: &Ruby,
    pointer: Value,
    release: &NativeRelease,
    address: usize,
) -> Result<(Obj<Releaser>, Option<Reservation>), Error> {
    let class = class_of(pointer);
    let parts = Parts {
        class,
        // For the class's `release`.
        held: pointer::at(ruby, address)?,
        address: Some(address),
        callable: class.as_value(),
        message: Message::Release(ReleaseName::unknown(*RELEASE)),
    };
    let releaser = Releaser::with_state(ruby, parts, State::given_away());
    if !release.jobs.is_default() {
        releaser.set_queue(ruby, &release.jobs)?;
    }
    // What comes after the last call of the finalizer, Ruby looks after.
    if finalizer::is_over() {
        define_finalizer(pointer, releaser)?;
        return Ok((releaser, None));
    }
    finalizer::ensure_sentinel(ruby, block::is_freed_within_sweep());
    Ok((releaser, Some(Reservation::new(ruby)?)))
}

/// Has `releaser` release `pointer` when that is gone, or the process ends.
pub fn keep(ruby: &Ruby, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match block::slot(pointer) {
        // What comes after the last call of the finalizer, Ruby looks after.
        Some(slot) if !finalizer::is_over() => {
            pointer.check_frozen()?;
            let place = registry::keep(ruby, releaser.as_value())?;
            slot.place().set(place);
            finalizer::ensure_sentinel(ruby, block::is_freed_within_sweep());
            Ok(())
        }
        _ => define_finalizer(pointer, releaser),
    }
}

/// Has Ruby call `releaser` when `object` is gone, or the process ends.
pub fn define_finalizer(object: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    protect(|| {
        // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
        // catches what it raises.
        unsafe { rb_sys::rb_define_finalizer(object.as_raw(), releaser.as_raw()) }
    })?;
    Ok(())
}

/// Has nobody release `pointer` any more. Returns the releaser that was to.
pub fn take_releaser(ruby: &Ruby, pointer: Value) -> Option<Obj<Releaser>> {
    let place = block::slot(pointer)?.place().take()?;
    data::wrapped(registry::take(ruby, place)?)
}

/// The pointer of `releaser`, if it is still there and the program has reached for the releaser. At GC it is gone.
pub fn pointer_of(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    let Some(pointer) = Releaser::known_owner(ruby, releaser)? else {
        return Ok(None);
    };
    let found = find(ruby, pointer)?.filter(|found| found.as_raw() == releaser.as_raw());
    Ok(found.map(|_| pointer))
}

/// Whether a call of `free` of `pointer` comes to another method than ours.
pub fn overrides_free(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    let name = ruby.to_symbol("free").as_raw();
    // SAFETY: a live object and a Symbol, with the GVL held; `protect` catches what is raised.
    let method = protect(|| unsafe { rb_sys::rb_obj_method(pointer.as_raw(), name) })?;
    // SAFETY: what was returned just now: a Method.
    let owner: Value = unsafe { Value::from_raw(method) }.funcall("owner", ())?;
    let ours = [namespace::class(ruby)?, classes::auto_pointer_class(ruby)?];
    Ok(ours.iter().all(|class| class.as_raw() != owner.as_raw()))
}

/// Puts the releaser of `pointer` into `@releaser`, where `FFI::AutoPointer` has it, for code of its class that
/// looks there. A frozen pointer keeps what it has.
pub fn expose(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    let Some(releaser) = find(ruby, pointer)? else {
        return Ok(());
    };
    if !pointer.is_frozen() && is_attached(pointer) {
        variable::VISIBLE_RELEASER.set(pointer, releaser.as_value())?;
    }
    Releaser::know_owner(ruby, releaser, pointer)
}

/// Whether `pointer` has a releaser of ours. What ffi's own methods are releasing gets its one later.
fn is_attached(pointer: Value) -> bool {
    match block::slot(pointer) {
        Some(slot) => !matches!(slot.held(), Held::Nothing),
        None => variable::get(pointer).is_some(),
    }
}

/// The native memory of a pointer that holds `held`, in bytes. May be called in the midst of a garbage collection.
pub fn native_size_at_gc(held: Value) -> usize {
    data::wrapped::<Releaser>(held).map_or(0, |releaser| releaser.counted_memory())
}

/// Prepares the places where pointers keep what they are released by.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    LazyId::force(&RELEASE, ruby);
    variable::init(ruby);
    ffi_made::init(ruby);
    class_info::init(ruby)
}
