//! The class `SafePointer::Releaser` as Ruby sees it.

use magnus::{
    Error, Module, Object, RClass, Ruby, Value, method, prelude::*, typed_data::Obj, value::LazyId,
};

use super::{Message, Releaser, define_finalizer, variables};
use crate::{
    errors,
    hidden::Hidden,
    options,
    watch::{self, Watch},
};

/// Of classes whose instances have been attached a releaser.
static CHECKED: Hidden = Hidden::new("safe_pointer_callable_checked");

/// The release of `held`: a pointer, a struct, or whatever else the callable takes.
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
    make(ruby, class, args, |releaser| {
        Releaser::open_account(ruby, releaser)
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
    make(ruby, class, &args[1..], |releaser| {
        check_capture(ruby, owner, releaser)?;
        define_finalizer(owner, releaser)?;
        Releaser::open_account(ruby, releaser)
    })
}

/// The callable of `owner` must not keep it alive. Once for a class is enough, as those of the others come from the same
/// code.
fn check_capture(ruby: &Ruby, owner: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    let class = owner.class().as_value();
    if CHECKED.get(class).is_some() && !watch::is(Watch::Trace) {
        return Ok(());
    }
    if !class.is_frozen() {
        CHECKED.set(class, ruby.qtrue().as_value())?;
    }
    watch::check_capture(ruby, owner, releaser.callable(ruby))
}

/// The release of something that is neither a pointer nor anything like one, and so is not counted.
fn job(ruby: &Ruby, class: RClass, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    make(ruby, class, args, |_| Ok(()))
}

fn make(
    ruby: &Ruby,
    class: RClass,
    args: &[Value],
    attach: impl FnOnce(Obj<Releaser>) -> Result<(), Error>,
) -> Result<Obj<Releaser>, Error> {
    let (held, given, options) = options::scan(ruby, args, class.as_value())?;
    if held.is_nil() {
        let message = "SafePointer::Releaser: nil cannot be released";
        return Err(errors::new(ruby.exception_type_error(), message));
    }
    let callable = match given {
        Some(given) => given,
        None if ruby.block_given() => ruby.block_proc()?.as_value(),
        None => ruby.qnil().as_value(),
    };
    let callable = super::callable(ruby, callable)?;
    let releaser = Releaser::wrap(ruby, held.class(), held, callable, Message::Call)?;
    options.apply(ruby, releaser, None, || attach(releaser))?;
    Ok(releaser)
}

/// Releases the pointer, unless something has released it already, and makes it NULL. While its release has to wait
/// for children, this returns.
///
/// @return [nil]
fn free(ruby: &Ruby, rb_self: Obj<Releaser>) -> Result<(), Error> {
    let pointer = super::pointer(ruby, rb_self, None)?;
    Releaser::free(ruby, rb_self, pointer)
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
    for id in [&super::CALL, &super::RELEASE] {
        LazyId::force(id, ruby);
    }
    CHECKED.init(ruby);
    // The release of one pointer, for objects that own a pointer without being one.
    //
    // It can be defined as the finalizer of its owner ({Releaser.attach} does that), which keeps it. It may be asked
    // from any thread; whoever asks first gets the release done.
    let class = safe_pointer.define_class("Releaser", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("new", method!(new, -1))?;
    class.define_singleton_method("attach", method!(attach, -1))?;
    class
        .singleton_class()?
        .define_private_method("job", method!(job, -1))?;
    class.define_method("call", method!(Releaser::call, -1))?;
    class.define_method("free", method!(free, 0))?;
    class.define_method("release", method!(Releaser::release, 1))?;
    class.define_method("autorelease", method!(Releaser::autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(variables::get, 1))?;
    class.define_method("instance_variable_set", method!(variables::set, 2))?;
    Ok(())
}
