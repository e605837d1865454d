//! `SafePointer::ReleaseQueue`: releases that wait for a good moment, or for a certain thread.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use magnus::{
    DataTypeFunctions, Error, Module, Object, RClass, Ruby, TryConvert, TypedData, Value,
    gc::Marker,
    method,
    prelude::*,
    rb_sys::AsRawValue,
    scan_args::{get_kwargs, scan_args},
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::Queue;

use crate::{
    errors::{self, Occasion},
    native::{self, NativeFunction},
    postponed, process,
    register::{self, Place},
    releaser::{self, Releaser},
    stats::Cause,
};

/// The jobs of one queue.
///
/// Apart from the Ruby object, for what the garbage collector finds dead: it may be sweeping that object too.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Queue<Job>,
    closed: AtomicBool,
    /// Whether the jobs are carried out without anybody asking.
    by_itself: AtomicBool,
}

#[derive(Debug)]
enum Job {
    Native {
        function: NativeFunction,
        address: usize,
        /// Where that of the pointer is kept, if somebody watched when it was made.
        origin: Option<Place>,
    },
    /// The one that has waited longest in [`ReleaseQueue::releasers`].
    Releaser,
    /// The one of a pointer that is gone, and this is its queue.
    Waiting(Place),
}

impl Jobs {
    /// Has `function` release what is at `address`. May be called in the midst of a garbage collection.
    pub fn push(&self, function: NativeFunction, address: usize, origin: Option<Place>) {
        let job = Job::Native {
            function,
            address,
            origin,
        };
        match self.closed.load(Relaxed) {
            true => default_jobs().add(job, postponed::expect),
            false => self.add(job, postponed::expect),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    fn add(&self, job: Job, announce: fn()) {
        self.jobs.push(job);
        if self.by_itself.load(Relaxed) {
            announce();
        }
    }
}

/// Jobs that nobody has a queue for: they are carried out as soon as Ruby is at a place where that is safe.
pub fn default_jobs() -> &'static Arc<Jobs> {
    static DEFAULT: OnceLock<Arc<Jobs>> = OnceLock::new();
    DEFAULT.get_or_init(|| {
        Arc::new(Jobs {
            by_itself: AtomicBool::new(true),
            ..Jobs::default()
        })
    })
}

/// A queue that has a thread.
#[derive(Clone, Copy)]
struct Watched {
    queue: Opaque<Obj<ReleaseQueue>>,
    worker: Opaque<Value>,
    signals: Opaque<Value>,
    thread: Opaque<Value>,
}

static ALL: Mutex<Vec<Opaque<Obj<ReleaseQueue>>>> = Mutex::new(vec![]);
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(vec![]);
static DEFAULT: OnceLock<Opaque<Obj<ReleaseQueue>>> = OnceLock::new();

/// Every queue. Ruby would not tell of them once there are Ractors.
pub fn all() -> Vec<Opaque<Obj<ReleaseQueue>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The queue of [`default_jobs`].
pub fn default(ruby: &Ruby) -> Option<Obj<ReleaseQueue>> {
    DEFAULT.get().map(|queue| ruby.get_inner(*queue))
}

/// A queue of releases.
#[derive(TypedData)]
#[magnus(class = "SafePointer::ReleaseQueue", free_immediately, mark, size)]
pub struct ReleaseQueue {
    jobs: Arc<Jobs>,
    releasers: Mutex<Chain>,
}

/// Releasers, each of which refers to the next one.
#[derive(Default)]
struct Chain {
    ends: Option<(Opaque<Value>, Opaque<Value>)>,
}

impl DataTypeFunctions for ReleaseQueue {
    fn mark(&self, marker: &Marker) {
        // Nothing that can start a GC runs while the chain is locked.
        let chain = self
            .releasers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((first, last)) = chain.ends {
            marker.mark(first);
            marker.mark(last);
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + size_of::<Jobs>() + self.jobs.jobs.len() * size_of::<Job>()
    }
}

impl Chain {
    fn push(&mut self, ruby: &Ruby, releaser: Obj<Releaser>) {
        let last = releaser.as_value().into();
        self.ends = Some(match self.ends {
            None => (last, last),
            Some((first, before)) => {
                if let Ok(before) = Obj::<Releaser>::try_convert(ruby.get_inner(before)) {
                    before.set_next(Some(last));
                    before.writebarrier(releaser);
                }
                (first, last)
            }
        });
    }

