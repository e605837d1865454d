//! Whether this thread is in a release, or tells somebody of one.

use std::cell::Cell;

use crate::postponed;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static NOTIFICATIONS: Cell<usize> = const { Cell::new(0) };
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

/// While there is one of these, the thread tells who watches of a pointer. What is found dead meanwhile waits, as in a
/// release: it is no doing of who is told, who would not be told of it.
pub struct Notifying(Releasing);

pub fn enter_notification() -> Notifying {
    NOTIFICATIONS.set(NOTIFICATIONS.get() + 1);
    Notifying(enter())
}

impl Drop for Notifying {
    fn drop(&mut self) {
        NOTIFICATIONS.set(NOTIFICATIONS.get().saturating_sub(1));
    }
}

pub fn is_notifying() -> bool {
    NOTIFICATIONS.get() > 0
}

pub fn is_releasing() -> bool {
    DEPTH.get() > 0
}

/// Called in a forked process: the release that forked may go on, but not for those who come after it.
pub fn forked() {
    DEPTH.set(0);
    NOTIFICATIONS.set(0);
}
