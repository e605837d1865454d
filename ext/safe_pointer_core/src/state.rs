//! The state word.

use std::{
    fmt,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
};

//   63                               6 5   4   3   2   1 0
//  +----------------------------------+---+---+---+---+-----+
//  |               zero               | N | D | C | A |phase|
//  +----------------------------------+---+---+---+---+-----+
//
//  phase  0 OWNED      nobody has asked for the release
//         1 RELEASING  somebody has won the claim and is releasing
//         2 RELEASED   the release is over, whether it returned or raised
//         3 DETACHED   given away: nothing will be released from here
//  A      autorelease is off: the finalizer may not claim
//  C      the release callable has been called
//  D      disarmed: the releaser has nothing to call, or nothing to call it with
//  N      the address is NULL: there is nothing to release
//
// Phases only grow, and C is never taken back.

const PHASE: u64 = 0b11;
const OWNED: u64 = 0;
const RELEASING: u64 = 1;
const RELEASED: u64 = 2;
const DETACHED: u64 = 3;
const AUTORELEASE_OFF: u64 = 1 << 2;
const CALLED: u64 = 1 << 3;
const DISARMED: u64 = 1 << 4;
const NULL: u64 = 1 << 5;

/// Who asks for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The program asks: `free`, or the class's own method for it.
    Free,
    /// The garbage collector or the end of the process asks. It is refused while autorelease is off, and
    /// while the releaser is disarmed.
    Finalizer,
}

/// Whether a pointer is owned, being released, released or given away.
///
/// Shared by every party that may ask for a release. All methods are transitions of one atomic word;
/// none blocks.
pub struct State(AtomicU64);

impl State {
    /// The state of a pointer that is owned, with autorelease on.
    pub const fn owned() -> Self {
        Self(AtomicU64::new(OWNED))
    }

    /// The state of a NULL pointer. It is never released: every [`claim`](Self::claim) fails.
    pub const fn null() -> Self {
        Self(AtomicU64::new(OWNED | NULL))
    }

    /// Takes the right to release. At most one call over the life of the state returns `true`; it must
    /// be followed by [`finish`](Self::finish).
    ///
    /// A claim on NULL marks it released and returns `false`.
    ///
    /// The compare-and-swap is what makes a second release impossible: between two callers that both
    /// saw OWNED, one finds the word changed and loses. Acquire on success pairs with the release half
    /// of `finish` and `set_autorelease`, so that the winner sees what was done to the pointer before.
    pub fn claim(&self, trigger: Trigger) -> bool {
        let claimed = self.0.fetch_update(AcqRel, Acquire, |word| {
            let allowed = match trigger {
                Trigger::Free => true,
                Trigger::Finalizer => word & (AUTORELEASE_OFF | DISARMED) == 0,
            };
            let phase = if word & NULL == 0 {
                RELEASING
            } else {
                RELEASED
            };
            (word & PHASE == OWNED && allowed).then_some(word | phase)
        });
        claimed.is_ok_and(|word| word & NULL == 0)
    }

    /// Takes the right to call the release callable, within a claimed release.
    ///
    /// A claim and a call are apart because a class's own `free` is a release too: it has made the claim,
    /// and may call the callable (through `super`) or not.
    pub fn claim_call(&self) -> bool {
        self.take_call(DISARMED)
    }

    /// Takes the same right for a program that calls the callable by hand. That it has disarmed the
    /// releaser before is no objection: it does so to be the one who calls.
    pub fn claim_call_by_hand(&self) -> bool {
        self.take_call(0)
    }

    fn take_call(&self, objections: u64) -> bool {
        self.0
            .fetch_update(AcqRel, Acquire, |word| {
                (word & PHASE == RELEASING && word & (CALLED | objections) == 0)
                    .then_some(word | CALLED)
            })
            .is_ok()
    }

    /// Ends a claimed release, and turns autorelease off, as `FFI::AutoPointer#free` does.
    ///
    /// To be called whether the release returned or raised: an error is never a reason to try again.
    pub fn finish(&self) {
        let _ = self.0.fetch_update(AcqRel, Acquire, |word| {
            (word & PHASE == RELEASING).then_some(word & !PHASE | RELEASED | AUTORELEASE_OFF)
        });
    }

    /// Gives the pointer away, so that it is never released from here. Returns `false` if it is too late:
    /// somebody has released it, is releasing it, or has been given it before.
    ///
    /// The same kind of claim as a release, and so an alternative to one.
    pub fn detach(&self) -> bool {
        self.0
            .fetch_update(AcqRel, Acquire, |word| {
                (word & PHASE == OWNED).then_some(word | DETACHED | AUTORELEASE_OFF)
            })
            .is_ok()
    }

    /// Whether the pointer has been given away.
    pub fn is_detached(&self) -> bool {
        self.0.load(Acquire) & PHASE == DETACHED
    }

    /// Whether the release is over. `false` while it runs.
    pub fn is_released(&self) -> bool {
        self.0.load(Acquire) & PHASE == RELEASED
    }

    /// Whether the finalizer may release.
    pub fn autorelease(&self) -> bool {
        self.0.load(Acquire) & AUTORELEASE_OFF == 0
    }

    /// Lets the finalizer release, or keeps it from doing so.
    pub fn set_autorelease(&self, on: bool) {
        self.set(AUTORELEASE_OFF, !on);
    }

    /// Lets the releaser call, or keeps it from doing so, the finalizer included.
    pub fn set_armed(&self, on: bool) {
        self.set(DISARMED, !on);
    }

    fn set(&self, flag: u64, on: bool) {
        if on {
            self.0.fetch_or(flag, AcqRel);
        } else {
            self.0.fetch_and(!flag, AcqRel);
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Acquire);
        let phase = match word & PHASE {
            OWNED => "owned",
            RELEASING => "releasing",
            RELEASED => "released",
            _ => "detached",
        };
        f.debug_struct("State")
            .field("phase", &phase)
            .field("autorelease", &(word & AUTORELEASE_OFF == 0))
            .field("called", &(word & CALLED != 0))
            .field("disarmed", &(word & DISARMED != 0))
            .field("null", &(word & NULL != 0))
            .finish()
    }
}
