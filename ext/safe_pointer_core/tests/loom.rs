//! Every order of events on racing threads, tried out by loom.
#![cfg(all(loom, not(weak_claim)))]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loom::{
    model,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};
use safe_pointer_core::{Claim::*, Ended, Hold, State, Trigger, Trigger::*};

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Ask(Trigger),
    Lease,
    EndLease,
    EndChild,
    Detach,
    Finish,
    Autorelease(bool),
}

use Operation::*;

const OPERATIONS: [Operation; 8] = [
    Ask(Free),
    Ask(Finalizer),
    Lease,
    EndLease,
    EndChild,
    Detach,
    Autorelease(false),
    Autorelease(true),
];

/// What has been done before, under the holds that the threads end. A lease taken here outlasts them.
type Start = &'static [Operation];

const UNASKED: [Start; 4] = [&[], &[Lease], &[Autorelease(false)], &[Detach]];
const ASKED: [Start; 4] = [
    &[Ask(Free)],
    &[Ask(Finalizer)],
    &[Lease, Ask(Free)],
    &[Lease, Ask(Finalizer)],
];

#[test]
fn two_threads_agree_whatever_they_do() {
    for (at, first) in OPERATIONS.into_iter().enumerate() {
        for second in &OPERATIONS[at..] {
            race(&UNASKED, &[first, *second]);
            race(&ASKED, &[first, *second]);
        }
        race(&UNASKED, &[first, Finish]);
        race(&ASKED, &[first, Finish]);
    }
}

#[test]
fn three_threads_agree_whatever_they_do() {
    race_three(&UNASKED);
}

#[test]
fn three_threads_agree_whatever_they_do_after_a_release_was_asked_for() {
    race_three(&ASKED);
}

fn race_three(starts: &[Start]) {
    for (at, first) in OPERATIONS.into_iter().enumerate() {
        for (at, second) in OPERATIONS.into_iter().enumerate().skip(at) {
            for third in &OPERATIONS[at..] {
                race(starts, &[first, second, *third]);
            }
        }
    }
}

fn race(starts: &[Start], operations: &[Operation]) {
    for start in starts.iter().copied() {
        let operations = operations.to_vec();
        model(move || {
            let pointer = Arc::new(Pointer::held_for(&operations));
            start.iter().for_each(|operation| pointer.run(*operation));
            let run = |operation: Operation| {
                let pointer = pointer.clone();
                move || pointer.run(operation)
            };
            let others: Vec<_> = operations[1..]
                .iter()
                .map(|operation| thread::spawn(run(*operation)))
                .collect();
            run(operations[0])();
            assert!(others.into_iter().all(|thread| thread.join().is_ok()));
            pointer.check_end(start, &operations);
        });
    }
}

/// A state, and what is known about it. Threads take turns only where loom sees them, so what is noted after a
/// transition is noted at once.
struct Pointer {
    state: State,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    leases: u32,
    children: u32,
    released: bool,
    detached: bool,
    over: bool,
}

impl Pointer {
    fn held_for(operations: &[Operation]) -> Self {
        let (state, notes) = (State::owned(), Mutex::default());
        let pointer = Self { state, notes };
        for operation in operations {
            match operation {
                EndLease => pointer.run(Lease),
                EndChild => {
                    assert!(pointer.state.hold(Hold::Child));
                    pointer.notes().children += 1;
                }
                _ => {}
            }
        }
        pointer
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, operation: Operation) {
        match operation {
            Ask(trigger) => {
                if self.state.claim(trigger) == Won {
                    self.release();
                }
            }
            Lease => {
                if self.state.hold(Hold::Lease) {
                    let mut notes = self.notes();
                    assert!(!notes.released && !notes.detached, "leased too late");
                    notes.leases += 1;
                }
            }
            EndLease => {
                let ended = self.state.end_lease();
                self.notes().leases -= 1;
                self.follow(ended);
            }
            EndChild => {
                let ended = self.state.end_child();
                self.notes().children -= 1;
                self.follow(ended);
            }
            Detach => {
                if self.state.detach() {
                    let mut notes = self.notes();
                    assert!(!notes.released && !notes.detached, "detached too late");
                    notes.detached = true;
                }
            }
            Finish => self.state.finish(),
            Autorelease(on) => self.state.set_autorelease(on),
        }
    }

    fn follow(&self, ended: Ended) {
        match ended {
            Ended::Due(_) => self.release(),
            Ended::Over => {
                let mut notes = self.notes();
                assert!(
                    notes.detached && !notes.is_held() && !notes.over,
                    "not over"
                );
                notes.over = true;
            }
            Ended::Nothing => {}
        }
    }

    fn release(&self) {
        let mut notes = self.notes();
        assert!(!notes.released, "released twice");
        assert!(!notes.detached, "released what was given away");
        assert!(!notes.is_held(), "released what is held");
        notes.released = true;
    }

    /// Ends all holds, after which whatever has been asked for is done.
    fn check_end(&self, start: &[Operation], operations: &[Operation]) {
        let Notes {
            leases, children, ..
        } = *self.notes();
        (0..leases).for_each(|_| self.run(EndLease));
        (0..children).for_each(|_| self.run(EndChild));
        self.run(Finish);
        let Notes {
            released, detached, ..
        } = *self.notes();
        assert_eq!(self.state.is_released(), released);
        assert_eq!(self.state.is_over(), detached);

        let done = |operation| start.contains(&operation) || operations.contains(&operation);
        let forbidden =
            start.contains(&Autorelease(false)) && !operations.contains(&Autorelease(true));
        let must = done(Ask(Free)) || done(Ask(Finalizer)) && !done(Autorelease(false));
        let may = done(Ask(Free)) || done(Ask(Finalizer)) && !forbidden;
        assert!(released || detached || !must, "never released");
        assert!(may || !released, "released without being asked");
    }
}

impl Notes {
    fn is_held(&self) -> bool {
        self.leases + self.children > 0
    }
}

#[test]
fn the_winner_sees_what_was_done_under_the_leases() {
    model(|| {
        let state = Arc::new(State::owned());
        let used = Arc::new([false; 2].map(AtomicBool::new));
        assert!(state.hold(Hold::Lease) && state.hold(Hold::Lease));
        assert_eq!(state.claim(Free), Deferred);
        let end_lease = |lease: usize| {
            let (state, used) = (state.clone(), used.clone());
            move || {
                used[lease].store(true, Relaxed);
                if state.end_lease() != Ended::Nothing {
                    assert!(
                        used.iter().all(|used| used.load(Relaxed)),
                        "seen too little"
                    );
                }
            }
        };
        let other = thread::spawn(end_lease(0));
        end_lease(1)();
        assert!(other.join().is_ok());
    });
}

#[test]
fn the_finalizer_sees_what_was_done_before_it_was_allowed_to_release() {
    model(|| {
        let state = Arc::new(State::owned());
        let used = Arc::new(AtomicBool::new(false));
        state.set_autorelease(false);
        let other = thread::spawn({
            let (state, used) = (state.clone(), used.clone());
            move || {
                used.store(true, Relaxed);
                state.set_autorelease(true);
            }
        });
        if state.claim(Finalizer) == Won {
            assert!(used.load(Relaxed), "seen too little");
        }
        assert!(other.join().is_ok());
    });
}
