//! Children that have no pointer object, and what becomes of their parents where they are dropped.
//!
//! GC finds a pointer dead and has it released, and its parent is released after it. A releaser without one that is dropped
//! is never released: nobody can ask for it any more. What its parent waits for then is that it is gone.

use std::cell::Cell;

use magnus::{
    DataTypeFunctions, Error, Ruby, TypedData, gc::Marker, prelude::*, typed_data::Obj,
    value::Opaque,
};

use super::Releaser;
use crate::ruby::{
    data, namespace,
    registry::{self, Place, Reservation},
};

/// The hold of one such child on its parent. The registry keeps it until the hold ends, and with it the parent's releaser,
/// which may be gone by the time the child is swept.
#[derive(TypedData)]
#[magnus(class = "SafePointer::Loose", free_immediately, mark, size)]
pub struct Loose {
    /// Whoever takes it out ends the hold.
    parent: Cell<Option<Opaque<Obj<Releaser>>>>,
    reservation: Reservation,
}

impl DataTypeFunctions for Loose {
    fn mark(&self, marker: &Marker) {
        if let Some(parent) = self.parent.get() {
            marker.mark(parent);
        }
    }
}

impl Loose {
    pub fn new(ruby: &Ruby, parent: Obj<Releaser>) -> Result<Obj<Self>, Error> {
        let loose = ruby.obj_wrap(Self {
            parent: Cell::new(None),
            reservation: Reservation::new(ruby)?,
        });
        // Set after the object exists: a GC during its allocation does not see inside the Rust value.
        loose.parent.set(Some(parent.into()));
        Ok(loose)
    }

    /// Has the registry keep it, once.
    pub fn keep(ruby: &Ruby, rb_self: Obj<Self>) -> Option<Place> {
        rb_self.reservation.keep(ruby, rb_self.as_value())
    }

    /// The one kept at `place`, where there is one.
    fn at(ruby: &Ruby, place: Place) -> Option<Obj<Self>> {
        data::wrapped(registry::get(ruby, place)?)
    }

    fn let_go(&self, ruby: &Ruby) -> Option<Obj<Releaser>> {
        Some(ruby.get_inner(self.parent.take()?))
    }
}

/// Ends the hold kept at `place`, which is vacant afterwards. Returns the parent, unless the hold has been ended.
pub fn take(ruby: &Ruby, place: Place) -> Option<Obj<Releaser>> {
    let loose: Obj<Loose> = data::wrapped(registry::take(ruby, place)?)?;
    loose.let_go(ruby)
}

/// The same, where the child is still there and has the place.
pub fn let_go(ruby: &Ruby, place: Place) -> Option<Obj<Releaser>> {
    Loose::at(ruby, place)?.let_go(ruby)
}

/// The holds that have not ended: where they are kept, and on whom.
pub fn all(ruby: &Ruby) -> impl Iterator<Item = (Place, Obj<Releaser>)> {
    registry::all(ruby).filter_map(|(place, kept)| {
        let loose: Obj<Loose> = data::wrapped(kept)?;
        Some((place, ruby.get_inner(loose.parent.get()?)))
    })
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    namespace::define_data_class::<Loose>(ruby, "Loose")
}
