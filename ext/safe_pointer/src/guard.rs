//! `SafePointer::Guard`: makes a class's own `free` and `release` go through the claim.
//!
//! The Ruby side of this module (`lib/safe_pointer/guard.rb`) puts a method of the same name in front of
//! each; that method asks here, and yields to the class's own.

use magnus::{
    Error, Module, Object, RClass, Ruby, Value, block::Proc, function, gc::Marker, prelude::*,
    typed_data::Obj, value::Opaque,
};
use safe_pointer_core::{Claim, Trigger};

use crate::{
    carrier::{self, Holder},
    class_info,
    errors::{self, Occasion},
    ffi,
    releaser::{Releaser, Turn, enter_release},
    stats::{Cause, Ending},
};

/// Makes the releaser of `pointer` visible as `@releaser`.
pub fn expose(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    match carrier::find(ruby, pointer)? {
        Some(releaser) => {
            carrier::expose(pointer, releaser)?;
            Releaser::know_owner(ruby, releaser, pointer)
        }
        None => Ok(()),
    }
}

/// Which of a class's methods stands behind a guard.
#[derive(Clone, Copy)]
enum Entry {
    Free,
    /// `release`, called by hand.
    Release,
}

/// The turn of a class's own method as the release, or in it.
#[derive(Clone, Copy)]
struct OwnMethod {
    entry: Entry,
    id: u64,
}

impl OwnMethod {
    /// Runs `body`, which is the method, if it has a turn. Returns what it returns, or `nil`.
    fn run(
        self,
        ruby: &Ruby,
        releaser: Obj<Releaser>,
        body: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let turn = match self.entry {
            Entry::Free if releaser.enter(ruby, self.id) => Turn::Super,
            Entry::Free => Turn::None,
            Entry::Release => releaser.enter_call(ruby, self.id),
        };
        let result = match turn {
            Turn::None => Ok(ruby.qnil().as_value()),
            Turn::First | Turn::Super => body(),
        };
        if turn == Turn::First {
            releaser.leave_call(ruby);
        }
        result
    }

    /// Runs `body` as the release of `pointer`, which has been claimed.
    fn release(
        self,
        ruby: &Ruby,
        releaser: Obj<Releaser>,
        pointer: Value,
        body: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let _releasing = enter_release();
        Releaser::guard(ruby, releaser);
        // A class that read it when the pointer was made has it already.
        if !releaser.is_class_unchanged() && class_info::of(ruby, pointer.class())?.reads_releaser {
            carrier::expose(pointer, releaser)?;
        }
        self.run(ruby, releaser, body)
    }
}

/// A release by a class's own method that has to wait.
pub struct Own {
    method: OwnMethod,
    /// Calls the method, with the arguments it was given.
    block: Opaque<Proc>,
}

impl Own {
    pub fn mark(&self, marker: &Marker) {
        marker.mark(self.block);
    }

    pub fn block(&self) -> Opaque<Proc> {
        self.block
    }

    /// Runs the method as the release of `pointer`, now that it has been claimed.
    pub fn run(self, ruby: &Ruby, releaser: Obj<Releaser>, pointer: Value) -> Result<(), Error> {
        let block = ruby.get_inner(self.block);
        let body = || block.call(());
        self.method.release(ruby, releaser, pointer, body).map(drop)
    }
}

/// Runs the block, a class's own `free`, as the release of `pointer`. Without a releaser, as in a
/// subclass whose constructor never calls `super`, the block is none of our business and just runs.
///
/// Returns what the block returns, or `nil` if it has no turn, or not now.
fn free(ruby: &Ruby, pointer: Value, id: u64) -> Result<Value, Error> {
    let entry = Entry::Free;
    claimed(ruby, pointer, OwnMethod { entry, id })
}

/// Runs the block, a class's own `release` called by hand, as the release of `pointer`.
fn release(ruby: &Ruby, pointer: Value, id: u64) -> Result<Value, Error> {
    let memory = ffi::memory(ruby, pointer)?;
    if ffi::is_pointer(ruby, memory)? && ffi::address(ruby, memory)? == 0 {
        return Ok(ruby.qnil().as_value());
    }
    let entry = Entry::Release;
    claimed(ruby, pointer, OwnMethod { entry, id })
}

/// Claims the release if nobody has, and runs the block if it has a turn.
fn claimed(ruby: &Ruby, pointer: Value, method: OwnMethod) -> Result<Value, Error> {
    let pointer = ffi::memory(ruby, pointer)?;
    let (releaser, won) = match carrier::peek(ruby, pointer)? {
        Holder::Releaser(releaser) => (Some(releaser), false),
        Holder::Nothing => (None, false),
        Holder::Native(_, slot) => {
            // The claim comes first, so that the releaser that takes over need not be kept in the register.
            let won = slot.state.claim(Trigger::Free) == Claim::Won;
            (carrier::find(ruby, pointer)?, won)
        }
    };
    let Some(releaser) = releaser else {
        return ruby.yield_values(());
    };
    let body = || ruby.yield_values(());
    let own = || {
        let block = ruby.block_proc()?.into();
        Ok(Some(Own { method, block }))
    };
    let claim = match won {
        true => Claim::Won,
        false => Releaser::claim(ruby, releaser, Some(pointer), own)?,
    };
    match claim {
        Claim::Won => {
            let result = method.release(ruby, releaser, pointer, body);
            let ending = Ending::new(Cause::Free, &result);
            let ended = errors::despite(&result, || {
                Releaser::finish(ruby, releaser, Some(pointer), ending, Occasion::Child)
            });
            result.and_then(|result| ended.map(|()| result))
        }
        Claim::Deferred => Ok(ruby.qnil().as_value()),
        Claim::Refused => method.run(ruby, releaser, body),
    }
}

/// Defines `SafePointer::Guard`.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    // What the guards ask.
    //
    // @api private
    let module = safe_pointer.define_module("Guard")?;
    module.define_singleton_method("unmark", function!(class_info::forget, 1))?;
    module.define_singleton_method("expose", function!(expose, 1))?;
    module.define_singleton_method("free", function!(free, 2))?;
    module.define_singleton_method("release", function!(release, 2))?;
    Ok(())
}
