//! Ruby binding of [`safe_pointer_core`]: asks the core what may be done, and does it.
//!
//! The folders are floors: a file uses what is below it only. CONTRIBUTING has a picture.

use magnus::{Error, Ruby};

// From the ground up.
mod ruby;

mod ffi;

mod watch;

mod releaser;

mod holder;

mod release;

mod triggers;

mod api;

#[cfg(test)]
mod testing;

#[global_allocator]
static ALLOCATOR: ruby::reserve::Allocator = ruby::reserve::Allocator::new();

#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    // SAFETY: what is kept outside of objects is atomic or behind a lock; a place in the registry has one user, its pointer.
    unsafe { rb_sys::rb_ext_ractor_safe(true) };
    api::init(ruby)
}
