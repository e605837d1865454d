//! `SafePointer::Releaser`: the release of one pointer, and the object the finalizer calls.

use std::{
    cell::{Cell, RefCell},
    hint::black_box,
};

use magnus::{
    DataTypeFunctions, Error, RClass, Ruby, TypedData, Value,
    gc::{Compactor, Marker},
    prelude::*,
    rb_sys::{AsRawValue, protect},
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::{State, Trigger};

use crate::{carrier, errors, ffi, process};

mod class;
mod turns;
mod variables;

pub use class::init;
use turns::Guarded;
pub use turns::Turn;

/// How the release callable is called.
#[derive(Clone, Copy)]
pub enum Message {
    /// `callable.call(pointer)`
    Call,
    /// `klass.release(pointer)`
    Release,
}

/// Holds what a release needs, and never the pointer object itself: the finalizer table keeps this
/// object alive, and with it everything it refers to.
///
/// Ruby values live in cells that only code holding the GVL reads or writes. The state alone is shared
/// more widely.
#[derive(TypedData)]
#[magnus(
    class = "SafePointer::Releaser",
    free_immediately,
    mark,
    compact,
    size,
    wb_protected
)]
pub struct Releaser {
    state: State,
    address: Option<usize>,
    message: Cell<Message>,
    /// The very object that was wrapped. `nil` after the release.
    held: Cell<Opaque<Value>>,
    /// What releases it. `nil` after the release.
    callable: Cell<Opaque<Value>>,
    /// The class of the pointer object.
    class: Cell<Opaque<Value>>,
    tracked: Cell<bool>,
    guarded: RefCell<Option<Guarded>>,
}

impl DataTypeFunctions for Releaser {
    fn mark(&self, marker: &Marker) {
        for cell in self.cells() {
            marker.mark_movable(cell.get());
        }
        // Nothing that can start a GC runs while `guarded` is mutably borrowed.
        if let Ok(guarded) = self.guarded.try_borrow()
            && let Some(guarded) = guarded.as_ref()
        {
            marker.mark(guarded.thread);
        }
    }

    fn compact(&self, compactor: &Compactor) {
        for cell in self.cells() {
            cell.set(compactor.location(cell.get()));
        }
    }
}

impl Releaser {
    /// The release of `held`, for an object of `class`.
    pub fn wrap(
        ruby: &Ruby,
        class: RClass,
        held: Value,
        callable: Value,
        message: Message,
    ) -> Result<Obj<Self>, Error> {
        let address = address(ruby, held)?;
        let nil = Opaque::from(ruby.qnil().as_value());
        let releaser = ruby.obj_wrap(Self {
            state: match address {
                Some(0) => State::null(),
                _ => State::owned(),
            },
            address,
            message: Cell::new(message),
            held: Cell::new(nil),
            callable: Cell::new(nil),
            class: Cell::new(nil),
            tracked: Cell::new(false),
            guarded: RefCell::new(None),
        });
        // Set after the object exists: a GC during its allocation does not see inside the Rust value.
        write(releaser, &releaser.held, held);
        write(releaser, &releaser.callable, callable);
        write(releaser, &releaser.class, class.as_value());
        Ok(releaser)
    }

