//! What must be released before what.
#![cfg(not(loom))]

mod support;

use safe_pointer_core::{
    Claim::*,
    Hold::*,
    Trigger::{self, *},
    family::{
        Bond::{self, *},
        *,
    },
};
use support::Node;

#[test]
fn a_parent_waits_for_its_children() {
    for trigger in [Free, Finalizer] {
        let parent = Node::root();
        let (first, second) = (parent.child(Before), parent.child(Before));
        assert_eq!(claim(&parent, trigger), Deferred);
        assert_eq!(claim(&second, Free), Won);
        assert_eq!(finish(&second), None);
        assert_eq!(claim(&first, Free), Won);
        assert_eq!(finish(&first), Some((parent, trigger)));
    }
}

#[test]
fn a_parent_that_nobody_asked_for_stays() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(finish(&child), None);
    assert!(parent.state().is_owned());
    assert_eq!(claim(&parent, Free), Won);
}

#[test]
fn each_generation_waits_for_the_next() {
    let grandparent = Node::root();
    let parent = grandparent.child(Before);
    let child = parent.child(Before);
    assert_eq!(claim(&grandparent, Free), Deferred);
    assert_eq!(claim(&parent, Finalizer), Deferred);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(finish(&child), Some((parent.clone(), Finalizer)));
    assert_eq!(finish(&parent), Some((grandparent.clone(), Free)));
    assert_eq!(finish(&grandparent), None);
}

#[test]
fn a_child_has_no_part_in_its_parent_after_its_release() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(finish(&child), None);
    assert!(child.tie().is_none());
    assert_eq!(finish(&child), None);
    assert!(hold(&parent, Lease));
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(finish(&child), None);
    assert_eq!(end_lease(parent.clone()), Some((parent, Free)));
}

#[test]
fn a_child_given_away_no_longer_holds() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(detach(&child), Some(Some((parent, Free))));
    assert_eq!(detach(&child), None);
}

#[test]
fn a_child_given_away_holds_on_while_something_holds_it() {
    let parent = Node::root();
    let child = parent.child(Before);
    let grandchild = child.child(Before);
    assert!(hold(&child, Lease));
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(detach(&child), Some(None));
    assert_eq!(claim(&grandchild, Free), Won);
    assert_eq!(finish(&grandchild), None);
    assert_eq!(end_lease(child), Some((parent, Free)));
}

#[test]
fn the_end_of_a_member_given_away_goes_up_until_one_is_still_held() {
    let top = Node::root();
    let upper = top.child(Before);
    let lower = upper.child(Before);
    let bottom = lower.child(Before);
    for member in [&upper, &lower] {
        assert_eq!(detach(member), Some(None));
    }
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(claim(&bottom, Finalizer), Won);
    assert_eq!(finish(&bottom), Some((top, Free)));
}

#[test]
fn it_is_too_late_to_give_away_what_is_asked_for() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(detach(&parent), None);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(detach(&child), None);
    assert_eq!(finish(&child), Some((parent, Free)));
}

#[test]
fn an_abandoned_child_no_longer_holds() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(abandon(&child), None);
    child.state().set_autorelease(false);
    assert_eq!(claim(&child, Finalizer), Refused);
    assert_eq!(abandon(&child), Some((parent, Free)));
    assert_eq!(abandon(&child), None);
}

#[test]
fn an_abandoned_child_with_a_child_of_its_own_holds_on() {
    let parent = Node::root();
    let child = parent.child(Before);
    let grandchild = child.child(Before);
    child.state().set_autorelease(false);
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(abandon(&child), None);
    assert_eq!(claim(&grandchild, Free), Won);
    assert_eq!(finish(&grandchild), Some((parent, Free)));
}

#[test]
fn leases_that_are_void_end_with_what_they_held_above() {
    let parent = Node::root();
    let child = parent.child(Within);
    for _ in 0..3 {
        assert!(hold(&child, Lease));
    }
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(void_leases(child.clone()), Some((parent, Free)));
    assert_eq!(void_leases(child), None);
}

#[test]
fn leases_that_are_void_make_their_own_member_due_first() {
    let parent = Node::root();
    let child = parent.child(Within);
    for _ in 0..3 {
        assert!(hold(&child, Lease));
    }
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(claim(&child, Free), Deferred);
    assert_eq!(void_leases(child.clone()), Some((child.clone(), Free)));
    assert_eq!(finish(&child), Some((parent, Free)));
}

#[test]
fn no_leases_to_void_are_no_reason_to_go_up() {
    let parent = Node::root();
    let (child, other) = (parent.child(Within), parent.child(Within));
    assert!(hold(&other, Lease));
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(void_leases(child), None);
    assert_eq!(end_lease(other), Some((parent, Free)));
}

#[test]
fn a_child_within_keeps_nothing_off() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert_eq!(claim(&parent, Free), Won);
    assert!(!is_released(&child));
    assert_eq!(finish(&parent), None);
    assert!(is_released(&child));
}

