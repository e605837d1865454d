//! What the statistics know of a releaser.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use magnus::{
    Error, RClass, Ruby, Value,
    prelude::*,
    typed_data::{Obj, Writebarrier},
};

use super::Releaser;
use crate::{
    owners,
    stats::{self, Cause, Ending},
    watch::{self, Subject},
};

const UNCOUNTED: u32 = 0;
const LIVE: u32 = 1;
const GIVEN_UP: u32 = 2;
const OVER: u32 = 3;

/// Sees to it that a pointer is counted once when it is made and once at its end, whatever that is.
///
/// As long as the padding of a releaser is, so that it costs nothing to move.
pub struct Account(AtomicU32);

impl Account {
    /// Of what is not counted, or not yet.
    pub fn new() -> Self {
        Self(AtomicU32::new(UNCOUNTED))
    }

    /// Of what has been counted before.
    pub fn continued() -> Self {
        Self(AtomicU32::new(LIVE))
    }

    fn open(&self) {
        self.0.store(LIVE, Relaxed);
        stats::created();
    }

    fn is_open(&self) -> bool {
        self.0.load(Relaxed) == LIVE
    }

    /// Returns whether it was counted.
    fn release(&self, ending: Ending) -> bool {
        let before = self.0.swap(OVER, Relaxed);
        if before == GIVEN_UP {
            stats::reclaimed();
        }
        let counted = matches!(before, LIVE | GIVEN_UP);
        if counted {
            stats::released(ending);
        }
        counted
    }

    /// To `OVER`, or to `GIVEN_UP` where the program may still ask for the release. Returns whether it was counted.
    fn detach(&self, to: u32) -> bool {
        let counted = self.0.compare_exchange(LIVE, to, Relaxed, Relaxed).is_ok();
        if counted {
            stats::detached();
        }
        counted
    }
}

impl Releaser {
    /// Counts what this is to release from now on, and tells who watches.
    pub fn open_account(ruby: &Ruby, rb_self: Obj<Self>) -> Result<(), Error> {
        // NULL is nothing to release.
        if rb_self.state.is_null() {
            return Ok(());
        }
        rb_self.account.open();
        match watch::is_on() {
            true => rb_self.present(ruby, rb_self),
            false => Ok(()),
        }
    }

    #[cold]
    fn present(&self, ruby: &Ruby, rb_self: Obj<Self>) -> Result<(), Error> {
        let class = RClass::from_value(self.pointer_class(ruby));
        if let Some(class) = class
            && let Some(origin) = watch::origin(ruby, class, self.address(), false)?
        {
            Self::set_origin(rb_self, origin);
        }
        let second = owners::add(self.address()).then(|| rb_self.as_value());
        watch::created(ruby, &self.subject(ruby), second)
    }

    /// Counts what was made before anybody could watch it.
    pub fn open_account_quietly(&self) {
        self.account.open();
        owners::add(self.address());
    }

    /// Counts the end of the release. Returns whether who watches is to be told, once it is over.
    pub fn close_account(&self, ending: Ending) -> bool {
        let counted = self.account.release(ending);
        if counted {
            owners::remove(self.address());
        }
        counted && watch::is_on()
    }

    /// Tells who watches.
    #[cold]
    pub fn tell_of_end(&self, ruby: &Ruby, ending: Ending) -> Result<(), Error> {
        watch::released(ruby, &self.subject(ruby), ending)
    }

    /// Counts the pointer as given away.
    pub fn detach_account(&self, ruby: &Ruby) -> Result<(), Error> {
        self.leave(ruby, OVER)
    }

    /// Somebody has asked for the release, and nothing is to be done: counts what became of the pointer if that has not
    /// been done. `gone` says that nobody is expected to ask again.
    pub fn settle_account(&self, ruby: &Ruby, gone: bool) -> Result<(), Error> {
        if !self.account.is_open() {
            return Ok(());
        }
        if self.state.is_released() {
            let ending = Ending {
                cause: Cause::Parent,
                failed: false,
            };
            return match self.close_account(ending) {
                true => self.tell_of_end(ruby, ending),
                false => Ok(()),
            };
        }
        match gone && self.state.is_owned() {
            true => self.leave(ruby, GIVEN_UP),
            false => Ok(()),
        }
    }

    fn leave(&self, ruby: &Ruby, to: u32) -> Result<(), Error> {
        if !self.account.detach(to) {
            return Ok(());
        }
        owners::remove(self.address());
        match watch::is_on() {
            true => watch::detached(ruby, &self.subject(ruby)),
            false => Ok(()),
        }
    }

    /// Whether it is counted as live.
    pub fn is_counted(&self) -> bool {
        self.account.is_open()
    }

    pub fn subject(&self, ruby: &Ruby) -> Subject {
        let origin = self.extras.get().and_then(|extras| extras.origin.get());
        Subject {
            class: Some(self.pointer_class(ruby)),
            address: self.address(),
            size: self.size(),
            origin: origin.map(|origin| ruby.get_inner(origin)),
        }
    }

    /// Remembers where the pointer was made.
    pub fn set_origin(rb_self: Obj<Self>, origin: Value) {
        rb_self.extras().origin.set(Some(origin.into()));
        rb_self.writebarrier(origin);
    }

    /// Closes the account of a releaser that is being swept, if nothing has closed it by now. Nobody is told: this is in
    /// the midst of a garbage collection.
    pub fn write_off(&self) {
        if let Some(extras) = self.extras.get() {
            stats::resized(extras.counted.replace(0), 0);
        }
        if !self.account.is_open() {
            return;
        }
        owners::remove(self.address());
        if self.state.is_released() {
            let ending = Ending {
                cause: Cause::Parent,
                failed: false,
            };
            self.account.release(ending);
        } else {
            self.account.detach(OVER);
        }
    }
}
