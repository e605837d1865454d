//! What the state word allows, and what it refuses.
#![cfg(not(loom))]

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use safe_pointer_core::{
    Claim::*,
    Ended::{self, *},
    Hold::{self, *},
    State,
    Trigger::*,
};

#[test]
fn the_first_claim_wins_and_every_later_one_loses() {
    for first in [Free, Finalizer] {
        let state = State::owned();
        assert_eq!(state.claim(first), Won);
        assert_eq!(state.claim(Free), Refused);
        assert_eq!(state.claim(Finalizer), Refused);
        state.finish();
        assert_eq!(state.claim(Free), Refused);
        assert_eq!(state.claim(Finalizer), Refused);
    }
}

#[test]
fn it_is_released_when_the_release_is_over_not_when_it_is_claimed() {
    let state = State::owned();
    assert!(!state.is_null());
    assert!(!state.is_released());
    assert_eq!(state.claim(Free), Won);
    assert!(!state.is_released());
    state.finish();
    assert!(state.is_released());
}

#[test]
fn finish_without_a_claim_releases_nothing() {
    let state = State::owned();
    state.finish();
    assert!(!state.is_released());
    assert_eq!(state.claim(Free), Won);
}

#[test]
fn null_is_never_claimed_but_counts_as_released_once_asked() {
    for trigger in [Free, Finalizer] {
        let state = State::null();
        assert!(state.is_null());
        assert!(!state.is_released());
        assert_eq!(state.claim(trigger), Refused);
        assert!(!state.claim_call());
        assert!(state.is_released());
    }
}

#[test]
fn autorelease_off_refuses_the_finalizer_only() {
    let state = State::owned();
    assert!(state.autorelease());
    state.set_autorelease(false);
    assert!(!state.autorelease());
    assert_eq!(state.claim(Finalizer), Refused);
    state.set_autorelease(true);
    state.set_autorelease(false);
    assert_eq!(state.claim(Free), Won);
}

#[test]
fn autorelease_is_off_after_the_release() {
    let state = State::owned();
    assert_eq!(state.claim(Free), Won);
    assert!(state.autorelease());
    state.finish();
    assert!(!state.autorelease());
}

#[test]
fn autorelease_that_is_off_stays_off_at_the_end() {
    let state = State::owned();
    state.set_autorelease(false);
    assert_eq!(state.claim(Free), Won);
    state.finish();
    assert!(!state.autorelease());

    let state = State::owned();
    state.set_autorelease(false);
    assert!(state.detach());
    assert!(!state.autorelease());
}

#[test]
fn autorelease_set_again_brings_no_second_release() {
    let state = State::owned();
    assert_eq!(state.claim(Free), Won);
    state.finish();
    state.set_autorelease(true);
    assert_eq!(state.claim(Finalizer), Refused);
}

#[test]
fn the_callable_is_called_once_within_a_claimed_release_and_never_outside() {
    let state = State::owned();
    assert!(!state.claim_call());
    assert!(!state.claim_call_by_hand());
    assert_eq!(state.claim(Free), Won);
    assert!(state.claim_call());
    assert!(!state.claim_call());
    assert!(!state.claim_call_by_hand());
    state.finish();
    assert!(!state.claim_call());
}

#[test]
fn a_disarmed_releaser_calls_nothing_but_leaves_the_call_to_the_program() {
    let state = State::owned();
    state.set_armed(false);
    assert_eq!(state.claim(Finalizer), Refused);
    assert_eq!(state.claim(Free), Won);
    assert!(!state.claim_call());
    assert!(state.claim_call_by_hand());
    assert!(!state.claim_call_by_hand());
}

#[test]
fn a_detached_pointer_is_never_released() {
    let state = State::owned();
    assert!(state.detach());
    assert!(state.is_detached());
    assert!(!state.autorelease());
    state.set_autorelease(true);
    for trigger in [Free, Finalizer] {
        assert_eq!(state.claim(trigger), Refused);
    }
    assert!(!state.detach());
    assert!(!state.is_released());
}

#[test]
fn what_is_given_away_from_the_beginning_is_as_if_detached() {
    let state = State::given_away();
    assert!(state.is_detached());
    assert!(!state.autorelease());
}

#[test]
fn a_state_that_has_moved_is_given_away_where_it_was() {
    let (old, new) = (State::owned(), State::given_away());
    assert!(old.hold(Lease));
    assert_eq!(old.claim(Free), Deferred);
    old.move_to(&new);
    assert!(old.is_over());
    assert!(!old.autorelease());
    assert_eq!(new.end_lease(), Due(Free));
}

