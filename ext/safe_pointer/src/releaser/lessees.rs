//! Who has a lease: fibers.

use std::sync::PoisonError;

use magnus::{
    Error, RArray, Ruby,
    prelude::*,
    typed_data::{Obj, Writebarrier},
};

use super::{Releaser, lease::Lessee};
use crate::ruby::errors;

impl Releaser {
    pub fn has_lessee(&self, fiber: u64) -> bool {
        let has = |lessees: &mut Vec<Lessee>| lessees.iter().any(|lessee| lessee.fiber == fiber);
        self.has_extras() && self.with_lessees(has)
    }

    /// Sees to it that [`Self::add_lessee`] takes no memory, if it comes next.
    pub fn make_room_for_lessee(&self) -> Result<(), Error> {
        match self.with_lessees(|lessees| lessees.try_reserve(1)) {
            Ok(()) => Ok(()),
            Err(_) => errors::no_memory(),
        }
    }

    /// The fiber that runs, whose object id is `fiber`, has been granted a lease.
    pub fn add_lessee(ruby: &Ruby, rb_self: Obj<Self>, fiber: u64) {
        let thread = ruby.thread_current().as_value();
        let lessee = Lessee {
            fiber,
            thread: thread.into(),
        };
        rb_self.with_lessees(|lessees| lessees.push(lessee));
        rb_self.writebarrier(thread);
    }

    /// Removes one that `is` is true of. Returns whether there was one.
    pub fn remove_lessee(&self, is: impl Fn(&Lessee) -> bool) -> bool {
        self.with_lessees(|lessees| {
            let position = lessees.iter().position(is);
            position.map(|position| lessees.swap_remove(position))
        })
        .is_some()
    }

    pub fn remove_lessees(&self) {
        self.with_lessees(Vec::clear);
    }

    /// The threads of the fibers that have one, each as often as there are such fibers, where GC sees them.
    pub fn threads_of_lessees(&self, ruby: &Ruby) -> Result<RArray, Error> {
        let threads = ruby.ary_new();
        // Adding may collect, so nothing is locked meanwhile.
        let thread_at = |index| {
            self.with_lessees(|lessees| lessees.get(index).map(|lessee: &Lessee| lessee.thread))
        };
        let mut index = 0;
        while let Some(thread) = thread_at(index) {
            threads.push(ruby.get_inner(thread))?;
            index += 1;
        }
        Ok(threads)
    }

    /// Nothing of Ruby's is called in `body`.
    fn with_lessees<T>(&self, body: impl FnOnce(&mut Vec<Lessee>) -> T) -> T {
        let lessees = &self.extras().lessees;
        body(&mut lessees.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
