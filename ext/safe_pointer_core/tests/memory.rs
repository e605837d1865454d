//! What the state word orders: the memory that it guards is plain, and ThreadSanitizer (`rake core:tsan`) finds any
//! two threads that touch it without one being known to come after the other.
//!
//! With `--cfg weak_claim` claims are made without a compare-and-swap, and it must find that.
#![cfg(not(loom))]

use std::{
    cell::UnsafeCell,
    iter,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use safe_pointer_core::{
    Claim, Ended, Hold, State, Trigger,
    family::{self, Bond, Member, Tie},
};

const ROUNDS: usize = if cfg!(miri) { 5 } else { 500 };

/// What a pointer leads to.
#[derive(Default)]
struct Memory(UnsafeCell<u64>);

// SAFETY: whoever has a lease reads, and whoever has won the claim writes. That this keeps them apart is what is
// tested.
unsafe impl Sync for Memory {}

impl Memory {
    fn read(&self) -> u64 {
        // SAFETY: called under a lease, or where the release is known to be over.
        unsafe { *self.0.get() }
    }

    fn write(&self, value: u64) {
        // SAFETY: called by whoever made the pointer, and by whoever has won the claim.
        unsafe { *self.0.get() = value }
    }
}

struct Pointer {
    state: State,
    memory: Memory,
    tie: Option<Tie<Shared>>,
    // Relaxed, and no Mutex around the tie: that would order what the state word has to.
    untied: AtomicBool,
}

#[derive(Clone)]
struct Shared(Arc<Pointer>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Member for Shared {
    fn state(&self) -> &State {
        &self.0.state
    }

    fn tie(&self) -> Option<Tie<Self>> {
        self.0.tie.clone().filter(|_| !self.0.untied.load(Relaxed))
    }

    fn untie(&self) -> Option<Tie<Self>> {
        self.0
            .tie
            .clone()
            .filter(|_| !self.0.untied.swap(true, Relaxed))
    }
}

impl Shared {
    fn new(tie: Option<Tie<Self>>) -> Self {
        let pointer = Pointer {
            state: State::owned(),
            memory: Memory::default(),
            tie,
            untied: AtomicBool::new(false),
        };
        pointer.memory.write(1);
        Self(Arc::new(pointer))
    }

    fn child_of(parent: &Self, bond: Bond) -> Self {
        if bond == Bond::Before {
            assert!(family::hold(parent, Hold::Child));
        }
        let parent = parent.clone();
        Self::new(Some(Tie { parent, bond }))
    }

    fn memory(&self) -> &Memory {
        &self.0.memory
    }

    fn free(&self) {
        if family::claim(self, Trigger::Free) == Claim::Won {
            self.release();
        }
    }

    /// Releases, and then whatever is due for it.
    fn release(&self) {
        let mut due = Some(self.clone());
        while let Some(member) = due {
            member.memory().write(0);
            due = family::finish(&member).map(|(member, _)| member);
        }
    }

    /// Again and again, until it is refused: what another thread does between a load and a compare-and-swap is seen
    /// by one in thousands.
    fn read_under_leases(&self) {
        while family::hold(self, Hold::Lease) {
            for member in iter::once(self.clone()).chain(self.tie().map(|tie| tie.parent)) {
                assert_eq!(member.memory().read(), 1, "read after its release");
            }
            if let Some((member, _)) = family::end_lease(self.clone()) {
                member.release();
            }
        }
    }
}

/// Runs all at once, round after round, each time on something new.
fn race<T: Sync>(make: impl Fn() -> T, threads: &[&(dyn Fn(&T) + Sync)], check: impl Fn(&T)) {
    for _ in 0..ROUNDS {
        let subject = make();
        let start = Barrier::new(threads.len());
        thread::scope(|scope| {
            for run in threads {
                scope.spawn(|| {
                    start.wait();
                    run(&subject);
                });
            }
        });
        check(&subject);
    }
}

fn freed(pointer: &Shared) {
    assert!(pointer.0.state.is_released());
    assert_eq!(pointer.memory().read(), 0);
}

#[test]
fn one_of_many_threads_releases() {
    let free: &(dyn Fn(&Shared) + Sync) = &Shared::free;
    race(|| Shared::new(None), &[free; 4], freed);
}

#[test]
fn a_release_comes_after_all_leases() {
    let read: &(dyn Fn(&Shared) + Sync) = &Shared::read_under_leases;
    race(|| Shared::new(None), &[read, read, &Shared::free], freed);
}

#[test]
fn who_sees_a_pointer_released_comes_after_its_release() {
    let look = |pointer: &Shared| {
        while !pointer.0.state.is_released() {
            thread::yield_now();
        }
        assert_eq!(pointer.memory().read(), 0);
    };
    race(|| Shared::new(None), &[&look, &Shared::free], freed);
}

#[test]
fn the_finalizer_comes_after_who_has_let_it_release() {
    let make = || {
        let pointer = Shared::new(None);
        pointer.0.state.set_autorelease(false);
        pointer
    };
    let fill = |pointer: &Shared| {
        pointer.memory().write(2);
        pointer.0.state.set_autorelease(true);
    };
    let finalize = |pointer: &Shared| {
        while family::claim(pointer, Trigger::Finalizer) != Claim::Won {
            thread::yield_now();
        }
        assert_eq!(pointer.memory().read(), 2);
        pointer.release();
    };
    race(make, &[&fill, &finalize], freed);
}

#[test]
fn leases_that_are_voided_are_over() {
    let make = || {
        let pointer = Shared::new(None);
        assert!(pointer.0.state.hold(Hold::Lease));
        pointer
    };
    let void = |pointer: &Shared| {
        assert_eq!(pointer.memory().read(), 1);
        if matches!(pointer.0.state.void_leases(), (_, Ended::Due(_))) {
            pointer.release();
        }
    };
    race(make, &[&void, &Shared::free], freed);
}

/// A parent and its child, and who uses the child.
type Family = (Shared, Shared);

fn family(bond: Bond) -> impl Fn() -> Family {
    move || {
        let parent = Shared::new(None);
        let child = Shared::child_of(&parent, bond);
        (parent, child)
    }
}

fn free_parent((parent, _): &Family) {
    parent.free();
}

fn use_child((_, child): &Family) {
    child.read_under_leases();
}

/// What a child's release does with its parent, which must be there still.
fn free_child((parent, child): &Family) {
    if family::claim(child, Trigger::Free) == Claim::Won {
        assert_eq!(parent.memory().read(), 1, "the parent went first");
        child.release();
    }
}

#[test]
fn a_parent_is_released_after_its_child() {
    let threads: [&(dyn Fn(&Family) + Sync); 3] = [&free_parent, &free_child, &use_child];
    race(family(Bond::Before), &threads, |(parent, child)| {
        freed(child);
        freed(parent);
    });
}

#[test]
fn a_parent_that_takes_its_child_along_waits_for_its_release_and_leases() {
    let threads: [&(dyn Fn(&Family) + Sync); 3] = [&free_parent, &free_child, &use_child];
    race(family(Bond::Within), &threads, |(parent, child)| {
        assert!(family::is_released(child));
        freed(parent);
    });
}
