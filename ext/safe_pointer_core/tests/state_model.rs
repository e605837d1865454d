//! Random operations on a state, which must answer as a plain record of what has happened does.
#![cfg(not(loom))]

use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};
use safe_pointer_core::{
    Claim::{self, *},
    Ended::{self, *},
    Hold::{self, *},
    State,
    Trigger::{self, *},
};

#[derive(Clone, Copy, Debug)]
enum Operation {
    Ask(Trigger),
    Call,
    CallByHand,
    Finish,
    Hold(Hold),
    EndLease,
    EndChild,
    VoidLeases,
    Detach,
    Abandon,
    Autorelease(bool),
    Armed(bool),
}

use Operation::*;

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => select(vec![Lease, Nested, Child, Release]).prop_map(Hold),
        4 => select(vec![EndLease, EndChild]),
        2 => select(vec![Free, Finalizer]).prop_map(Ask),
        2 => select(vec![Call, CallByHand, Finish, VoidLeases, Detach, Abandon]),
        1 => any::<bool>().prop_map(Autorelease),
        1 => any::<bool>().prop_map(Armed),
    ]
}

#[derive(Debug, PartialEq)]
enum Phase {
    Owned,
    Releasing,
    Released,
    Detached,
}

use Phase::*;

#[derive(Debug)]
struct Model {
    phase: Phase,
    null: bool,
    autorelease: bool,
    armed: bool,
    called: bool,
    free_waits: bool,
    finalizer_waits: bool,
    leases: u32,
    children: u32,
    wins: u32,
}

impl Model {
    fn new(null: bool) -> Self {
        Self {
            phase: Owned,
            null,
            autorelease: true,
            armed: true,
            called: false,
            free_waits: false,
            finalizer_waits: false,
            leases: 0,
            children: 0,
            wins: 0,
        }
    }

    fn is_held(&self) -> bool {
        self.leases + self.children > 0
    }

    fn waits(&self) -> bool {
        self.free_waits || self.finalizer_waits
    }

    fn allows(&self, trigger: Trigger) -> bool {
        trigger == Free || self.autorelease && self.armed
    }

    fn win(&mut self) {
        self.phase = Releasing;
        self.free_waits = false;
        self.finalizer_waits = false;
        self.wins += 1;
    }

    fn ask(&mut self, trigger: Trigger) -> Claim {
        if self.phase != Owned || !self.allows(trigger) {
            return Refused;
        }
        if self.null {
            self.phase = Released;
            return Refused;
        }
        if !self.is_held() {
            self.win();
            return Won;
        }
        match trigger {
            Free if !self.free_waits => self.free_waits = true,
            Finalizer if !self.waits() => self.finalizer_waits = true,
            _ => return Refused,
        }
        Deferred
    }

    fn call(&mut self, may: bool) -> bool {
        let granted = self.phase == Releasing && !self.called && may;
        self.called |= granted;
        granted
    }

    fn finish(&mut self) {
        if self.phase == Releasing {
            self.phase = Released;
            self.autorelease = false;
        }
    }

    fn admits(&self, hold: Hold) -> bool {
        match hold {
            Lease => self.phase == Owned && (!self.waits() || self.children > 0),
            Nested => self.phase == Owned,
            Child => self.phase == Owned && !self.waits(),
            Release => self.phase == Owned || self.phase == Detached,
        }
    }

    fn hold(&mut self, hold: Hold) -> bool {
        let granted = self.admits(hold);
        match hold {
            Lease | Nested => self.leases += u32::from(granted),
            Child | Release => self.children += u32::from(granted),
        }
        granted
    }

    fn end_lease(&mut self) -> Ended {
        self.end(self.leases.min(1), 0)
    }

    fn end_child(&mut self) -> Ended {
        self.end(0, self.children.min(1))
    }

    fn void_leases(&mut self) -> (u32, Ended) {
        (self.leases, self.end(self.leases, 0))
    }

    fn end(&mut self, leases: u32, children: u32) -> Ended {
        self.leases -= leases;
        self.children -= children;
        if leases + children == 0 || self.is_held() {
            return Nothing;
        }
        let trigger = match self.phase {
            Detached => return Over,
            Owned if self.free_waits => Free,
            Owned if self.finalizer_waits && self.allows(Finalizer) => Finalizer,
            _ => return Nothing,
        };
        self.win();
        Due(trigger)
    }

    fn detach(&mut self) -> bool {
        let granted = self.phase == Owned && !self.waits();
        if granted {
            self.phase = Detached;
            self.autorelease = false;
        }
        granted
    }

    fn abandon(&mut self) {
        if self.phase == Owned && !self.allows(Finalizer) && !self.free_waits {
            self.phase = Detached;
        }
    }
}

fn apply(operation: Operation, state: &State, model: &mut Model) -> TestCaseResult {
    match operation {
        Ask(trigger) => prop_assert_eq!(state.claim(trigger), model.ask(trigger)),
        Call => prop_assert_eq!(state.claim_call(), model.call(model.armed)),
        CallByHand => prop_assert_eq!(state.claim_call_by_hand(), model.call(true)),
        Finish => {
            state.finish();
            model.finish();
        }
        Hold(hold) => prop_assert_eq!(state.hold(hold), model.hold(hold)),
        EndLease => prop_assert_eq!(state.end_lease(), model.end_lease()),
        EndChild => prop_assert_eq!(state.end_child(), model.end_child()),
        VoidLeases => prop_assert_eq!(state.void_leases(), model.void_leases()),
        Detach => prop_assert_eq!(state.detach(), model.detach()),
        Abandon => {
            state.abandon();
            model.abandon();
        }
        Autorelease(on) => {
            state.set_autorelease(on);
            model.autorelease = on;
        }
        Armed(on) => {
            state.set_armed(on);
            model.armed = on;
        }
    }
    Ok(())
}

fn compare(state: &State, model: &Model) -> TestCaseResult {
    prop_assert_eq!(state.is_released(), model.phase == Released);
    prop_assert_eq!(state.is_detached(), model.phase == Detached);
    prop_assert_eq!(state.is_owned(), model.phase == Owned && !model.waits());
    prop_assert_eq!(state.is_over(), model.phase == Detached && !model.is_held());
    prop_assert_eq!(state.autorelease(), model.autorelease);
    prop_assert_eq!(state.leases(), model.leases);
    for hold in [Lease, Nested, Child, Release] {
        prop_assert_eq!(state.admits(hold), model.admits(hold));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 2000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_state_answers_as_its_history_says(
        null in prop::bool::weighted(0.1),
        operations in prop::collection::vec(operation(), 0..40),
    ) {
        let state = if null { State::null() } else { State::owned() };
        let mut model = Model::new(null);
        for operation in operations {
            apply(operation, &state, &mut model)?;
            compare(&state, &model)?;
            prop_assert!(model.wins <= 1);
            prop_assert!(model.phase != Releasing || !model.is_held());
        }
    }
}
