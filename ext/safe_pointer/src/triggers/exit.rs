//! The process ends: the finalizer releases what waits in queues, and the pointers that are left.

use std::cmp::Reverse;

use magnus::{Error, RArray, RModule, Ruby, Value, prelude::*, typed_data::Obj};
use safe_pointer_core::{Trigger, family};

use super::dead;
use crate::{
    ffi::classes,
    holder::{self, Holder, native_release::NativeRelease},
    release::native,
    releaser::{Releaser, family_member::FamilyMember, loose, queue},
    ruby::{
        data, finalizer,
        registry::{self, Place},
    },
    watch::cause::Occasion,
};

/// Releases may make pointers each time, and there would be no end here. Those that are made afterwards have a finalizer
/// each, which Ruby calls as long as there are any.
const ROUNDS: usize = 100;

/// Releases all that is left, parents after children.
pub fn release_all(ruby: &Ruby) -> Result<(), Error> {
    let mut end = End {
        released: 0,
        first_error: Ok(()),
    };
    // Releases may make pointers, and a collection that they begin may put more into the queues.
    for _ in 0..ROUNDS {
        end.released = 0;
        // Queues first: what Ruby releases there may use what a C function releases.
        end.drain_queues(ruby);
        end.release_pointers(ruby);
        if end.released == 0 {
            end.let_parents_go(ruby);
        }
        if end.released == 0 {
            break;
        }
    }
    finalizer::close();
    // What was found dead in between.
    end.drain_queues(ruby);
    end.first_error
}

/// What has been done. An error, where a release or the report of its error has failed, does not keep the others from
/// theirs.
struct End {
    released: usize,
    first_error: Result<(), Error>,
}

impl End {
    fn keep(&mut self, ruby: &Ruby, result: Result<(), Error>) {
        let result = Occasion::Finalizer.settle(ruby, result);
        if self.first_error.is_ok() {
            self.first_error = result;
        }
    }

    fn drain_queues(&mut self, ruby: &Ruby) {
        for jobs in queue::all() {
            let drained = dead::drain(ruby, &jobs, usize::MAX, Occasion::Finalizer);
            self.released += *drained.as_ref().unwrap_or(&1);
            self.keep(ruby, drained.map(drop));
        }
    }

    fn release_pointers(&mut self, ruby: &Ruby) {
        // Those that Ruby does not list: of other Ractors, and where there are such, of this one.
        let is_releaser = |kept| data::wrapped::<Releaser>(kept).is_some();
        if registry::all(ruby).any(|(_, kept)| is_releaser(kept)) {
            for pointer in self.pointers(ruby) {
                if let Some(releaser) = holder::take_releaser(ruby, pointer) {
                    self.release(ruby, releaser, Some(pointer));
                }
            }
            for kept in registry::take_all(ruby, is_releaser) {
                if let Some(releaser) = data::wrapped(kept) {
                    self.release(ruby, releaser, None);
                }
            }
        }
        if NativeRelease::is_any() {
            for pointer in self.pointers(ruby) {
                let released = release_native(ruby, pointer);
                self.released += usize::from(*released.as_ref().unwrap_or(&true));
                self.keep(ruby, released.map(drop));
            }
        }
    }

    /// Releasers without a pointer that are left now, nobody will call: the finalizers that there were when the process began
    /// to end have been called. No parent waits for those any more.
    fn let_parents_go(&mut self, ruby: &Ruby) {
        // Releases may make others meanwhile: those are for the next round.
        let mut left = loose::all(ruby).count();
        while left > 0 {
            let holds = first_holds(ruby);
            if holds.is_empty() {
                break;
            }
            left = left.saturating_sub(holds.len());
            for (_, place) in holds {
                if let Some(parent) = loose::let_go(ruby, place) {
                    let released = dead::let_go(ruby, parent, Occasion::Finalizer);
                    self.released += usize::from(*released.as_ref().unwrap_or(&true));
                    self.keep(ruby, released.map(drop));
                }
            }
        }
    }

    fn release(&mut self, ruby: &Ruby, releaser: Obj<Releaser>, pointer: Option<Value>) {
        self.released += 1;
        let released = dead::release(ruby, releaser, pointer, Occasion::Finalizer);
        self.keep(ruby, released);
    }

    /// The pointers that Ruby lists. None where it cannot, as the program has changed what it is asked by.
    fn pointers(&mut self, ruby: &Ruby) -> impl Iterator<Item = Value> + use<> {
        let found = match list_pointers(ruby) {
            Ok(found) => Some(found),
            Err(error) => {
                self.keep(ruby, Err(error));
                None
            }
        };
        found.into_iter().flatten()
    }
}

/// How deep the parents are in holds that have not ended, and where these are kept. The deepest first: those of the children
/// before that of a member, which may have been asked for, and waits for no others. Where there is no memory for more, some
/// are left out, of which none comes before the others.
fn first_holds(ruby: &Ruby) -> Vec<(Reverse<usize>, Place)> {
    let mut holds = vec![];
    for (place, parent) in loose::all(ruby) {
        let hold = (Reverse(family::depth(&FamilyMember(parent))), place);
        if holds.try_reserve(1).is_ok() {
            holds.push(hold);
        } else if let Some(last) = holds.iter_mut().max().filter(|last| **last > hold) {
            *last = hold;
        }
    }
    // A sort that takes no memory.
    holds.sort_unstable();
    holds
}

/// Releases `pointer` if a C function is to do so. Returns whether it did.
fn release_native(ruby: &Ruby, pointer: Value) -> Result<bool, Error> {
    match holder::peek(ruby, pointer)? {
        Holder::Native(release, slot) => {
            native::release(ruby, pointer, release, slot, Trigger::Finalizer)
        }
        _ => Ok(false),
    }
}

fn list_pointers(ruby: &Ruby) -> Result<RArray, Error> {
    let object_space: RModule = ruby.class_object().const_get("ObjectSpace")?;
    let each: Value = object_space.funcall("each_object", (classes::pointer_class(ruby)?,))?;
    each.funcall("to_a", ())
}
