//! `SafePointer::Releaser`: the release of one pointer. Data and transitions: what follows from them is for others to
//! carry out.

use std::{
    cell::{Cell, OnceCell, RefCell},
    sync::{Arc, OnceLock},
};

use magnus::{
    Error, RClass, Ruby, TypedData, Value,
    prelude::*,
    rb_sys::AsRawValue,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::State;

use crate::ruby::{
    process,
    registry::{self, Place, Reservation},
};

mod admission;
mod children;
mod counted;
mod extras;
pub mod family_member;
mod figures;
mod forked;
mod gc;
pub mod lease;
mod lessees;
pub mod loose;
pub mod own_release;
pub mod queue;
pub mod release_name;
mod request;

use counted::Counted;
use extras::Extras;
use own_release::{OwnCall, OwnRelease};
use queue::{Job, Jobs};
use release_name::ReleaseName;
use request::Request;

/// How the release callable is called.
#[derive(Clone, Copy)]
pub enum Message {
    /// `callable.call(pointer)`
    Call,
    /// `klass.release(pointer)`
    Release(ReleaseName),
}

/// Holds what a release needs, and never the pointer object itself: the registry keeps this
/// object alive, and with it everything it refers to.
///
/// Ruby values live in cells, which only code that holds the lock of their Ractor reads or writes. The state alone is
/// shared more widely.
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
    counted: Counted,
    message: Cell<Message>,
    /// The very object that was wrapped. `nil` after the release.
    held: Cell<Opaque<Value>>,
    /// What releases it. `nil` after the release.
    callable: Cell<Opaque<Value>>,
    /// The class of the pointer object.
    class: Cell<Opaque<Value>>,
    /// In memory of its own, as few have one.
    queue: OnceCell<Box<OwnQueue>>,
    /// The release that runs in methods of the pointer's class.
    own_release: RefCell<Option<Box<OwnRelease>>>,
    extras: OnceLock<Box<Extras>>,
}

/// Where it is released when the garbage collector has found the pointer dead.
struct OwnQueue {
    jobs: Arc<Jobs>,
    /// By which it is kept while it waits there.
    reservation: Reservation,
    /// Whether what waits has been claimed already.
    due: Cell<bool>,
}

/// What a new releaser is made of.
pub struct Parts {
    pub class: RClass,
    pub held: Value,
    /// `None` where `held` has none.
    pub address: Option<usize>,
    pub callable: Value,
    pub message: Message,
}

impl Releaser {
    /// The release of what has not been owned yet.
    pub fn new(ruby: &Ruby, parts: Parts) -> Obj<Self> {
        let state = match parts.address {
            Some(0) => State::null(),
            _ => State::owned(),
        };
        Self::with_state(ruby, parts, state)
    }

