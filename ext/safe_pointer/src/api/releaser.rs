//! The class `SafePointer::Releaser` as Ruby sees it.

use magnus::{
    Error, Module, Object, RArray, RClass, Ruby, TryConvert, Value, method, prelude::*,
    typed_data::Obj,
};

use super::{options, releaser_variables};
use crate::{
    ffi,
    holder::{self, define_finalizer},
    release::announce,
    releaser::{Message, Parts, Releaser},
    ruby::{class::class_of, errors, hidden_variable::HiddenVariable, namespace},
    triggers::{self, finalizer_of_owner},
    watch::{
        events,
        flags::{self, Watch},
    },
};

/// Of classes whose instances have been attached a releaser.
static CHECKED: HiddenVariable = HiddenVariable::new("safe_pointer_callable_checked");

/// Of owners: the parents that free what these own, in an Array.
static PARENTS: HiddenVariable = HiddenVariable::new("safe_pointer_parents");

/// The release of `held`: a pointer, a struct, or whatever else the callable takes. Somebody has to ask for it: one that is
/// dropped before is never carried out, and its parent does not wait for it any more.
///
/// @overload new(held, callable = nil, **options)
///   @param held [Object] passed to the callable; never released if its address is NULL
///   @param callable [#call, nil] called with `held`, at most once; the block where there is none
///   @param options [Hash{Symbol => Object}] those of {SafePointer#initialize}
///   @yieldparam held [Object]
/// @return [SafePointer::Releaser]
/// @raise [TypeError] if `held` is nil
/// @raise [RuntimeError] if there is no callable, or it does not answer `call`
fn new(ruby: &Ruby, class: RClass, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    make(ruby, class, args, |releaser, _| {
        announce::made(ruby, releaser)
    })
}

/// The release of `held` when `owner` is gone, in one line: makes a releaser and defines it as the owner's
/// finalizer. The owner keeps what this returns, to free by hand.
///
/// @overload attach(owner, held, callable = nil, **options)
///   @param owner [Object] whose end releases `held`; it may be referred to by neither `held` nor the callable
///   @param held [Object] as of {new}
///   @param callable [#call, nil] as of {new}
///   @param options [Hash{Symbol => Object}] as of {new}
///   @yieldparam held [Object]
/// @return [SafePointer::Releaser]
/// @raise [ArgumentError, FrozenError] if Ruby allows `owner` no finalizer
fn attach(ruby: &Ruby, class: RClass, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    ruby.check_arity(args.len(), 2..5)?;
    let owner = args[0];
    make(ruby, class, &args[1..], |releaser, parent| {
        check_capture(ruby, owner, releaser)?;
        define_finalizer(owner, releaser)?;
        if let Some(parent) = parent {
            keep_parent(ruby, owner, parent)?;
        }
        announce::made(ruby, releaser)
    })
}

/// Has `owner` keep `parent`, which frees what it owns. From the releaser, which Ruby keeps for it, a parent that refers to
/// the owner would keep that.
fn keep_parent(ruby: &Ruby, owner: Value, parent: Value) -> Result<(), Error> {
    // Made first, as Ruby may run meanwhile: another thread may attach a releaser to the same owner.
    let first = ruby.ary_new_from_values(&[parent]);
    match PARENTS.get(owner) {
        Some(parents) => RArray::try_convert(parents)?.push(parent),
        None => PARENTS.set(owner, first.as_value()),
    }
}

/// The callable of `owner` must not keep it alive. Once for a class is enough, as those of the others come from the same
/// code.
fn check_capture(ruby: &Ruby, owner: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    let class = class_of(owner).as_value();
    if CHECKED.get(class).is_some() && !flags::is(Watch::Trace) {
        return Ok(());
    }
    if !class.is_frozen() {
        CHECKED.set(class, ruby.qtrue().as_value())?;
    }
    events::check_capture(ruby, owner, releaser.callable(ruby))
}

/// The release of something that is neither a pointer nor anything like one, and so is not counted.
fn job(ruby: &Ruby, class: RClass, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    make(ruby, class, args, |_, _| Ok(()))
}

