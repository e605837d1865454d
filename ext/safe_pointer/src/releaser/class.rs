//! The class `SafePointer::Releaser` as Ruby sees it.

use magnus::{
    Error, Module, Object, RClass, Ruby, Value, block::Proc, function, method, prelude::*,
    scan_args::scan_args, typed_data::Obj,
};

use super::{Message, Releaser, callable, define_finalizer, set_pointer_null, variables};

/// The release of `held`: a pointer, a struct, or whatever else the callable takes.
///
/// @param held [Object] passed to the callable; never released if its address is NULL
/// @param callable [#call] called with `held`, at most once; the block where it is not given
/// @raise [TypeError] if `held` is nil
/// @raise [RuntimeError] if there is no callable, or it does not answer `call`
fn new(ruby: &Ruby, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    let args = scan_args::<(Value,), (Option<Value>,), (), (), (), Option<Proc>>(args)?;
    make(ruby, args.required.0, args.optional.0, args.block)
}

/// The release of `held` when `owner` is gone, in one line: makes a releaser and defines it as the owner's
/// finalizer. The owner keeps what this returns, to free by hand.
///
/// @param owner [Object] whose end releases `held`; it may be referred to by neither `held` nor the callable
/// @param held [Object] as of {new}
/// @param callable [#call] as of {new}
/// @return [SafePointer::Releaser]
/// @raise [ArgumentError, FrozenError] if Ruby allows `owner` no finalizer
fn attach(ruby: &Ruby, args: &[Value]) -> Result<Obj<Releaser>, Error> {
    let given = scan_args::<(Value, Value), (Option<Value>,), (), (), (), Option<Proc>>(args)?;
    let (owner, held) = given.required;
    let releaser = make(ruby, held, given.optional.0, given.block)?;
    define_finalizer(owner, releaser)?;
    Ok(releaser)
}

fn make(
    ruby: &Ruby,
    held: Value,
    given: Option<Value>,
    block: Option<Proc>,
) -> Result<Obj<Releaser>, Error> {
    if held.is_nil() {
        let message = "SafePointer::Releaser: nil cannot be released";
        return Err(Error::new(ruby.exception_type_error(), message));
    }
    let given = given.or(block.map(|block| block.as_value()));
    let callable = callable(ruby, given.unwrap_or_else(|| ruby.qnil().as_value()))?;
    Releaser::wrap(ruby, held.class(), held, callable, Message::Call)
}

/// Releases the pointer, unless something has released it already, and makes it NULL. Returns `nil`.
fn free(ruby: &Ruby, rb_self: Obj<Releaser>) -> Result<(), Error> {
    let result = Releaser::free(ruby, rb_self);
    if rb_self.state.is_released() {
        set_pointer_null(ruby, rb_self, None)?;
    }
    result.map(drop)
}

fn set_autorelease(rb_self: Obj<Releaser>, on: Value) -> Value {
    rb_self.set_autorelease(on.to_bool());
    on
}

/// Defines `SafePointer::Releaser`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let class = safe_pointer.define_class("Releaser", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("new", function!(new, -1))?;
    class.define_singleton_method("attach", function!(attach, -1))?;
    class.define_method("call", method!(Releaser::call, -1))?;
    class.define_method("free", method!(free, 0))?;
    class.define_method("release", method!(Releaser::release, 1))?;
    class.define_method("autorelease", method!(Releaser::autorelease, 0))?;
    class.define_method("autorelease=", method!(set_autorelease, 1))?;
    class.define_method("instance_variable_get", method!(variables::get, 1))?;
    class.define_method("instance_variable_set", method!(variables::set, 2))?;
    Ok(())
}