    /// The release of what is in this state already.
    pub fn with_state(ruby: &Ruby, parts: Parts, state: State) -> Obj<Self> {
        let nil = Opaque::from(ruby.qnil().as_value());
        let releaser = ruby.obj_wrap(Self {
            state,
            address: parts.address.unwrap_or(0),
            generation: process::generation(),
            counted: Counted::not_yet(),
            message: Cell::new(parts.message),
            held: Cell::new(nil),
            callable: Cell::new(nil),
            class: Cell::new(nil),
            queue: OnceCell::new(),
            own_release: RefCell::new(None),
            extras: OnceLock::new(),
        });
        // Set after the object exists: a GC during its allocation does not see inside the Rust value. One that has not
        // seen the object either needs no write barrier.
        releaser.held.set(parts.held.into());
        releaser.callable.set(parts.callable.into());
        releaser.class.set(parts.class.as_value().into());
        releaser
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// The address of what was wrapped, if it has one. It stays known after the release.
    pub fn address(&self) -> Option<usize> {
        (self.address != 0 || self.state.is_null()).then_some(self.address)
    }

    /// The very object that was wrapped. Nil after the release.
    pub fn held(&self, ruby: &Ruby) -> Value {
        ruby.get_inner(self.held.get())
    }

    /// What releases it. Nil after the release.
    pub fn callable(&self, ruby: &Ruby) -> Value {
        ruby.get_inner(self.callable.get())
    }

    /// The class of the pointer object.
    pub fn pointer_class(&self, ruby: &Ruby) -> Value {
        ruby.get_inner(self.class.get())
    }

    pub fn message(&self) -> Message {
        self.message.get()
    }

    pub fn set_held(ruby: &Ruby, rb_self: Obj<Self>, held: Value) {
        write(rb_self, &rb_self.held, held);
        rb_self.arm(ruby);
    }

    pub fn set_callable(ruby: &Ruby, rb_self: Obj<Self>, callable: Value) {
        rb_self.message.set(Message::Call);
        write(rb_self, &rb_self.callable, callable);
        rb_self.arm(ruby);
    }

    /// Without something to call, and something to call it with, GC and exit leave the pointer alone.
    fn arm(&self, ruby: &Ruby) {
        let is_armed = !self.held(ruby).is_nil() && !self.callable(ruby).is_nil();
        self.state.set_armed(is_armed);
    }

    /// What the release needed is needed no more.
    pub fn let_go(&self, ruby: &Ruby) {
        let nil = Opaque::from(ruby.qnil().as_value());
        self.held.set(nil);
        self.callable.set(nil);
    }

    /// Where this is released when the garbage collector has found the pointer dead.
    pub fn queue(&self) -> Option<&Arc<Jobs>> {
        let jobs = &self.queue.get()?.jobs;
        (!jobs.is_closed() && !self.state.is_detached()).then_some(jobs)
    }

    /// Unless it has one. Fails where there is no memory for the time that it waits there.
    pub fn set_queue(&self, ruby: &Ruby, jobs: &Arc<Jobs>) -> Result<(), Error> {
        if self.queue.get().is_none() {
            let reservation = Reservation::new(ruby)?;
            let queue = OwnQueue {
                jobs: jobs.clone(),
                reservation,
                due: Cell::new(false),
            };
            self.queue.get_or_init(|| Box::new(queue));
        }
        Ok(())
    }

    /// Has it wait in its queue, closed or not. Once is enough.
    pub fn begin_waiting(ruby: &Ruby, rb_self: Obj<Self>) {
        let Some(queue) = rb_self.queue.get() else {
            return;
        };
        if let Some(place) = queue.reservation.keep(ruby, rb_self.as_value()) {
            queue.jobs.push(Job::Releaser(place));
        }
    }

    /// It waits no more for the job that has it at `place`.
    pub fn end_waiting(&self, ruby: &Ruby, place: Place) {
        match self.queue.get() {
            Some(queue) => queue.reservation.take(ruby, place),
            None => registry::take(ruby, place),
        };
    }

    /// The release, which has been claimed, is to be carried out from its queue.
    pub fn set_due(&self) {
        if let Some(queue) = self.queue.get() {
            queue.due.set(true);
        }
    }

    /// Whether that was said, once.
    pub fn take_due(&self) -> bool {
        self.queue.get().is_some_and(|queue| queue.due.take())
    }

    /// Remembers the release of `pointer` that has to wait, by its class's own method if there is one.
    pub fn set_request(rb_self: Obj<Self>, pointer: Option<Value>, own: Option<OwnCall>) {
        // As of what GC has found dead, maybe for want of memory.
        if pointer.is_none() && own.is_none() && !rb_self.has_extras() {
            return;
        }
        if let Some(pointer) = pointer {
            rb_self.writebarrier(pointer);
        }
        if let Some(own) = &own {
            rb_self.writebarrier(own.block);
        }
        let pointer = pointer.map(Opaque::from);
        rb_self
            .extras()
            .request
            .replace(Some(Request { pointer, own }));
    }

    /// The pointer, if it is still there, and how the program wants it released.
    pub fn take_request(&self, ruby: &Ruby) -> (Option<Value>, Option<OwnCall>) {
        let request = self.extras.get().and_then(|extras| extras.request.take());
        match request {
            Some(Request { pointer, own }) => (pointer.map(|pointer| ruby.get_inner(pointer)), own),
            None => (None, None),
        }
    }

    /// The parent as the program has given it. Alive as long as the pointer is.
    pub fn parent(&self) -> Option<Opaque<Value>> {
        self.extras.get()?.parent.get()
    }

    /// The pointer is to keep `parent` alive.
    pub fn set_parent(&self, parent: Option<Value>) {
        self.extras().parent.set(parent.map(Opaque::from));
    }

    /// Has code that has the releaser only find `pointer`, which this is the release of.
    pub fn know_owner(ruby: &Ruby, rb_self: Obj<Self>, pointer: Value) -> Result<(), Error> {
        rb_self.extras().owner.set(ruby, rb_self, pointer)
    }

    /// The pointer that was made known so, if it is alive.
    pub fn known_owner(ruby: &Ruby, rb_self: Obj<Self>) -> Result<Option<Value>, Error> {
        match rb_self.extras.get() {
            Some(extras) => extras.owner.get(ruby, rb_self),
            None => Ok(None),
        }
    }

    /// Whether anything was asked of it that only some releases need.
    pub fn has_extras(&self) -> bool {
        self.extras.get().is_some()
    }

    fn extras(&self) -> &Extras {
        self.extras.get_or_init(Box::default)
    }

    fn cells(&self) -> [&Cell<Opaque<Value>>; 3] {
        [&self.held, &self.callable, &self.class]
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
