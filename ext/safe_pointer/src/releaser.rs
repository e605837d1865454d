//! `SafePointer::Releaser`: the release of one pointer, and what is called when that is gone.

use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    sync::OnceLock,
};

use magnus::{
    DataTypeFunctions, Error, RArray, RClass, Ruby, TypedData, Value,
    gc::{Compactor, Marker},
    prelude::*,
    rb_sys::{AsRawValue, protect},
    typed_data::{Obj, Writebarrier},
    value::{LazyId, Opaque, OpaqueId},
};
use safe_pointer_core::{Claim, State, Trigger, family};

use crate::{
    carrier,
    class_info::{self, ReleaseName},
    errors::{self, Occasion},
    exit, ffi,
    guard::Own,
    process::{self, ForkPolicy},
    queue::ReleaseQueue,
    stats::{Cause, Ending},
};

mod account;
mod class;
mod end;
mod extras;
mod finalize;
mod kin;
mod lease;
mod releasing;
mod request;
mod size;
mod turns;
mod variables;
mod weak;

use account::Account;
pub use class::init;
use end::set_null;
use extras::Extras;
use finalize::{is_out_of_use, known_owner, pointer};
pub use kin::{Due, Kin, settle, tie};
pub use lease::with_lease;
pub use releasing::{enter as enter_release, forked, is_releasing};
use request::Request;
use turns::Guarded;
pub use turns::Turn;

static CALL: LazyId = LazyId::new("call");
static RELEASE: LazyId = LazyId::new("release");

/// How the release callable is called.
#[derive(Clone, Copy)]
pub enum Message {
    /// `callable.call(pointer)`
    Call,
    /// `klass.release(pointer)`
    Release(ReleaseName),
}

/// Holds what a release needs, and never the pointer object itself: the register keeps this
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
    /// 0 where there is none, too.
    address: usize,
    /// The fork of the process in which the pointer was made.
    generation: u32,
    account: Account,
    message: Cell<Message>,
    /// The very object that was wrapped. `nil` after the release.
    held: Cell<Opaque<Value>>,
    /// What releases it. `nil` after the release.
    callable: Cell<Opaque<Value>>,
    /// The class of the pointer object.
    class: Cell<Opaque<Value>>,
    /// Where it is released when the garbage collector has found the pointer dead. Queues live for ever.
    queue: Cell<Option<Opaque<Obj<ReleaseQueue>>>>,
    /// The release that runs in methods of the pointer's class.
    guarded: RefCell<Option<Box<Guarded>>>,
    extras: OnceLock<Box<Extras>>,
}

impl DataTypeFunctions for Releaser {
    fn free(self: Box<Self>) {
        self.write_off();
    }

    fn mark(&self, marker: &Marker) {
        for cell in self.cells() {
            marker.mark_movable(cell.get());
        }
        // A GC finds nothing borrowed: nothing that can start one runs meanwhile.
        if let Ok(guarded) = self.guarded.try_borrow()
            && let Some(guarded) = guarded.as_ref()
        {
            guarded.mark(marker);
        }
        if let Some(extras) = self.extras.get() {
            extras.mark(marker);
        }
    }

    fn compact(&self, compactor: &Compactor) {
        for cell in self.cells() {
            cell.set(compactor.location(cell.get()));
        }
    }

    /// What only this object has. What it refers to are objects of their own, and native memory is the pointer's.
    fn size(&self) -> usize {
        let extras = self.extras.get().map_or(0, |extras| extras.memory());
        size_of::<Self>() + extras
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
        Ok(Self::at(ruby, class, held, address, callable, message))
    }

    /// The same where it is known what the address is.
    pub fn at(
        ruby: &Ruby,
        class: RClass,
        held: Value,
        address: Option<usize>,
        callable: Value,
        message: Message,
    ) -> Obj<Self> {
        let state = match address {
            Some(0) => State::null(),
            _ => State::owned(),
        };
        let state = (state, address, Account::new());
        Self::make(ruby, class, held, callable, message, state)
    }

