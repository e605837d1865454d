//! Whose turn it is within a release that the pointer's class has taken into its own hands.

use magnus::{
    Ruby, Value,
    gc::Marker,
    prelude::*,
    rb_sys::AsRawValue,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::Entered;

use super::Releaser;

/// A claimed release in which methods of the class run, on `thread`.
pub struct Guarded {
    thread: Opaque<Value>,
    entered: Entered,
    /// Whether the release callable is running, called by hand as `klass.release(pointer)`.
    calling: bool,
}

impl Guarded {
    pub fn mark(&self, marker: &Marker) {
        marker.mark(self.thread);
    }
}

/// The turn of a class's `release` that the program calls by hand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    Super,
    None,
}

impl Releaser {
    /// Opens a release in which the class's own methods run on this thread. The claim has been won.
    pub fn guard(ruby: &Ruby, rb_self: Obj<Self>) {
        let thread = ruby.thread_current();
        rb_self.guarded.replace(Some(Box::new(Guarded {
            thread: thread.as_value().into(),
            entered: Entered::new(),
            calling: false,
        })));
        rb_self.writebarrier(thread);
    }

    /// Whether the class's own methods are releasing on this thread.
    pub fn is_guarded(&self, ruby: &Ruby) -> bool {
        self.with_guarded(ruby, |_| ()).is_some()
    }

    /// Whether `method` has its turn in the release that runs on this thread.
    pub fn enter(&self, ruby: &Ruby, method: u64) -> bool {
        self.with_guarded(ruby, |guarded| guarded.entered.enter(method))
            .unwrap_or(false)
    }

    /// What turn the class's `release`, called by hand as `method`, has: one first call, which spends the
    /// call that `super` would have made, and within it a chain of `super`.
    pub fn enter_call(&self, ruby: &Ruby, method: u64) -> Turn {
        self.with_guarded(ruby, |guarded| {
            let first = self.state.claim_call_by_hand();
            guarded.calling |= first;
            match guarded.calling && guarded.entered.enter(method) {
                true if first => Turn::First,
                true => Turn::Super,
                false => Turn::None,
            }
        })
        .unwrap_or(Turn::None)
    }

    /// Ends [`Turn::First`].
    pub fn leave_call(&self, ruby: &Ruby) {
        self.with_guarded(ruby, |guarded| guarded.calling = false);
    }

    fn with_guarded<T>(&self, ruby: &Ruby, ask: impl FnOnce(&mut Guarded) -> T) -> Option<T> {
        let mut guarded = self.guarded.try_borrow_mut().ok()?;
        let guarded = guarded.as_mut()?;
        let here = ruby.get_inner(guarded.thread).as_raw() == ruby.thread_current().as_raw();
        here.then(|| ask(guarded))
    }
}
