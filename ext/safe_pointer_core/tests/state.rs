//! What the state word allows, and what it refuses.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use safe_pointer_core::{State, Trigger::*};

#[test]
fn the_first_claim_wins_and_every_later_one_loses() {
    for first in [Free, Finalizer] {
        let state = State::owned();
        assert!(state.claim(first));
        assert!(!state.claim(Free));
        assert!(!state.claim(Finalizer));
        state.finish();
        assert!(!state.claim(Free));
        assert!(!state.claim(Finalizer));
    }
}

#[test]
fn it_is_released_when_the_release_is_over_not_when_it_is_claimed() {
    let state = State::owned();
    assert!(!state.is_released());
    state.claim(Free);
    assert!(!state.is_released());
    state.finish();
    assert!(state.is_released());
}

#[test]
fn finish_without_a_claim_releases_nothing() {
    let state = State::owned();
    state.finish();
    assert!(!state.is_released());
    assert!(state.claim(Free));
}

#[test]
fn null_is_never_claimed_but_counts_as_released_once_asked() {
    for trigger in [Free, Finalizer] {
        let state = State::null();
        assert!(!state.is_released());
        assert!(!state.claim(trigger));
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
    assert!(!state.claim(Finalizer));
    state.set_autorelease(true);
    state.set_autorelease(false);
    assert!(state.claim(Free));
}

#[test]
fn autorelease_is_off_after_the_release() {
    let state = State::owned();
    state.claim(Free);
    assert!(state.autorelease());
    state.finish();
    assert!(!state.autorelease());
}

#[test]
fn autorelease_set_again_brings_no_second_release() {
    let state = State::owned();
    state.claim(Free);
    state.finish();
    state.set_autorelease(true);
    assert!(!state.claim(Finalizer));
}

#[test]
fn the_callable_is_called_once_within_a_claimed_release_and_never_outside() {
    let state = State::owned();
    assert!(!state.claim_call());
    assert!(!state.claim_call_by_hand());
    state.claim(Free);
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
    assert!(!state.claim(Finalizer));
    assert!(state.claim(Free));
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
        assert!(!state.claim(trigger));
    }
    assert!(!state.detach());
    assert!(!state.is_released());
}

#[test]
fn what_is_claimed_cannot_be_detached() {
    let state = State::owned();
    state.claim(Free);
    assert!(!state.detach());
    state.finish();
    assert!(!state.detach());
    assert!(!state.is_detached());
}

#[test]
fn one_of_many_threads_wins() {
    const THREADS: usize = 8;
    for _ in 0..200 {
        let state = State::owned();
        let (start, winners) = (Barrier::new(THREADS), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (state, start, winners) = (&state, &start, &winners);
                let trigger = if number % 2 == 0 { Free } else { Finalizer };
                scope.spawn(move || {
                    start.wait();
                    if state.claim(trigger) {
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
        "State { phase: \"owned\", autorelease: false, called: false, disarmed: false, null: false }"
    );
}