    /// Takes over from the native release of `pointer`. `held` is for its class's `release`.
    pub fn succeed(
        ruby: &Ruby,
        pointer: Value,
        held: Value,
        state: &State,
    ) -> Result<Obj<Self>, Error> {
        let class = pointer.class();
        let address = address(ruby, held)?;
        // The pointer has been counted when it was made, and at its end if that has come.
        let account = match state.is_released() || state.is_detached() {
            true => Account::new(),
            false => Account::continued(),
        };
        let make = |state| {
            let callable = class.as_value();
            let message = Message::Release(ReleaseName::unknown(*RELEASE));
            let state = (state, address, account);
            Self::make(ruby, class, held, callable, message, state)
        };
        // Whoever is releasing it has the pointer object, or there is nothing left to release.
        if !state.is_owned() {
            return Ok(make(state.take()));
        }
        pointer.check_frozen()?;
        let releaser = make(state.take());
        carrier::keep(ruby, pointer, releaser)?;
        Ok(releaser)
    }

    fn make(
        ruby: &Ruby,
        class: RClass,
        held: Value,
        callable: Value,
        message: Message,
        (state, address, account): (State, Option<usize>, Account),
    ) -> Obj<Self> {
        let nil = Opaque::from(ruby.qnil().as_value());
        let releaser = ruby.obj_wrap(Self {
            state,
            address: address.unwrap_or(0),
            generation: process::generation(),
            account,
            message: Cell::new(message),
            held: Cell::new(nil),
            callable: Cell::new(nil),
            class: Cell::new(nil),
            queue: Cell::new(None),
            guarded: RefCell::new(None),
            extras: OnceLock::new(),
        });
        // Set after the object exists: a GC during its allocation does not see inside the Rust value. One that has not
        // seen the object either needs no write barrier.
        releaser.held.set(held.into());
        releaser.callable.set(callable.into());
        releaser.class.set(class.as_value().into());
        releaser
    }

