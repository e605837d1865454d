//! One lease: what is known of the fiber that has it, and what becomes of it where that never goes on.

use magnus::{
    DataTypeFunctions, Error, Ruby, TypedData, Value, rb_sys::AsRawValue, typed_data::Obj,
    value::Opaque,
};

use super::queue::{self, Job};
use crate::ruby::{
    finalizer, namespace,
    registry::{self, PlaceCell},
};

/// A fiber that has a lease.
pub struct Lessee {
    /// Its object id. A reference would keep a fiber alive that never goes on, and with it the pointer.
    pub fiber: u64,
    /// Ruby lets no other thread resume it.
    pub thread: Opaque<Value>,
}

impl Lessee {
    pub fn is_on(&self, ruby: &Ruby, thread: Value) -> bool {
        ruby.get_inner(self.thread).as_raw() == thread.as_raw()
    }
}

/// What only the stack of a fiber refers to while the fiber has a lease. A fiber that never goes on is collected without
/// being unwound, and this with it.
#[derive(TypedData)]
#[magnus(class = "SafePointer::Lease", free_immediately, size)]
pub struct Lease {
    fiber: u64,
    /// Where the releaser is kept for the lease.
    place: PlaceCell,
}

impl Lease {
    /// That of the fiber with this object id.
    pub fn new(ruby: &Ruby, releaser: Value, fiber: u64) -> Result<Obj<Self>, Error> {
        let place = PlaceCell::new(registry::keep(ruby, releaser)?);
        Ok(ruby.obj_wrap(Self { fiber, place }))
    }

    /// The lease ends, or has ended.
    pub fn end(&self, ruby: &Ruby) {
        if let Some(place) = self.place.take() {
            registry::take(ruby, place);
        }
    }
}

impl DataTypeFunctions for Lease {
    fn free(self: Box<Self>) {
        if let Some(place) = self.place.take().filter(|_| !finalizer::is_over()) {
            let fiber = self.fiber;
            queue::default().push(Job::Lease { place, fiber });
        }
    }
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    namespace::define_data_class::<Lease>(ruby, "Lease")
}
