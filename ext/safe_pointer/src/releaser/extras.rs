//! What only some releases need.

use std::{
    cell::{Cell, RefCell},
    sync::{Mutex, PoisonError},
};

use magnus::{Value, gc::Marker, value::Opaque};
use safe_pointer_core::family::Bond;

use super::{children::Children, lease::Lessee, request::Request};
use crate::ruby::{fork_policy::ForkPolicy, registry::PlaceCell, weak_reference::WeakReference};

/// Made when first needed, so that the releases without pay for a pointer only.
#[derive(Default)]
pub struct Extras {
    /// The parent, by its releaser. Finalizers on other threads come here too, in other Ractors even.
    tie: Mutex<Option<(Opaque<Value>, Bond)>>,
    /// Where the tie's hold on the parent is kept, if this has no pointer.
    pub loose: PlaceCell,
    /// The parent as the program has given it. Kept alive by the pointer, not from here: it may have the pointer itself.
    pub parent: Cell<Option<Opaque<Value>>>,
    /// The fibers that have a lease. Finalizers come here, as above.
    pub lessees: Mutex<Vec<Lessee>>,
    /// The release that waits for holds to end.
    pub request: RefCell<Option<Request>>,
    /// The pointer whose release this is, where it was asked to be known.
    pub owner: WeakReference,
    /// The pointers that this release destroys too, by their releasers. Finalizers come here, as above.
    pub children: Mutex<Children>,
    /// Under which number the parent that destroys the pointer has it.
    pub number: Cell<u64>,
    /// In bytes.
    pub size: Cell<usize>,
    /// How much of it the garbage collector counts now.
    pub counted: Cell<usize>,
    /// Where and when the pointer was made, if somebody watched.
    pub origin: Cell<Option<Opaque<Value>>>,
    /// What goes before the policy of the pointer's class.
    pub fork_policy: Cell<Option<ForkPolicy>>,
}

impl Extras {
    pub fn tie(&self) -> Option<(Opaque<Value>, Bond)> {
        *self.tie.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tie there was.
    pub fn replace_tie(&self, tie: Option<(Opaque<Value>, Bond)>) -> Option<(Opaque<Value>, Bond)> {
        let mut current = self.tie.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, tie)
    }

    /// In bytes.
    pub fn memory(&self) -> usize {
        let lessees = self.lessees.try_lock();
        let capacity = lessees.map_or(0, |lessees| lessees.capacity());
        let children = self.children.try_lock();
        let children = children.map_or(0, |children| children.memory());
        size_of::<Self>() + capacity * size_of::<Lessee>() + children
    }

    /// Calls `visit` with each reference. A GC finds nothing borrowed: nothing that can start one runs meanwhile.
    pub fn mark(&self, marker: &Marker) {
        if let Some((parent, _)) = self.tie() {
            marker.mark(parent);
        }
        let lessees = self.lessees.lock().unwrap_or_else(PoisonError::into_inner);
        lessees.iter().for_each(|lessee| marker.mark(lessee.thread));
        drop(lessees);
        if let Ok(request) = self.request.try_borrow() {
            request.iter().for_each(|request| request.mark(marker));
        }
        if let Some(origin) = self.origin.get() {
            marker.mark(origin);
        }
        self.owner.mark(marker);
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.mark(marker);
    }
}
