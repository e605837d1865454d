//! Jobs that wait for a good moment.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_queue::SegQueue;

/// A queue that takes jobs from anywhere, a garbage collector in the midst of its work included: nothing in it blocks.
#[derive(Debug)]
pub struct Queue<J> {
    jobs: SegQueue<J>,
    high_water: AtomicUsize,
}

impl<J> Queue<J> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            jobs: SegQueue::new(),
            high_water: AtomicUsize::new(0),
        }
    }

    /// Puts `job` at the end.
    pub fn push(&self, job: J) {
        self.jobs.push(job);
        self.high_water.fetch_max(self.len(), Relaxed);
    }

    /// Takes the job that has waited longest.
    pub fn pop(&self) -> Option<J> {
        self.jobs.pop()
    }

    /// How many jobs wait.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The largest number of jobs that have waited at once.
    pub fn high_water(&self) -> usize {
        self.high_water.load(Relaxed)
    }
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self::new()
    }
}
