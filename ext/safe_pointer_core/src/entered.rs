//! The methods a release goes through.

/// The guarded methods that one release has entered.
///
/// A class may spread its `free` over itself, its superclasses and mixins, each calling the next with
/// `super`; and any of them may call `free` on the same pointer again. Each method may run once within
/// one release, so a chain of `super` passes, and a call that comes round again does not.
#[derive(Debug, Default)]
pub struct Entered {
    /// Mostly the only one.
    first: Option<u64>,
    others: Vec<u64>,
}

impl Entered {
    /// Nothing has been entered yet.
    pub const fn new() -> Self {
        Self {
            first: None,
            others: Vec::new(),
        }
    }

    /// Whether `method` may run now. Each number may once.
    pub fn enter(&mut self, method: u64) -> bool {
        let Some(first) = self.first else {
            self.first = Some(method);
            return true;
        };
        let fresh = first != method && !self.others.contains(&method);
        if fresh {
            self.others.push(method);
        }
        fresh
    }
}
