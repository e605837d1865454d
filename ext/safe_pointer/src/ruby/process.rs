//! The process: its forks, and its end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use rb_sys::VALUE;

/// Counts the forks between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Whether the process has begun to end.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Whether Ruby has begun to call the finalizers of all that is left.
static ENDING: AtomicBool = AtomicBool::new(false);

/// A number that is another one in each fork of the process. `Process.daemon` goes on as the same process.
pub fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Called in the child, before anything else runs there.
pub fn forked() {
    GENERATION.fetch_add(1, Relaxed);
}

/// Whether the process has begun to end. Finalizers are called after that, if not soon: programs run whole test suites
/// in `at_exit`.
pub fn is_leaving() -> bool {
    LEAVING.load(Relaxed)
}

/// Whether the process is ending and Ruby calls the finalizers of all that is left, on the main thread.
///
/// Calls no method: when one returns the thread may be interrupted, and this is asked where that would be lost.
pub fn is_ending() -> bool {
    is_leaving() && is_main() && (ENDING.load(Relaxed) || is_dead())
}

/// A finalizer has been called that Ruby calls at the end only. A program may call it too, which is not the end.
pub fn begin_ending() {
    ENDING.store(is_leaving(), Relaxed);
}

fn is_main() -> bool {
    // SAFETY: only asks.
    let here = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: as above.
    here == unsafe { rb_sys::rb_thread_main() }
}

/// The main thread counts as dead when it calls the finalizers of all that is left; until an exception has come out of a
/// `sleep` there, after which it counts as alive.
fn is_dead() -> bool {
    // SAFETY: only asks.
    let here = unsafe { rb_sys::rb_thread_current() };
    // SAFETY: a thread; the one that runs is not woken by it.
    unsafe { rb_sys::rb_thread_wakeup_alive(here) == rb_sys::Qnil as VALUE }
}

unsafe extern "C" fn leave(_: VALUE) {
    LEAVING.store(true, Relaxed);
}

/// Has Ruby say when the process begins to end, if it has not done so by now.
pub fn init() {
    if is_main() && is_dead() {
        LEAVING.store(true, Relaxed);
    }
    // SAFETY: `leave` lives for ever.
    unsafe { rb_sys::rb_set_end_proc(Some(leave), rb_sys::Qnil as VALUE) };
}
