//! The class `SafePointer`.

use std::sync::OnceLock;

use magnus::{
    Error, Module, RClass, RString, Ruby, Symbol, Value, method,
    prelude::*,
    rb_sys::{AsRawValue, protect},
    typed_data::Obj,
    value::Opaque,
};

use safe_pointer_core::{State, Trigger};

use crate::{
    carrier::{self, Holder, Target},
    class_info::{self, ClassInfo},
    conversion, errors, ffi, guard, lifetime, native, options,
    releaser::{self, Message, Releaser},
    stats,
    watch::{self, Watch},
};

static CLASS: OnceLock<Opaque<RClass>> = OnceLock::new();

/// The class `SafePointer`.
pub fn class(ruby: &Ruby) -> Result<RClass, Error> {
    CLASS
        .get()
        .map(|class| ruby.get_inner(*class))
        .ok_or_else(|| errors::new(ruby.exception_load_error(), "safe_pointer is not loaded"))
}

/// Takes ownership of the memory a raw pointer points to.
///
/// What releases it is the first there is of: `callable`, the class method `release`, the block.
///
/// @overload initialize(pointer, callable = nil, parent: nil, freed_by_parent: false, size: 0,
///     fork_policy: nil, release_queue: nil)
///   @param pointer [FFI::Pointer] the release is given this very object
///   @param callable [#call, nil]
///   @param parent [SafePointer, FFI::Struct, SafePointer::Releaser, nil] is released after this pointer
///   @param freed_by_parent [Boolean] whether the parent's release frees this pointer too: it is marked released then,
///     without a call
///   @param size [Integer] of the native memory, in bytes; see {#size=}
///   @param fork_policy [:release, :discard, nil] that of the class if it is nil; see {Fork::Policy#fork_policy}
///   @param release_queue [SafePointer::ReleaseQueue, nil] that of the class if it is nil
///   @yieldparam pointer [FFI::Pointer]
/// @raise [TypeError] if `pointer` is no FFI::Pointer, or one that owns its memory already, or an option is of
///   another type
/// @raise [ArgumentError] if an option has no such value, or `freed_by_parent` is given without a parent
/// @raise [RuntimeError] if `callable` does not answer `call`, or there is nothing to release with, or
///   this object is initialized already
/// @raise [SafePointer::ReleasedError] if the parent is released, or is going to be
fn initialize(ruby: &Ruby, rb_self: Value, args: &[Value]) -> Result<Value, Error> {
    let (pointer, callable, options) = options::scan(ruby, args, rb_self.class().as_value())?;
    if carrier::find(ruby, rb_self)?.is_some() {
        let message = format!("{} is already initialized", errors::inspect(rb_self)?);
        return Err(error(ruby, message));
    }
    if !ffi::is_raw_pointer(ruby, pointer, class(ruby)?)? {
        return Err(errors::new(ruby.exception_type_error(), "Invalid pointer"));
    }
    let info = class_info::of(ruby, rb_self.class())?;
    let type_size = ffi::type_size(ruby, pointer)?;
    let address = ffi::address(ruby, pointer)?;
    if let Some(native) = info.native
        && callable.is_none_or(|callable| !callable.to_bool())
        && options.are_default()
        && carrier::has_room(rb_self)
        && ffi::is_address(ruby, pointer)?
        // NULL is never released, which takes a releaser that knows.
        && address != 0
    {
        // The address alone: the wrapped object is not needed again.
        point(ruby, rb_self, info, type_size, Target::Address(address))?;
        carrier::attach_native(rb_self, native, address);
        stats::created();
        if watch::is_on() {
            native::present(ruby, rb_self)?;
        }
        return Ok(rb_self);
    }
    let (callable, message) = release_callable(ruby, rb_self, callable, info)?;
    if let Message::Call = message
        && (!info.is_callable_checked.replace(true) || watch::is(Watch::Trace))
    {
        watch::check_capture(ruby, rb_self, callable)?;
    }
    let class = rb_self.class();
    let releaser = Releaser::at(ruby, class, pointer, Some(address), callable, message);
    if info.queue.is_some() {
        releaser.set_queue(info.queue);
    }
    options.apply(ruby, releaser, Some(rb_self), || {
        point(ruby, rb_self, info, type_size, Target::Pointer(pointer))?;
        carrier::attach(ruby, rb_self, releaser)?;
        if info.reads_releaser {
            guard::expose(ruby, rb_self)?;
        }
        carrier::keep(ruby, rb_self, releaser)?;
        Releaser::open_account(ruby, releaser)
    })?;
    Ok(rb_self)
}

