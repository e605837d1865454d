//! `SafePointer::Guard`: makes a class's own `free` and `release` go through the claim.
//!
//! The Ruby side of this module (`lib/safe_pointer/guard.rb`) puts a method of the same name in front of
//! each; that method asks here, and yields to the class's own.

use magnus::{
    Error, Module, Object, RClass, RModule, Ruby, Value, function, prelude::*, typed_data::Obj,
    value::LazyId,
};
use safe_pointer_core::Trigger;

use crate::{
    carrier, ffi, pointer,
    releaser::{Releaser, Turn},
};

/// What [`check`] found out about a class. Without an `@`, Ruby code cannot see it.
static CHECKED: LazyId = LazyId::new("safe_pointer_checked");

/// Guards what came past the hooks, before the first pointer of `class` is made.
///
/// Returns whether the class has code that reads `@releaser`.
pub fn check(ruby: &Ruby, class: RClass) -> Result<bool, Error> {
    if let Some(reads_releaser) = class.ivar_get::<_, Option<bool>>(*CHECKED)? {
        return Ok(reads_releaser);
    }
    let guard: RModule = pointer::class(ruby)?.const_get("Guard")?;
    let reads_releaser: bool = guard.funcall("check", (class,))?;
    if !class.is_frozen() {
        class.ivar_set(*CHECKED, reads_releaser)?;
    }
    Ok(reads_releaser)
}

/// Makes the releaser of `pointer` visible as `@releaser`.
pub fn expose(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    match carrier::find(ruby, pointer)? {
        Some(releaser) => {
            carrier::expose(ruby, pointer, releaser)?;
            carrier::track(ruby, pointer, releaser)
        }
        None => Ok(()),
    }
}

/// Has `class` checked again.
fn unmark(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    match class.is_frozen() {
        true => Ok(()),
        false => class.ivar_set(*CHECKED, ruby.qnil()),
    }
}

/// Runs the block, a class's own `free`, as the release of `pointer`. Without a releaser, as in a
/// subclass whose constructor never calls `super`, the block is none of our business and just runs.
///
/// Returns what the block returns, or `nil` if it has no turn.
fn free(ruby: &Ruby, pointer: Value, method: u64) -> Result<Value, Error> {
    claimed(ruby, pointer, |releaser| {
        match releaser.enter(ruby, method) {
            true => ruby.yield_values(()),
            false => Ok(ruby.qnil().as_value()),
        }
    })
}

/// Runs the block, a class's own `release` called by hand, as the release of `pointer`.
fn release(ruby: &Ruby, pointer: Value, method: u64) -> Result<Value, Error> {
    let memory = ffi::memory(ruby, pointer)?;
    if ffi::is_pointer(ruby, memory)? && ffi::address(ruby, memory)? == 0 {
        return Ok(ruby.qnil().as_value());
    }
    claimed(ruby, pointer, |releaser| {
        let turn = releaser.enter_call(ruby, method);
        let result = match turn {
            Turn::None => Ok(ruby.qnil().as_value()),
            Turn::First | Turn::Super => ruby.yield_values(()),
        };
        if turn == Turn::First {
            releaser.leave_call(ruby);
        }
        result
    })
}

/// Claims the release if nobody has, and runs `body`, which finds out for itself whether it has a turn.
fn claimed(
    ruby: &Ruby,
    pointer: Value,
    body: impl FnOnce(Obj<Releaser>) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let pointer = ffi::memory(ruby, pointer)?;
    let Some(releaser) = carrier::find(ruby, pointer)? else {
        return ruby.yield_values(());
    };
    if !releaser.state().claim(Trigger::Free) {
        return body(releaser);
    }
    Releaser::guard(ruby, releaser);
    let result = carrier::expose(ruby, pointer, releaser).and_then(|()| body(releaser));
    releaser.finish(ruby);
    ffi::set_null(ruby, pointer)?;
    result
}

/// Defines `SafePointer::Guard`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    LazyId::force(&CHECKED, ruby);
    let module = safe_pointer.define_module("Guard")?;
    module.define_singleton_method("unmark", function!(unmark, 1))?;
    module.define_singleton_method("expose", function!(expose, 1))?;
    module.define_singleton_method("free", function!(free, 2))?;
    module.define_singleton_method("release", function!(release, 2))?;
    Ok(())
}
