//! `SafePointer#initialize`.

use std::num::NonZeroU64;

use magnus::{Error, Module, RClass, Ruby, Value, method, prelude::*, typed_data::Obj};

use super::options;
use crate::{
    ffi::{self, layout::Target},
    holder::{
        self, Holder, RELEASE, attachment,
        class_info::{self, ClassInfo},
    },
    release::{announce, give_away},
    releaser::{
        Message, Parts, Releaser,
        family_member::is_released,
        release_name::{self, ReleaseName},
    },
    ruby::{class::class_of, errors, namespace},
    watch::{
        events,
        flags::{self, Watch},
    },
};

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
    let class = class_of(rb_self);
    let (pointer, callable, options) = options::scan(ruby, args, class)?;
    if !matches!(holder::peek(ruby, rb_self)?, Holder::Nothing) {
        return already_initialized(ruby, rb_self);
    }
    if !ffi::pointer::is_raw(ruby, pointer, namespace::class(ruby)?)? {
        return Err(errors::new(ruby.exception_type_error(), "Invalid pointer"));
    }
    let changes = release_name::changes();
    let info = class_info::of(ruby, class)?;
    let needs_no_releaser =
        callable.is_none_or(|callable| !callable.to_bool()) && options.are_default();
    if let Some(native) = info.native.filter(|_| needs_no_releaser) {
        let is_address = attachment::has_room(rb_self) && ffi::pointer::is_address(ruby, pointer)?;
        // NULL is never released, which takes a releaser that knows.
        let address = match is_address {
            true => ffi::pointer::address(ruby, pointer)?,
            false => 0,
        };
        if address != 0 {
            let type_size = ffi::pointer::type_size(ruby, pointer)?;
            // The address alone: the wrapped object is not needed again.
            if !attachment::attach_native(ruby, rb_self, native, address)? {
                return already_initialized(ruby, rb_self);
            }
            let pointed = point(ruby, rb_self, info, type_size, Target::Address(address));
            finish_native(ruby, rb_self, address, pointed)?;
            return look_again(ruby, rb_self, changes);
        }
    }
    let (callable, message) = release_callable(ruby, class, callable, info)?;
    if let Message::Call = message {
        if !info.is_callable_checked.replace(true) || flags::is(Watch::Trace) {
            events::check_capture(ruby, rb_self, callable)?;
        }
    }
    let type_size = ffi::pointer::type_size(ruby, pointer)?;
    let parts = Parts {
        class,
        held: pointer,
        address: Some(ffi::pointer::address(ruby, pointer)?),
        callable,
        message,
    };
    let releaser = Releaser::new(ruby, parts);
    if let Some(queue) = info.queue.as_ref().filter(|_| !options.has_queue()) {
        releaser.set_queue(ruby, queue)?;
    }
    if !attachment::attach(ruby, rb_self, releaser)? {
        return already_initialized(ruby, rb_self);
    }
    let mut is_pointed = false;
    let made = options.apply(ruby, releaser, Some(rb_self), || {
        point(ruby, rb_self, info, type_size, Target::Pointer(pointer))?;
        is_pointed = true;
        if info.reads_releaser {
            holder::expose(ruby, rb_self)?;
        }
        holder::keep(ruby, rb_self, releaser)?;
        announce::made(ruby, releaser)
    });
    let detached = match is_pointed {
        true => Ok(()),
        false => attachment::detach(rb_self, releaser),
    };
    errors::and(made, detached)?;
    null_if_released(ruby, rb_self, releaser)?;
    look_again(ruby, rb_self, changes)
}

fn already_initialized(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    let message = format!("{} is already initialized", errors::inspect(rb_self)?);
    Err(errors::runtime(ruby, message))
}

/// Ends the construction of a pointer that a C function is to release. `pointed` is what came of the next `initialize`:
/// where that is none of ffi's, the pointer may have become anything meanwhile.
fn finish_native(
    ruby: &Ruby,
    rb_self: Value,
    address: usize,
    pointed: Result<(), Error>,
) -> Result<(), Error> {
    if pointed.is_err() && attachment::detach_native(ruby, rb_self)? {
        return pointed;
    }
    let made = pointed.and(announce::made_native(ruby, rb_self, address));
    let given_up = match &made {
        Ok(()) => Ok(()),
        Err(_) => errors::despite(&made, || give_away::give_up(ruby, rb_self)),
    };
    errors::and(made, given_up)?;
    match holder::peek(ruby, rb_self)? {
        Holder::Native(_, slot) if !slot.state.is_alive() => ffi::pointer::set_null(ruby, rb_self),
        Holder::Releaser(releaser) => null_if_released(ruby, rb_self, releaser),
        Holder::Native(..) | Holder::Nothing => Ok(()),
    }
}

/// The pointer may have been released before it pointed anywhere.
fn null_if_released(ruby: &Ruby, rb_self: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    match is_released(releaser) {
        true => ffi::pointer::set_null(ruby, rb_self),
        false => Ok(()),
    }
}

/// There may have been changes of the class that did not find the pointer yet.
fn look_again(ruby: &Ruby, rb_self: Value, changes: NonZeroU64) -> Result<Value, Error> {
    if changes != release_name::changes() && class_info::of(ruby, class_of(rb_self))?.reads_releaser
    {
        holder::expose(ruby, rb_self)?;
    }
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
    if info.is_ffis_constructor && ffi::pointer::point(rb_self, type_size, target) {
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
    class: RClass,
    callable: Option<Value>,
    info: Obj<ClassInfo>,
) -> Result<(Value, Message), Error> {
    if let Some(callable) = callable.filter(|callable| callable.to_bool()) {
        return Ok((options::callable(ruby, callable)?, Message::Call));
    }
    if let Some(release) = info.release {
        // Who releases looks for the C function where the name is not known, and finds it if that is kept with the class.
        let release = match info.native.and(class_info::known(class.as_value())) {
            Some(_) => ReleaseName::unknown(*RELEASE),
            None => release,
        };
        Ok((class.as_value(), Message::Release(release)))
    } else if ruby.block_given() {
        Ok((ruby.block_proc()?.as_value(), Message::Call))
    } else {
        Err(errors::runtime(ruby, "no release method defined"))
    }
}

/// Gives `class` the method.
pub fn install(class: RClass) -> Result<(), Error> {
    class.define_method("initialize", method!(initialize, -1))
}
