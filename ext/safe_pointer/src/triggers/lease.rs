//! Leases: the pointer is used, and its release waits.

use std::hint::black_box;

use magnus::{Error, Ruby, Value, prelude::*, rb_sys::AsRawValue, typed_data::Obj};
use safe_pointer_core::{Hold, family};

use crate::{
    release::end,
    releaser::{
        Releaser,
        family_member::FamilyMember,
        lease::{Lease, Lessee},
    },
    ruby::{errors, fiber},
    watch::cause::Occasion,
};

/// Runs `body` while this fiber has a lease. `None` if it is too late for one.
pub fn with_lease(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    body: impl FnOnce(Value) -> Result<Value, Error>,
) -> Option<Result<Value, Error>> {
    // The release itself may use what it releases.
    if releaser.is_in_own_release() {
        return Some(body(releaser.held(ruby)));
    }
    let fiber = fiber::current_id();
    let member = FamilyMember(releaser);
    // The one that it has lasts longer than this.
    if releaser.has_lessee(fiber) {
        let is_granted = family::admits(&member, Hold::Nested);
        return is_granted.then(|| body(releaser.held(ruby)));
    }
    if let Err(error) = releaser.make_room_for_lessee() {
        return Some(Err(error));
    }
    if !family::hold(&member, Hold::Lease) {
        return None;
    }
    Releaser::add_lessee(ruby, releaser, fiber);
    let result = Lease::new(ruby, releaser.as_value(), fiber).and_then(|lease| {
        let result = body(releaser.held(ruby));
        lease.end(ruby);
        // Until here: as long as this is on the stack, the lease lasts.
        black_box(lease);
        result
    });
    let is_it = |lessee: &Lessee| lessee.fiber == fiber;
    let ended = errors::despite(&result, || end_one(ruby, releaser, Occasion::Lease, is_it));
    Some(errors::and(result, ended))
}

/// Ends a lease whose lessee `is` is true of, if there is one.
pub fn end_one(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    occasion: Occasion,
    is: impl Fn(&Lessee) -> bool,
) -> Result<(), Error> {
    match releaser.remove_lessee(is) {
        true => {
            let due = family::end_lease(FamilyMember(releaser));
            end::release_due(ruby, due, occasion)
        }
        false => Ok(()),
    }
}

/// Ends the leases of fibers whose threads are no more: they have ended, or a fork has left them behind.
pub fn end_of_the_dead(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    if releaser.state().leases() == 0 {
        return Ok(());
    }
    let here = ruby.thread_current().as_value();
    for thread in releaser.threads_of_lessees(ruby)? {
        // While the process ends, the main thread counts as dead, and is the one that runs this.
        if thread.as_raw() != here.as_raw() && !thread.funcall::<_, _, bool>("alive?", ())? {
            let is_it = |lessee: &Lessee| lessee.is_on(ruby, thread);
            end_one(ruby, releaser, Occasion::Lease, is_it)?;
        }
    }
    Ok(())
}

/// Ends all leases: the pointer object is gone, or the process ends, so they can only be those of fibers that
/// will never go on.
pub fn end_all(ruby: &Ruby, releaser: Obj<Releaser>, occasion: Occasion) -> Result<(), Error> {
    releaser.remove_lessees();
    let due = family::void_leases(FamilyMember(releaser));
    end::release_due(ruby, due, occasion)
}
