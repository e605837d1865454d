//! The class `SafePointer`.

use magnus::{
    Error, Module, RClass, RString, Ruby, Symbol, Value, method,
    prelude::*,
    rb_sys::{AsRawValue, protect},
};
use safe_pointer_core::{State, Trigger};

use super::{construction, conversion, lifetime};
use crate::{
    ffi::{
        block::{Hooks, allocation},
        classes,
    },
    holder::{self, Holder},
    release::{give_away, native},
    releaser::{Releaser, family_member::is_released},
    ruby::{
        errors::{self, class_name},
        finalizer, namespace,
    },
    triggers::{self, dead},
};

/// Releases the pointer now and makes it NULL. Does nothing the second time, and while another release
/// of the same pointer is under way, on whatever thread.
///
/// While there are leases ({#use}) or children, the release waits for them to end, and this returns.
///
/// The release runs on the calling thread. An error it raises comes out of here; the pointer counts as
/// released all the same.
///
/// @overload free
/// @return [nil]
fn free(ruby: &Ruby, rb_self: Value, args: &[Value]) -> Result<(), Error> {
    let releaser = match holder::peek(ruby, rb_self)? {
        Holder::Nothing => None,
        Holder::Releaser(releaser) => Some(releaser),
        Holder::Native(release, slot) => {
            ruby.check_arity(args.len(), 0..1)?;
            return native::release(ruby, rb_self, release, slot, Trigger::Free).map(drop);
        }
    };
    // A bare `super` in an own `free` hands on that method's arguments, which mean nothing here.
    if !releaser.is_some_and(|releaser| releaser.has_own_release()) {
        ruby.check_arity(args.len(), 0..1)?;
    }
    let Some(releaser) = releaser else {
        return Ok(());
    };
    let is_super = || triggers::free::is_super(ruby, releaser, rb_self);
    triggers::free::free(ruby, releaser, Some(rb_self), is_super)
}

/// Whether the release is over. `false` while it runs or waits, and before it was ever asked for.
///
/// @return [Boolean]
fn is_freed(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    holder::is_freed(ruby, rb_self)
}

/// Whether GC and exit release the pointer. `false` once it is released.
///
/// @return [Boolean]
fn is_autorelease(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    let holder = holder::peek(ruby, rb_self)?;
    Ok(holder.state().is_some_and(State::autorelease))
}

/// Lets GC and exit release the pointer, or keeps them from doing so. An explicit `free` releases in
/// either case.
///
/// @param on [Boolean] as any object: whether it is neither nil nor false
/// @return [Object] `on`
/// @raise [FrozenError] if the pointer is frozen
fn set_autorelease(ruby: &Ruby, rb_self: Value, on: Value) -> Result<Value, Error> {
    if rb_self.is_frozen() {
        let class = class_name(rb_self)?;
        let message = format!("can't modify frozen {class}");
        return Err(errors::new(ruby.exception_frozen_error(), message));
    }
    let on_or_off = on.to_bool();
    match holder::peek(ruby, rb_self)? {
        Holder::Releaser(releaser) => releaser.set_autorelease(ruby, on_or_off),
        Holder::Native(_, slot) => slot.state.set_autorelease(on_or_off),
        Holder::Nothing => {
            let class = class_name(rb_self)?;
            return Err(errors::runtime(
                ruby,
                format!("{class}#autorelease=: not initialized"),
            ));
        }
    }
    Ok(on)
}

/// Keeps GC and exit from releasing `pointer`, whatever it is, and frozen or not.
fn disown(ruby: &Ruby, _class: RClass, pointer: Value) -> Result<(), Error> {
    match holder::peek(ruby, pointer)? {
        Holder::Nothing => {}
        Holder::Releaser(releaser) => releaser.set_autorelease(ruby, false),
        Holder::Native(_, slot) => slot.state.set_autorelease(false),
    }
    Ok(())
}

/// Gives the pointer away: returns the object that was wrapped, and nothing releases it from here any more,
/// neither `free` nor GC nor exit. This object keeps its address.
///
/// Its parent does not wait for it any longer. It still waits for its children itself, before its parent is
/// released.
///
/// @return [FFI::Pointer]
/// @raise [SafePointer::ReleasedError] if somebody has asked for the release, or it is detached already
fn detach(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    let held = match holder::find(ruby, rb_self)? {
        Some(releaser) => give_away::detach(ruby, releaser)?,
        None => None,
    };
    match held {
        Some(held) => Ok(held),
        None => {
            let message = format!(
                "{}#detach: {} owns no pointer to give away",
                class_name(rb_self)?,
                errors::inspect(rb_self)?
            );
            Err(namespace::released_error(ruby, message)?)
        }
    }
}

/// Whether the pointer has been given away with `detach`.
///
/// @return [Boolean]
fn is_detached(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    let holder = holder::peek(ruby, rb_self)?;
    Ok(holder.state().is_some_and(State::is_detached))
}

