//! What is watched. As long as nothing is, that costs one look for a pointer that is made, and one at its end.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use magnus::{Error, Ruby, Symbol};

use crate::ruby::errors;

/// The watches that are on.
static WATCHED: AtomicU32 = AtomicU32::new(Watch::SelfCapture as u32);

/// What is watched for.
#[derive(Clone, Copy)]
pub enum Watch {
    /// Where pointers are made.
    Trace = 1 << 0,
    /// What becomes of them.
    Events = 1 << 1,
    /// Second owners of an address.
    SecondOwner = 1 << 2,
    /// Pointers that nobody freed.
    FreedByGc = 1 << 3,
    /// Release callables that keep their own pointer alive.
    SelfCapture = 1 << 4,
    /// What is alive at the end of the process.
    ReportAtExit = 1 << 5,
}

/// The watches that are notified of all pointers. The other two ask by themselves.
const ALL_POINTERS: u32 = Watch::Trace as u32
    | Watch::Events as u32
    | Watch::SecondOwner as u32
    | Watch::FreedByGc as u32;

impl Watch {
    const ALL: [(&'static str, Self); 6] = [
        ("trace", Self::Trace),
        ("events", Self::Events),
        ("second_owner", Self::SecondOwner),
        ("freed_by_gc", Self::FreedByGc),
        ("self_capture", Self::SelfCapture),
        ("report_at_exit", Self::ReportAtExit),
    ];

    pub fn named(ruby: &Ruby, name: Symbol) -> Result<Self, Error> {
        let name = name.name()?;
        let found = Self::ALL.iter().find(|(own, _)| *own == name);
        found.map(|(_, watch)| *watch).ok_or_else(|| {
            let message = format!("no watch of the name {name}");
            errors::new(ruby.exception_arg_error(), message)
        })
    }
}

/// Whether anybody watches what becomes of pointers.
pub fn is_on() -> bool {
    WATCHED.load(Relaxed) & ALL_POINTERS != 0
}

pub fn is(watch: Watch) -> bool {
    WATCHED.load(Relaxed) & watch as u32 != 0
}

/// Turns a watch on or off. Returns whether it was on.
pub fn set(watch: Watch, on: bool) -> bool {
    let before = match on {
        true => WATCHED.fetch_or(watch as u32, Relaxed),
        false => WATCHED.fetch_and(!(watch as u32), Relaxed),
    };
    before & watch as u32 != 0
}
