//! The state word.

use std::fmt;

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};

//   63                    32 31            8   7   6   5   4   3   2   1 0
//  +------------------------+---------------+---+---+---+---+---+---+-----+
//  |        children        |    leases     | G | F | N | D | C | A |phase|
//  +------------------------+---------------+---+---+---+---+---+---+-----+
//
//  phase  0 OWNED      not released: nobody has asked, or who asked has to wait
//         1 RELEASING  somebody has won the claim and is releasing
//         2 RELEASED   the release is over, whether it returned or raised
//         3 DETACHED   given away: nothing will be released from here
//  A      autorelease is off: the finalizer may not claim
//  C      the release callable has been called
//  D      disarmed: the releaser has nothing to call, or nothing to call it with
//  N      the address is NULL: there is nothing to release
//  F      the program has asked for the release, which waits for the holds to end
//  G      the finalizer has
//
// Leases and children are the holds: while there is one, the phase stays OWNED or becomes DETACHED.
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
const FREE_ASKED: u64 = 1 << 6;
const FINALIZER_ASKED: u64 = 1 << 7;
const ASKED: u64 = FREE_ASKED | FINALIZER_ASKED;
const LEASE: u64 = 1 << 8;
const LEASES: u64 = CHILD - LEASE;
const CHILD: u64 = 1 << 32;
const CHILDREN: u64 = !(CHILD - 1);
const HOLDS: u64 = LEASES | CHILDREN;

/// Who asks for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The program asks: `free`, or the class's own method for it.
    Free,
    /// The garbage collector or the end of the process asks. It is refused while autorelease is off, and
    /// while the releaser is disarmed.
    Finalizer,
}

/// The answer to who asks for a release.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Release now. At most one claim over the life of a state is won.
    Won,
    /// The release waits for the holds: whoever ends the last one learns that it is due.
    Deferred,
    /// Nothing is to be done.
    Refused,
}

/// What keeps a release off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The program uses the pointer. Refused once a release waits for nothing but other leases, or they
    /// could keep it off for ever.
    Lease,
    /// A lease within another one that the same user has: it is refused only where there is none to nest in.
    Nested,
    /// Another pointer depends on this one from now on. Refused once a release waits.
    Child,
    /// Another pointer that this one would take along is being released. Refused only when it is too late.
    Release,
}

/// What the end of a hold leaves behind.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A release has waited for this, and whoever gets this has won the claim.
    Due(Trigger),
    /// The pointer was given away, and now nothing holds it any more.
    Over,
    /// Nothing is to be done.
    Nothing,
}

/// Whether a pointer is owned, being released, released or given away.
///
/// Shared by every party that may ask for a release. All methods are transitions of one atomic word;
/// none blocks.
pub struct State(AtomicU64);

impl State {
    /// The state of a pointer that is owned, with autorelease on.
    pub fn owned() -> Self {
        Self(AtomicU64::new(OWNED))
    }

    /// The state of a NULL pointer. It is never released: every [`claim`](Self::claim) is refused.
    pub fn null() -> Self {
        Self(AtomicU64::new(OWNED | NULL))
    }

    /// The state of what has been given away already, or that [`move_to`](Self::move_to) will give another one.
    pub fn given_away() -> Self {
        Self(AtomicU64::new(DETACHED | AUTORELEASE_OFF))
    }

    /// Moves the state to `other`, which nobody asks meanwhile. What is left here is as if given away.
    pub fn move_to(&self, other: &Self) {
        let word = self.0.swap(DETACHED | AUTORELEASE_OFF, AcqRel);
        other.0.store(word, Release);
    }

    /// Takes the right to release. At most one claim over the life of the state is [won](Claim::Won), here or
    /// as [`Ended::Due`]; it must be followed by [`finish`](Self::finish).
    ///
    /// A claim on NULL marks it released and is refused.
    ///
    /// The compare-and-swap is what makes a second release impossible: between two callers that both
    /// saw OWNED, one finds the word changed and loses. Acquire on success pairs with the release half
    /// of `finish`, `set_autorelease` and the ends of holds, so that the winner sees what was done to the
    /// pointer before.
    pub fn claim(&self, trigger: Trigger) -> Claim {
        self.update(|word| {
            let (asked, allowed) = match trigger {
                Trigger::Free => (FREE_ASKED, true),
                Trigger::Finalizer => (FINALIZER_ASKED, word & (AUTORELEASE_OFF | DISARMED) == 0),
            };
            if word & PHASE != OWNED || !allowed {
                (word, Claim::Refused)
            } else if word & NULL != 0 {
                (word | RELEASED, Claim::Refused)
            } else if word & HOLDS == 0 {
                (word & !ASKED | RELEASING, Claim::Won)
            } else if word & (asked | FREE_ASKED) == 0 {
                (word | asked, Claim::Deferred)
            } else {
                (word, Claim::Refused)
            }
        })
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
        self.update(
            |word| match word & PHASE == RELEASING && word & (CALLED | objections) == 0 {
                true => (word | CALLED, true),
                false => (word, false),
            },
        )
    }

    /// Ends a claimed release, and turns autorelease off, as `FFI::AutoPointer#free` does.
    ///
    /// To be called whether the release returned or raised: an error is never a reason to try again.
    pub fn finish(&self) {
        self.update(|word| match word & PHASE {
            RELEASING => (word & !PHASE | RELEASED | AUTORELEASE_OFF, ()),
            _ => (word, ()),
        });
    }

    /// Keeps a release off until [`end_lease`](Self::end_lease), for [`Hold::Lease`] and [`Hold::Nested`], or
    /// [`end_child`](Self::end_child), for the others. Returns `false` if it is refused; then there is nothing to end.
    pub fn hold(&self, hold: Hold) -> bool {
        self.update(|word| {
            let (unit, count) = match hold {
                Hold::Lease | Hold::Nested => (LEASE, LEASES),
                Hold::Child | Hold::Release => (CHILD, CHILDREN),
            };
            match admits(word, hold) && word & count != count {
                true => (word + unit, true),
                false => (word, false),
            }
        })
    }

