//! The garbage collector found the pointer dead, or the process ends. [`swept`] is called in the midst of a collection and
//! leaves a job; the finalizer, or who drains a queue, has it carried out ([`drain`]).

use magnus::{Error, Ruby, Value, typed_data::Obj};
use safe_pointer_core::{
    Claim, Trigger,
    family::{self, Bond, Member},
};

use super::lease;
use crate::{
    ffi::block::{Held, Swept},
    holder::{self, native_release::NativeRelease},
    release::{announce, call, deferred, end, native, report},
    releaser::{
        Releaser,
        family_member::{FamilyMember, is_released},
        loose,
        queue::{self, Job, Jobs},
    },
    ruby::{
        data, errors, fiber, finalizer, process,
        registry::{self, Place},
    },
    watch::{
        cause::{Cause, Ending, Occasion},
        events,
    },
};

/// The pointer is being swept: has what is due carried out. Nothing of Ruby's is called here.
pub fn swept(pointer: Swept) {
    let mut place = pointer.place;
    let native = match pointer.held {
        Held::Address(held) => NativeRelease::at(held).zip(pointer.native),
        Held::Object(_) | Held::Nothing => None,
    };
    if let Some((release, (state, address))) = native {
        match state.claim(Trigger::Finalizer) {
            // Ruby frees what is left after the last finalizers.
            Claim::Won if finalizer::is_over() => call::native(release.function, address),
            Claim::Won => release.jobs.push(Job::Native {
                function: release.function,
                address,
                origin: place.take(),
            }),
            Claim::Deferred | Claim::Refused if state.is_owned() => {
                announce::count_native_detached(address);
            }
            Claim::Deferred | Claim::Refused => {}
        }
    }
    if let Some(place) = place.filter(|_| !finalizer::is_over()) {
        queue::default().push(match pointer.held {
            Held::Object(_) => Job::Swept(place),
            Held::Nothing | Held::Address(_) => Job::Left(place),
        });
    }
}

