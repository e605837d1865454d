//! Tells the compiler which Ruby it builds for: `cfg(ruby_gte_3_3)` and the like.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    rb_sys_env::activate()?;
    Ok(())
}