/// Calls the next `initialize`, or does the same as ffi's.
fn point(
    ruby: &Ruby,
    rb_self: Value,
    info: Obj<ClassInfo>,
    type_size: i32,
    target: Target,
) -> Result<(), Error> {
    if info.is_ffis_constructor && carrier::point(rb_self, type_size, target) {
        return Ok(());
    }
    let _: Value = match target {
        Target::Address(address) => ruby.call_super((type_size, address)),
        Target::Pointer(raw) => ruby.call_super((type_size, raw)),
    }?;
    Ok(())
}

/// What releases the pointer. A class's `release` goes before the block, because `super(pointer)` in a
/// subclass passes the block that the subclass's own constructor was given for something else.
fn release_callable(
    ruby: &Ruby,
    rb_self: Value,
    callable: Option<Value>,
    info: Obj<ClassInfo>,
) -> Result<(Value, Message), Error> {
    if let Some(callable) = callable.filter(|callable| callable.to_bool()) {
        return Ok((releaser::callable(ruby, callable)?, Message::Call));
    }
    if let Some(release) = info.release {
        Ok((rb_self.class().as_value(), Message::Release(release)))
    } else if ruby.block_given() {
        Ok((ruby.block_proc()?.as_value(), Message::Call))
    } else {
        Err(error(ruby, "no release method defined"))
    }
}

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
    let releaser = match carrier::peek(ruby, rb_self)? {
        Holder::Nothing => None,
        Holder::Releaser(releaser) => Some(releaser),
        Holder::Native(release, slot) => {
            ruby.check_arity(args.len(), 0..1)?;
            return release
                .release(ruby, rb_self, slot, Trigger::Free)
                .map(drop);
        }
    };
    // A bare `super` in an own `free` hands on that method's arguments, which mean nothing here.
    if !releaser.is_some_and(|releaser| releaser.is_guarded(ruby)) {
        ruby.check_arity(args.len(), 0..1)?;
    }
    let Some(releaser) = releaser else {
        return Ok(());
    };
    Releaser::free(ruby, releaser, Some(rb_self))
}

/// Whether the release is over. `false` while it runs or waits, and before it was ever asked for.
///
/// @return [Boolean]
pub fn is_freed(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(match carrier::peek(ruby, rb_self)? {
        Holder::Nothing => false,
        Holder::Releaser(releaser) => Releaser::is_released(releaser),
        Holder::Native(_, slot) => slot.state.is_released(),
    })
}

/// Whether GC and exit release the pointer. `false` once it is released.
///
/// @return [Boolean]
fn is_autorelease(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(with_state(ruby, rb_self, State::autorelease)?.unwrap_or(false))
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
    match carrier::peek(ruby, rb_self)? {
        Holder::Releaser(releaser) => releaser.set_autorelease(ruby, on_or_off),
        Holder::Native(_, slot) => slot.state.set_autorelease(on_or_off),
        Holder::Nothing => {
            let class = class_name(rb_self)?;
            return Err(error(
                ruby,
                format!("{class}#autorelease=: not initialized"),
            ));
        }
    }
    Ok(on)
}

/// Keeps GC and exit from releasing `pointer`, whatever it is, and frozen or not.
fn disown(ruby: &Ruby, _class: RClass, pointer: Value) -> Result<(), Error> {
    match carrier::peek(ruby, pointer)? {
        Holder::Nothing => {}
        Holder::Releaser(releaser) => releaser.set_autorelease(ruby, false),
        Holder::Native(_, slot) => slot.state.set_autorelease(false),
    }
    Ok(())
}

/// What `ask` answers about the state of `pointer`, if it has one.
fn with_state<T>(
    ruby: &Ruby,
    pointer: Value,
    ask: impl FnOnce(&State) -> T,
) -> Result<Option<T>, Error> {
    Ok(match carrier::peek(ruby, pointer)? {
        Holder::Nothing => None,
        Holder::Releaser(releaser) => Some(ask(releaser.state())),
        Holder::Native(_, slot) => Some(ask(slot.state)),
    })
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
    let held = match carrier::peek(ruby, rb_self)? {
        Holder::Nothing => None,
        Holder::Releaser(releaser) => Releaser::detach(ruby, releaser)?,
        Holder::Native(_, slot) if native::detach(slot) => {
            native::tell(ruby, rb_self, slot, None)?;
            Some(ffi::pointer_at(ruby, slot.address)?)
        }
        Holder::Native(..) => None,
    };
    match held {
        Some(held) => Ok(held),
        None => {
            let message = format!(
                "{}#detach: {} owns no pointer to give away",
                class_name(rb_self)?,
                errors::inspect(rb_self)?
            );
            Err(released_error(ruby, message)?)
        }
    }
}

