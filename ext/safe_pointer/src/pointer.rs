//! The class `SafePointer`.

use std::sync::OnceLock;

use magnus::{
    Error, Module, RClass, Ruby, Value, method,
    prelude::*,
    rb_sys::{AsRawValue, protect},
    scan_args::scan_args,
    value::Opaque,
};

use crate::{
    carrier, conversion, ffi, guard,
    releaser::{self, Message, Releaser},
};

static CLASS: OnceLock<Opaque<RClass>> = OnceLock::new();

/// The class `SafePointer`.
pub fn class(ruby: &Ruby) -> Result<RClass, Error> {
    CLASS
        .get()
        .map(|class| ruby.get_inner(*class))
        .ok_or_else(|| Error::new(ruby.exception_load_error(), "safe_pointer is not loaded"))
}

/// Takes ownership of the memory a raw pointer points to.
///
/// What releases it is, in this order: `callable`, the class method `release`, the block.
///
/// @overload initialize(pointer)
///   @param pointer [FFI::Pointer] passed to the class method `release`
/// @overload initialize(pointer, callable)
///   @param pointer [FFI::Pointer] passed to `callable.call`
///   @param callable [#call]
/// @overload initialize(pointer)
///   @param pointer [FFI::Pointer]
///   @yieldparam pointer [FFI::Pointer] the object that was wrapped
/// @raise [TypeError] if `pointer` is no FFI::Pointer, or one that owns its memory already
/// @raise [RuntimeError] if `callable` does not answer `call`, or there is nothing to release with, or
///   this object is initialized already
fn initialize(ruby: &Ruby, rb_self: Value, args: &[Value]) -> Result<Value, Error> {
    let args = scan_args::<(Value,), (Option<Value>,), (), (), (), ()>(args)?;
    let (pointer,) = args.required;
    if carrier::find(ruby, rb_self)?.is_some() {
        let message = format!("{} is already initialized", rb_self.inspect());
        return Err(error(ruby, message));
    }
    if !ffi::is_raw_pointer(ruby, pointer, class(ruby)?)? {
        return Err(Error::new(ruby.exception_type_error(), "Invalid pointer"));
    }
    let reads_releaser = guard::check(ruby, rb_self.class())?;
    let (callable, message) = release_callable(ruby, rb_self, args.optional.0)?;
    let type_size = ffi::type_size(ruby, pointer)?;
    let _: Value = ruby.call_super((type_size, pointer))?;
    let releaser = Releaser::wrap(ruby, rb_self.class(), pointer, callable, message)?;
    carrier::attach(ruby, rb_self, releaser)?;
    if reads_releaser {
        guard::expose(ruby, rb_self)?;
    }
    releaser::define_finalizer(rb_self, releaser)?;
    Ok(rb_self)
}

/// What releases the pointer. A class's `release` goes before the block, because `super(pointer)` in a
/// subclass passes the block that the subclass's own constructor was given for something else.
fn release_callable(
    ruby: &Ruby,
    rb_self: Value,
    callable: Option<Value>,
) -> Result<(Value, Message), Error> {
    if let Some(callable) = callable.filter(|callable| callable.to_bool()) {
        return Ok((releaser::callable(ruby, callable)?, Message::Call));
    }
    let class = rb_self.class();
    if class.respond_to("release", true)? {
        Ok((class.as_value(), Message::Release))
    } else if ruby.block_given() {
        Ok((ruby.block_proc()?.as_value(), Message::Call))
    } else {
        Err(error(ruby, "no release method defined"))
    }
}

/// Releases the pointer now and makes it NULL. Does nothing the second time, and while another release
/// of the same pointer is under way, on whatever thread.
///
/// The release runs on the calling thread. An error it raises comes out of here; the pointer counts as
/// released all the same.
///
/// @return [nil]
fn free(ruby: &Ruby, rb_self: Value, args: &[Value]) -> Result<(), Error> {
    let releaser = carrier::find(ruby, rb_self)?;
    // A bare `super` in an own `free` hands on that method's arguments, which mean nothing here.
    if !releaser.is_some_and(|releaser| releaser.is_guarded(ruby)) {
        scan_args::<(), (), (), (), (), ()>(args)?;
    }
    let Some(releaser) = releaser else {
        return Ok(());
    };
    match Releaser::free(ruby, releaser) {
        Ok(false) => Ok(()),
        result => {
            ffi::set_null(ruby, rb_self)?;
            result.map(drop)
        }
    }
}

/// Whether the release is over. `false` while it runs, and before it was ever asked for.
///
/// @return [Boolean]
pub fn is_freed(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(carrier::find(ruby, rb_self)?.is_some_and(|releaser| releaser.state().is_released()))
}

