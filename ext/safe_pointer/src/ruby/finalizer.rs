//! The finalizer: what Ruby calls after a garbage collection, and at the end of the process.
//!
//! Ruby calls finalizers outside of collections and with interrupts masked: the only place where a release that nobody
//! has asked for may run. An object that nobody refers to has ours, the *sentinel*. Each collection finds it dead, and
//! Ruby calls the finalizer, which defines itself on a new sentinel and does the work that is due.
//!
//! Ruby has no hook between the finalizers of a program, which may still use its pointers, and the freeing of all
//! objects, in which nothing can be called any more. But at the end of the process it calls finalizers in rounds: those
//! that exist, then those that have been defined meanwhile. So the finalizer is defined on an object that lives to that
//! end, too, and in that round on another one: the second call comes after all finalizers that existed when the process
//! began to end.

use std::{
    hint::black_box,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use magnus::{
    Error, Ruby, Value,
    block::Proc,
    rb_sys::{AsRawValue, FromRawValue, protect},
    value::Opaque,
};
use rb_sys::VALUE;

use super::{errors, object_id, process};

/// What the finalizer does. It comes from those who know what is to be released, who are on higher floors. What these
/// functions return as an error Ruby drops, as it does with that of any finalizer.
pub struct Work {
    /// How much is due now.
    pub due: fn() -> usize,
    /// Does at most so much of it.
    pub carry_out: fn(&Ruby, usize) -> Result<(), Error>,
    /// Called when all that was due has been done.
    pub done: fn(&Ruby) -> Result<(), Error>,
    /// Called when the end of the process begins.
    pub before_end: fn(&Ruby) -> Result<(), Error>,
    /// Does all that is left, at the end of the process.
    pub end: fn(&Ruby) -> Result<(), Error>,
}

/// How much is done in one frame of Ruby's. A call with too many arguments leaves them on the stack of the frame it was
/// made from.
const BATCH: usize = 64;

/// How many collections a sentinel may outlive before there is another one: a stale reference on a stack may keep it
/// alive, and then it grows old, and minor collections do not look at it.
const MAX_AGE: usize = 2;

/// One of so many pointers that are made brings another sentinel, where their data is freed within the sweep. Ruby sweeps
/// little by little, and calls when it comes to one: what it sweeps after the last one waits for the next collection.
const SPACING: usize = 512;

/// How many pointers have been made. Need not be right: where Ractors make some at once, they may count for one.
static MADE: AtomicUsize = AtomicUsize::new(0);

static FINALIZER: OnceLock<Finalizer> = OnceLock::new();

/// The object id of the sentinel.
static SENTINEL: AtomicU64 = AtomicU64::new(object_id::NONE);

/// How many collections there had been when it was made.
static MADE_AT: AtomicUsize = AtomicUsize::new(0);

/// The object that is the next sentinel. It was made together with the last one: where the collector has just swept, Ruby
/// makes new objects in the places of those that died, and stale words on stacks are of such places.
static NEXT: AtomicUsize = AtomicUsize::new(rb_sys::Qnil as usize);

/// The object ids of those for the end of the process, of the first round and of the last.
static FIRST_ROUND: AtomicU64 = AtomicU64::new(object_id::NONE);
static LAST_ROUND: AtomicU64 = AtomicU64::new(object_id::NONE);

static OVER: AtomicBool = AtomicBool::new(false);

/// Whether Ruby has called for the last time: what it frees from here on, nobody comes to release later.
pub fn is_over() -> bool {
    OVER.load(Relaxed)
}

/// Ruby calls no more.
pub fn close() {
    OVER.store(true, Relaxed);
}

struct Finalizer {
    work: Work,
    /// What Ruby calls. No TracePoint sees the call of a Proc that is in Rust: what that made would bring a collection under
    /// GC stress, which finds the next sentinel dead, and Ruby calls finalizers until none is due.
    entry: Opaque<Proc>,
    /// Calls [`Work::carry_out`], in a frame of its own.
    batch: Opaque<Proc>,
}

impl Finalizer {
    /// Does what is due, and nothing else, whoever calls: Ruby does, with the object id of a sentinel.
    fn call(&self, ruby: &Ruby, args: &[Value]) -> Result<(), Error> {
        let id = args.first().and_then(|id| object_id::number(*id));
        if id == Some(FIRST_ROUND.load(Relaxed)) {
            // It is never found dead.
            process::begin_ending();
        }
        if process::is_ending() {
            return self.end(ruby, id);
        }
        // One that outlived its time has no successor: under GC stress, making one is the end of another.
        if id == Some(SENTINEL.load(Relaxed)) {
            // First, as the work may take its time, and collect.
            replace_sentinel(ruby);
        }
        match self.carry_out(ruby) {
            // Where Ruby has called too deep in the stack, it is left to the next sentinel.
            Err(error) if error.is_kind_of(ruby.exception_sys_stack_error()) => Ok(()),
            result => result,
        }
    }

    /// What becomes due meanwhile is left to the next sentinel.
    fn carry_out(&self, ruby: &Ruby) -> Result<(), Error> {
        let mut due = (self.work.due)();
        let mut result = Ok(());
        while due > 0 {
            let done = ruby.get_inner(self.batch).call::<_, Value>(());
            result = result.and(done.map(drop));
            due = due.saturating_sub(BATCH);
        }
        result.and((self.work.done)(ruby))
    }

    fn end(&self, ruby: &Ruby, id: Option<u64>) -> Result<(), Error> {
        if id == Some(LAST_ROUND.load(Relaxed)) {
            return (self.work.end)(ruby);
        }
        if id == Some(FIRST_ROUND.load(Relaxed)) {
            let defined = define_for_end(ruby, &LAST_ROUND);
            let begun = (self.work.before_end)(ruby);
            let ended = match defined {
                Ok(()) => Ok(()),
                // There is no other call to come.
                Err(_) => (self.work.end)(ruby),
            };
            return defined.and(begun).and(ended);
        }
        Ok(())
    }
}

/// Does what is due, where Ruby frees data as it calls finalizers: after a collection, and with interrupts masked. That is
/// so of data without a type. Where the sentinel is still to come, less than a batch is left to that.
pub fn run_from_dfree() {
    // SAFETY: only asks.
    let is_collecting = unsafe { rb_sys::rb_during_gc() } != 0;
    if is_collecting || is_over() || process::is_ending() {
        return;
    }
    let (Ok(ruby), Some(finalizer)) = (Ruby::get(), FINALIZER.get()) else {
        return;
    };
    let is_called = MADE_AT.load(Relaxed) == collections();
    if !is_called && (finalizer.work.due)() < BATCH {
        return;
    }
    // Errors of releases have been reported. Others Ruby would drop, too, and nobody can take a jump.
    let _ = errors::ensure(|| {
        let done = finalizer.carry_out(&ruby);
        done.map_err(|error| errors::end_jump(&ruby, error))
    });
}

/// To be called when a pointer is made: sees to it that there are sentinels that Ruby comes to. Data that is freed within
/// the sweep needs several of them; what else there is [`run_from_dfree`] does.
pub fn ensure_sentinel(ruby: &Ruby, is_freed_within_sweep: bool) {
    let made = MADE.load(Relaxed).wrapping_add(1);
    MADE.store(made, Relaxed);
    let is_another_due = is_freed_within_sweep && made % SPACING == 0;
    if is_another_due || is_outlived() {
        replace_sentinel(ruby);
    }
}

fn is_outlived() -> bool {
    collections() > MADE_AT.load(Relaxed).saturating_add(MAX_AGE)
}

/// Makes another sentinel. Where memory has run out there is none until a pointer is made.
fn replace_sentinel(ruby: &Ruby) {
    SENTINEL.store(sentinel(ruby), Relaxed);
    MADE_AT.store(collections(), Relaxed);
    clear_stack();
}

/// Returns the id of a new sentinel, if there is one. Not inlined: nothing in the frame of the caller refers to the object.
#[inline(never)]
fn sentinel(ruby: &Ruby) -> u64 {
    define(ruby).map_or(object_id::NONE, |(_, id)| id)
}

/// Ruby takes whatever is on a stack for a reference. Overwrites what calls have left behind there.
#[inline(never)]
fn clear_stack() {
    black_box([0_usize; 512]);
}

/// Has the finalizer called in the next round at the end of the process.
fn define_for_end(ruby: &Ruby, round: &AtomicU64) -> Result<(), Error> {
    let (object, id) = define(ruby)?;
    ruby.gc_register_mark_object(object);
    round.store(id, Relaxed);
    Ok(())
}

/// Defines the finalizer on an object that nobody refers to. Returns it, and its id.
///
/// The object has no class, so `ObjectSpace` does not list it: a program may keep all that is listed, or undefine their
/// finalizers. A String: what kinds of objects can be without a class depends on the Ruby.
fn define(ruby: &Ruby) -> Result<(Value, u64), Error> {
    let Some(finalizer) = FINALIZER.get() else {
        return Err(errors::new(
            ruby.exception_load_error(),
            "safe_pointer is not loaded",
        ));
    };
    let entry = ruby.get_inner(finalizer.entry).as_raw();
    let mut id = object_id::NONE;
    let object = protect(|| {
        let object = next_object();
        // SAFETY: a live object, with the GVL held; `protect` catches what is raised.
        id = unsafe { object_id::of(object) };
        // SAFETY: live objects; as above.
        unsafe { rb_sys::rb_define_finalizer(object, entry) };
        object
    })?;
    // SAFETY: a live object.
    Ok((unsafe { Value::from_raw(object) }, id))
}

/// Called with the GVL held, and within `protect`.
fn next_object() -> VALUE {
    // SAFETY: the caller says so.
    let made = unsafe { rb_sys::rb_str_tmp_new(0) };
    let next = NEXT.swap(made as usize, Relaxed) as VALUE;
    // One that is old by now minor collections would not find dead.
    match next == rb_sys::Qnil as VALUE || is_outlived() {
        // SAFETY: as above.
        true => unsafe { rb_sys::rb_str_tmp_new(0) },
        false => next,
    }
}

fn collections() -> usize {
    // SAFETY: only asks.
    unsafe { rb_sys::rb_gc_count() as usize }
}

/// Has Ruby call for `work`.
pub fn init(ruby: &Ruby, work: Work) -> Result<(), Error> {
    let carry_out = work.carry_out;
    let batch = ruby.proc_from_fn(move |ruby, _args, _block| carry_out(ruby, BATCH));
    let entry = ruby.proc_new(|ruby, args, _block| match FINALIZER.get() {
        Some(finalizer) => finalizer.call(ruby, args),
        None => Ok(()),
    });
    for object in [batch, entry] {
        ruby.gc_register_mark_object(object);
    }
    // SAFETY: the static has a value of Ruby's, at any time.
    unsafe { rb_sys::rb_gc_register_address(NEXT.as_ptr().cast()) };
    FINALIZER.get_or_init(|| Finalizer {
        work,
        entry: entry.into(),
        batch: batch.into(),
    });
    replace_sentinel(ruby);
    define_for_end(ruby, &FIRST_ROUND)
}

#[cfg(test)]
mod tests;