/// Whether the pointer has been given away with `detach`.
///
/// @return [Boolean]
fn is_detached(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(with_state(ruby, rb_self, State::is_detached)?.unwrap_or(false))
}

/// As `Object#freeze`. A frozen pointer can be used, freed and have children like any other.
///
/// @return [self]
fn freeze(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    // What a native release needs for more than a `free`, it cannot be given later.
    if let Holder::Native(_, slot) = carrier::peek(ruby, rb_self)?
        && slot.state.is_owned()
    {
        carrier::find(ruby, rb_self)?;
    }
    ruby.call_super(())
}

/// A pointer has one owner, so it has no copies.
///
/// @overload dup(*arguments)
/// @return [void]
/// @raise [RuntimeError] always, before there is a copy (ffi/ffi#1155)
fn dup(ruby: &Ruby, rb_self: Value, _args: &[Value]) -> Result<Value, Error> {
    let class = match rb_self.is_kind_of(class(ruby)?) {
        true => "SafePointer",
        false => "FFI::AutoPointer",
    };
    Err(error(ruby, format!("cannot duplicate {class}")))
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

/// As `FFI::Pointer#inspect`; of a released pointer the address it had, and `freed`.
///
/// @return [String]
fn inspect(ruby: &Ruby, rb_self: Value) -> Result<String, Error> {
    let address = match carrier::peek(ruby, rb_self)? {
        Holder::Releaser(releaser) if Releaser::is_released(releaser) => releaser.address(),
        Holder::Native(_, slot) if slot.state.is_released() => Some(slot.address),
        _ => return ruby.call_super(()),
    };
    Ok(format!(
        "#<{} address=0x{:016x} freed>",
        class_name(rb_self)?,
        address.unwrap_or(0)
    ))
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
    if is_releaser && let Some(releaser) = carrier::find(ruby, rb_self)? {
        Releaser::know_owner(ruby, releaser, rb_self)?;
        return Ok(releaser.as_value());
    }
    ruby.call_super((name,))
}

pub fn class_name(value: Value) -> Result<String, Error> {
    value.class().funcall("to_s", ())
}

pub fn error(ruby: &Ruby, message: impl Into<String>) -> Error {
    errors::new(ruby.exception_runtime_error(), message.into())
}

pub fn released_error(ruby: &Ruby, message: String) -> Result<Error, Error> {
    let released = class(ruby)?.const_get("ReleasedError")?;
    Ok(errors::new(released, message))
}

/// Defines `SafePointer`.
pub fn init(ruby: &Ruby) -> Result<RClass, Error> {
    let class = ruby.define_class("SafePointer", ffi::pointer_class(ruby)?)?;
    CLASS.get_or_init(|| class.into());
    install(ruby, class)?;
    class
        .singleton_class()?
        .define_private_method("disown", method!(disown, 1))?;
    // Somebody has released the pointer already, or asked for its release.
    class.define_error("ReleasedError", ruby.exception_runtime_error())?;
    // Of the gem.
    class.const_set("VERSION", env!("CARGO_PKG_VERSION"))?;
    Ok(class)
}

/// Puts the methods of SafePointer into `class`, a subclass of `FFI::Pointer`, in the place of those it has.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    ffi::install(ruby, class)?;
    class.define_method("initialize", method!(initialize, -1))?;
    class.define_method("initialize_copy", method!(initialize_copy, 1))?;
    class.define_method("dup", method!(dup, -1))?;
    class.define_method("clone", method!(dup, -1))?;
    class.define_method("free", method!(free, -1))?;
    class.define_method("freeze", method!(freeze, 0))?;
    class.define_method("freed?", method!(is_freed, 0))?;
    class.define_method("detach", method!(detach, 0))?;
    class.define_method("detached?", method!(is_detached, 0))?;
    class.define_method("autorelease?", method!(is_autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(instance_variable_get, 1))?;
    class.define_method("inspect", method!(inspect, 0))?;
    class.define_method("to_s", method!(inspect, 0))?;
    lifetime::install(class)?;
    conversion::install(ruby, class)?;
    carrier::init(ruby, class)
}