    /// The address of what was wrapped, if it has one. It stays known after the release.
    pub fn address(&self) -> Option<usize> {
        (self.address != 0 || self.state.is_null()).then_some(self.address)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    fn extras(&self) -> &Extras {
        self.extras.get_or_init(Box::default)
    }

    /// Whether the release is over. `false` while it runs, or waits, and of what has been given away.
    pub fn is_released(rb_self: Obj<Self>) -> bool {
        !rb_self.state.is_detached() && family::is_released(&Kin(rb_self))
    }

    /// Asks for the release because the program does. A release that has to wait is remembered, with the class's
    /// own method for it.
    pub fn claim(
        ruby: &Ruby,
        rb_self: Obj<Self>,
        pointer: Option<Value>,
        own: impl FnOnce() -> Result<Option<Own>, Error>,
    ) -> Result<Claim, Error> {
        lease::end_of_the_dead(ruby, rb_self)?;
        let claim = family::claim(&Kin(rb_self), Trigger::Free);
        match claim {
            Claim::Won => {}
            Claim::Deferred => match (pointer, own()?) {
                // The wait may be for what only the pointer keeps: it must not be kept itself.
                (Some(pointer), None) => Self::know_owner(ruby, rb_self, pointer)?,
                (pointer, own) => Request::set(rb_self, pointer, own),
            },
            Claim::Refused => rb_self.settle_account(ruby, false)?,
        }
        Ok(claim)
    }

    /// Releases `pointer`, which this is the release of, because the program asks.
    ///
    /// Inside the class's own `free` this is what `super` reaches: the release has been claimed, and
    /// the callable is called unless it has been already.
    pub fn free(ruby: &Ruby, rb_self: Obj<Self>, pointer: Option<Value>) -> Result<(), Error> {
        match Self::claim(ruby, rb_self, pointer, || Ok(None))? {
            Claim::Won => {
                let result = rb_self.call_claimed(ruby);
                let ending = Ending::new(Cause::Free, &result);
                let ended = errors::despite(&result, || {
                    Self::finish(ruby, rb_self, pointer, ending, Occasion::Child)
                });
                // Until here: the state lives in the object.
                black_box(rb_self);
                result.and(ended)
            }
            Claim::Refused if rb_self.is_guarded(ruby) && rb_self.state.claim_call() => {
                let result = rb_self.send(ruby, ruby.get_inner(rb_self.held.get()));
                let nulled = errors::despite(&result, || set_null(ruby, pointer));
                result.and(nulled)
            }
            _ => Ok(()),
        }
    }

    /// Releases because the object is gone or the process ends: what Ruby calls as a finalizer, with the object id.
    /// Without arguments it is the program that calls, on behalf of such an end.
    ///
    /// @overload call(*object_id)
    /// @return [nil]
    fn call(ruby: &Ruby, rb_self: Obj<Self>, args: &[Value]) -> Result<(), Error> {
        let id = args.first().copied();
        exit::report(ruby)?;
        let pointer = pointer(ruby, rb_self, id)?;
        if id.is_none() {
            return Self::finalize(ruby, rb_self, pointer, None);
        }
        match rb_self.state.leases() > 0 && !is_out_of_use(ruby, rb_self, id)? {
            true => {
                rb_self.discard_in_fork(ruby)?;
                Self::collect(ruby, rb_self, pointer)
            }
            false => Self::bury(ruby, rb_self, pointer),
        }
    }

    /// Releases `held`, given by hand, as the object that was wrapped.
    ///
    /// @param held [Object]
    /// @return [nil]
    fn release(ruby: &Ruby, rb_self: Obj<Self>, held: Value) -> Result<(), Error> {
        let pointer = pointer(ruby, rb_self, None)?;
        let won = Self::claim(ruby, rb_self, pointer, || Ok(None))? == Claim::Won;
        let mut result = Ok(());
        if (won || rb_self.is_guarded(ruby)) && rb_self.state.claim_call_by_hand() {
            result = rb_self.send(ruby, held);
        }
        if won {
            let ending = Ending::new(Cause::Free, &result);
            let ended = errors::despite(&result, || {
                Self::finish(ruby, rb_self, pointer, ending, Occasion::Child)
            });
            result = result.and(ended);
        }
        result
    }

    /// Gives up the object that was wrapped: it will not be released from here. `None` if it is too late.
    pub fn detach(ruby: &Ruby, rb_self: Obj<Self>) -> Result<Option<Value>, Error> {
        let held = ruby.get_inner(rb_self.held.get());
        let Some(due) = family::detach(&Kin(rb_self)) else {
            return Ok(None);
        };
        rb_self.let_go(ruby);
        rb_self.count(ruby);
        let told = rb_self.detach_account(ruby);
        errors::despite(&told, || settle(ruby, due, Occasion::Child))?;
        told.map(|()| Some(held))
    }

    /// Calls the release callable with the wrapped object, if it has not been called yet.
    fn call_claimed(&self, ruby: &Ruby) -> Result<(), Error> {
        match self.state.claim_call() {
            true => self.send(ruby, ruby.get_inner(self.held.get())),
            false => Ok(()),
        }
    }

    fn send(&self, ruby: &Ruby, held: Value) -> Result<(), Error> {
        let callable = ruby.get_inner(self.callable.get());
        if callable.is_nil() {
            return Ok(());
        }
        let message = match self.message.get() {
            Message::Call => *CALL,
            Message::Release(name) => match name.get() {
                Some(name) => name,
                None => Self::release_name(ruby, callable)?,
            },
        };
        let _releasing = releasing::enter();
        callable.funcall::<_, _, Value>(message, (held,)).map(drop)
    }

    /// Whether the class is known to be as it was when the pointer was made.
    pub fn is_class_unchanged(&self) -> bool {
        match self.message.get() {
            Message::Release(name) => name.get().is_some(),
            Message::Call => false,
        }
    }

    fn release_name(ruby: &Ruby, class: Value) -> Result<OpaqueId, Error> {
        let name = match RClass::from_value(class) {
            Some(class) => class_info::of(ruby, class)?.release,
            None => None,
        };
        Ok(name.and_then(ReleaseName::get).unwrap_or(*RELEASE))
    }

    fn cells(&self) -> [&Cell<Opaque<Value>>; 3] {
        [&self.held, &self.callable, &self.class]
    }

    /// Whether GC and exit release. `false` once it is released.
    ///
    /// @return [Boolean]
    fn autorelease(&self) -> bool {
        self.state.autorelease()
    }

    /// Lets GC and exit release, or keeps them from doing so.
    pub fn set_autorelease(&self, ruby: &Ruby, on: bool) {
        self.state.set_autorelease(on);
        self.count(ruby);
    }

    /// Has this release be that of `other` too, a pointer that is destroyed with this one.
    pub fn add_within(ruby: &Ruby, rb_self: Obj<Self>, other: Value) -> Result<(), Error> {
        rb_self.extras().within.add(ruby, rb_self, other)
    }

    /// What releases it. Nil after the release.
    pub fn callable(&self, ruby: &Ruby) -> Value {
        ruby.get_inner(self.callable.get())
    }

    /// The class of the pointer object.
    fn pointer_class(&self, ruby: &Ruby) -> Value {
        ruby.get_inner(self.class.get())
    }

    /// Where this is released when the garbage collector has found the pointer dead.
    pub fn queue(&self, ruby: &Ruby) -> Option<Obj<ReleaseQueue>> {
        let queue = ruby.get_inner(self.queue.get()?);
        (!queue.is_closed()).then_some(queue)
    }

    pub fn set_queue(&self, queue: Option<Opaque<Obj<ReleaseQueue>>>) {
        self.queue.set(queue);
    }

    /// Has the release, which has been claimed, wait in `queue`.
    fn defer(ruby: &Ruby, rb_self: Obj<Self>, queue: Obj<ReleaseQueue>) {
        rb_self.extras().due.set(true);
        queue.push(ruby, rb_self);
    }

    /// The next one in the queue that this waits in.
    pub fn next(&self) -> Option<Opaque<Value>> {
        self.extras.get()?.next.get()
    }

    /// Marks it as waiting in a queue, or not. Returns what it was.
    pub fn set_waiting(&self, waiting: bool) -> bool {
        self.extras().waiting.replace(waiting)
    }

    pub fn set_next(&self, next: Option<Opaque<Value>>) {
        self.extras().next.set(next);
    }

    fn within(&self, ruby: &Ruby) -> Result<Option<RArray>, Error> {
        match self.extras.get() {
            Some(extras) => extras.within.pointers(ruby),
            None => Ok(None),
        }
    }

    /// Has code that has the releaser only find `pointer`, which this is the release of.
    pub fn know_owner(ruby: &Ruby, rb_self: Obj<Self>, pointer: Value) -> Result<(), Error> {
        rb_self.extras().owner.add(ruby, rb_self, pointer)
    }

    /// The parent as the program has given it. Alive as long as the pointer is.
    pub fn parent(&self) -> Option<Opaque<Value>> {
        self.extras.get()?.parent.get()
    }

    /// The pointer is to keep `parent` alive.
    pub fn set_parent(&self, parent: Option<Value>) {
        self.extras().parent.set(parent.map(Opaque::from));
    }

    pub fn set_fork_policy(&self, policy: ForkPolicy) {
        self.extras().fork_policy.set(Some(policy));
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
            Err(errors::new(ruby.exception_runtime_error(), message))
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