    /// The address of what was wrapped, if it has one. It stays known after the release.
    pub fn address(&self) -> Option<usize> {
        self.address
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// From here on [`is_tracked`](Self::is_tracked).
    pub fn track(&self) {
        self.tracked.set(true);
    }

    /// Whether [`carrier::owner`] may know the pointer object.
    pub fn is_tracked(&self) -> bool {
        self.tracked.get()
    }

    /// Releases because the program asked. Returns whether this call released.
    ///
    /// Inside the class's own `free` this is what `super` reaches: the release has been claimed, and
    /// the callable is called unless it has been already.
    pub fn free(ruby: &Ruby, rb_self: Obj<Self>) -> Result<bool, Error> {
        if rb_self.state.claim(Trigger::Free) {
            let result = rb_self.call_claimed(ruby);
            rb_self.finish(ruby);
            // Until here: the state lives in the object.
            black_box(rb_self);
            result.and(Ok(true))
        } else if rb_self.is_guarded(ruby) {
            rb_self.call_claimed(ruby)
        } else {
            Ok(false)
        }
    }

    /// Releases because the pointer object is gone or the process ends; `args` is the object id then. Without
    /// arguments it is the program that calls, and an error is for its ears.
    fn call(ruby: &Ruby, rb_self: Obj<Self>, args: &[Value]) -> Result<(), Error> {
        if !rb_self.state.claim(Trigger::Finalizer) {
            return match rb_self.is_guarded(ruby) && rb_self.state.autorelease() {
                true => rb_self.call_claimed(ruby).map(drop),
                false => Ok(()),
            };
        }
        let result = rb_self.call_claimed(ruby);
        let class = ruby.get_inner(rb_self.class.get());
        rb_self.finish(ruby);
        set_pointer_null(ruby, rb_self, args.first())?;
        match (result, RClass::from_value(class)) {
            (Err(error), Some(class)) if !args.is_empty() => {
                errors::report(ruby, error, class, rb_self.address)
            }
            (result, _) => result.map(drop),
        }
    }

    /// Releases `held`, given by hand, as the object that was wrapped.
    fn release(ruby: &Ruby, rb_self: Obj<Self>, held: Value) -> Result<(), Error> {
        let won = rb_self.state.claim(Trigger::Free);
        let mut result = Ok(());
        if (won || rb_self.is_guarded(ruby)) && rb_self.state.claim_call_by_hand() {
            result = rb_self.send(ruby, held);
        }
        if won {
            rb_self.finish(ruby);
            set_pointer_null(ruby, rb_self, None)?;
        }
        result
    }

    /// Gives up the object that was wrapped: it will not be released from here. `None` if it is too late.
    pub fn detach(&self, ruby: &Ruby) -> Option<Value> {
        let held = ruby.get_inner(self.held.get());
        self.state.detach().then(|| {
            self.let_go(ruby);
            held
        })
    }

    /// Calls the release callable with the wrapped object, if it has not been called yet. Returns
    /// whether it did.
    fn call_claimed(&self, ruby: &Ruby) -> Result<bool, Error> {
        if !self.state.claim_call() {
            return Ok(false);
        }
        self.send(ruby, ruby.get_inner(self.held.get()))?;
        Ok(true)
    }

    fn send(&self, ruby: &Ruby, held: Value) -> Result<(), Error> {
        let callable = ruby.get_inner(self.callable.get());
        let message = match self.message.get() {
            Message::Call => "call",
            Message::Release => "release",
        };
        if !callable.is_nil() {
            let _: Value = callable.funcall(message, (held,))?;
        }
        Ok(())
    }

    /// Ends the release, and lets go of what it needed.
    pub fn finish(&self, ruby: &Ruby) {
        self.state.finish();
        self.let_go(ruby);
        self.guarded.replace(None);
    }

    fn let_go(&self, ruby: &Ruby) {
        let nil = Opaque::from(ruby.qnil().as_value());
        self.held.set(nil);
        self.callable.set(nil);
    }

    fn cells(&self) -> [&Cell<Opaque<Value>>; 3] {
        [&self.held, &self.callable, &self.class]
    }

    fn autorelease(&self) -> bool {
        self.state.autorelease()
    }

    fn set_autorelease(&self, on: bool) {
        self.state.set_autorelease(on);
    }
}

/// The address of a pointer, or of the memory of a struct; `None` of an object that is neither.
fn address(ruby: &Ruby, held: Value) -> Result<Option<usize>, Error> {
    let memory = ffi::memory(ruby, held)?;
    match ffi::is_pointer(ruby, memory)? {
        true => ffi::address(ruby, memory).map(Some),
        false => Ok(None),
    }
}

/// `callable`, if it is one.
pub fn callable(ruby: &Ruby, callable: Value) -> Result<Value, Error> {
    match callable.respond_to("call", false)? {
        true => Ok(callable),
        false => {
            let message = "proc must be callable";
            Err(Error::new(ruby.exception_runtime_error(), message))
        }
    }
}

/// Stores `value` in `cell` of `releaser`.
fn write(releaser: Obj<Releaser>, cell: &Cell<Opaque<Value>>, value: Value) {
    cell.set(value.into());
    // Ruby's write barrier takes objects only, and `nil` is none.
    if !rb_sys::macros::SPECIAL_CONST_P(value.as_raw()) {
        releaser.writebarrier(value);
    }
}

/// Has Ruby call `releaser` when `object` is gone, or the process ends.
pub fn define_finalizer(object: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
    protect(|| {
        // SAFETY: called with the GVL held, on values that the caller's frame keeps alive; `protect`
        // catches what it raises.
        unsafe { rb_sys::rb_define_finalizer(object.as_raw(), releaser.as_raw()) }
    })?;
    Ok(())
}

/// Makes the pointer NULL, if it is still there: the program has reached for its releaser, or the process
/// ends and releases that are yet to come may read it. At GC it is gone.
fn set_pointer_null(ruby: &Ruby, releaser: Obj<Releaser>, id: Option<&Value>) -> Result<(), Error> {
    let left = match id {
        Some(id) if process::is_ending(ruby)? => process::object(ruby, *id),
        _ => None,
    };
    match left.or(carrier::owner(ruby, releaser)?) {
        Some(pointer) if carrier::holds(ruby, pointer, releaser)? => ffi::set_null(ruby, pointer),
        _ => Ok(()),
    }
}
