//! The pointers that a release destroys too: children with `freed_by_parent`.

use std::collections::BTreeMap;

use magnus::{Ruby, Value, gc::Marker, rb_sys::AsRawValue, value::Opaque};

/// Their releasers, none of which leads to its pointer. Each has a number, in the order in which they came.
#[derive(Default)]
pub struct Children {
    next: u64,
    releasers: BTreeMap<u64, Opaque<Value>>,
}

impl Children {
    /// Returns the number.
    pub fn add(&mut self, releaser: Value) -> u64 {
        let number = self.next;
        self.next += 1;
        self.releasers.insert(number, releaser.into());
        number
    }

    /// It may not be there, and the number be another one's.
    pub fn remove(&mut self, ruby: &Ruby, number: u64, releaser: Value) {
        let found = self.releasers.get(&number).copied();
        if found.is_some_and(|found| ruby.get_inner(found).as_raw() == releaser.as_raw()) {
            self.releasers.remove(&number);
        }
    }

    /// Removes the one that came last.
    pub fn pop(&mut self) -> Option<Opaque<Value>> {
        self.releasers.pop_last().map(|(_, releaser)| releaser)
    }

    pub fn is_empty(&self) -> bool {
        self.releasers.is_empty()
    }

    /// In bytes, about.
    pub fn memory(&self) -> usize {
        self.releasers.len() * size_of::<(u64, Opaque<Value>)>()
    }

    pub fn mark(&self, marker: &Marker) {
        for releaser in self.releasers.values() {
            marker.mark(*releaser);
        }
    }
}
