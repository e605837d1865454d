//! Whose turn it is within one release.
#![cfg(not(loom))]

use safe_pointer_core::Entered;

#[test]
fn each_method_has_one_turn() {
    let mut entered = Entered::new();
    let turns: Vec<bool> = [1, 2, 1, 3, 2, 3]
        .map(|method| entered.enter(method))
        .into();
    assert_eq!(turns, [true, true, false, true, false, false]);
}
