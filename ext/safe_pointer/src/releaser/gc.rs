//! What the garbage collector does with a releaser.

use magnus::{
    DataTypeFunctions,
    gc::{Compactor, Marker},
};

use super::{
    Releaser,
    queue::{self, Job},
};
use crate::ruby::finalizer;

impl DataTypeFunctions for Releaser {
    fn free(self: Box<Self>) {
        self.count_swept();
        let place = self.extras.get().and_then(|extras| extras.loose.take());
        if let Some(place) = place.filter(|_| !finalizer::is_over()) {
            queue::default().push(Job::Loose(place));
        }
    }

    fn mark(&self, marker: &Marker) {
        for cell in self.cells() {
            marker.mark_movable(cell.get());
        }
        if let Some(extras) = self.extras.get() {
            extras.mark(marker);
        }
    }

    fn compact(&self, compactor: &Compactor) {
        for cell in self.cells() {
            cell.set(compactor.location(cell.get()));
        }
    }

    /// What only this object has. What it refers to are objects of their own, and native memory is the pointer's.
    fn size(&self) -> usize {
        let queue = self.queue.get().map_or(0, |queue| size_of_val(&**queue));
        let extras = self.extras.get().map_or(0, |extras| extras.memory());
        size_of::<Self>() + queue + extras
    }
}