    fn pop(&mut self, ruby: &Ruby) -> Option<Obj<Releaser>> {
        let (first, last) = self.ends?;
        let releaser = Obj::<Releaser>::try_convert(ruby.get_inner(first)).ok()?;
        self.ends = releaser.next().map(|next| (next, last));
        releaser.set_next(None);
        releaser.set_waiting(false);
        Some(releaser)
    }
}

impl ReleaseQueue {
    /// A queue that lives for ever: there may be jobs in it when nobody knows it any more.
    fn wrap(ruby: &Ruby, class: RClass, jobs: Arc<Jobs>) -> Result<Obj<Self>, Error> {
        let queue = Self {
            jobs,
            releasers: Mutex::default(),
        };
        let queue = Obj::<Self>::try_convert(ruby.wrap_as(queue, class).as_value())?;
        ruby.gc_register_mark_object(queue);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(queue.into());
        Ok(queue)
    }

    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.jobs
    }

    pub fn is_closed(&self) -> bool {
        self.jobs.closed.load(Relaxed)
    }

    /// Has `releaser` release later. Once is enough.
    pub fn push(&self, ruby: &Ruby, releaser: Obj<Releaser>) {
        if releaser.set_waiting(true) {
            return;
        }
        let mut chain = self
            .releasers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        chain.push(ruby, releaser);
        drop(chain);
        self.jobs.add(Job::Releaser, postponed::schedule);
    }

    /// Has the releaser at `place`, whose pointer is gone, release later.
    pub fn keep_waiting(&self, place: Place) {
        self.jobs.add(Job::Waiting(place), postponed::schedule);
    }

    fn pop(&self, ruby: &Ruby) -> Option<Obj<Releaser>> {
        let mut chain = self
            .releasers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        chain.pop(ruby)
    }

    /// Carries out at most `max` of the jobs that are there now; those that come meanwhile wait for the next time, so
    /// that nobody is kept here for ever. Returns how many. What a job raises is reported.
    pub fn drain(&self, ruby: &Ruby, max: usize, occasion: Occasion) -> Result<usize, Error> {
        let mut done = 0;
        let cause = Cause::of(Some(occasion));
        let due = self.jobs.jobs.len().min(max);
        while done < due
            && let Some(job) = self.jobs.jobs.pop()
        {
            done += 1;
            match job {
                Job::Native {
                    function,
                    address,
                    origin,
                } => native::release_dead(ruby, function, address, origin, cause)?,
                Job::Waiting(place) => {
                    if let Some(releaser) = register::take_releaser(ruby, place) {
                        Releaser::run(ruby, releaser, occasion)?;
                    }
                }
                Job::Releaser => {
                    if let Some(releaser) = self.pop(ruby) {
                        Releaser::run(ruby, releaser, occasion)?;
                    }
                }
            }
        }
        Ok(done)
    }
}

/// Releases what is due, on the calling thread: what is in the queue when this is called, at most `max` of it. An
/// error of one release is reported (see {SafePointer.on_release_error}) and does not stop the others; what is no
/// error, an interrupt for instance, comes out of here. Does nothing inside a release.
///
/// @overload drain(max: nil)
///   @param max [Integer, nil]
/// @return [Integer] how many were released
/// @raise [TypeError, ArgumentError] if `max` is no Integer, or negative
fn drain(ruby: &Ruby, rb_self: Obj<ReleaseQueue>, args: &[Value]) -> Result<usize, Error> {
    let args = scan_args::<(), (), (), (), _, ()>(args)?;
    let (max,) = get_kwargs::<_, (), (Option<Value>,), ()>(args.keywords, &[], &["max"])?.optional;
    let max = match max.filter(|max| !max.is_nil()) {
        None => usize::MAX,
        Some(max) if !max.is_kind_of(ruby.class_integer()) => {
            let message = format!(
                "SafePointer::ReleaseQueue#drain: max must be an Integer, not {}",
                errors::inspect(max)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        }
        Some(max) => match usize::try_convert(max) {
            Ok(max) => max,
            Err(_) => {
                let max = errors::inspect(max)?;
                let message = format!("SafePointer::ReleaseQueue#drain: max must not be {max}");
                return Err(errors::new(ruby.exception_arg_error(), message));
            }
        },
    };
    match releaser::is_releasing() {
        true => Ok(0),
        false => rb_self.drain(ruby, max, Occasion::Queue),
    }
}

/// How many releases wait.
///
/// @return [Integer]
fn size(rb_self: &ReleaseQueue) -> usize {
    rb_self.jobs.jobs.len()
}

/// Whether none waits.
///
/// @return [Boolean]
fn is_empty(rb_self: &ReleaseQueue) -> bool {
    rb_self.jobs.is_empty()
}

/// The largest number of releases that have waited at once.
///
/// @return [Integer]
fn high_water(rb_self: &ReleaseQueue) -> usize {
    rb_self.jobs.jobs.high_water()
}

/// Whether it has been closed.
///
/// @return [Boolean]
fn is_closed(rb_self: &ReleaseQueue) -> bool {
    rb_self.is_closed()
}

/// From here on nothing comes to wait here.
fn shut(ruby: &Ruby, rb_self: Obj<ReleaseQueue>) {
    rb_self.jobs.closed.store(true, Relaxed);
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|watched| ruby.get_inner(watched.queue).as_raw() != rb_self.as_raw());
}

/// From here on `thread`, which `worker` has started, is told by `signals` (a `Thread::Queue`) when there are jobs.
fn watch(
    ruby: &Ruby,
    rb_self: Obj<ReleaseQueue>,
    worker: Value,
    signals: Value,
    thread: Value,
) -> Result<(), Error> {
    for value in [worker, signals, thread] {
        ruby.gc_register_mark_object(value);
    }
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|watched| ruby.get_inner(watched.queue).as_raw() != rb_self.as_raw());
    watched.push(Watched {
        queue: rb_self.into(),
        worker: worker.into(),
        signals: signals.into(),
        thread: thread.into(),
    });
    drop(watched);
    rb_self.jobs.by_itself.store(true, Relaxed);
    Ok(())
}

