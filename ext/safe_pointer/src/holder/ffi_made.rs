//! Pointers that ffi has made: before `FFI::AutoPointer` was replaced, or while it was.
//!
//! Each has a releaser of ffi's, in `@releaser` and as its finalizer. When pointer or releaser is first touched, a releaser
//! of ours becomes the successor of that one, whose methods ask it from then on (`lib/safe_pointer/auto_pointer`).

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use magnus::{
    Error, RClass, RModule, Ruby, TryConvert, Value, prelude::*, rb_sys::AsRawValue,
    typed_data::Obj, value::Opaque,
};
use safe_pointer_core::Trigger;

use super::variable;
use crate::{
    ffi::{self, block, classes},
    releaser::{Message, Parts, Releaser, family_member::is_released},
    ruby::{class::class_of, data, hidden_variable::HiddenVariable, namespace},
    watch::owners,
};

/// Whether releasers of ffi's get successors.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// What a releaser of ffi's has: the object that was wrapped, nil after the release.
static PTR: HiddenVariable = HiddenVariable::new("@ptr");
static PROC: HiddenVariable = HiddenVariable::new("@proc");
static AUTORELEASE: HiddenVariable = HiddenVariable::new("@autorelease");

/// Set where ffi's own `free` has begun the release: `true` where that is sure, `false` where it may be another one's.
static CLAIMED: HiddenVariable = HiddenVariable::new("safe_pointer_claimed");
static SUCCESSOR: HiddenVariable = HiddenVariable::new("safe_pointer_successor");

/// A releaser of ffi's that is frozen, and can be given no variable: what those above would have.
struct Frozen {
    old: Opaque<Value>,
    claimed: Option<bool>,
    successor: Option<Opaque<Obj<Releaser>>>,
}

/// Kept for ever: they were all made before AutoPointer was replaced.
static FROZEN: Mutex<Vec<Frozen>> = Mutex::new(vec![]);

/// Calls `body` with what stands for the variables of `old`, which is frozen. No Ruby runs meanwhile.
fn with_frozen<T>(ruby: &Ruby, old: Value, body: impl FnOnce(&mut Frozen) -> T) -> T {
    let is_old = |one: &Frozen| ruby.get_inner(one.old).as_raw() == old.as_raw();
    let lock = || FROZEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_known = lock().iter().any(is_old);
    if !is_known {
        ruby.gc_register_mark_object(old);
    }
    // Looked for again, as another Ractor may have been here.
    let mut frozen = lock();
    let index = frozen.iter().position(is_old).unwrap_or_else(|| {
        frozen.push(Frozen {
            old: old.into(),
            // It may have been frozen later.
            claimed: CLAIMED.get(old).map(Value::to_bool),
            successor: None,
        });
        frozen.len() - 1
    });
    body(&mut frozen[index])
}

/// From here on releasers of ffi's get successors, and none begins a release by itself.
pub fn begin() {
    BEGUN.store(true, Relaxed);
}

/// Has ffi's own methods release what `old`, a releaser of ffi's, is of. Returns `false` where that has been claimed, or
/// is its successor's to do. No Ruby runs meanwhile.
pub fn claim(ruby: &Ruby, old: Value, is_sure: bool) -> Result<bool, Error> {
    if BEGUN.load(Relaxed) || claimed(ruby, old).is_some() {
        return Ok(false);
    }
    let claimed = match is_sure {
        true => ruby.qtrue().as_value(),
        false => ruby.qfalse().as_value(),
    };
    match old.is_frozen() {
        true => with_frozen(ruby, old, |frozen| frozen.claimed = Some(is_sure)),
        false => CLAIMED.set(old, claimed)?,
    }
    Ok(true)
}

fn claimed(ruby: &Ruby, old: Value) -> Option<bool> {
    match old.is_frozen() {
        true => with_frozen(ruby, old, |frozen| frozen.claimed),
        false => CLAIMED.get(old).map(Value::to_bool),
    }
}

/// What answers for `old`, a releaser of ffi's: its successor, or as long as ffi's own methods release, one that is
/// releasing. `None` as long as there are none. `class` is that of its pointer, and `is_dead` says that this is gone.
pub fn successor(
    ruby: &Ruby,
    old: Value,
    class: RClass,
    is_dead: bool,
) -> Result<Option<Obj<Releaser>>, Error> {
    match BEGUN.load(Relaxed) {
        true => find_successor(ruby, old, class, is_dead).map(Some),
        false => Ok(None),
    }
}

/// The same, once there are some.
fn find_successor(
    ruby: &Ruby,
    old: Value,
    class: RClass,
    is_dead: bool,
) -> Result<Obj<Releaser>, Error> {
    loop {
        if let Some(releaser) = known(ruby, old) {
            return Ok(releaser);
        }
        let (held, callable) = (PTR.get(old), PROC.get(old));
        let releaser = make(ruby, old, class, held, callable)?;
        if held.is_some() && is_under_way(ruby, old, is_dead)? {
            let _ = releaser.state().claim(Trigger::Free);
            releaser.state().claim_call();
            return Ok(releaser);
        }
        // No Ruby runs from here on. Another thread may have been here, or in the release.
        let unchanged = is_same(held, PTR.get(old)) && is_same(callable, PROC.get(old));
        if unchanged && known(ruby, old).is_none() {
            succeed(ruby, old, releaser)?;
            return Ok(releaser);
        }
    }
}