#[test]
fn what_is_claimed_cannot_be_detached() {
    let state = State::owned();
    assert_eq!(state.claim(Free), Won);
    assert!(!state.detach());
    state.finish();
    assert!(!state.detach());
    assert!(!state.is_detached());
}

#[test]
fn each_hold_keeps_the_release_off_and_its_end_makes_it_due() {
    for trigger in [Free, Finalizer] {
        for (hold, end) in HOLDS {
            let state = State::owned();
            assert!(state.hold(hold));
            assert_eq!(state.claim(trigger), Deferred);
            assert!(!state.claim_call());
            assert_eq!(end(&state), Due(trigger));
            assert_eq!(state.claim(Free), Refused);
            assert!(state.claim_call());
            state.finish();
            assert!(state.is_released());
        }
    }
}

#[test]
fn it_is_held_while_there_is_a_hold() {
    for (hold, end) in HOLDS {
        let state = State::owned();
        state.set_autorelease(false);
        assert!(!state.is_held());
        assert!(state.hold(hold));
        assert!(state.is_held());
        assert_eq!(end(&state), Nothing);
        assert!(!state.is_held());
    }
}

#[test]
fn a_release_waits_for_the_last_hold() {
    let state = State::owned();
    assert!(state.hold(Lease));
    assert!(state.hold(Nested));
    assert!(state.hold(Child));
    assert_eq!(state.claim(Free), Deferred);
    assert!(state.hold(Release));
    assert_eq!(state.end_lease(), Nothing);
    assert_eq!(state.end_child(), Nothing);
    assert_eq!(state.end_child(), Nothing);
    assert_eq!(state.end_lease(), Due(Free));
    assert_eq!(state.end_lease(), Nothing);
}

#[test]
fn a_hold_that_nothing_waits_for_leaves_nothing_behind() {
    for (hold, end) in HOLDS {
        let state = State::owned();
        assert!(state.hold(hold));
        assert_eq!(end(&state), Nothing);
        assert!(state.is_owned());
        assert_eq!(state.claim(Free), Won);
    }
}

#[test]
fn what_may_hold_depends_on_what_waits() {
    type Made = fn() -> State;
    let granted: [(Made, [bool; 4]); 8] = [
        (State::owned, [true, true, true, true]),
        (|| waiting_for(&[Lease]), [false, true, false, true]),
        (|| waiting_for(&[Child]), [true, true, false, true]),
        (|| waiting_for(&[Release]), [true, true, false, true]),
        (|| waiting_for(&[Lease, Child]), [true, true, false, true]),
        (releasing, [false; 4]),
        (released, [false; 4]),
        (detached, [false, false, false, true]),
    ];
    for (made, granted) in granted {
        for (hold, granted) in [Lease, Nested, Child, Release].into_iter().zip(granted) {
            let state = made();
            assert_eq!(state.admits(hold), granted, "{hold:?} on {state:?}");
            assert_eq!(state.hold(hold), granted, "{hold:?} on {state:?}");
        }
    }
}

#[test]
fn new_leases_cannot_keep_a_release_off_for_ever() {
    let state = State::owned();
    assert!(state.hold(Lease));
    assert!(state.hold(Child));
    assert_eq!(state.claim(Free), Deferred);
    assert!(state.hold(Lease));
    assert_eq!(state.end_child(), Nothing);
    assert!(!state.hold(Lease));
    assert_eq!(state.end_lease(), Nothing);
    assert_eq!(state.end_lease(), Due(Free));
}

#[test]
fn a_refused_hold_is_not_counted() {
    let state = waiting_for(&[Lease]);
    assert!(!state.hold(Lease));
    assert!(!state.hold(Child));
    assert_eq!(state.leases(), 1);
    assert_eq!(state.end_lease(), Due(Free));
}

#[test]
fn who_asks_again_is_refused_while_the_release_waits() {
    for trigger in [Free, Finalizer] {
        let state = State::owned();
        assert!(state.hold(Lease));
        assert_eq!(state.claim(trigger), Deferred);
        assert_eq!(state.claim(trigger), Refused);
        assert_eq!(state.claim(Finalizer), Refused);
        assert_eq!(state.end_lease(), Due(trigger));
    }
}

#[test]
fn a_free_takes_over_from_a_finalizer_that_waits() {
    let state = State::owned();
    assert!(state.hold(Lease));
    assert_eq!(state.claim(Finalizer), Deferred);
    assert_eq!(state.claim(Free), Deferred);
    state.set_autorelease(false);
    assert_eq!(state.end_lease(), Due(Free));
}

