//! Why a release runs, and how it ends.

use magnus::{Error, Ruby, error::ErrorType};

use crate::ruby::{errors, process};

/// When a release ran that nobody is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Its pointer was found dead, or one that it waited for; or the process ends.
    Finalizer,
    /// The same of the object that has it for a finalizer; or the program says so.
    Owner,
    /// A queue was drained that it had waited in.
    Queue,
    /// The last lease of its pointer ended.
    Lease,
    /// The last child of its pointer was released or given away.
    Child,
}

impl Occasion {
    pub fn name(self) -> &'static str {
        match self {
            _ if process::is_ending() => "exit",
            Self::Finalizer | Self::Owner => "gc",
            Self::Queue => "queue",
            Self::Lease => "lease",
            Self::Child => "child",
        }
    }

    /// What comes out of a release then.
    pub fn settle<T>(self, ruby: &Ruby, result: Result<T, Error>) -> Result<T, Error> {
        match self {
            Self::Finalizer => result.map_err(|error| errors::end_jump(ruby, error)),
            // Whoever calls with an id may be the program. Ruby drops the end of the thread by itself.
            Self::Owner => result.map_err(|error| match errors::is_end_of_thread(&error) {
                true => error,
                false => errors::end_jump(ruby, error),
            }),
            _ => result,
        }
    }
}

/// What a pointer was released by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The program: `free`, or a method of the class's own for it.
    Free,
    /// The garbage collector found it dead.
    Gc,
    /// The process ended.
    Exit,
    /// The garbage collector found it dead, and a queue was drained.
    Queue,
    /// The release of its parent destroyed it.
    Parent,
}

impl Cause {
    pub const ALL: [Self; 5] = [Self::Free, Self::Gc, Self::Exit, Self::Queue, Self::Parent];

    /// What it is when Ruby or a queue asks on `occasion`; without one it is the program that does.
    pub fn of(occasion: Option<Occasion>) -> Self {
        match occasion {
            None => Self::Free,
            Some(Occasion::Queue) => Self::Queue,
            Some(_) if process::is_ending() => Self::Exit,
            Some(_) => Self::Gc,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Gc => "gc",
            Self::Exit => "exit",
            Self::Queue => "queue",
            Self::Parent => "parent",
        }
    }
}

/// How a release ended.
#[derive(Clone, Copy)]
pub struct Ending {
    pub cause: Cause,
    /// Whether it raised.
    pub failed: bool,
}

impl Ending {
    /// That of a pointer which the release of its parent has destroyed.
    pub const BY_PARENT: Self = Self {
        cause: Cause::Parent,
        failed: false,
    };

    /// `result` is what the release returned. A jump (a `throw`, the end of the thread) is no error of it.
    pub fn new<T>(cause: Cause, result: &Result<T, Error>) -> Self {
        let failed = match result {
            Ok(_) => false,
            Err(error) => !matches!(error.error_type(), ErrorType::Jump(_)),
        };
        Self { cause, failed }
    }
}
