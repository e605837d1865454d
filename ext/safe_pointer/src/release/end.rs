//! The end of a release: the pointer becomes NULL, and what has waited for it is released.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj};
use safe_pointer_core::{Claim, Trigger, family};

use super::{announce, call, deferred, report};
use crate::{
    ffi, holder,
    releaser::{
        Releaser,
        family_member::{Due, FamilyMember, is_released},
        own_release::OwnCall,
    },
    ruby::{errors, process},
    watch::cause::{Cause, Ending, Occasion},
};

/// Ends the release of `pointer`, and carries out those that waited for it.
pub fn finish(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    ending: Ending,
    occasion: Occasion,
) -> Result<(), Error> {
    let (due, ended) = end(ruby, releaser, pointer, ending);
    let released = errors::despite(&ended, || release_due(ruby, due, occasion));
    errors::and(ended, released)
}

/// Carries out the release that is due, and those that become due thereby. Errors are reported; what is none
/// (a `throw`, the end of the thread) goes on its way afterwards.
pub fn release_due(ruby: &Ruby, mut due: Due, occasion: Occasion) -> Result<(), Error> {
    let mut left = Ok(());
    while let Some((FamilyMember(releaser), trigger)) = due {
        // What GC found dead goes where its class wants that released.
        let is_deferred =
            trigger == Trigger::Finalizer && occasion != Occasion::Queue && !process::is_ending();
        if is_deferred && releaser.queue().is_some() {
            releaser.set_due();
            return left.and(deferred::push(ruby, releaser));
        }
        let (pointer, own) = releaser.take_request(ruby);
        // This asks Ruby, and an interrupt may come: it has been claimed, and is released all the same.
        let known = match pointer {
            Some(pointer) => Ok(Some(pointer)),
            None => holder::pointer_of(ruby, releaser),
        };
        let pointer = *known.as_ref().unwrap_or(&None);
        // GC may have asked before the process was forked.
        let mut is_discarded = false;
        let policy = errors::despite(&known, || {
            is_discarded = trigger == Trigger::Finalizer && releaser.is_discarded(ruby)?;
            Ok(())
        });
        let asked = errors::and(known.map(drop), policy);
        let mut next = None;
        let released = errors::despite(&asked, || {
            let released;
            (next, released) = match is_discarded {
                true => discard(ruby, releaser, occasion),
                false => release(ruby, releaser, trigger, pointer, own, occasion),
            };
            released
        });
        left = errors::and(errors::and(left, asked), released);
        if left.is_err() {
            let rest = errors::despite(&left, || release_due(ruby, next, occasion));
            return errors::and(left, rest);
        }
        due = next;
    }
    left
}

/// Carries out one release. Returns what is due thereby, too.
fn release(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    trigger: Trigger,
    pointer: Option<Value>,
    own: Option<OwnCall>,
    occasion: Occasion,
) -> (Due, Result<(), Error>) {
    let mut subject = releaser.subject(ruby);
    let result = match (trigger, pointer, own) {
        (Trigger::Free, Some(pointer), Some(own)) => {
            let block = ruby.get_inner(own.block);
            subject.callable = Some(block.as_value());
            let body = || block.call(());
            call::own_method(ruby, releaser, pointer, own.method, body).map(drop)
        }
        _ => call::callable(ruby, releaser),
    };
    let result = occasion.settle(ruby, result);
    let cause = match trigger {
        Trigger::Free => Cause::Free,
        Trigger::Finalizer => Cause::of(Some(occasion)),
    };
    let ending = Ending::new(cause, &result);
    let mut next = None;
    let ended = errors::despite(&result, || {
        let ended;
        (next, ended) = end(ruby, releaser, pointer, ending);
        ended
    });
    let reported = result.or_else(|error| report::report(ruby, error, &subject, occasion));
    (next, errors::and(reported, ended))
}

/// Leaves to the parent process what was to be released, whose pointer is gone. Returns what is due thereby, too.
fn discard(ruby: &Ruby, releaser: Obj<Releaser>, occasion: Occasion) -> (Due, Result<(), Error>) {
    let given_away = announce::given_away(ruby, releaser, announce::subject(ruby, releaser));
    let mut next = None;
    let ended = errors::despite(&given_away, || {
        let ended;
        (next, ended) = end(
            ruby,
            releaser,
            None,
            Ending::new(Cause::of(Some(occasion)), &Ok(())),
        );
        ended
    });
    (next, errors::and(given_away, ended))
}

/// Ends the release of `pointer`: makes it NULL, and lets go of what the release needed.
fn end(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    ending: Ending,
) -> (Due, Result<(), Error>) {
    // First, so that who finds it released finds it NULL.
    let nulled = set_null(ruby, pointer);
    let counted = releaser.count_released(ending);
    let subject = announce::subject(ruby, releaser).filter(|_| counted);
    let due = family::finish(&FamilyMember(releaser));
    releaser.let_go(ruby);
    releaser.end_own_release();
    let nulled_within = match releaser.has_extras() {
        true => {
            releaser.count_memory(ruby);
            FamilyMember(releaser).leave();
            errors::despite(&nulled, || set_null_within(ruby, releaser))
        }
        false => Ok(()),
    };
    let nulled = errors::and(nulled, nulled_within);
    let notified = announce::released(ruby, subject, ending);
    (due, errors::and(nulled, notified))
}

/// Makes `pointer` NULL. Nobody needs to release it any more.
pub fn set_null(ruby: &Ruby, pointer: Option<Value>) -> Result<(), Error> {
    let Some(pointer) = pointer else {
        return Ok(());
    };
    holder::take_releaser(ruby, pointer);
    ffi::pointer::set_null(ruby, pointer)
}

/// Makes the pointers NULL that the release of `releaser` has destroyed too, and those that theirs would have. An
/// interrupt that comes does not keep the others from it.
fn set_null_within(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    if !FamilyMember(releaser).has_children() {
        return Ok(());
    }
    let mut result = Ok(());
    let left = ruby.ary_from_iter([releaser]);
    while let Some(parent) = left.pop::<Option<Obj<Releaser>>>()? {
        while let Some(child) = FamilyMember(parent).take_child(ruby) {
            let ended = errors::despite(&result, || end_within(ruby, child.0));
            result = errors::and(result, ended);
            if is_released(child.0) && child.has_children() {
                left.push(child.0)?;
            }
        }
    }
    result
}

/// Ends a release that that of a parent was as well.
fn end_within(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    // Before the state is read, as Ruby may run.
    let pointer = holder::pointer_of(ruby, releaser);
    if !is_released(releaser) {
        return pointer.map(drop);
    }
    if releaser.state().claim(Trigger::Free) == Claim::Won {
        releaser.state().finish();
    }
    let subject = announce::subject(ruby, releaser);
    releaser.let_go(ruby);
    releaser.discount_memory(ruby);
    let nulled = pointer.and_then(|pointer| match pointer {
        Some(pointer) => ffi::pointer::set_null(ruby, pointer),
        None => Ok(()),
    });
    let announced = errors::despite(&nulled, || {
        announce::refused_of(ruby, releaser, subject, false)
    });
    errors::and(nulled, announced)
}
