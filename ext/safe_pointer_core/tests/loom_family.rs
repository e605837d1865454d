//! Every order of events in small families on racing threads, tried out by loom.
#![cfg(all(loom, not(weak_claim)))]

mod support;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loom::{model, thread};
use safe_pointer_core::{
    Claim::Won,
    Hold::Lease,
    Trigger::{self, *},
    family::{self, Bond::*, Member},
};
use support::Node;

#[test]
fn a_parent_is_released_after_its_children() {
    model(|| {
        let parent = Node::root();
        let (first, second) = (parent.child(Before), parent.child(Before));
        let threads = [(&first, FREE), (&second, FINALIZE), (&parent, FREE)];
        assert_eq!(race(&threads, &parent), 2);
    });
}

#[test]
fn a_child_within_is_released_before_its_parent_or_never() {
    for ask in [FREE, FINALIZE] {
        model(move || {
            let parent = Node::root();
            let child = parent.child(Within);
            assert!(race(&[(&child, ask), (&parent, FREE)], &parent) <= 1);
            assert!(family::is_released(&child));
        });
    }
}

#[test]
fn a_lease_on_a_child_within_comes_before_its_parents_release_or_not_at_all() {
    model(|| {
        let parent = Node::root();
        let child = parent.child(Within);
        assert_eq!(race(&[(&child, LEASE), (&parent, FREE)], &parent), 0);
        assert_eq!(child.state().leases(), 0);
    });
}

#[test]
fn a_lease_that_is_refused_above_leaves_nothing_that_waits() {
    model(|| {
        let parent = Node::root();
        let child = parent.child(Within);
        assert!(race(&[(&child, LEASE), (&child, FREE_WITH_PARENT)], &parent) <= 1);
        assert!(child.state().is_released());
    });
}

#[test]
fn a_lease_on_a_child_within_ends_while_both_are_asked_for() {
    model(|| {
        let parent = Node::root();
        let child = parent.child(Within);
        assert!(family::hold(&child, Lease));
        let threads = [(&child, END_LEASE), (&child, FREE), (&parent, FREE)];
        assert!(race(&threads, &parent) <= 1);
        assert!(family::is_released(&child));
    });
}

#[test]
fn a_child_given_away_while_its_lease_ends_lets_its_parent_go() {
    model(|| {
        let parent = Node::root();
        let child = parent.child(Before);
        assert!(family::hold(&child, Lease));
        let threads = [(&child, DETACH), (&child, END_LEASE), (&parent, FREE)];
        assert_eq!(race(&threads, &parent), 0);
    });
}

#[test]
fn a_finalizer_below_one_given_away_keeps_nobody_for_good() {
    model(|| {
        let grandparent = Node::root();
        let parent = grandparent.child(Before);
        let child = parent.child(Within);
        assert!(family::hold(&parent, Lease));
        assert_eq!(family::detach(&parent), Some(None));
        assert_eq!(ask(&grandparent, Free), None);
        let threads = [(&child, FINALIZE), (&parent, END_LEASE)];
        assert_eq!(race(&threads, &grandparent), 0);
    });
}

type Due = Option<(Node, Trigger)>;
type Act = fn(&Node, &Log) -> Due;

const FREE: Act = |member, _| ask(member, Free);
const FREE_WITH_PARENT: Act = |member, log| {
    log.release(ask(member, Free));
    ask(&member.tie()?.parent, Free)
};
const FINALIZE: Act = |member, _| ask(member, Finalizer);
const DETACH: Act = |member, _| family::detach(member).flatten();
const END_LEASE: Act = |member, _| family::end_lease(member.clone());
const LEASE: Act = |member, log| {
    if !family::hold(member, Lease) {
        return None;
    }
    log.assert_unreleased();
    family::end_lease(member.clone())
};

fn ask(member: &Node, trigger: Trigger) -> Due {
    let won = family::claim(member, trigger) == Won;
    won.then(|| (member.clone(), trigger))
}

/// What has begun and ended, in this order. Threads take turns only where loom sees them: it is never locked then.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Event, Node)>>>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Begin,
    End,
}

impl Log {
    fn entries(&self) -> MutexGuard<'_, Vec<(Event, Node)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: Event, member: &Node) {
        self.entries().push((event, member.clone()));
    }

    /// While something is leased.
    fn assert_unreleased(&self) {
        assert!(self.entries().is_empty(), "released what is leased");
    }

    /// Releases what is due, and what becomes due by that.
    fn release(&self, mut due: Due) {
        while let Some((member, _)) = due {
            self.note(Event::Begin, &member);
            assert!(!member.state().is_released(), "released meanwhile");
            self.note(Event::End, &member);
            due = family::finish(&member);
        }
    }
}

/// Has each thread do its act. `last` must be released once, after all others that are, whose number it returns.
fn race(acts: &[(&Node, Act)], last: &Node) -> usize {
    let log = Log::default();
    let run = |(member, act): (&Node, Act)| {
        let (member, log) = (member.clone(), log.clone());
        move || log.release(act(&member, &log))
    };
    let others: Vec<_> = acts[1..]
        .iter()
        .map(|act| thread::spawn(run(*act)))
        .collect();
    run(acts[0])();
    assert!(others.into_iter().all(|thread| thread.join().is_ok()));

    let entries = log.entries();
    let released: Vec<_> = entries
        .iter()
        .filter(|(event, _)| *event == Event::Begin)
        .collect();
    let twice = |member| released.iter().filter(|(_, other)| other == member).count() > 1;
    assert!(
        !released.iter().any(|(_, member)| twice(member)),
        "released twice"
    );
    let end = [(Event::Begin, last.clone()), (Event::End, last.clone())];
    assert!(entries.ends_with(&end), "not released last");
    released.len() - 1
}
