//! Releases that are handed over to a queue, and the threads that drain queues.

use std::sync::{Arc, Mutex, PoisonError};

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj};

use crate::{
    releaser::{Releaser, queue::Jobs},
    ruby::{
        errors,
        registry::{self, Place},
    },
};

/// Has `releaser` release from its queue.
pub fn push(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    Releaser::begin_waiting(ruby, releaser);
    signal(ruby)
}

/// Whom [`signal`] is for.
struct Worker {
    jobs: Arc<Jobs>,
    /// Where a `SafePointer::ReleaseQueue::Worker` is kept, which has a thread.
    place: Place,
}

static WORKERS: Mutex<Vec<Worker>> = Mutex::new(vec![]);

fn with_workers<T>(body: impl FnOnce(&mut Vec<Worker>) -> T) -> T {
    // No Ruby runs meanwhile.
    body(&mut WORKERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From here on `worker` gets a signal when there are jobs, until they are closed.
pub fn add_worker(ruby: &Ruby, jobs: Arc<Jobs>, worker: Value) -> Result<(), Error> {
    let place = registry::keep(ruby, worker)?;
    let added = with_workers(|workers| {
        let reserved = workers.try_reserve(1);
        reserved.map(|()| workers.push(Worker { jobs, place }))
    });
    if added.is_err() {
        registry::take(ruby, place);
        errors::no_memory()?;
    }
    Ok(())
}

/// Has nothing more come into `jobs`, nor any signal to their worker.
pub fn close(ruby: &Ruby, jobs: &Arc<Jobs>) {
    jobs.close();
    let place = with_workers(|workers| {
        let index = index_of(workers, jobs)?;
        Some(workers.swap_remove(index).place)
    });
    if let Some(place) = place {
        registry::take(ruby, place);
    }
}

fn index_of(workers: &[Worker], jobs: &Arc<Jobs>) -> Option<usize> {
    workers
        .iter()
        .position(|worker| Arc::ptr_eq(&worker.jobs, jobs))
}

/// Signals to the threads that there are jobs for.
pub fn signal(ruby: &Ruby) -> Result<(), Error> {
    let mut wanted = vec![];
    with_workers(|workers| {
        let jobs = workers.iter().map(|worker| &worker.jobs);
        for jobs in jobs.filter(|jobs| !jobs.is_empty()) {
            // Those that no memory is for get the next signal.
            if wanted.try_reserve(1).is_ok() {
                wanted.push(jobs.clone());
            }
        }
    });
    for jobs in wanted {
        let worker = with_workers(|workers| {
            let worker = workers.get(index_of(workers, &jobs)?)?;
            registry::get(ruby, worker.place)
        });
        if let Some(worker) = worker {
            let _: Value = worker.funcall("signal", ())?;
        }
    }
    Ok(())
}
