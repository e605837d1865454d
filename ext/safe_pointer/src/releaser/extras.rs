//! What only some releases need.

use std::{
    cell::{Cell, RefCell},
    sync::{Mutex, PoisonError},
};

use magnus::{Value, gc::Marker, typed_data::Obj, value::Opaque};
use safe_pointer_core::family::Bond;

use super::{Releaser, request::Request, weak::Weak};
use crate::process::ForkPolicy;

/// Made when first needed, so that the releases without pay for a pointer only.
#[derive(Default)]
pub struct Extras {
    /// The parent, by its releaser. Finalizers on other threads come here too, in other Ractors even.
    tie: Mutex<Option<(Opaque<Obj<Releaser>>, Bond)>>,
    /// The parent as the program has given it. Kept alive by the pointer, not from here: it may have the pointer itself.
    pub parent: Cell<Option<Opaque<Value>>>,
    /// The threads that have a lease, each as often as it has one.
    pub lessees: RefCell<Vec<Opaque<Value>>>,
    /// The release that waits for holds to end.
    pub request: RefCell<Option<Request>>,
    /// The pointer whose release this is, where it was asked to be known.
    pub owner: Weak,
    /// The pointers that this release destroys too.
    pub within: Weak,
    /// In bytes.
    pub size: Cell<usize>,
    /// How much of it the garbage collector counts now.
    pub counted: Cell<usize>,
    /// The next one in the queue that this waits in.
    pub next: Cell<Option<Opaque<Value>>>,
    /// Whether it waits in a queue.
    pub waiting: Cell<bool>,
    /// Whether what waits in the queue has been claimed already.
    pub due: Cell<bool>,
    /// Where and when the pointer was made, if somebody watched.
    pub origin: Cell<Option<Opaque<Value>>>,
    /// What goes before the policy of the pointer's class.
    pub fork_policy: Cell<Option<ForkPolicy>>,
}

impl Extras {
    pub fn tie(&self) -> Option<(Opaque<Obj<Releaser>>, Bond)> {
        *self.tie.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tie there was.
    pub fn replace_tie(
        &self,
        tie: Option<(Opaque<Obj<Releaser>>, Bond)>,
    ) -> Option<(Opaque<Obj<Releaser>>, Bond)> {
        let mut current = self.tie.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, tie)
    }

    /// In bytes.
    pub fn memory(&self) -> usize {
        let lessees = self.lessees.try_borrow();
        let capacity = lessees.map_or(0, |lessees| lessees.capacity());
        size_of::<Self>() + capacity * size_of::<Opaque<Value>>()
    }

    /// Calls `visit` with each reference. A GC finds nothing borrowed: nothing that can start one runs meanwhile.
    pub fn mark(&self, marker: &Marker) {
        if let Some((parent, _)) = self.tie() {
            marker.mark(parent);
        }
        if let Ok(lessees) = self.lessees.try_borrow() {
            lessees.iter().for_each(|thread| marker.mark(*thread));
        }
        if let Ok(request) = self.request.try_borrow()
            && let Some(request) = request.as_ref()
        {
            request.mark(marker);
        }
        for cell in [&self.next, &self.origin] {
            if let Some(value) = cell.get() {
                marker.mark(value);
            }
        }
        self.owner.mark(marker);
        self.within.mark(marker);
    }
}
