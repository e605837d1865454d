//! Releases that wait: for the finalizer, or for the thread that drains a queue.

use std::{
    iter,
    sync::{
        Arc, LazyLock, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use magnus::{DataTypeFunctions, Error, TypedData};
use safe_pointer_core::Queue;

use crate::{
    ffi::native_function::NativeFunction,
    ruby::{errors, process, registry::Place},
};

/// The jobs of one queue. Nothing of Ruby's is in it: the garbage collector adds jobs in the midst of its work.
///
/// Its object has it, and all that may put a job into it, as long as that waits: releasers, which the registry keeps
/// meanwhile, and releases by a C function, which live for ever.
#[derive(Default)]
pub struct Jobs {
    jobs: Queue<Job>,
    closed: AtomicBool,
}

pub enum Job {
    /// A pointer was swept. Its releaser is kept at this place, and may have a queue of its own.
    Swept(Place),
    /// A pointer was swept that nothing releases. Its origin is kept at this place.
    Left(Place),
    /// The releaser at this place has waited for this queue.
    Releaser(Place),
    /// A lease of what the releaser at this place is of was swept. The fiber that had it, by its object id, is no more.
    Lease { place: Place, fiber: u64 },
    /// A releaser without a pointer was swept. Its hold on its parent is kept at this place.
    Loose(Place),
    /// What is at `address`.
    Native {
        function: NativeFunction,
        address: usize,
        /// Where that of the pointer is kept, if somebody watched when it was made.
        origin: Option<Place>,
    },
}

impl Jobs {
    /// Adds a job. What comes to a closed queue is released as if there was none. May be called in the midst of a garbage
    /// collection.
    pub fn push(&self, job: Job) {
        let open = if self.is_closed() { default() } else { self };
        open.jobs.push(job);
    }

    /// Takes the job that has waited longest.
    pub fn pop(&self) -> Option<Job> {
        self.jobs.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    pub fn high_water(&self) -> usize {
        self.jobs.high_water()
    }

    /// Whether the finalizer carries it out.
    pub fn is_default(&self) -> bool {
        std::ptr::eq(self, &**default())
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub fn close(&self) {
        self.closed.store(true, Relaxed);
    }
}

static DEFAULT: LazyLock<Arc<Jobs>> = LazyLock::new(Arc::default);

/// The other queues, and some that are gone.
static ALL: Mutex<Vec<Weak<Jobs>>> = Mutex::new(vec![]);

/// What the finalizer carries out: the releases that no other queue is for.
pub fn default() -> &'static Arc<Jobs> {
    &DEFAULT
}

/// Makes a queue.
pub fn add() -> Result<Arc<Jobs>, Error> {
    let jobs = Arc::default();
    let added = with_all(|all| {
        // As rarely as it grows, and not while they are gone through.
        if all.len() == all.capacity() && !process::is_ending() {
            all.retain(|jobs| jobs.strong_count() > 0);
        }
        let reserved = all.try_reserve(1);
        reserved.map(|()| all.push(Arc::downgrade(&jobs)))
    });
    if added.is_err() {
        errors::no_memory()?;
    }
    Ok(jobs)
}

/// Every queue there is now, one after another. For the end of the process.
pub fn all() -> impl Iterator<Item = Arc<Jobs>> {
    let count = with_all(|all| all.len());
    let others = (0..count).map_while(|index| with_all(|all| all.get(index).cloned()));
    iter::once(default().clone()).chain(others.filter_map(|jobs| jobs.upgrade()))
}

fn with_all<T>(body: impl FnOnce(&mut Vec<Weak<Jobs>>) -> T) -> T {
    body(&mut ALL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The object of a queue.
#[derive(TypedData)]
#[magnus(class = "SafePointer::ReleaseQueue", free_immediately, size)]
pub struct ReleaseQueue {
    pub jobs: Arc<Jobs>,
}

impl DataTypeFunctions for ReleaseQueue {
    fn size(&self) -> usize {
        size_of::<Self>() + size_of::<Jobs>() + self.jobs.len() * size_of::<Job>()
    }
}
