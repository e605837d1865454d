//! Random operations on random families, which must answer as the rules do that are spelled out here.
#![cfg(not(loom))]

mod support;

use std::iter;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::TestCaseResult,
};
use safe_pointer_core::{
    Claim::{self, *},
    Hold::{self, Lease, Nested},
    Trigger::{self, *},
    family::{
        self,
        Bond::{self, *},
        Member,
    },
};
use support::Node;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Ask(Trigger),
    Finish,
    TakeLease(Hold),
    EndLease,
    VoidLeases,
    Detach,
    Abandon,
    Autorelease(bool),
}

use Operation::*;

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => select(vec![Free, Finalizer]).prop_map(Ask),
        3 => Just(Finish),
        3 => select(vec![Lease, Nested]).prop_map(TakeLease),
        3 => Just(EndLease),
        2 => select(vec![VoidLeases, Detach, Abandon]),
        1 => any::<bool>().prop_map(Autorelease),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Owned,
    Releasing,
    Released,
    Detached,
}

use Phase::*;

#[derive(Debug)]
struct Record {
    parent: Option<(usize, Bond)>,
    phase: Phase,
    autorelease: bool,
    leases: u32,
    free_waits: bool,
    finalizer_waits: bool,
    /// Whether a parent that has to wait for it has waited enough.
    parted: bool,
}

impl Record {
    fn waits(&self) -> bool {
        self.free_waits || self.finalizer_waits
    }
}

/// The members, parents before their children.
#[derive(Debug)]
struct Model(Vec<Record>);

impl Model {
    fn children(&self, parent: usize, bond: Bond) -> impl Iterator<Item = &Record> {
        let members = self.0.iter();
        members.filter(move |child| child.parent == Some((parent, bond)))
    }

    /// Those whose release would take `member` along.
    fn above(&self, member: usize) -> impl Iterator<Item = usize> {
        let within = |member: &usize| match self.0[*member].parent {
            Some((parent, Within)) => Some(parent),
            _ => None,
        };
        iter::successors(within(&member), within)
    }

    fn is_below(&self, phases: &[Phase], member: usize) -> bool {
        let mut above = self.above(member);
        above.any(|parent| phases.contains(&self.0[parent].phase))
    }

    fn is_taken_along(&self, member: usize) -> bool {
        self.is_below(&[Releasing, Released], member)
    }

    fn is_left(&self, member: usize, trigger: Trigger) -> bool {
        trigger == Finalizer && self.is_below(&[Detached], member)
    }

    fn has_child_that_holds(&self, member: usize) -> bool {
        (member + 1..self.0.len()).any(|child| {
            let record = &self.0[child];
            match record.parent {
                Some((parent, Before)) => parent == member && !record.parted,
                Some((parent, Within)) => {
                    parent == member && (record.phase == Releasing || self.is_held(child))
                }
                None => false,
            }
        })
    }

    fn is_held(&self, member: usize) -> bool {
        self.0[member].leases > 0 || self.has_child_that_holds(member)
    }

    fn held(&self) -> Vec<bool> {
        (0..self.0.len())
            .map(|member| self.is_held(member))
            .collect()
    }

    fn end(&mut self, member: usize, phase: Phase) {
        let record = &mut self.0[member];
        record.phase = phase;
        record.autorelease = false;
    }

    fn ask(&mut self, member: usize, trigger: Trigger) -> Claim {
        let held = self.is_held(member);
        let record = &mut self.0[member];
        if record.phase != Owned || trigger == Finalizer && !record.autorelease {
            return Refused;
        }
        if held {
            match trigger {
                Free if !record.free_waits => record.free_waits = true,
                Finalizer if !record.waits() => {
                    record.finalizer_waits = true;
                }
                _ => return Refused,
            }
            return Deferred;
        }
        self.win(member, trigger)
    }

    fn win(&mut self, member: usize, trigger: Trigger) -> Claim {
        if self.is_taken_along(member) || self.is_left(member, trigger) {
            self.end(member, Released);
            return Refused;
        }
        self.0[member].phase = Releasing;
        Won
    }

    /// Who is due now that those may have come free who were `held`: children first.
    fn due(&mut self, held: &[bool]) -> Vec<(usize, Trigger)> {
        let mut due = vec![];
        for member in (0..self.0.len()).rev() {
            let is_held = self.is_held(member);
            let record = &mut self.0[member];
            record.parted |= record.phase == Released || record.phase == Detached && !is_held;
            let trigger = match record.phase {
                Owned if is_held || !held[member] => continue,
                Owned if record.free_waits => Free,
                Owned if record.finalizer_waits && record.autorelease => Finalizer,
                _ => continue,
            };
            if self.win(member, trigger) == Won {
                due.push((member, trigger));
            }
        }
        due
    }

    fn admits(&self, member: usize, hold: Hold) -> bool {
        let mut all = iter::once(member).chain(self.above(member));
        all.all(|member| {
            let record = &self.0[member];
            let late = record.waits() && !self.has_child_that_holds(member);
            record.phase == Owned && (hold == Nested || !late)
        })
    }

    fn detach(&mut self, member: usize) -> bool {
        let record = &self.0[member];
        let granted = record.phase == Owned && !record.waits() && !self.is_taken_along(member);
        if granted {
            self.end(member, Detached);
        }
        granted
    }

