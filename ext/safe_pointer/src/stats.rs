//! `SafePointer.stats`: how many pointers there are, and what became of the others.
//!
//! Always on, so nothing but a few atomic numbers, which the garbage collector may change in the midst of its work.
//! They order nothing: relaxed is enough.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use magnus::{Error, Object, RClass, RHash, Ruby, error::ErrorType, method, prelude::*};

use crate::{errors::Occasion, process};

static CREATED: AtomicU64 = AtomicU64::new(0);
static RELEASED: [AtomicU64; Cause::ALL.len()] = [const { AtomicU64::new(0) }; Cause::ALL.len()];
static DETACHED: AtomicU64 = AtomicU64::new(0);
static ERRORS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// What a pointer was released by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The program: `free`, or a method of the class's own for it.
    Free,
    /// The garbage collector found it dead.
    Gc,
    /// The process ended.
    Exit,
    /// The garbage collector found it dead, and a queue was drained.
    Queue,
    /// The release of its parent destroyed it.
    Parent,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Free, Self::Gc, Self::Exit, Self::Queue, Self::Parent];

    /// What it is when Ruby or a queue asks on `occasion`; without one it is the program that does.
    pub fn of(occasion: Option<Occasion>) -> Self {
        match occasion {
            None => Self::Free,
            Some(Occasion::Queue) => Self::Queue,
            Some(_) if process::is_ending() => Self::Exit,
            Some(_) => Self::Gc,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Gc => "gc",
            Self::Exit => "exit",
            Self::Queue => "queue",
            Self::Parent => "parent",
        }
    }
}

/// How a release ended.
#[derive(Clone, Copy)]
pub struct Ending {
    pub cause: Cause,
    /// Whether it raised.
    pub failed: bool,
}

impl Ending {
    /// `result` is what the release returned. A jump (a `throw`, the end of the thread) is no error of it.
    pub fn new<T>(cause: Cause, result: &Result<T, Error>) -> Self {
        let failed = match result {
            Ok(_) => false,
            Err(error) => !matches!(error.error_type(), ErrorType::Jump(_)),
        };
        Self { cause, failed }
    }
}

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

/// How many pointers there are, and what became of the others. Counted all the time and in all Ractors; in a forked
/// process the figures go on from those of its parent. NULL is not counted, as there is nothing to release.
///
/// - `:created`: the pointers, and releasers of other objects, that were made.
/// - `:released`: by what they were released. `:free` is the program, whatever the method, and also where its release
///   had to wait; `:gc` found them dead, and `:queue` is what a {ReleaseQueue#drain} released of those; `:exit` is the
///   end of the process; `:parent` the release of a parent that destroyed them (`freed_by_parent`).
/// - `:detached`: given away, or gone with autorelease off, so that nothing releases them from here.
/// - `:live`: the rest.
/// - `:errors`: how many of the releases raised.
/// - `:bytes`: the native memory of the live ones, as far as `size:` told of it and GC and exit are to release it.
///
/// @return [Hash{Symbol => Integer, Hash{Symbol => Integer}}] frozen
fn stats(ruby: &Ruby, _class: RClass) -> Result<RHash, Error> {
    let by_cause = ruby.hash_new();
    let mut released = 0;
    for cause in Cause::ALL {
        let count = RELEASED[cause as usize].load(Relaxed);
        released += count;
        by_cause.aset(ruby.to_symbol(cause.name()), count)?;
    }
    by_cause.freeze();
    let detached = DETACHED.load(Relaxed);
    // Read last: what ended meanwhile in another Ractor was made before.
    let created = CREATED.load(Relaxed);
    let stats = ruby.hash_new();
    let live = created.saturating_sub(released + detached);
    stats.aset(ruby.to_symbol("live"), live)?;
    stats.aset(ruby.to_symbol("created"), created)?;
    stats.aset(ruby.to_symbol("released"), by_cause)?;
    stats.aset(ruby.to_symbol("detached"), detached)?;
    stats.aset(ruby.to_symbol("errors"), ERRORS.load(Relaxed))?;
    stats.aset(ruby.to_symbol("bytes"), BYTES.load(Relaxed))?;
    stats.freeze();
    Ok(stats)
}

/// Defines `SafePointer.stats`.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    safe_pointer.define_singleton_method("stats", method!(stats, 0))
}
