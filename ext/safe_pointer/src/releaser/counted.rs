//! Whether a pointer is in the figures.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const NOT_YET: u32 = 0;
const LIVE: u32 = 1;
const GIVEN_UP: u32 = 2;
const OVER: u32 = 3;

/// Sees to it that a pointer is counted once when it is made and once at its end, whatever that is.
///
/// As long as the padding of a releaser is, so that it costs nothing to move.
pub struct Counted(AtomicU32);

/// What a pointer was counted as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Live,
    /// Given up, and the program may still ask for the release.
    GivenUp,
    /// Over, or not at all.
    Neither,
}

impl Counted {
    /// Of what is not counted, or not yet.
    pub fn not_yet() -> Self {
        Self(AtomicU32::new(NOT_YET))
    }

    /// Begins it. Returns whether it had neither begun nor ended.
    pub fn set_live(&self) -> bool {
        self.0
            .compare_exchange(NOT_YET, LIVE, Relaxed, Relaxed)
            .is_ok()
    }

    pub fn is_live(&self) -> bool {
        self.0.load(Relaxed) == LIVE
    }

    /// Ends it.
    pub fn end(&self) -> Before {
        match self.0.swap(OVER, Relaxed) {
            LIVE => Before::Live,
            GIVEN_UP => Before::GivenUp,
            _ => Before::Neither,
        }
    }

    /// Ends it if it was live, for the time being where the program `may_ask` for the release. Returns whether it was.
    pub fn end_live(&self, may_ask: bool) -> bool {
        let to = if may_ask { GIVEN_UP } else { OVER };
        self.0.compare_exchange(LIVE, to, Relaxed, Relaxed).is_ok()
    }
}