#[test]
fn a_release_that_waits_is_no_longer_owned_and_not_yet_released() {
    for trigger in [Free, Finalizer] {
        let state = State::owned();
        assert!(state.hold(Lease));
        assert!(state.is_owned());
        assert_eq!(state.claim(trigger), Deferred);
        assert!(!state.is_owned());
        assert!(state.is_alive());
        assert!(!state.is_released());
        assert!(!state.detach());
        assert!(!state.is_detached());
        assert_eq!(state.end_lease(), Due(trigger));
        assert!(!state.is_alive());
        state.finish();
        assert!(!state.is_alive());
    }
}

#[test]
fn a_finalizer_that_waits_is_refused_in_the_end_if_it_may_not_release_then() {
    for forbid in [forbid_by_autorelease, forbid_by_disarming] {
        let state = State::owned();
        assert!(state.hold(Child));
        assert_eq!(state.claim(Finalizer), Deferred);
        forbid(&state, true);
        assert_eq!(state.end_child(), Nothing);
        assert!(!state.is_released());
        assert_eq!(state.claim(Finalizer), Refused);
        assert_eq!(state.claim(Free), Won);
    }
}

#[test]
fn a_finalizer_that_waits_releases_if_it_may_again_by_then() {
    for forbid in [forbid_by_autorelease, forbid_by_disarming] {
        let state = State::owned();
        assert!(state.hold(Child));
        assert_eq!(state.claim(Finalizer), Deferred);
        forbid(&state, true);
        forbid(&state, false);
        assert_eq!(state.end_child(), Due(Finalizer));
    }
}

#[test]
fn a_finalizer_that_may_not_release_does_not_wait_either() {
    for forbid in [forbid_by_autorelease, forbid_by_disarming] {
        let state = State::owned();
        assert!(state.hold(Lease));
        forbid(&state, true);
        assert_eq!(state.claim(Finalizer), Refused);
        forbid(&state, false);
        assert_eq!(state.end_lease(), Nothing);
        assert!(state.is_owned());
    }
}

#[test]
fn a_free_that_waits_is_not_stopped() {
    for forbid in [forbid_by_autorelease, forbid_by_disarming] {
        let state = waiting_for(&[Lease]);
        forbid(&state, true);
        assert_eq!(state.end_lease(), Due(Free));
    }
}

#[test]
fn leases_that_are_void_end_at_once() {
    let state = State::owned();
    assert!(state.hold(Lease));
    assert!(state.hold(Nested));
    assert_eq!(state.claim(Finalizer), Deferred);
    assert_eq!(state.leases(), 2);
    assert_eq!(state.void_leases(), (2, Due(Finalizer)));
    assert_eq!(state.leases(), 0);
    assert_eq!(state.void_leases(), (0, Nothing));
}

#[test]
fn children_stay_when_leases_are_void() {
    let state = waiting_for(&[Lease, Child]);
    assert_eq!(state.void_leases(), (1, Nothing));
    assert_eq!(state.void_leases(), (0, Nothing));
    assert_eq!(state.end_child(), Due(Free));
}

#[test]
fn what_is_given_away_is_over_when_its_last_hold_ends() {
    for (hold, end) in HOLDS {
        let state = State::owned();
        assert!(state.hold(hold));
        assert!(state.hold(Lease));
        assert!(state.detach());
        assert!(!state.is_over());
        assert_eq!(end(&state), Nothing);
        assert!(!state.is_over());
        assert_eq!(state.end_lease(), Over);
        assert!(state.is_over());
        assert_eq!(state.end_lease(), Nothing);
    }
    assert!(detached().is_over());
    assert!(!released().is_over());
    assert_eq!(detached().void_leases(), (0, Nothing));
}

#[test]
fn leases_may_be_void_on_what_is_given_away() {
    let state = State::owned();
    assert!(state.hold(Lease));
    assert!(state.hold(Lease));
    assert!(state.detach());
    assert_eq!(state.void_leases(), (2, Over));
}

#[test]
fn only_what_the_finalizer_may_not_release_is_abandoned() {
    for forbid in [forbid_by_autorelease, forbid_by_disarming] {
        let state = State::owned();
        state.abandon();
        assert!(state.is_owned());
        forbid(&state, true);
        state.abandon();
        assert!(state.is_detached());
        assert!(state.is_over());
        assert_eq!(state.claim(Free), Refused);
    }
}

#[test]
fn what_is_abandoned_is_over_when_its_last_hold_ends() {
    let state = State::owned();
    assert!(state.hold(Child));
    state.set_autorelease(false);
    state.abandon();
    assert!(!state.is_over());
    assert_eq!(state.end_child(), Over);
}

