//! The methods a release goes through.

/// The guarded methods that one release has entered.
///
/// A class may spread its `free` over itself, its superclasses and mixins, each calling the next with
/// `super`; and any of them may call `free` on the same pointer again. Each method may run once within
/// one release, so a chain of `super` passes, and a call that comes round again does not.
#[derive(Debug, Default)]
pub struct Entered(Vec<u64>);

impl Entered {
    /// Nothing has been entered yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether `method` has its turn now. Each number gets one turn.
    pub fn enter(&mut self, method: u64) -> bool {
        let fresh = !self.0.contains(&method);
        if fresh {
            self.0.push(method);
        }
        fresh
    }
}