/// Signals to whom there are jobs for. Where Ruby calls this, it lets no jump pass: the end of the thread that happens to
/// run this would be lost if it came now. So it runs Ruby code only where a thread is missing.
pub fn signal(ruby: &Ruby) -> Result<(), Error> {
    let all = WATCHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    for watched in all {
        if ruby.get_inner(watched.queue).jobs.is_empty() {
            continue;
        }
        let _: Value = ruby.get_inner(watched.signals).funcall("push", (true,))?;
        let alive: bool = ruby.get_inner(watched.thread).funcall("alive?", ())?;
        if !alive && !process::is_leaving() {
            let _: Value = ruby.get_inner(watched.worker).funcall("start", ())?;
        }
    }
    Ok(())
}

/// Has `releaser` release from here, or as if there was no queue if this one is closed.
fn push(ruby: &Ruby, rb_self: Obj<ReleaseQueue>, releaser: Obj<Releaser>) {
    let closed = rb_self.is_closed();
    let queue = default(ruby).filter(|_| closed).unwrap_or(rb_self);
    queue.push(ruby, releaser);
}

/// Where the releases of dead pointers wait that have no queue and could not run as soon as GC was over. It is drained
/// when Ruby is at a safe place again.
///
/// @return [SafePointer::ReleaseQueue]
fn the_default(ruby: &Ruby, _class: RClass) -> Option<Obj<ReleaseQueue>> {
    default(ruby)
}

/// Whether the process has begun to end.
fn is_leaving(_class: RClass) -> bool {
    process::is_leaving()
}

/// A queue that somebody drains.
fn make(ruby: &Ruby, class: RClass) -> Result<Obj<ReleaseQueue>, Error> {
    ReleaseQueue::wrap(ruby, class, Arc::default())
}

/// Defines `SafePointer::ReleaseQueue`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let class = safe_pointer.define_class("ReleaseQueue", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_private_method("push", method!(push, 1))?;
    class.define_private_method("shut", method!(shut, 0))?;
    class.define_private_method("watch", method!(watch, 3))?;
    class.define_private_method("bury", method!(postponed::bury, 0))?;
    class.define_private_method("work", method!(postponed::work, 0))?;
    class.define_method("drain", method!(drain, -1))?;
    class.define_method("size", method!(size, 0))?;
    class.define_method("empty?", method!(is_empty, 0))?;
    class.define_method("high_water", method!(high_water, 0))?;
    class.define_method("closed?", method!(is_closed, 0))?;
    class.define_singleton_method("default", method!(the_default, 0))?;
    let singleton = class.singleton_class()?;
    singleton.define_private_method("make", method!(make, 0))?;
    singleton.define_private_method("leaving?", method!(is_leaving, 0))?;
    let default = ReleaseQueue::wrap(ruby, class, Arc::clone(default_jobs()))?;
    DEFAULT.get_or_init(|| default.into());
    Ok(())
}