#[test]
fn a_finalizer_that_waits_can_be_abandoned() {
    let state = State::owned();
    assert!(state.hold(Child));
    assert_eq!(state.claim(Finalizer), Deferred);
    state.set_autorelease(false);
    state.abandon();
    assert_eq!(state.end_child(), Over);
}

#[test]
fn a_free_that_waits_is_not_abandoned() {
    let state = waiting_for(&[Child]);
    state.set_autorelease(false);
    assert_eq!(state.claim(Finalizer), Refused);
    state.abandon();
    assert_eq!(state.end_child(), Due(Free));
}

#[test]
fn a_release_is_not_abandoned() {
    let state = releasing();
    state.set_autorelease(false);
    state.abandon();
    assert!(!state.is_detached());
    state.finish();
    state.abandon();
    assert!(state.is_released());
}

#[test]
fn null_waits_for_nothing() {
    for (hold, end) in HOLDS {
        let state = State::null();
        assert!(state.hold(hold));
        assert_eq!(state.claim(Free), Refused);
        assert!(state.is_released());
        assert_eq!(end(&state), Nothing);
    }
}

#[test]
fn null_can_be_given_away() {
    let state = State::null();
    assert!(state.detach());
    assert_eq!(state.claim(Free), Refused);
    assert!(!state.is_released());
}

#[test]
fn a_hold_that_is_not_there_cannot_end() {
    let state = State::owned();
    assert_eq!(state.end_lease(), Nothing);
    assert_eq!(state.end_child(), Nothing);
    assert!(state.hold(Child));
    assert_eq!(state.end_lease(), Nothing);
    assert_eq!(state.claim(Free), Deferred);
    assert_eq!(state.end_child(), Due(Free));

    let state = waiting_for(&[Lease]);
    assert_eq!(state.end_child(), Nothing);
    assert_eq!(state.leases(), 1);
    assert_eq!(state.end_lease(), Due(Free));
}

#[test]
fn one_of_many_threads_wins() {
    const THREADS: usize = if cfg!(miri) { 3 } else { 8 };
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 200 };
    for _ in 0..ROUNDS {
        let state = State::owned();
        let (start, winners) = (Barrier::new(THREADS), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (state, start, winners) = (&state, &start, &winners);
                let trigger = if number % 2 == 0 { Free } else { Finalizer };
                scope.spawn(move || {
                    start.wait();
                    if state.claim(trigger) == Won {
                        winners.fetch_add(1, SeqCst);
                        state.finish();
                    }
                });
            }
        });
        assert_eq!(winners.into_inner(), 1);
        assert!(state.is_released());
    }
}

#[test]
fn debug_names_the_phase_and_the_flags() {
    let state = State::owned();
    state.set_autorelease(false);
    assert_eq!(
        format!("{state:?}"),
        "State { phase: \"owned\", autorelease: false, called: false, disarmed: false, null: false, \
         asked: false, leases: 0, children: 0 }"
    );
}

#[test]
fn debug_has_a_name_for_each_phase() {
    let phases = [
        (State::owned(), "owned"),
        (releasing(), "releasing"),
        (released(), "released"),
        (detached(), "detached"),
    ];
    for (state, name) in phases {
        let (text, autorelease) = (format!("{state:?}"), state.autorelease());
        let begin = format!("State {{ phase: {name:?}, autorelease: {autorelease},");
        assert!(text.starts_with(&begin), "{text}");
    }
}

#[test]
fn debug_counts_the_holds() {
    let text = format!("{:?}", waiting_for(&[Lease, Lease, Child]));
    assert!(
        text.ends_with("asked: true, leases: 2, children: 1 }"),
        "{text}"
    );
}

type End = fn(&State) -> Ended;

/// Each kind of hold, and how it ends.
const HOLDS: [(Hold, End); 4] = [
    (Lease, State::end_lease),
    (Nested, State::end_lease),
    (Child, State::end_child),
    (Release, State::end_child),
];

fn waiting_for(holds: &[Hold]) -> State {
    let state = State::owned();
    assert!(holds.iter().all(|hold| state.hold(*hold)));
    assert_eq!(state.claim(Free), Deferred);
    state
}

fn releasing() -> State {
    let state = State::owned();
    assert_eq!(state.claim(Free), Won);
    state
}

fn released() -> State {
    let state = releasing();
    state.finish();
    state
}

fn detached() -> State {
    let state = State::owned();
    assert!(state.detach());
    state
}

fn forbid_by_autorelease(state: &State, forbidden: bool) {
    state.set_autorelease(!forbidden);
}

fn forbid_by_disarming(state: &State, forbidden: bool) {
    state.set_armed(!forbidden);
}
