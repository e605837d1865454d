//! Tells the compiler which Ruby it builds for: `cfg(ruby_gte_3_3)` and the like.

use std::error::Error;

use rb_sys_build::RbConfig;

fn main() -> Result<(), Box<dyn Error>> {
    // Not with every file that `make` leaves beside this one, or `gem install` compiles the crate twice.
    println!("cargo:rerun-if-changed=build.rs");
    let ruby = rb_sys_env::activate()?;
    // Only where rb-sys-test-helpers, a dev-dependency, has rb-sys link Ruby.
    let links_ruby = ruby.cargo_features().iter().any(|name| name == "link-ruby");
    if links_ruby && cfg!(unix) {
        set_run_path();
    }
    Ok(())
}

/// Unit tests are a program that has Ruby in a shared library, which must be found when the program starts. rb-sys says
/// how to link it, but gives its name for the directory.
fn set_run_path() {
    if let Some(directory) = RbConfig::current().get("libdir") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
}