/// Whether GC and exit release the pointer. `false` once it is released.
///
/// @return [Boolean]
fn is_autorelease(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(carrier::find(ruby, rb_self)?.is_some_and(|releaser| releaser.state().autorelease()))
}

/// Lets GC and exit release the pointer, or keeps them from doing so. An explicit `free` releases in
/// either case.
///
/// @param on [Boolean]
/// @raise [FrozenError] if the pointer is frozen
fn set_autorelease(ruby: &Ruby, rb_self: Value, on: Value) -> Result<Value, Error> {
    if rb_self.is_frozen() {
        let class = class_name(rb_self)?;
        let message = format!("can't modify frozen {class}");
        return Err(Error::new(ruby.exception_frozen_error(), message));
    }
    match carrier::find(ruby, rb_self)? {
        Some(releaser) => releaser.state().set_autorelease(on.to_bool()),
        None => {
            let class = class_name(rb_self)?;
            return Err(error(
                ruby,
                format!("{class}#autorelease=: not initialized"),
            ));
        }
    }
    Ok(on)
}

/// Gives the pointer away: returns the object that was wrapped, and nothing releases it from here any more,
/// neither `free` nor GC nor exit. This object keeps its address.
///
/// @return [FFI::Pointer]
/// @raise [SafePointer::ReleasedError] if the pointer is released, is being released, or is detached already
fn detach(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    let releaser = carrier::find(ruby, rb_self)?;
    match releaser.and_then(|releaser| releaser.detach(ruby)) {
        Some(held) => Ok(held),
        None => {
            let message = format!(
                "{}#detach: {} owns no pointer to give away",
                class_name(rb_self)?,
                rb_self.inspect()
            );
            Err(released_error(ruby, message)?)
        }
    }
}

/// Whether the pointer has been given away with `detach`.
///
/// @return [Boolean]
fn is_detached(ruby: &Ruby, rb_self: Value) -> Result<bool, Error> {
    Ok(carrier::find(ruby, rb_self)?.is_some_and(|releaser| releaser.state().is_detached()))
}

/// A pointer has one owner, so it has no copies.
///
/// @raise [RuntimeError] always, before Ruby copies the finalizer (ffi/ffi#1155)
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
    match carrier::find(ruby, rb_self)? {
        Some(releaser) if releaser.state().is_released() => Ok(format!(
            "#<{} address=0x{:016x} freed>",
            class_name(rb_self)?,
            releaser.address().unwrap_or(0)
        )),
        _ => ruby.call_super(()),
    }
}

/// As `Object#instance_variable_get`. Answers for `@releaser` too, which `FFI::AutoPointer` has and which
/// this class keeps elsewhere where it can.
fn instance_variable_get(ruby: &Ruby, rb_self: Value, name: Value) -> Result<Value, Error> {
    match carrier::find(ruby, rb_self)? {
        Some(releaser) if name.to_string() == "@releaser" => {
            carrier::track(ruby, rb_self, releaser)?;
            Ok(releaser.as_value())
        }
        _ => ruby.call_super((name,)),
    }
}

fn class_name(value: Value) -> Result<String, Error> {
    value.class().funcall("to_s", ())
}

pub fn error(ruby: &Ruby, message: impl Into<String>) -> Error {
    Error::new(ruby.exception_runtime_error(), message.into())
}

pub fn released_error(ruby: &Ruby, message: String) -> Result<Error, Error> {
    let released = class(ruby)?.const_get("ReleasedError")?;
    Ok(Error::new(released, message))
}

/// Defines `SafePointer`.
pub fn init(ruby: &Ruby) -> Result<RClass, Error> {
    let class = ruby.define_class("SafePointer", ffi::pointer_class(ruby)?)?;
    CLASS.get_or_init(|| class.into());
    install(ruby, class)?;
    class.define_error("ReleasedError", ruby.exception_runtime_error())?;
    class.const_set("VERSION", env!("CARGO_PKG_VERSION"))?;
    Ok(class)
}

/// Puts the methods of SafePointer into `class`, a subclass of `FFI::Pointer`, in the place of those it has.
pub fn install(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    class.define_method("initialize", method!(initialize, -1))?;
    class.define_method("initialize_copy", method!(initialize_copy, 1))?;
    class.define_method("dup", method!(dup, -1))?;
    class.define_method("clone", method!(dup, -1))?;
    class.define_method("free", method!(free, -1))?;
    class.define_method("freed?", method!(is_freed, 0))?;
    class.define_method("detach", method!(detach, 0))?;
    class.define_method("detached?", method!(is_detached, 0))?;
    class.define_method("autorelease?", method!(is_autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(instance_variable_get, 1))?;
    class.define_method("inspect", method!(inspect, 0))?;
    class.define_method("to_s", method!(inspect, 0))?;
    conversion::install(ruby, class)?;
    carrier::init(ruby, class)
}
