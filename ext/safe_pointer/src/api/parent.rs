//! The parent that a program gives a pointer.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj};
use safe_pointer_core::{
    Hold,
    family::{self, Bond, Tie},
};

use crate::{
    ffi, holder,
    release::end,
    releaser::{Releaser, family_member::FamilyMember, loose::Loose},
    ruby::{
        data,
        errors::{self, Method},
        namespace, process,
    },
    watch::cause::Occasion,
};

/// What is given as a parent: a pointer, a struct or a releaser.
#[derive(Clone, Copy)]
pub struct Parent {
    value: Value,
    releaser: Obj<Releaser>,
}

impl Parent {
    /// `value` as a parent; `method` asks for one.
    pub fn new(ruby: &Ruby, value: Value, method: Method) -> Result<Self, Error> {
        let releaser = match holder::find(ruby, ffi::pointer::memory(ruby, value)?)? {
            None => data::wrapped(value),
            found => found,
        };
        let Some(releaser) = releaser else {
            let message = format!(
                "{}: parent must be a SafePointer, a struct of one or a SafePointer::Releaser, not {}",
                method.name()?,
                errors::inspect(value)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        };
        Ok(Self { value, releaser })
    }

    pub fn value(self) -> Value {
        self.value
    }

    /// Ties `child` to this parent, in place of the one it has. Its pointer, if it has one, keeps the parent alive from
    /// now on.
    pub fn adopt(
        self,
        ruby: &Ruby,
        child: Obj<Releaser>,
        pointer: Option<Value>,
        bond: Bond,
        method: Method,
    ) -> Result<(), Error> {
        // With NULL nothing is destroyed.
        let bond = match self.releaser.state().is_null() {
            true => Bond::Before,
            false => bond,
        };
        if let Some(pointer) = pointer {
            if bond == Bond::Within {
                Releaser::know_owner(ruby, child, pointer)?;
            }
            pointer.check_frozen()?;
        }
        // At the end of the process a finalizer may have been given a releaser that is still to be called.
        let is_loose = pointer.is_none() && bond == Bond::Before && !process::is_ending();
        let loose = match is_loose {
            true => Some(Loose::new(ruby, self.releaser)?),
            false => None,
        };
        // No Ruby runs from here until the tie is made: another thread may make one that this depends on.
        let parent = FamilyMember(self.releaser);
        if family::descends(&parent, &FamilyMember(child)) {
            return self.refuse_descendant(ruby, method);
        }
        let granted = match (is_tied(child), bond) {
            (true, Bond::Before) => family::hold(&parent, Hold::Child),
            _ => family::admits(&parent, Hold::Child),
        };
        if !granted {
            return self.refuse_released(ruby, method);
        }
        if let Some(pointer) = pointer {
            holder::parent::set(pointer, child, self.value)?;
        }
        if !is_tied(child) {
            return Ok(());
        }
        let old = FamilyMember(child).tie_to(ruby, Some((self.releaser, bond)), loose);
        if pointer.is_some() {
            FamilyMember(child).join();
        }
        release_left(ruby, old)
    }

    fn refuse_descendant(self, ruby: &Ruby, method: Method) -> Result<(), Error> {
        let message = format!(
            "{}: {} cannot be the parent, as it is or descends from the child",
            method.name()?,
            errors::inspect(self.value)?
        );
        Err(errors::new(ruby.exception_arg_error(), message))
    }

    fn refuse_released(self, ruby: &Ruby, method: Method) -> Result<(), Error> {
        let message = format!(
            "{}: the parent {} is released",
            method.name()?,
            errors::inspect(self.value)?
        );
        Err(namespace::released_error(ruby, message)?)
    }
}

/// Whether `child` has something to be released, for which a parent waits.
fn is_tied(child: Obj<Releaser>) -> bool {
    // What is NULL is never released.
    child.address() != Some(0) && !child.state().is_released() && !child.state().is_detached()
}

/// Has `child` have no parent any more.
pub fn untie(ruby: &Ruby, child: Obj<Releaser>) -> Result<(), Error> {
    release_left(ruby, FamilyMember(child).tie_to(ruby, None, None))
}

/// Releases the parent of `old`, which has been taken out, if that is due now.
fn release_left(ruby: &Ruby, old: Option<Tie<FamilyMember>>) -> Result<(), Error> {
    match old {
        Some(old) => end::release_due(ruby, family::let_go(old.parent), Occasion::Child),
        None => Ok(()),
    }
}
