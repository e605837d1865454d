//! What the figures know of a releaser, and the native memory that its release gives back, which the garbage collector
//! takes into account.

use magnus::{
    Ruby, Value,
    typed_data::{Obj, Writebarrier},
};

use super::{Message, Releaser, counted::Before};
use crate::watch::{cause::Ending, events::Subject, owners, stats};

impl Releaser {
    /// Counts what this is to release from now on. Returns whether there is anything: NULL is nothing to release.
    pub fn count_made(&self) -> bool {
        let is_counted = !self.state.is_null() && self.counted.set_live();
        if is_counted {
            stats::created();
        }
        is_counted
    }

    /// The pointer has been counted as made before it had a releaser.
    pub fn count_inherited(&self) {
        self.counted.set_live();
    }

    /// Whether it is counted as live.
    pub fn is_counted(&self) -> bool {
        self.counted.is_live()
    }

    /// Counts the end of the release. Returns whether the pointer was counted before.
    pub fn count_released(&self, ending: Ending) -> bool {
        let before = self.counted.end();
        if before == Before::GivenUp {
            stats::reclaimed();
        }
        let counted = before != Before::Neither;
        if counted {
            stats::released(ending);
            owners::remove(self.address());
        }
        counted
    }

    /// Counts the pointer as given away; for the time being where the program `may_ask` for its release. Returns whether
    /// it was counted before.
    pub fn count_detached(&self, may_ask: bool) -> bool {
        let counted = self.counted.end_live(may_ask);
        if counted {
            stats::detached();
            owners::remove(self.address());
        }
        counted
    }

    /// Counts the end of a releaser that is being swept, if nothing has by now. Nobody is notified: this is in the midst of a
    /// garbage collection.
    pub(super) fn count_swept(&self) {
        if let Some(extras) = self.extras.get() {
            stats::resized(extras.counted.replace(0), 0);
        }
        if !self.is_counted() {
            return;
        }
        match self.state.is_released() {
            true => self.count_released(Ending::BY_PARENT),
            false => self.count_detached(false),
        };
    }

    /// The pointer as observers see it. To be asked for before the callable is let go of.
    pub fn subject(&self, ruby: &Ruby) -> Subject {
        let origin = self.extras.get().and_then(|extras| extras.origin.get());
        let callable = match self.message() {
            Message::Call => Some(self.callable(ruby)),
            Message::Release(_) => None,
        };
        Subject {
            class: Some(self.pointer_class(ruby)),
            address: self.address(),
            size: self.size(),
            origin: origin.map(|origin| ruby.get_inner(origin)),
            callable,
        }
    }

    /// Remembers where the pointer was made.
    pub fn set_origin(rb_self: Obj<Self>, origin: Value) {
        rb_self.extras().origin.set(Some(origin.into()));
        rb_self.writebarrier(origin);
    }

    /// Lets GC and exit release, or keeps them from doing so.
    pub fn set_autorelease(&self, ruby: &Ruby, on: bool) {
        self.state.set_autorelease(on);
        self.count_memory(ruby);
    }

    /// How much native memory the release gives back, in bytes.
    pub fn size(&self) -> usize {
        self.extras.get().map_or(0, |extras| extras.size.get())
    }

    pub fn set_size(&self, ruby: &Ruby, size: usize) {
        if size != self.size() {
            self.extras().size.set(size);
            self.count_memory(ruby);
        }
    }

    /// Has the garbage collector count the memory for as long as it is up to it to have it released.
    pub fn count_memory(&self, ruby: &Ruby) {
        let kept = self.state.is_null()
            || self.state.is_released()
            || self.state.is_detached()
            || !self.state.autorelease();
        self.adjust(ruby, if kept { 0 } else { self.size() });
    }

    /// The pointer object is gone.
    pub fn discount_memory(&self, ruby: &Ruby) {
        self.adjust(ruby, 0);
    }

    /// How much of it is counted now.
    pub fn counted_memory(&self) -> usize {
        self.extras.get().map_or(0, |extras| extras.counted.get())
    }

    fn adjust(&self, ruby: &Ruby, count: usize) {
        if let Some(extras) = self.extras.get() {
            let before = extras.counted.replace(count);
            stats::resized(before, count);
            // Neither exceeds isize::MAX, as `set_size` is given none that does.
            ruby.gc_adjust_memory_usage(count as isize - before as isize);
        }
    }
}
