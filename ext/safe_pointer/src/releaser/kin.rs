//! Releasers as members of families, and the releases that become due there.

use magnus::{
    Error, Ruby, Value,
    rb_sys::AsRawValue,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::{
    State, Trigger,
    family::{self, Bond, Member, Tie},
};

use super::{Releaser, known_owner, request::Request};
use crate::{
    errors::{self, Occasion},
    guard::Own,
    process,
    stats::{Cause, Ending},
};

/// A releaser as one of a family.
#[derive(Clone, Copy)]
pub struct Kin(pub Obj<Releaser>);

/// A release that waited for holds to end, and now runs on the thread that ended the last one.
pub type Due = Option<(Kin, Trigger)>;

impl PartialEq for Kin {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_raw() == other.0.as_raw()
    }
}

impl Kin {
    fn of(tie: Option<(Opaque<Obj<Releaser>>, Bond)>) -> Option<Tie<Self>> {
        let (parent, bond) = tie?;
        let parent = Kin(Ruby::get().ok()?.get_inner(parent));
        Some(Tie { parent, bond })
    }
}

impl Member for Kin {
    fn state(&self) -> &State {
        &self.0.state
    }

    fn tie(&self) -> Option<Tie<Self>> {
        Self::of(self.0.extras.get()?.tie())
    }

    fn untie(&self) -> Option<Tie<Self>> {
        Self::of(self.0.extras.get()?.replace_tie(None))
    }
}

/// Ties `child` to a parent, which the caller holds for it if the bond wants that, instead of the one it has.
pub fn tie(
    ruby: &Ruby,
    child: Obj<Releaser>,
    parent: Option<(Obj<Releaser>, Bond)>,
) -> Result<(), Error> {
    let tie = parent.map(|(parent, bond)| (parent.into(), bond));
    let old = Kin::of(child.extras().replace_tie(tie));
    if let Some((parent, _)) = parent {
        child.writebarrier(parent);
    }
    match old {
        Some(old) => settle(ruby, family::let_go(old.parent), Occasion::Child),
        None => Ok(()),
    }
}

/// Carries out the release that is due, and those that become due thereby. Errors are reported; what is none
/// (a `throw`, the end of the thread) goes on its way afterwards.
pub fn settle(ruby: &Ruby, mut due: Due, occasion: Occasion) -> Result<(), Error> {
    let mut left = Ok(());
    while let Some((Kin(releaser), trigger)) = due {
        // What GC found dead goes where its class wants that released.
        if trigger == Trigger::Finalizer
            && occasion != Occasion::Queue
            && let Some(queue) = releaser.queue(ruby)
            && !process::is_ending()
        {
            Releaser::defer(ruby, releaser, queue);
            break;
        }
        let (pointer, own) = Request::take(ruby, releaser);
        // This asks Ruby, and an interrupt may come: it has been claimed, and is released all the same.
        let known = match pointer {
            Some(pointer) => Ok(Some(pointer)),
            None => known_owner(ruby, releaser),
        };
        let pointer = *known.as_ref().unwrap_or(&None);
        let asked = known.map(drop);
        let mut next = None;
        let carried_out = errors::despite(&asked, || {
            let carried_out;
            (next, carried_out) = carry_out(ruby, releaser, trigger, pointer, own, occasion);
            carried_out
        });
        left = left.and(asked).and(carried_out);
        if left.is_err() {
            let rest = errors::despite(&left, || settle(ruby, next, occasion));
            return left.and(rest);
        }
        due = next;
    }
    left
}

/// Carries out one release. Returns what is due thereby, too.
fn carry_out(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    trigger: Trigger,
    pointer: Option<Value>,
    own: Option<Own>,
    occasion: Occasion,
) -> (Due, Result<(), Error>) {
    let result = match (trigger, pointer, own) {
        (Trigger::Free, Some(pointer), Some(own)) => own.run(ruby, releaser, pointer),
        _ => releaser.call_claimed(ruby),
    };
    let cause = match trigger {
        Trigger::Free => Cause::Free,
        Trigger::Finalizer => Cause::of(Some(occasion)),
    };
    let ending = Ending::new(cause, &result);
    let mut next = None;
    let ended = errors::despite(&result, || {
        let ended;
        (next, ended) = Releaser::end(ruby, releaser, pointer, ending);
        ended
    });
    let reported =
        result.or_else(|error| errors::report(ruby, error, &releaser.subject(ruby), occasion));
    (next, reported.and(ended))
}