/// Carries out at most `max` of the jobs that are there now; those that come meanwhile wait for the next time, so that
/// nobody is kept here for ever. Returns how many were released. What a job raises is reported; what is no error comes
/// out of here, with the job done. Where Ruby asks nobody can take it: the others are carried out before.
pub fn drain(ruby: &Ruby, jobs: &Jobs, max: usize, occasion: Occasion) -> Result<usize, Error> {
    let mut released = 0;
    let mut first_error = None;
    // What a job raises is reported within it, too.
    let _releasing = fiber::enter_release();
    for _ in 0..jobs.len().min(max) {
        let Some(job) = jobs.pop() else { break };
        let result = carry_out(ruby, job, occasion).unwrap_or(Ok(false));
        match occasion.settle(ruby, result) {
            Ok(is_release) => released += usize::from(is_release),
            Err(error) if occasion == Occasion::Finalizer => {
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    first_error.map_or(Ok(released), Err)
}

/// Returns whether the job was a release; nothing where what it was kept at its place for has been done already.
fn carry_out(ruby: &Ruby, job: Job, occasion: Occasion) -> Option<Result<bool, Error>> {
    Some(match job {
        Job::Swept(place) => {
            let releaser = data::wrapped(registry::get(ruby, place)?)?;
            release_kept(ruby, releaser, place)
        }
        Job::Left(place) => events::left(ruby, registry::take(ruby, place)?).map(|()| false),
        Job::Releaser(place) => {
            let releaser = data::wrapped(registry::get(ruby, place)?)?;
            release_queued(ruby, releaser, place, occasion).map(|()| true)
        }
        Job::Lease { place, fiber } => {
            let releaser = data::wrapped(registry::take(ruby, place)?)?;
            let ended = lease::end_one(ruby, releaser, occasion, |lessee| lessee.fiber == fiber);
            ended.map(|()| false)
        }
        Job::Loose(place) => let_go(ruby, loose::take(ruby, place)?, occasion),
        Job::Native {
            function,
            address,
            origin,
        } => {
            let cause = Cause::of(Some(occasion));
            native::release_swept(ruby, function, address, origin, cause).map(|()| true)
        }
    })
}

/// A child of `parent` is gone that was never released. Returns whether something else was thereby.
pub fn let_go(ruby: &Ruby, parent: Obj<Releaser>, occasion: Occasion) -> Result<bool, Error> {
    let due = family::let_go(FamilyMember(parent));
    let Some((FamilyMember(releaser), _)) = due else {
        return Ok(false);
    };
    // It may have come to wait in its queue.
    end::release_due(ruby, due, occasion).map(|()| is_released(releaser))
}

/// Releases what `releaser`, kept at `place`, is of, or has it wait in its queue. Returns whether it did not wait.
fn release_kept(ruby: &Ruby, releaser: Obj<Releaser>, place: Place) -> Result<bool, Error> {
    // Before it leaves the registry: this may ask Ruby, and an interrupt may come.
    discard_in_fork(ruby, releaser)?;
    match releaser.queue() {
        // What leases keep off may have been asked for, and is carried out without a queue.
        Some(queue) if releaser.state().leases() == 0 && !process::is_ending() => {
            queue.push(Job::Releaser(place));
            Ok(false)
        }
        _ => {
            registry::take(ruby, place);
            release(ruby, releaser, None, Occasion::Finalizer).map(|()| true)
        }
    }
}

/// Releases because it is due in a queue. `releaser` is kept at `place`.
fn release_queued(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    place: Place,
    occasion: Occasion,
) -> Result<(), Error> {
    if releaser.take_due() {
        releaser.end_waiting(ruby, place);
        let due = Some((FamilyMember(releaser), Trigger::Finalizer));
        return end::release_due(ruby, due, occasion);
    }
    // Before it leaves the registry, as above. Then it is left to the end of the process.
    discard_in_fork(ruby, releaser)?;
    let pointer = holder::pointer_of(ruby, releaser)?;
    releaser.end_waiting(ruby, place);
    finalize(ruby, releaser, pointer, Some(occasion))
}

/// Releases because nobody can be using the pointer: it is gone, or it is `pointer` and the process ends.
pub fn release(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    occasion: Occasion,
) -> Result<(), Error> {
    discard_in_fork(ruby, releaser)?;
    if releaser.state().leases() > 0 {
        lease::end_all(ruby, releaser, occasion)?;
    }
    wait_or_release(ruby, releaser, pointer, occasion)
}

/// Has it wait in its queue, or releases.
pub fn wait_or_release(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    occasion: Occasion,
) -> Result<(), Error> {
    discard_in_fork(ruby, releaser)?;
    match releaser.queue().filter(|_| !process::is_ending()) {
        Some(_) => deferred::push(ruby, releaser),
        None => finalize(ruby, releaser, pointer, Some(occasion)),
    }
}

/// `occasion` is when Ruby or a queue asks. Without one it is the program that does, and an error is for its ears.
pub fn finalize(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Option<Value>,
    occasion: Option<Occasion>,
) -> Result<(), Error> {
    let member = FamilyMember(releaser);
    match (family::claim(&member, Trigger::Finalizer), occasion) {
        (Claim::Won, _) => {
            let result = call::callable(ruby, releaser);
            let result = match occasion {
                Some(occasion) => occasion.settle(ruby, result),
                None => result,
            };
            let ending = Ending::new(Cause::of(occasion), &result);
            let subject = result.is_err().then(|| releaser.subject(ruby));
            let ended = errors::despite(&result, || {
                let occasion = occasion.unwrap_or(Occasion::Child);
                end::finish(ruby, releaser, pointer, ending, occasion)
            });
            let reported = match (result, subject, occasion) {
                (Err(error), Some(subject), Some(occasion)) => {
                    report::report(ruby, error, &subject, occasion)
                }
                (result, ..) => result,
            };
            errors::and(reported, ended)
        }
        (Claim::Deferred, _) => {
            Releaser::set_request(releaser, pointer, None);
            Ok(())
        }
        // By hand, in the class's own `free`: what `super` would do.
        (Claim::Refused, None) if releaser.is_in_own_release() => {
            match releaser.state().autorelease() {
                true => call::callable(ruby, releaser),
                false => Ok(()),
            }
        }
        (Claim::Refused, None) => Ok(()),
        (Claim::Refused, Some(occasion)) => refused(ruby, member, occasion),
    }
}

fn refused(ruby: &Ruby, member: FamilyMember, occasion: Occasion) -> Result<(), Error> {
    let releaser = member.0;
    releaser.discount_memory(ruby);
    let gone = !process::is_ending();
    if gone {
        member.leave();
    }
    let announced = announce::refused(ruby, releaser, gone);
    // Only for a parent's sake: at the end of the process somebody may still ask for the release.
    match member.tie() {
        Some(tie) if tie.bond == Bond::Before => {
            let abandon = || end::release_due(ruby, family::abandon(&member), occasion);
            let abandoned = errors::despite(&announced, abandon);
            errors::and(announced, abandoned)
        }
        _ => announced,
    }
}

/// Keeps GC and exit from releasing what a process that is to leave it alone has from its parent. What the program
/// has asked for is carried out all the same, and nobody waits for the rest.
fn discard_in_fork(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    if releaser.is_discarded(ruby)? {
        releaser.set_autorelease(ruby, false);
    }
    Ok(())
}
