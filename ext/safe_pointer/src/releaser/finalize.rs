//! Releases that GC, the end of the process or a queue ask for.

use magnus::{Error, Ruby, Value, typed_data::Obj};
use safe_pointer_core::{
    Claim, Trigger,
    family::{self, Bond, Member},
};

use super::{Kin, Releaser, lease, request::Request, settle};
use crate::{
    carrier,
    errors::{self, Occasion},
    process::{self, ForkPolicy},
    register::{self, Place},
    stats::{Cause, Ending},
};

impl Releaser {
    /// Releases because the pointer, whose releaser is at `place`, is gone; or has it wait in its queue.
    pub fn bury_at(ruby: &Ruby, rb_self: Obj<Self>, place: Place) -> Result<(), Error> {
        // Before it leaves the register: this may ask Ruby, and an interrupt may come.
        rb_self.discard_in_fork(ruby)?;
        match rb_self.queue(ruby) {
            // What leases keep off may have been asked for, and is carried out without a queue.
            Some(queue) if rb_self.state.leases() == 0 && !process::is_ending() => {
                queue.keep_waiting(place);
                Ok(())
            }
            _ => {
                register::take(ruby, place);
                Self::bury(ruby, rb_self, None)
            }
        }
    }

    /// Releases because nobody can be using the pointer: it is gone, or it is `pointer` and the process ends.
    pub fn bury(ruby: &Ruby, rb_self: Obj<Self>, pointer: Option<Value>) -> Result<(), Error> {
        rb_self.discard_in_fork(ruby)?;
        if rb_self.state.leases() > 0 {
            lease::end_all(ruby, rb_self)?;
        }
        Self::collect(ruby, rb_self, pointer)
    }

    /// Has it wait in its queue, or releases.
    pub(super) fn collect(
        ruby: &Ruby,
        rb_self: Obj<Self>,
        pointer: Option<Value>,
    ) -> Result<(), Error> {
        if let Some(queue) = rb_self.queue(ruby)
            && !process::is_ending()
        {
            queue.push(ruby, rb_self);
            return Ok(());
        }
        Self::finalize(ruby, rb_self, pointer, Some(Occasion::Finalizer))
    }

    /// Releases because it is this one's turn in a queue.
    pub fn run(ruby: &Ruby, rb_self: Obj<Self>, occasion: Occasion) -> Result<(), Error> {
        rb_self.discard_in_fork(ruby)?;
        match rb_self.extras.get() {
            Some(extras) if extras.due.take() => {
                settle(ruby, Some((Kin(rb_self), Trigger::Finalizer)), occasion)
            }
            _ => {
                let pointer = pointer(ruby, rb_self, None)?;
                Self::finalize(ruby, rb_self, pointer, Some(occasion))
            }
        }
    }

    /// `occasion` is when Ruby or a queue asks. Without one it is the program that does, and an error is for its ears.
    pub(super) fn finalize(
        ruby: &Ruby,
        rb_self: Obj<Self>,
        pointer: Option<Value>,
        occasion: Option<Occasion>,
    ) -> Result<(), Error> {
        match (family::claim(&Kin(rb_self), Trigger::Finalizer), occasion) {
            (Claim::Won, _) => {
                let result = rb_self.call_claimed(ruby);
                let ending = Ending::new(Cause::of(occasion), &result);
                let ended = errors::despite(&result, || {
                    let occasion = occasion.unwrap_or(Occasion::Child);
                    Self::finish(ruby, rb_self, pointer, ending, occasion)
                });
                let reported = match (result, occasion) {
                    (Err(error), Some(occasion)) => {
                        errors::report(ruby, error, &rb_self.subject(ruby), occasion)
                    }
                    (result, _) => result,
                };
                reported.and(ended)
            }
            (Claim::Deferred, _) => {
                Request::set(rb_self, pointer, None);
                Ok(())
            }
            (Claim::Refused, _) if rb_self.is_guarded(ruby) && rb_self.state.autorelease() => {
                rb_self.call_claimed(ruby)
            }
            (Claim::Refused, Some(occasion)) => {
                rb_self.discount(ruby);
                let gone = !process::is_ending();
                let settled = rb_self.settle_account(ruby, gone);
                // Only for a parent's sake: at the end of the process somebody may still ask for the release.
                match Kin(rb_self).tie() {
                    Some(tie) if tie.bond == Bond::Before => {
                        let abandon = || settle(ruby, family::abandon(&Kin(rb_self)), occasion);
                        let abandoned = errors::despite(&settled, abandon);
                        settled.and(abandoned)
                    }
                    _ => settled,
                }
            }
            (Claim::Refused, None) => Ok(()),
        }
    }

    /// Keeps GC and exit from releasing what a process that is to leave it alone has from its parent. What the program
    /// has asked for is carried out all the same, and nobody waits for the rest.
    pub(super) fn discard_in_fork(&self, ruby: &Ruby) -> Result<(), Error> {
        if self.is_discarded(ruby)? {
            self.set_autorelease(ruby, false);
        }
        Ok(())
    }

    /// Whether this process is a fork of the one that made the pointer, and is to leave it alone.
    fn is_discarded(&self, ruby: &Ruby) -> Result<bool, Error> {
        if self.generation == process::generation() {
            return Ok(false);
        }
        let own = self
            .extras
            .get()
            .and_then(|extras| extras.fork_policy.get());
        let policy = match own {
            Some(policy) => policy,
            None => process::fork_policy_of(ruby, self.pointer_class(ruby))?,
        };
        Ok(policy == ForkPolicy::Discard)
    }
}

/// The pointer of `releaser`, if it is still there: the program has reached for the releaser, or the process
/// ends and releases that are yet to come may look at it. At GC it is gone.
pub(super) fn pointer(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    id: Option<Value>,
) -> Result<Option<Value>, Error> {
    let left = match id {
        Some(id) if process::is_ending() => process::object(ruby, id)?,
        _ => None,
    };
    let pointer = match left {
        None => known_owner(ruby, releaser)?,
        left => left,
    };
    match pointer {
        Some(pointer) if carrier::holds(ruby, pointer, releaser)? => Ok(Some(pointer)),
        _ => Ok(None),
    }
}

pub(super) fn known_owner(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    let owner = releaser
        .extras
        .get()
        .map(|extras| extras.owner.pointers(ruby));
    match owner.transpose()?.flatten() {
        Some(pointers) => pointers.shift(),
        None => Ok(None),
    }
}

/// Whether nobody can be using the pointer: the object with this id is gone, or the process ends.
pub(super) fn is_out_of_use(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    id: Option<Value>,
) -> Result<bool, Error> {
    if process::is_ending() {
        return Ok(true);
    }
    let pointer = match id {
        Some(id) => process::object(ruby, id)?,
        None => None,
    };
    match pointer {
        Some(pointer) => Ok(!carrier::holds(ruby, pointer, releaser)?),
        None => Ok(true),
    }
}
