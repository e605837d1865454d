//! What the compare-and-swap is for: without it, loom finds the second release.
#![cfg(loom)]

use loom::{model, sync::Arc, thread};
use safe_pointer_core::{Claim::Won, State, Trigger::Free};

#[test]
#[cfg_attr(weak_claim, should_panic(expected = "released twice"))]
fn one_of_two_threads_wins() {
    model(|| {
        let state = Arc::new(State::owned());
        let other = thread::spawn({
            let state = state.clone();
            move || state.claim(Free) == Won
        });
        let wins = [state.claim(Free) == Won, other.join().is_ok_and(|won| won)];
        assert_ne!(wins, [true, true], "released twice");
        assert_ne!(wins, [false, false], "never released");
    });
}
