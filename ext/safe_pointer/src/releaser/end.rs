//! The end of a release.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj, value::Opaque};
use safe_pointer_core::{Claim, Trigger, family};

use super::{Due, Kin, Releaser, settle};
use crate::{
    carrier,
    errors::{self, Occasion},
    ffi,
    stats::Ending,
};

impl Releaser {
    /// Ends the release of `pointer`, and carries out those that waited for it.
    pub fn finish(
        ruby: &Ruby,
        rb_self: Obj<Self>,
        pointer: Option<Value>,
        ending: Ending,
        occasion: Occasion,
    ) -> Result<(), Error> {
        let (due, ended) = Self::end(ruby, rb_self, pointer, ending);
        let settled = errors::despite(&ended, || settle(ruby, due, occasion));
        ended.and(settled)
    }

    /// Ends the release of `pointer`: makes it NULL, and lets go of what the release needed.
    pub(super) fn end(
        ruby: &Ruby,
        rb_self: Obj<Self>,
        pointer: Option<Value>,
        ending: Ending,
    ) -> (Due, Result<(), Error>) {
        let watched = rb_self.close_account(ending);
        let due = family::finish(&Kin(rb_self));
        rb_self.let_go(ruby);
        // Borrowed only by another Ractor that asks whose turn it is.
        if let Ok(mut guarded) = rb_self.guarded.try_borrow_mut() {
            *guarded = None;
        }
        let nulled = match rb_self.extras.get() {
            Some(_) => {
                rb_self.count(ruby);
                set_null_within(ruby, rb_self)
            }
            None => Ok(()),
        };
        let nulled = set_null(ruby, pointer).and(nulled);
        let told = match watched {
            true => rb_self.tell_of_end(ruby, ending),
            false => Ok(()),
        };
        (due, nulled.and(told))
    }

    pub(super) fn let_go(&self, ruby: &Ruby) {
        let nil = Opaque::from(ruby.qnil().as_value());
        self.held.set(nil);
        self.callable.set(nil);
    }
}

/// Makes `pointer` NULL. Nobody needs to release it any more.
pub(super) fn set_null(ruby: &Ruby, pointer: Option<Value>) -> Result<(), Error> {
    let Some(pointer) = pointer else {
        return Ok(());
    };
    carrier::give_up(ruby, pointer);
    ffi::set_null(ruby, pointer)
}

/// Makes the pointers NULL that the release of `releaser` has destroyed too, and those that theirs would have.
fn set_null_within(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    let Some(left) = releaser.within(ruby)? else {
        return Ok(());
    };
    let mut told = Ok(());
    while let Some(pointer) = left.pop::<Option<Value>>()? {
        if let Some(releaser) = carrier::find(ruby, pointer)?
            && !releaser.state.is_detached()
        {
            if releaser.state.claim(Trigger::Free) == Claim::Won {
                releaser.state.finish();
            }
            releaser.let_go(ruby);
            releaser.discount(ruby);
            ffi::set_null(ruby, pointer)?;
            let settled = errors::despite(&told, || releaser.settle_account(ruby, false));
            told = told.and(settled);
            if let Some(more) = releaser.within(ruby)? {
                left.concat(more)?;
            }
        }
    }
    told
}