fn make(
    ruby: &Ruby,
    class: RClass,
    args: &[Value],
    attach: impl FnOnce(Obj<Releaser>, Option<Value>) -> Result<(), Error>,
) -> Result<Obj<Releaser>, Error> {
    let (held, given, options) = options::scan(ruby, args, class)?;
    if held.is_nil() {
        let message = "SafePointer::Releaser: nil cannot be released";
        return Err(errors::new(ruby.exception_type_error(), message));
    }
    let callable = match given {
        Some(given) => given,
        None if ruby.block_given() => ruby.block_proc()?.as_value(),
        None => ruby.qnil().as_value(),
    };
    let callable = options::callable(ruby, callable)?;
    let parts = Parts {
        class: class_of(held),
        held,
        address: ffi::pointer::address_of(ruby, held)?,
        callable,
        message: Message::Call,
    };
    let releaser = Releaser::new(ruby, parts);
    let parent = options.parent_within();
    options.apply(ruby, releaser, None, || attach(releaser, parent))?;
    Ok(releaser)
}

/// Releases the pointer, unless something has released it already, and makes it NULL. While its release has to wait
/// for children, this returns.
///
/// @return [nil]
fn free(ruby: &Ruby, rb_self: Obj<Releaser>) -> Result<(), Error> {
    let pointer = holder::pointer_of(ruby, rb_self)?;
    let is_within = || Ok(rb_self.is_in_own_release());
    triggers::free::free(ruby, rb_self, pointer, is_within)
}

/// Releases because the object is gone or the process ends: what Ruby calls as a finalizer, with the object id.
/// Without arguments it is the program that calls, on behalf of such an end.
///
/// @overload call(*object_id)
/// @return [nil]
fn call(ruby: &Ruby, rb_self: Obj<Releaser>, args: &[Value]) -> Result<(), Error> {
    finalizer_of_owner::call(ruby, rb_self, args)
}

/// Releases `held`, given by hand, as the object that was wrapped.
///
/// @param held [Object]
/// @return [nil]
fn release(ruby: &Ruby, rb_self: Obj<Releaser>, held: Value) -> Result<(), Error> {
    let pointer = holder::pointer_of(ruby, rb_self)?;
    triggers::free::by_hand(ruby, rb_self, pointer, held)
}

/// Whether GC and exit release. `false` once it is released.
///
/// @return [Boolean]
fn autorelease(rb_self: &Releaser) -> bool {
    rb_self.state().autorelease()
}

/// Lets GC and exit release, or keeps them from doing so. An explicit {#free} releases in either case.
///
/// @param on [Boolean] as any object: whether it is neither nil nor false
/// @return [Object] `on`
fn set_autorelease(ruby: &Ruby, rb_self: Obj<Releaser>, on: Value) -> Value {
    rb_self.set_autorelease(ruby, on.to_bool());
    on
}

/// Defines `SafePointer::Releaser`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    CHECKED.init(ruby);
    PARENTS.init(ruby);
    // The release of one pointer, for objects that own a pointer without being one.
    //
    // It can be defined as the finalizer of its owner ({Releaser.attach} does that), which keeps it. It may be asked
    // from any thread; whoever asks first gets the release done.
    //
    // @example
    //   class Device
    //     def initialize(pointer)
    //       @releaser = SafePointer::Releaser.attach(self, pointer, LibUSB.method(:unref_device))
    //     end
    //
    //     def close = @releaser.free # GC will not release it again
    //   end
    let class = safe_pointer.define_class("Releaser", ruby.class_object())?;
    namespace::find_class::<Releaser>(ruby);
    class.undef_default_alloc_func();
    class.define_singleton_method("new", method!(new, -1))?;
    class.define_singleton_method("attach", method!(attach, -1))?;
    class
        .singleton_class()?
        .define_private_method("job", method!(job, -1))?;
    class.define_method("call", method!(call, -1))?;
    class.define_method("free", method!(free, 0))?;
    class.define_method("release", method!(release, 1))?;
    class.define_method("autorelease", method!(autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(releaser_variables::get, 1))?;
    class.define_method("instance_variable_set", method!(releaser_variables::set, 2))?;
    Ok(())
}
