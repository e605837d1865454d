//! Ruby binding of [`safe_pointer_core`]: asks the core what may be done, and does it.

use magnus::{Error, Ruby};

mod auto_pointer;
mod carrier;
mod conversion;
mod errors;
mod ffi;
mod guard;
mod pointer;
mod process;
mod releaser;

#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    ffi::init(ruby)?;
    let class = pointer::init(ruby)?;
    releaser::init(ruby, class)?;
    guard::init(ruby, class)?;
    auto_pointer::init(ruby, class)
}
