//! The stacks that calls take room on: Ruby's own, of the fiber that runs, and the machine's.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use magnus::rb_sys::protect;
use rb_sys::VALUE;

const NIL: VALUE = rb_sys::Qnil as VALUE;
const TRUE: VALUE = rb_sys::Qtrue as VALUE;
const FALSE: VALUE = rb_sys::Qfalse as VALUE;

/// How many calls, one within the other, there must be room for.
const CALLS: isize = 64;

/// A Proc that calls itself. No TracePoint sees that.
static PROBE: AtomicUsize = AtomicUsize::new(NIL as usize);

/// Whether a release would find room for what it calls. Nothing of Ruby's says how much is left of its stack, so this
/// takes some, and gives it back.
pub fn has_room() -> bool {
    protect(|| call(CALLS)).is_ok_and(|found| found == TRUE)
}

/// Calls so many times, each within the one before. Returns `FALSE` at the end of the machine's stack, and raises at that
/// of Ruby's: called within `protect`.
fn call(times: isize) -> VALUE {
    // SAFETY: only asks.
    if unsafe { rb_sys::ruby_stack_check() } != 0 {
        return FALSE;
    }
    if times == 0 {
        return TRUE;
    }
    // SAFETY: makes a number an object, which takes no memory for one so small.
    let others = unsafe { rb_sys::rb_int2inum(times - 1) };
    let probe = PROBE.load(Relaxed) as VALUE;
    // SAFETY: a Proc that is never freed, with the GVL held. What is raised passes frames that have nothing to drop.
    unsafe { rb_sys::rb_proc_call_with_block(probe, 1, &raw const others, NIL) }
}

unsafe extern "C" fn call_from_ruby(
    times: VALUE,
    _data: VALUE,
    _count: c_int,
    _arguments: *const VALUE,
    _block: VALUE,
) -> VALUE {
    // SAFETY: what `call` has passed.
    call(unsafe { rb_sys::rb_num2long(times) } as isize)
}

/// Makes the Proc.
pub fn init() {
    // SAFETY: called with the GVL held, while the library is loaded.
    let probe = unsafe { rb_sys::rb_proc_new(Some(call_from_ruby), NIL) };
    PROBE.store(probe as usize, Relaxed);
    // SAFETY: as above.
    unsafe { rb_sys::rb_gc_register_mark_object(probe) };
}
