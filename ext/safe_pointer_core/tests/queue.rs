//! What comes out of the queue is what went in.
#![cfg(not(loom))]

use std::{sync::Arc, thread};

use safe_pointer_core::Queue;

#[test]
fn jobs_come_out_in_the_order_they_went_in() {
    let queue = Queue::new();
    (0..100).for_each(|job| queue.push(job));
    assert_eq!(queue.len(), 100);
    assert!(!queue.is_empty());
    let jobs: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(jobs, (0..100).collect::<Vec<_>>());
    assert!(queue.is_empty());
}

#[test]
fn the_high_water_mark_stays_when_the_jobs_are_gone() {
    let queue = Queue::new();
    (0..3).for_each(|job| queue.push(job));
    queue.pop();
    queue.push(3);
    while queue.pop().is_some() {}
    assert_eq!((queue.len(), queue.high_water()), (0, 3));
}

#[test]
fn each_job_comes_out_once_however_many_threads_take_and_give() {
    const THREADS: usize = 4;
    const JOBS: usize = if cfg!(miri) { 50 } else { 5_000 };

    let queue = Arc::new(Queue::new());
    let givers = (0..THREADS).map(|giver| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            (0..JOBS).for_each(|job| queue.push(giver * JOBS + job));
            vec![]
        })
    });
    let takers = (0..THREADS).map(|_| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || (0..JOBS).filter_map(|_| queue.pop()).collect())
    });
    let threads: Vec<_> = givers.chain(takers).collect();
    let taken = threads.into_iter().filter_map(|thread| thread.join().ok());
    let mut jobs: Vec<usize> = taken.flatten().collect();
    jobs.extend(std::iter::from_fn(|| queue.pop()));
    jobs.sort_unstable();
    assert_eq!(jobs, (0..THREADS * JOBS).collect::<Vec<_>>());
}
