//! Whether this thread is in a release.

use std::cell::Cell;

use crate::postponed;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While there is one of these, the thread is in a release.
pub struct Releasing(());

pub fn enter() -> Releasing {
    DEPTH.set(DEPTH.get() + 1);
    Releasing(())
}

impl Drop for Releasing {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
        if DEPTH.get() == 0 {
            postponed::catch_up();
        }
    }
}

pub fn is_releasing() -> bool {
    DEPTH.get() > 0
}

/// Called in a forked process: the release that forked may go on, but not for those who come after it.
pub fn forked() {
    DEPTH.set(0);
}
