//! Ruby binding of [`safe_pointer_core`]: asks the core what may be done, and does it.

use magnus::{Error, Ruby};

mod auto_pointer;
mod bell;
mod carrier;
mod class_info;
mod conversion;
mod errors;
mod exit;
mod ffi;
mod guard;
mod hidden;
mod lifetime;
mod native;
mod options;
mod owners;
mod pointer;
mod postponed;
mod process;
mod queue;
mod register;
mod releaser;
mod stats;
mod watch;

#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    // SAFETY: what is kept outside of objects is atomic or behind a lock; a place in the register has one user, its pointer.
    unsafe { rb_sys::rb_ext_ractor_safe(true) };
    ffi::init(ruby)?;
    let class = pointer::init(ruby)?;
    releaser::init(ruby, class)?;
    guard::init(class)?;
    process::init(class)?;
    class_info::init(ruby, class)?;
    stats::init(class)?;
    watch::init(class)?;
    native::init(class)?;
    register::init(ruby, class)?;
    bell::init(ruby, class)?;
    postponed::init();
    queue::init(ruby, class)?;
    exit::init(ruby)?;
    auto_pointer::init(ruby, class)
}