/// As `Object#freeze`. A frozen pointer can be used, freed and have children like any other.
///
/// @return [self]
fn freeze(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    // What a native release needs for more than a `free`, it cannot be given later.
    if let Holder::Native(_, slot) = holder::peek(ruby, rb_self)? {
        if slot.state.is_owned() {
            holder::find(ruby, rb_self)?;
        }
    }
    ruby.call_super(())
}

/// A pointer has one owner, so it has no copies.
///
/// @overload dup(*arguments)
/// @return [void]
/// @raise [RuntimeError] always, before there is a copy (ffi/ffi#1155)
fn dup(ruby: &Ruby, rb_self: Value, _args: &[Value]) -> Result<Value, Error> {
    let class = match rb_self.is_kind_of(namespace::class(ruby)?) {
        true => "SafePointer",
        false => "FFI::AutoPointer",
    };
    Err(errors::runtime(ruby, format!("cannot duplicate {class}")))
}

/// Reached only where `dup` of another class is bound to the pointer: Ruby has copied the finalizer, so
/// the copy must lose it before it dies.
fn initialize_copy(ruby: &Ruby, rb_self: Value, _other: Value) -> Result<Value, Error> {
    protect(|| {
        // SAFETY: called with the GVL held, on a value that the caller's frame keeps alive; `protect`
        // catches what it raises.
        unsafe { rb_sys::rb_undefine_finalizer(rb_self.as_raw()) }
    })?;
    dup(ruby, rb_self, &[])
}

/// The address the pointer had before its release made it NULL; 0 if that was before `FFI::AutoPointer` was
/// replaced, which does not know it any more. `nil` of a pointer that is not released.
///
/// @return [Integer, nil]
fn released_address(ruby: &Ruby, rb_self: Value) -> Result<Option<usize>, Error> {
    Ok(match holder::peek(ruby, rb_self)? {
        Holder::Releaser(releaser) if is_released(releaser) => {
            Some(releaser.address().unwrap_or(0))
        }
        Holder::Native(_, slot) if slot.state.is_released() => Some(slot.address),
        _ => None,
    })
}

/// As `FFI::Pointer#inspect`; of a released pointer the address it had, and `freed`.
///
/// @return [String]
fn inspect(ruby: &Ruby, rb_self: Value) -> Result<String, Error> {
    // As many digits as `%p` has in ffi.
    const DIGITS: usize = 2 * size_of::<usize>();
    match released_address(ruby, rb_self)? {
        Some(address) => {
            let class = class_name(rb_self)?;
            Ok(format!("#<{class} address=0x{address:0DIGITS$x} freed>"))
        }
        None => ruby.call_super(()),
    }
}

/// As `Object#instance_variable_get`. Answers for `@releaser` too, which `FFI::AutoPointer` has and which
/// this class keeps elsewhere where it can.
///
/// @param name [Symbol, String]
/// @return [Object]
fn instance_variable_get(ruby: &Ruby, rb_self: Value, name: Value) -> Result<Value, Error> {
    let is_releaser = match Symbol::from_value(name) {
        Some(name) => name.name()? == "@releaser",
        None => RString::from_value(name).is_some_and(|name| {
            // SAFETY: compared before anything else happens to it.
            let name = unsafe { name.as_slice() };
            name == b"@releaser"
        }),
    };
    if is_releaser {
        if let Some(releaser) = holder::find(ruby, rb_self)? {
            Releaser::know_owner(ruby, releaser, rb_self)?;
            return Ok(releaser.as_value());
        }
    }
    ruby.call_super((name,))
}

/// Gives `SafePointer` its methods.
pub fn init(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    install(ruby, class)?;
    construction::install(class)?;
    allocation::init(ruby, class, hooks())?;
    class
        .singleton_class()?
        .define_private_method("disown", method!(disown, 1))
}

/// Puts the methods of SafePointer, but for the constructor, into `class`, a subclass of `FFI::Pointer`, in the place of
/// those it has.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    classes::install(ruby, class)?;
    class.define_method("initialize_copy", method!(initialize_copy, 1))?;
    class.define_method("dup", method!(dup, -1))?;
    class.define_method("clone", method!(dup, -1))?;
    class.define_method("free", method!(free, -1))?;
    class.define_method("freeze", method!(freeze, 0))?;
    class.define_method("freed?", method!(is_freed, 0))?;
    class.define_method("released_address", method!(released_address, 0))?;
    class.define_method("detach", method!(detach, 0))?;
    class.define_method("detached?", method!(is_detached, 0))?;
    class.define_method("autorelease?", method!(is_autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(instance_variable_get, 1))?;
    class.define_method("inspect", method!(inspect, 0))?;
    class.define_method("to_s", method!(inspect, 0))?;
    lifetime::install(class)?;
    conversion::install(ruby, class)
}

/// What else Ruby has to know at GC.
fn hooks() -> Hooks {
    Hooks {
        parent: holder::parent::at_gc,
        native_size: holder::native_size_at_gc,
        swept: dead::swept,
        swept_untyped: finalizer::run_from_dfree,
    }
}
