//! What a forked process does with what it has from its parent.

use magnus::{Error, Ruby, Symbol, Value, prelude::*};

use super::namespace;

/// What a forked process does with the pointers it has from its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForkPolicy {
    /// GC and exit release them, as in the parent.
    Release,
    /// GC and exit leave them alone.
    Discard,
}

impl ForkPolicy {
    /// `value` as a policy. `None` if it is none.
    pub fn from_value(value: Value) -> Option<Self> {
        match Symbol::from_value(value)?.name().ok()?.as_ref() {
            "release" => Some(Self::Release),
            "discard" => Some(Self::Discard),
            _ => None,
        }
    }

    /// The policy for pointers of `class`, which may have a method `fork_policy` for something else.
    pub fn of(ruby: &Ruby, class: Value) -> Result<Self, Error> {
        let policy: Value = namespace::get(ruby, "Fork")?.funcall("declared_by", (class,))?;
        Ok(Self::from_value(policy).unwrap_or(Self::Release))
    }
}
