//! The native memory that a release gives back, which the garbage collector is told of.

use magnus::Ruby;

use super::Releaser;
use crate::stats;

impl Releaser {
    /// In bytes.
    pub fn size(&self) -> usize {
        self.extras.get().map_or(0, |extras| extras.size.get())
    }

    pub fn set_size(&self, ruby: &Ruby, size: usize) {
        if size != self.size() {
            self.extras().size.set(size);
            self.count(ruby);
        }
    }

    /// Has the garbage collector count the memory for as long as it is up to it to have it released.
    pub fn count(&self, ruby: &Ruby) {
        let kept =
            self.state.is_released() || self.state.is_detached() || !self.state.autorelease();
        self.tell(ruby, if kept { 0 } else { self.size() });
    }

    /// The pointer object is gone.
    pub fn discount(&self, ruby: &Ruby) {
        self.tell(ruby, 0);
    }

    /// How much of it is counted now.
    pub fn counted(&self) -> usize {
        self.extras.get().map_or(0, |extras| extras.counted.get())
    }

    fn tell(&self, ruby: &Ruby, count: usize) {
        if let Some(extras) = self.extras.get() {
            let before = extras.counted.replace(count);
            stats::resized(before, count);
            // Neither exceeds isize::MAX, as `set_size` is given none that does.
            ruby.gc_adjust_memory_usage(count as isize - before as isize);
        }
    }
}
