//! The figures of `SafePointer.stats`: how many pointers there are, and what became of the others.
//!
//! Always on, so nothing but a few atomic numbers, which the garbage collector may change in the midst of its work.
//! They order nothing: relaxed is enough.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::cause::{Cause, Ending};

static CREATED: AtomicU64 = AtomicU64::new(0);
static RELEASED: [AtomicU64; Cause::ALL.len()] = [const { AtomicU64::new(0) }; Cause::ALL.len()];
static DETACHED: AtomicU64 = AtomicU64::new(0);
static ERRORS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// A pointer has been made.
pub fn created() {
    CREATED.fetch_add(1, Relaxed);
}

/// One has been released.
pub fn released(ending: Ending) {
    RELEASED[ending.cause as usize].fetch_add(1, Relaxed);
    if ending.failed {
        ERRORS.fetch_add(1, Relaxed);
    }
}

/// One has been given away, or nobody will come and ask for its release.
pub fn detached() {
    DETACHED.fetch_add(1, Relaxed);
}

/// The program has one released of which that was said.
pub fn reclaimed() {
    DETACHED.fetch_sub(1, Relaxed);
}

/// The memory that is counted has changed from `before` to `after`, in bytes.
pub fn resized(before: usize, after: usize) {
    BYTES.fetch_add(after as u64, Relaxed);
    BYTES.fetch_sub(before as u64, Relaxed);
}

/// All of them at about the same time.
pub struct Figures {
    pub created: u64,
    /// By [`Cause::ALL`].
    pub released: [u64; Cause::ALL.len()],
    pub detached: u64,
    pub errors: u64,
    pub bytes: u64,
}

pub fn figures() -> Figures {
    let load = |figure: &AtomicU64| figure.load(Relaxed);
    let released = RELEASED.each_ref().map(load);
    let detached = load(&DETACHED);
    Figures {
        released,
        detached,
        // Read after those: what ended meanwhile in another Ractor was made before.
        created: load(&CREATED),
        errors: load(&ERRORS),
        bytes: load(&BYTES),
    }
}
