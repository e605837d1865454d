//! `detach`: the pointer is somebody else's from now on.

use magnus::{Error, Ruby, Value, typed_data::Obj};
use safe_pointer_core::family;

use super::{announce, end};
use crate::{
    holder::{self, Holder},
    releaser::{Releaser, family_member::FamilyMember},
    ruby::errors,
    watch::cause::Occasion,
};

/// Gives up the object that was wrapped: it will not be released from here. `None` if it is too late.
pub fn detach(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<Option<Value>, Error> {
    let held = releaser.held(ruby);
    let subject = announce::subject(ruby, releaser);
    let Some(due) = family::detach(&FamilyMember(releaser)) else {
        return Ok(None);
    };
    FamilyMember(releaser).leave();
    releaser.let_go(ruby);
    releaser.count_memory(ruby);
    let notified = announce::given_away(ruby, releaser, subject);
    let released = errors::despite(&notified, || end::release_due(ruby, due, Occasion::Child));
    errors::and(notified, released).map(|()| Some(held))
}

/// Gives up `pointer`, whose construction has failed: what was to be released stays with who has tried.
pub fn give_up(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    match holder::peek(ruby, pointer)? {
        Holder::Native(_, slot) if slot.state.detach() => {
            announce::count_native_detached(slot.address);
            Ok(())
        }
        Holder::Releaser(releaser) => detach(ruby, releaser).map(drop),
        Holder::Native(..) | Holder::Nothing => Ok(()),
    }
}
