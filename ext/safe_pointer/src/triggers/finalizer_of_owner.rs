//! A releaser is called as the finalizer of an object: one that owns a pointer, or a pointer that has no room for ours.

use magnus::{Error, Ruby, Value, typed_data::Obj};

use super::dead;
use crate::{
    holder,
    releaser::Releaser,
    ruby::process,
    watch::{cause::Occasion, events},
};

/// Ruby calls with the id of the object. The program may call, too, without one: what jumps out goes where it may then.
pub fn call(ruby: &Ruby, releaser: Obj<Releaser>, args: &[Value]) -> Result<(), Error> {
    let called = carry_out(ruby, releaser, args);
    // What a handler or a subscriber does comes out here, too.
    match args.is_empty() {
        true => called,
        false => Occasion::Owner.settle(ruby, called),
    }
}

fn carry_out(ruby: &Ruby, releaser: Obj<Releaser>, args: &[Value]) -> Result<(), Error> {
    // Before anything is released at the end of the process.
    if process::is_ending() {
        events::report_at_exit(ruby)?;
    }
    let pointer = holder::pointer_of(ruby, releaser)?;
    // In a release by the class's own method, which holds the pointer, it is the program; or Ruby, of another object, in a
    // collection that this method asks for.
    let is_by_hand = args.is_empty() || releaser.is_in_own_release();
    if is_by_hand && !process::is_ending() {
        return dead::finalize(ruby, releaser, pointer, None);
    }
    // Somebody may be using a pointer that is still there.
    match pointer.is_some() && releaser.state().leases() > 0 && !process::is_ending() {
        true => dead::wait_or_release(ruby, releaser, pointer, Occasion::Owner),
        false => dead::release(ruby, releaser, pointer, Occasion::Owner),
    }
}
