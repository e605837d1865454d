//! What becomes of a releaser in a forked process.

use magnus::{Error, Ruby};

use super::Releaser;
use crate::ruby::{fork_policy::ForkPolicy, process};

impl Releaser {
    /// Whether the process is a fork of the one that the pointer was made in, and GC and exit are to leave it alone.
    pub fn is_discarded(&self, ruby: &Ruby) -> Result<bool, Error> {
        if self.generation == process::generation() {
            return Ok(false);
        }
        let policy = match self
            .extras
            .get()
            .and_then(|extras| extras.fork_policy.get())
        {
            Some(policy) => policy,
            None => ForkPolicy::of(ruby, self.pointer_class(ruby))?,
        };
        Ok(policy == ForkPolicy::Discard)
    }

    /// Has `policy` go before that of the pointer's class.
    pub fn set_fork_policy(&self, policy: ForkPolicy) {
        self.extras().fork_policy.set(Some(policy));
    }
}