    /// Whether [`hold`](Self::hold) would be granted now.
    pub fn admits(&self, hold: Hold) -> bool {
        admits(self.load(), hold)
    }

    /// Ends one lease.
    pub fn end_lease(&self) -> Ended {
        self.end(LEASES, |_| LEASE).1
    }

    /// Ends one hold that is no lease.
    pub fn end_child(&self) -> Ended {
        self.end(CHILDREN, |_| CHILD).1
    }

    /// Ends all leases, for they will not end by themselves: those who had them are gone. Returns how many there
    /// were, too.
    pub fn void_leases(&self) -> (u32, Ended) {
        let (ended, what) = self.end(LEASES, |word| word & LEASES);
        ((ended / LEASE) as u32, what)
    }

    /// Takes `units` of the word off its part `count`. Returns what was taken off, too.
    fn end(&self, count: u64, units: impl Fn(u64) -> u64) -> (u64, Ended) {
        self.update(|word| {
            let units = units(word);
            if units == 0 || word & count < units {
                return (word, (0, Ended::Nothing));
            }
            let word = word - units;
            let finalizer = word & FINALIZER_ASKED != 0 && word & (AUTORELEASE_OFF | DISARMED) == 0;
            let released = word & !ASKED | RELEASING;
            let (word, ended) = match word & PHASE {
                _ if word & HOLDS != 0 => (word, Ended::Nothing),
                DETACHED => (word, Ended::Over),
                OWNED if word & FREE_ASKED != 0 => (released, Ended::Due(Trigger::Free)),
                OWNED if finalizer => (released, Ended::Due(Trigger::Finalizer)),
                _ => (word, Ended::Nothing),
            };
            (word, (units, ended))
        })
    }

    /// How many leases there are.
    pub fn leases(&self) -> u32 {
        ((self.load() & LEASES) / LEASE) as u32
    }

    /// Whether a release would have to wait.
    pub fn is_held(&self) -> bool {
        self.load() & HOLDS != 0
    }

    /// Gives the pointer away, so that it is never released from here. Returns `false` if it is too late:
    /// somebody has asked for its release, or has been given it before.
    ///
    /// The same kind of claim as a release, and so an alternative to one. Holds go on.
    pub fn detach(&self) -> bool {
        self.update(|word| match word & (PHASE | ASKED) {
            OWNED => (word | DETACHED | AUTORELEASE_OFF, true),
            _ => (word, false),
        })
    }

    /// Gives up a pointer that the finalizer may not release, if the program has not asked for it: nobody else will
    /// come and ask.
    pub fn abandon(&self) {
        self.update(|word| {
            let kept =
                word & (PHASE | FREE_ASKED) == OWNED && word & (AUTORELEASE_OFF | DISARMED) != 0;
            (if kept { word | DETACHED } else { word }, ())
        });
    }

    /// Whether the address is NULL.
    pub fn is_null(&self) -> bool {
        self.load() & NULL != 0
    }

    /// Whether the pointer has been given away.
    pub fn is_detached(&self) -> bool {
        self.load() & PHASE == DETACHED
    }

    /// Whether the pointer has been given away and nothing holds it.
    pub fn is_over(&self) -> bool {
        let word = self.load();
        word & PHASE == DETACHED && word & HOLDS == 0
    }

    /// Whether the release is over. `false` while it runs, or waits.
    pub fn is_released(&self) -> bool {
        self.load() & PHASE == RELEASED
    }

    /// Whether nobody has asked for a release yet, and the pointer has not been given away.
    pub fn is_owned(&self) -> bool {
        self.load() & (PHASE | ASKED) == OWNED
    }

    /// Whether the pointer is neither being released, nor released or given away. Its release may be waiting.
    pub fn is_alive(&self) -> bool {
        self.load() & PHASE == OWNED
    }

    /// Whether the finalizer may release.
    pub fn autorelease(&self) -> bool {
        self.load() & AUTORELEASE_OFF == 0
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

    fn load(&self) -> u64 {
        self.0.load(Acquire)
    }

    /// Replaces the word by what `change` makes of it, and returns what else `change` says. Where that leaves the
    /// word as it is nothing is written: every pointer is asked once more when the garbage collector takes it.
    fn update<T>(&self, change: impl Fn(u64) -> (u64, T)) -> T {
        let mut word = self.load();
        loop {
            let (changed, answer) = change(word);
            if changed == word {
                return answer;
            }
            match self.exchange(word, changed) {
                Ok(_) => return answer,
                Err(now) => word = now,
            }
        }
    }

    fn exchange(&self, word: u64, changed: u64) -> Result<u64, u64> {
        // What the compare-and-swap is for: the model checker must find a second release without it.
        if cfg!(weak_claim) {
            self.0.store(changed, Release);
            return Ok(word);
        }
        self.0.compare_exchange_weak(word, changed, AcqRel, Acquire)
    }
}

fn admits(word: u64, hold: Hold) -> bool {
    let phase = word & PHASE;
    match hold {
        Hold::Lease => phase == OWNED && (word & ASKED == 0 || word & CHILDREN != 0),
        Hold::Nested => phase == OWNED,
        Hold::Child => phase == OWNED && word & ASKED == 0,
        Hold::Release => phase == OWNED || phase == DETACHED,
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.load();
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
            .field("asked", &(word & ASKED != 0))
            .field("leases", &((word & LEASES) / LEASE))
            .field("children", &((word & CHILDREN) / CHILD))
            .finish()
    }
}
