//! Leases: the pointer is used, and its release waits.

use magnus::{
    Error, Ruby, Value,
    prelude::*,
    rb_sys::AsRawValue,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::{Hold, family};

use super::{Kin, Releaser, settle};
use crate::errors::{self, Occasion};

/// Runs `body` while this thread has a lease. `None` if it is too late for one.
pub fn with_lease(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    body: impl FnOnce(Value) -> Result<Value, Error>,
) -> Option<Result<Value, Error>> {
    let held = ruby.get_inner(releaser.held.get());
    // The release itself may use what it releases.
    if releaser.is_guarded(ruby) {
        return Some(body(held));
    }
    let thread = ruby.thread_current().as_value();
    let lessees = &releaser.extras().lessees;
    let nested = lessees
        .borrow()
        .iter()
        .any(|lessee| is(ruby, lessee, thread));
    let hold = if nested { Hold::Nested } else { Hold::Lease };
    if !family::hold(&Kin(releaser), hold) {
        return None;
    }
    lessees.borrow_mut().push(thread.into());
    releaser.writebarrier(thread);
    let result = body(held);
    let ended = errors::despite(&result, || end(ruby, releaser, thread));
    Some(result.and_then(|result| ended.map(|()| result)))
}

fn end(ruby: &Ruby, releaser: Obj<Releaser>, thread: Value) -> Result<(), Error> {
    let mut lessees = releaser.extras().lessees.borrow_mut();
    let Some(index) = lessees.iter().position(|lessee| is(ruby, lessee, thread)) else {
        return Ok(());
    };
    lessees.swap_remove(index);
    drop(lessees);
    settle(ruby, family::end_lease(Kin(releaser)), Occasion::Lease)
}

fn is(ruby: &Ruby, lessee: &Opaque<Value>, thread: Value) -> bool {
    ruby.get_inner(*lessee).as_raw() == thread.as_raw()
}

/// Ends the leases of threads that are no more: a fork has left them behind.
pub fn end_of_the_dead(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    if releaser.state.leases() == 0 {
        return Ok(());
    }
    let here = ruby.thread_current().as_value();
    let lessees = releaser.extras().lessees.borrow().clone();
    for thread in lessees.iter().map(|lessee| ruby.get_inner(*lessee)) {
        // While the process ends, the main thread counts as dead, and is the one that runs this.
        if thread.as_raw() != here.as_raw() && !thread.funcall::<_, _, bool>("alive?", ())? {
            end(ruby, releaser, thread)?;
        }
    }
    Ok(())
}

/// Ends all leases: the pointer object is gone, or the process ends, so they can only be those of fibers that
/// will never go on.
pub fn end_all(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    releaser.extras().lessees.borrow_mut().clear();
    settle(ruby, family::void_leases(Kin(releaser)), Occasion::Lease)
}
