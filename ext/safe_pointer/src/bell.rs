//! The releases of pointers that garbage collections have found dead, written in Ruby.
//!
//! They have to run where Ruby calls finalizers, as only there interrupts are kept from them (adr/0008). What takes a
//! pointer there is that its data is not freed in the midst of the collection. But its slot and its block stay in use
//! for that, which is slow where thousands die at once: it is more than the cache of a processor holds. So most pointers
//! leave a note in the midst of the collection, and only some, the bells, go among the finalizers, where the notes
//! are seen to: the first that are made after each collection, and now and then one of many. For notes that
//! no pointer rings for there is a bell besides, which nobody refers to, so that each collection finds it dead.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use magnus::{DataTypeFunctions, Error, RClass, Ruby, TypedData, Value, prelude::*};
use safe_pointer_core::Queue;

use crate::{
    exit, postponed,
    register::{self, Kept, Place},
    releaser::Releaser,
    watch,
};

/// One of so many pointers is a bell, and so many are at first.
const SPACING: usize = 16;

/// How many collections the bell that nobody refers to may outlive before there is another one: what is left on a stack
/// may keep it alive, and then it grows old, and is not looked at by minor collections.
const PATIENCE: usize = 2;

/// So many notes are seen to in one frame of Ruby's: a call that raises may leave its arguments on the stack of the frame.
const AT_ONCE: usize = 64;

/// Where in the register is what is kept for pointers that are gone.
static NOTES: Queue<Place> = Queue::new();

/// How many collections there had been when a pointer was made last, and how many were made since that one. Need not be
/// right: where Ractors make pointers at once, some count for one.
static COLLECTIONS: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Whether there is the bell that nobody refers to, and how many collections there had been before the last one.
static HANGS: AtomicBool = AtomicBool::new(false);
static HUNG_AT: AtomicUsize = AtomicUsize::new(0);

/// Rings when it is freed.
#[derive(TypedData)]
#[magnus(class = "SafePointer::Bell", size)]
struct Bell {
    hung_at: usize,
}

impl DataTypeFunctions for Bell {
    fn free(self: Box<Self>) {
        postponed::run_due();
        // One that has outlived its time has no successor: under GC stress, the making of one would end the other.
        if self.hung_at == HUNG_AT.load(Relaxed) {
            let is_wanted = postponed::is_safe() && !exit::is_over() && !register::is_empty();
            HANGS.store(false, Relaxed);
            if is_wanted {
                hang();
            }
        }
    }
}

/// Called for each pointer that is made: whether it is to be a bell.
pub fn is_due() -> bool {
    let collections = collections();
    if COLLECTIONS.load(Relaxed) != collections {
        COLLECTIONS.store(collections, Relaxed);
        MADE.store(0, Relaxed);
    }
    let made = MADE.load(Relaxed);
    MADE.store(made.wrapping_add(1), Relaxed);
    made < SPACING || made % SPACING == 0
}

/// Called when a pointer has something in the register: sees to it that there is the bell that nobody refers to.
pub fn need() {
    let patience_ends = HUNG_AT.load(Relaxed).saturating_add(PATIENCE);
    if !HANGS.load(Relaxed) || collections() > patience_ends {
        hang();
    }
}

fn collections() -> usize {
    // SAFETY: only asks.
    unsafe { rb_sys::rb_gc_count() as usize }
}

/// A frame of its own: where this was called from, nothing of the bell is left on the stack.
#[inline(never)]
fn hang() {
    if let Ok(ruby) = Ruby::get() {
        let hung_at = collections();
        HANGS.store(true, Relaxed);
        HUNG_AT.store(hung_at, Relaxed);
        ruby.obj_wrap(Bell { hung_at });
    }
}

/// The pointer for which something is kept at `place` is being freed. May be called in the midst of a garbage
/// collection.
pub fn note(place: Place) {
    if !exit::is_over() {
        NOTES.push(place);
    }
}

/// Whether there are no notes.
pub fn is_silent() -> bool {
    NOTES.is_empty()
}

/// Sees to the notes that are there now, but for some if they are many, and returns how many. What a release raises has
/// been reported; an error is what there is else, and not all have been seen to then.
pub fn see_to_notes(ruby: &Ruby) -> Result<usize, Error> {
    let due = NOTES.len().min(AT_ONCE);
    for _ in 0..due {
        if let Some(place) = NOTES.pop() {
            bury(ruby, place)?;
        }
    }
    Ok(due)
}

/// Releases what was of the pointer for which something is kept at `place`, or has it wait in its queue.
fn bury(ruby: &Ruby, place: Place) -> Result<(), Error> {
    match register::get(ruby, place) {
        Some(Kept::Releaser(releaser)) => Releaser::bury_at(ruby, releaser, place),
        Some(Kept::Origin(origin)) => {
            register::take(ruby, place);
            watch::left(ruby, origin)
        }
        None => Ok(()),
    }
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let class = safe_pointer.define_class("Bell", ruby.class_object())?;
    class.undef_default_alloc_func();
    safe_pointer.funcall::<_, _, Value>("private_constant", ("Bell",))?;
    Ok(())
}
