//! The name under which a class's `release` is called.

use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use magnus::value::OpaqueId;

/// Counts the changes of classes, from 1.
static CHANGES: AtomicU64 = AtomicU64::new(1);

/// A class has changed.
pub fn forget_all() {
    CHANGES.fetch_add(1, Relaxed);
}

/// How many changes there have been, to be asked before a name is looked up.
pub fn changes() -> NonZeroU64 {
    NonZeroU64::new(CHANGES.load(Relaxed)).unwrap_or(NonZeroU64::MAX)
}

/// The name under which a class's `release` is called: past the guard, which is for programs that call it by hand.
#[derive(Clone, Copy)]
pub struct ReleaseName {
    name: OpaqueId,
    changes: NonZeroU64,
}

impl ReleaseName {
    /// `name` was looked up after so many [`changes`].
    pub fn new(name: OpaqueId, changes: NonZeroU64) -> Self {
        Self { name, changes }
    }

    /// One that is yet to be looked up, and `name` until then.
    pub fn unknown(name: OpaqueId) -> Self {
        Self::new(name, NonZeroU64::MAX)
    }

    /// As it was looked up.
    pub fn name(self) -> OpaqueId {
        self.name
    }

    /// `None` if it may be another one by now.
    pub fn get(self) -> Option<OpaqueId> {
        (self.changes.get() == CHANGES.load(Relaxed)).then_some(self.name)
    }
}