/// Whether ffi's own `free` is still releasing. It says so when it has ended, unless it has raised.
fn is_under_way(ruby: &Ruby, old: Value, is_dead: bool) -> Result<bool, Error> {
    let Some(is_sure) = claimed(ruby, old) else {
        return Ok(false);
    };
    // What is freed is alive.
    if (is_sure || !is_dead) && replacement(ruby)?.funcall("under_way?", (old,))? {
        return Ok(true);
    }
    // One that is frozen does not say when it has ended.
    if !is_sure && !old.is_frozen() {
        CLAIMED.remove(old)?;
    }
    Ok(false)
}

fn known(ruby: &Ruby, old: Value) -> Option<Obj<Releaser>> {
    if let Some(releaser) = SUCCESSOR.get(old) {
        return data::wrapped(releaser);
    }
    let successor = old
        .is_frozen()
        .then(|| with_frozen(ruby, old, |frozen| frozen.successor));
    Some(ruby.get_inner(successor??))
}

fn is_same(one: Option<Value>, other: Option<Value>) -> bool {
    one.map(|value| value.as_raw()) == other.map(|value| value.as_raw())
}

fn make(
    ruby: &Ruby,
    old: Value,
    class: RClass,
    held: Option<Value>,
    callable: Option<Value>,
) -> Result<Obj<Releaser>, Error> {
    let nil = ruby.qnil().as_value();
    let address = match held {
        Some(held) => ffi::pointer::address_of(ruby, held)?,
        None => None,
    };
    let parts = Parts {
        class,
        held: held.unwrap_or(nil),
        address,
        callable: replacement(ruby)?.funcall("callable", (old, callable.unwrap_or(nil)))?,
        message: Message::Call,
    };
    Ok(Releaser::new(ruby, parts))
}

/// Makes `releaser` the successor of `old`, which is left with nothing to release.
fn succeed(ruby: &Ruby, old: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match old.is_frozen() {
        true => {
            ruby.gc_register_mark_object(releaser);
            with_frozen(ruby, old, |frozen| frozen.successor = Some(releaser.into()));
        }
        false => SUCCESSOR.set(old, releaser.as_value())?,
    }
    let state = releaser.state();
    // Once it was claimed, it was released, or has raised.
    if PTR.get(old).is_none() || claimed(ruby, old).is_some() {
        let _ = state.claim(Trigger::Free);
        state.finish();
        releaser.let_go(ruby);
        return Ok(());
    }
    if !AUTORELEASE.get(old).is_some_and(|on| on.to_bool()) {
        state.set_autorelease(false);
    }
    // Where it was made, nobody knows any more.
    releaser.count_made();
    owners::add(releaser.address());
    match old.is_frozen() {
        true => Ok(()),
        false => PTR.remove(old),
    }
}

/// The releaser of `pointer`, if ffi has made that, and AutoPointer has been replaced.
pub fn take_over(ruby: &Ruby, pointer: Value) -> Result<Option<Obj<Releaser>>, Error> {
    if !BEGUN.load(Relaxed) || !pointer.is_kind_of(classes::auto_pointer_class(ruby)?) {
        return Ok(None);
    }
    let Some(old) = variable::VISIBLE_RELEASER.get(pointer) else {
        return Ok(None);
    };
    if !old.is_kind_of(classes::auto_pointer_releaser_class(ruby)?) {
        return Ok(None);
    }
    let class = class_of(pointer);
    let releaser = find_successor(ruby, old, class, false)?;
    Releaser::know_owner(ruby, releaser, pointer)?;
    // No Ruby runs until it is attached. What ffi's own methods are releasing gets its successor later.
    if known(ruby, old).is_none_or(|known| known.as_raw() != releaser.as_raw()) {
        return Ok(Some(releaser));
    }
    match (block::slot(pointer), pointer.is_frozen()) {
        (Some(slot), _) => slot.hold(pointer, releaser.as_value()),
        (None, false) => variable::RELEASER.set(pointer, releaser.as_value())?,
        // Found by way of `@releaser` each time.
        (None, true) => {}
    }
    if !pointer.is_frozen() {
        variable::VISIBLE_RELEASER.set(pointer, releaser.as_value())?;
    }
    if is_released(releaser) {
        ffi::pointer::set_null(ruby, pointer)?;
    }
    // It has methods of its own.
    if pointer.class().as_raw() != class.as_raw() {
        let _: Value = namespace::get(ruby, "Guard")?.funcall("guard_singleton", (pointer,))?;
    }
    Ok(Some(releaser))
}

/// The Ruby side of this.
fn replacement(ruby: &Ruby) -> Result<RModule, Error> {
    RModule::try_convert(namespace::get(ruby, "AutoPointer")?)
}

/// Prepares the variables.
pub fn init(ruby: &Ruby) {
    for name in [&PTR, &PROC, &AUTORELEASE, &CLAIMED, &SUCCESSOR] {
        name.init(ruby);
    }
}