#[test]
fn a_child_within_is_never_called_once_its_parent_is_being_released() {
    for trigger in [Free, Finalizer] {
        for over in [false, true] {
            let grandparent = Node::root();
            let parent = grandparent.child(Within);
            let child = parent.child(Within);
            assert_eq!(claim(&grandparent, Free), Won);
            if over {
                assert_eq!(finish(&grandparent), None);
            }
            assert_eq!(claim(&child, trigger), Refused);
            assert!(!child.state().claim_call());
            assert!(is_released(&child));
            assert_eq!(claim(&child, Free), Refused);
        }
    }
}

#[test]
fn nothing_holds_what_a_release_above_takes_along() {
    let grandparent = Node::root();
    let parent = grandparent.child(Within);
    let child = parent.child(Within);
    assert_eq!(claim(&grandparent, Free), Won);
    for kind in [Lease, Nested, Child, Release] {
        assert!(!admits(&child, kind));
        assert!(!hold(&child, kind));
    }
    assert_eq!(child.state().leases(), 0);
}

#[test]
fn what_refuses_a_hold_refuses_it_to_those_within_too() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert!(hold(&parent, Lease));
    assert_eq!(claim(&parent, Free), Deferred);
    for (kind, granted) in [
        (Lease, false),
        (Nested, true),
        (Child, false),
        (Release, true),
    ] {
        assert_eq!(admits(&child, kind), granted, "{kind:?}");
        assert_eq!(hold(&child, kind), granted, "{kind:?}");
    }
}

#[test]
fn nothing_but_a_release_holds_what_is_within_one_given_away() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert_eq!(detach(&parent), Some(None));
    for kind in [Lease, Nested, Child] {
        assert!(!admits(&child, kind));
        assert!(!hold(&child, kind));
    }
    assert!(hold(&child, Release));
    assert!(!parent.state().is_over());
    assert_eq!(let_go(child), None);
    assert!(parent.state().is_over());
}

#[test]
fn what_a_release_above_takes_along_cannot_be_given_away() {
    for over in [false, true] {
        let parent = Node::root();
        let child = parent.child(Within);
        assert_eq!(claim(&parent, Free), Won);
        if over {
            assert_eq!(finish(&parent), None);
        }
        assert_eq!(detach(&child), None);
        assert!(!child.state().is_detached());
    }
}

#[test]
fn a_child_within_can_be_given_away_while_its_parent_waits() {
    let parent = Node::root();
    let (child, other) = (parent.child(Within), parent.child(Before));
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(detach(&child), Some(None));
    assert_eq!(detach(&other), Some(Some((parent, Free))));
}

#[test]
fn the_release_of_a_child_within_keeps_off_all_above() {
    for trigger in [Free, Finalizer] {
        let (top, below) = lineage(&[Within, Within]);
        let child = &below[1];
        assert_eq!(claim(child, trigger), Won);
        assert_eq!(claim(&top, Free), Deferred);
        assert_eq!(claim(&below[0], Free), Deferred);
        assert_eq!(finish(child), Some((below[0].clone(), Free)));
        assert_eq!(finish(&below[0]), Some((top, Free)));
    }
}

#[test]
fn a_lease_of_a_child_within_keeps_off_all_above() {
    let (top, below) = lineage(&[Within, Within, Within]);
    let child = &below[2];
    assert!(hold(child, Lease));
    assert!(hold(child, Nested));
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(end_lease(child.clone()), None);
    assert_eq!(end_lease(child.clone()), Some((top, Free)));
}

#[test]
fn a_child_keeps_off_all_that_would_take_its_parent_along() {
    let (top, below) = lineage(&[Within, Within, Before]);
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(claim(&below[2], Free), Won);
    assert_eq!(finish(&below[2]), Some((top, Free)));
}

#[test]
fn a_hold_goes_no_further_than_the_release_would() {
    let (top, below) = lineage(&[Before, Within]);
    assert!(hold(&below[1], Lease));
    assert_eq!(claim(&below[0], Free), Deferred);
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(end_lease(below[1].clone()), Some((below[0].clone(), Free)));
    assert_eq!(finish(&below[0]), Some((top, Free)));
}

#[test]
fn a_deferred_child_within_is_released_before_its_parent() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert!(hold(&child, Lease));
    assert_eq!(claim(&parent, Free), Deferred);
    assert_eq!(claim(&child, Finalizer), Deferred);
    assert_eq!(end_lease(child.clone()), Some((child.clone(), Finalizer)));
    assert_eq!(claim(&parent, Free), Refused);
    assert_eq!(finish(&child), Some((parent, Free)));
}

#[test]
fn a_child_within_stays_tied_after_its_release() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(finish(&child), None);
    assert!(child.tie().is_some());
    assert_eq!(claim(&parent, Free), Won);
}