    fn abandon(&mut self, member: usize) {
        let record = &mut self.0[member];
        if record.phase == Owned && !record.autorelease && !record.free_waits {
            record.phase = Detached;
        }
    }
}

struct Family {
    members: Vec<Node>,
    model: Model,
    /// How often each was to be released.
    wins: Vec<u32>,
}

impl Family {
    /// `ties` says of each member but the first which of those before is its parent.
    fn new(ties: &[(Index, Bond)]) -> Self {
        let mut members = vec![Node::root()];
        let mut parents = vec![None];
        for (parent, bond) in ties {
            let parent = parent.index(members.len());
            members.push(members[parent].child(*bond));
            parents.push(Some((parent, *bond)));
        }
        let records = parents.into_iter().map(|parent| Record {
            parent,
            phase: Owned,
            autorelease: true,
            leases: 0,
            free_waits: false,
            finalizer_waits: false,
            parted: false,
        });
        let model = Model(records.collect());
        let wins = vec![0; members.len()];
        Self {
            members,
            model,
            wins,
        }
    }

    fn apply(&mut self, operation: Operation, number: usize) -> TestCaseResult {
        let (member, model) = (&self.members[number], &mut self.model);
        let held = model.held();
        let due = match operation {
            Ask(trigger) => {
                let claim = family::claim(member, trigger);
                prop_assert_eq!(claim, model.ask(number, trigger));
                if claim == Won {
                    self.check_win(number)?;
                }
                None
            }
            Finish if model.0[number].phase == Releasing => {
                model.end(number, Released);
                family::finish(member)
            }
            TakeLease(hold) if hold == Lease || model.0[number].leases > 0 => {
                let granted = family::hold(member, hold);
                prop_assert_eq!(granted, model.admits(number, hold));
                model.0[number].leases += u32::from(granted);
                None
            }
            EndLease if model.0[number].leases > 0 => {
                model.0[number].leases -= 1;
                family::end_lease(member.clone())
            }
            VoidLeases => {
                model.0[number].leases = 0;
                family::void_leases(member.clone())
            }
            Detach => {
                let detached = family::detach(member);
                prop_assert_eq!(detached.is_some(), model.detach(number));
                detached.flatten()
            }
            Abandon => {
                model.abandon(number);
                family::abandon(member)
            }
            Autorelease(on) => {
                member.state().set_autorelease(on);
                model.0[number].autorelease = on;
                None
            }
            Finish | TakeLease(_) | EndLease => None,
        };
        let due = due.and_then(|(due, trigger)| Some((self.number(&due)?, trigger)));
        prop_assert_eq!(Vec::from_iter(due), self.model.due(&held));
        match due {
            Some((due, _)) => self.check_win(due),
            None => Ok(()),
        }
    }

    fn number(&self, of: &Node) -> Option<usize> {
        self.members.iter().position(|member| member == of)
    }

    /// What nobody may find broken who is about to release.
    fn check_win(&mut self, member: usize) -> TestCaseResult {
        self.wins[member] += 1;
        prop_assert_eq!(self.wins[member], 1);
        prop_assert_eq!(self.members[member].state().leases(), 0);
        prop_assert!(!self.model.is_taken_along(member));
        let over = |child: &Record| matches!(child.phase, Released | Detached);
        prop_assert!(self.model.children(member, Before).all(over));
        let calm = |child: &Record| child.phase != Releasing && child.leases == 0;
        prop_assert!(self.model.children(member, Within).all(calm));
        Ok(())
    }

    fn compare(&self) -> TestCaseResult {
        for (number, (member, record)) in iter::zip(&self.members, &self.model.0).enumerate() {
            let state = member.state();
            prop_assert_eq!(state.leases(), record.leases);
            prop_assert_eq!(state.is_released(), record.phase == Released);
            prop_assert_eq!(state.is_detached(), record.phase == Detached);
            prop_assert_eq!(state.is_owned(), record.phase == Owned && !record.waits());
            let waits = record.phase == Owned && record.free_waits;
            prop_assert!(!waits || self.model.is_held(number), "it waits for nothing");
            let over = record.phase == Detached && !self.model.is_held(number);
            prop_assert_eq!(state.is_over(), over);
            let released = record.phase == Released || self.model.is_below(&[Released], number);
            prop_assert_eq!(family::is_released(member), released);
            for hold in [Lease, Nested] {
                prop_assert_eq!(
                    family::admits(member, hold),
                    self.model.admits(number, hold)
                );
            }
        }
        Ok(())
    }

    /// Ends what has begun, and asks for the rest. Then there must be nothing left that waits.
    fn end_all(&mut self) -> TestCaseResult {
        for number in (0..self.members.len()).rev() {
            for operation in [VoidLeases, Finish, Ask(Free), Finish] {
                self.apply(operation, number)?;
            }
        }
        for member in &self.members {
            prop_assert!(family::is_released(member) || member.state().is_over());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_family_answers_as_the_rules_say(
        ties in vec((any::<Index>(), select(vec![Before, Within])), 0..7),
        operations in vec((operation(), any::<Index>()), 0..60),
    ) {
        let mut family = Family::new(&ties);
        for (operation, number) in operations {
            family.apply(operation, number.index(ties.len() + 1))?;
            family.compare()?;
        }
        family.end_all()?;
        family.compare()?;
    }
}
