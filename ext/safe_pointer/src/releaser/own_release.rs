//! A release that the pointer's class has taken into its own hands: which of its methods may run in it, and for whom.

use magnus::{block::Proc, gc::Marker, value::Opaque};
use safe_pointer_core::{Entered, State};

use crate::ruby::fiber::{self, Context};

/// A method of the class's own that stands behind a guard.
#[derive(Clone, Copy)]
pub struct OwnMethod {
    pub entry: Entry,
    pub id: u64,
}

/// What such a method is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Free,
    /// `release`, called by hand.
    Release,
}

/// A call of such a method that has to wait.
pub struct OwnCall {
    pub method: OwnMethod,
    /// Calls it, with the arguments it was given.
    pub block: Opaque<Proc>,
}

impl OwnCall {
    pub fn mark(&self, marker: &Marker) {
        marker.mark(self.block);
    }
}

/// A claimed release in which methods of the class run.
pub struct OwnRelease {
    /// Where it runs.
    pub context: Context,
    /// The object id of the thread.
    pub thread: u64,
    pub entered: Entered,
    /// Whether the release callable is running, called by hand as `klass.release(pointer)`.
    pub calling: bool,
}

/// What a call of such a method comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The method runs, and takes the place of the call that `super` would have made.
    First,
    Granted,
    Refused,
}

impl OwnRelease {
    /// One that begins now, here.
    pub fn new() -> Self {
        Self {
            context: Context::here(),
            thread: fiber::current_thread_id(),
            entered: Entered::new(),
            calling: false,
        }
    }

    /// Whether `method` may run in it, which is that of `state`.
    pub fn admit(&mut self, state: &State, method: OwnMethod) -> Admission {
        match method.entry {
            Entry::Free if self.entered.enter(method.id) => Admission::Granted,
            Entry::Free => Admission::Refused,
            Entry::Release => {
                let first = state.claim_call_by_hand();
                self.calling |= first;
                match self.calling && self.entered.enter(method.id) {
                    true if first => Admission::First,
                    true => Admission::Granted,
                    false => Admission::Refused,
                }
            }
        }
    }
}