#[test]
fn the_finalizer_leaves_a_child_to_those_who_were_given_one_above() {
    for given_away in 0..3 {
        let (top, below) = lineage(&[Within, Within, Within]);
        let line = [top, below[0].clone(), below[1].clone()];
        assert_eq!(detach(&line[given_away]), Some(None));
        assert_eq!(claim(&below[2], Finalizer), Refused);
        assert!(is_released(&below[2]));
    }
}

#[test]
fn the_finalizer_leaves_such_a_child_even_if_it_had_to_wait() {
    for given_away in 0..2 {
        let (top, below) = lineage(&[Within, Within]);
        let line = [&top, &below[0]];
        let child = &below[1];
        assert!(hold(child, Lease));
        assert_eq!(claim(child, Finalizer), Deferred);
        assert_eq!(detach(line[given_away]), Some(None));
        assert_eq!(end_lease(child.clone()), None);
        assert!(child.state().is_released());
        assert!(line[given_away].state().is_over());
    }
}

#[test]
fn what_such_a_child_held_is_released_in_its_turn() {
    let (top, below) = lineage(&[Before, Within]);
    assert!(hold(&below[1], Lease));
    assert_eq!(claim(&below[1], Finalizer), Deferred);
    assert_eq!(detach(&below[0]), Some(None));
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(end_lease(below[1].clone()), Some((top, Free)));
}

#[test]
fn the_program_may_release_a_child_of_a_parent_given_away() {
    let parent = Node::root();
    let child = parent.child(Within);
    assert_eq!(detach(&parent), Some(None));
    assert_eq!(claim(&child, Free), Won);
    assert!(!parent.state().is_over());
    assert_eq!(finish(&child), None);
    assert!(parent.state().is_over());
}

#[test]
fn a_parent_given_away_is_not_released_for_the_sake_of_a_child() {
    let parent = Node::root();
    let child = parent.child(Before);
    assert_eq!(detach(&parent), Some(None));
    assert_eq!(claim(&child, Finalizer), Won);
    assert_eq!(finish(&child), None);
    assert!(parent.state().is_over());
    assert!(!is_released(&parent));
}

#[test]
fn a_family_has_no_room_for_a_cycle() {
    let (top, below) = lineage(&[Before, Within, Before]);
    let other = top.child(Before);
    assert!(descends(&top, &top));
    assert!(below.iter().all(|member| descends(member, &top)));
    assert!(descends(&below[2], &below[0]));
    assert!(!descends(&below[0], &below[2]));
    assert!(!descends(&below[2], &other));
    assert!(!descends(&other, &below[0]));
}

/// Each a child of the one before: the first, and the others.
fn lineage(bonds: &[Bond]) -> (Node, Vec<Node>) {
    let top = Node::root();
    let below = bonds.iter().scan(top.clone(), |last, bond| {
        *last = last.child(*bond);
        Some(last.clone())
    });
    let below = below.collect();
    (top, below)
}

const DEEP: usize = if cfg!(miri) { 100 } else { 1_000_000 };

#[test]
fn deep_families_of_children_within_take_no_stack() {
    let top = Node::root();
    let last = (0..DEEP).fold(top.clone(), |parent, _| parent.child(Within));
    assert!(hold(&last, Lease));
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(claim(&last, Free), Deferred);
    assert_eq!(end_lease(last.clone()), Some((last.clone(), Free)));
    assert_eq!(finish(&last), Some((top.clone(), Free)));
    assert_eq!(finish(&top), None);
    assert!(is_released(&last));
    assert!(!admits(&last, Lease));
    assert!(descends(&last, &top));
}

#[test]
fn deep_families_of_children_given_away_take_no_stack() {
    let top = Node::root();
    let last = (0..DEEP).fold(top.clone(), |parent, _| {
        let child = parent.child(Before);
        assert!(parent == top || detach(&parent) == Some(None));
        child
    });
    assert_eq!(claim(&top, Free), Deferred);
    assert_eq!(detach(&last), Some(Some((top, Free))));
}

#[test]
fn deep_families_are_released_one_by_one() {
    let top = Node::root();
    let mut members = vec![top.clone()];
    for last in 0..DEEP {
        let child = members[last].child(Before);
        assert_eq!(claim(&members[last], Free), Deferred);
        members.push(child);
    }
    let mut next: Option<(Node, Trigger)> = members.pop().map(|last| (last, Free));
    assert_eq!(next.as_ref().map(|(last, _)| claim(last, Free)), Some(Won));
    while let Some((member, _)) = next {
        next = finish(&member);
        assert_eq!(next.as_ref().map(|(due, _)| due), members.pop().as_ref());
    }
    assert!(is_released(&top));
}

#[test]
fn generations_are_counted_up_to_the_first() {
    let root = Node::root();
    let child = root.child(Before);
    let grandchild = child.child(Within);
    assert_eq!([&root, &child, &grandchild].map(depth), [1, 2, 3]);
    assert_eq!(claim(&child, Free), Won);
    assert_eq!(finish(&child), None);
    assert_eq!(depth(&child), 1);
}
