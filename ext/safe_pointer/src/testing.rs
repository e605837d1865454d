//! The Ruby VM that unit tests run in: a program has one, on a thread of its own, and runs one test at a time there.

use std::sync::OnceLock;

use magnus::{Error, Ruby, Value, eval};
use rb_sys_test_helpers::with_ruby_vm;

/// Runs `test` with the library loaded. It fails by a panic, as that of `assert!`, or by an error.
///
/// It has to call Ruby through magnus, which turns exceptions into errors. Those of other tests are there, too: leave
/// nothing behind that they would stumble over.
#[track_caller]
pub fn in_ruby(test: fn(&Ruby) -> Result<(), Error>) {
    let outcome = with_ruby_vm(move || {
        let ruby = Ruby::get().map_err(|error| error.to_string())?;
        load(&ruby)?;
        test(&ruby).map_err(|error| error.to_string())
    });
    // The outer error is that the test took longer than it may.
    assert_eq!(outcome.map_err(|error| error.to_string()), Ok(Ok(())));
}

fn load(ruby: &Ruby) -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED
        .get_or_init(|| try_load(ruby).map_err(|error| error.to_string()))
        .clone()
}

/// As `require "safe_pointer"` does, except that the extension is in this program.
fn try_load(ruby: &Ruby) -> Result<(), Error> {
    let _: Value = ruby.eval(r#"require "ffi""#)?;
    crate::init(ruby)?;
    let lib = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lib");
    let _: Value = eval!(
        ruby,
        r#"
        lib = File.expand_path(lib)
        $LOAD_PATH.unshift(lib)
        $LOADED_FEATURES << File.join(lib, "safe_pointer/extension.rb")
        require "safe_pointer"
        "#,
        lib = lib
    )?;
    Ok(())
}

mod tests {
    use magnus::{RString, value::ReprValue};

    use super::*;

    #[test]
    fn the_library_is_loaded_without_the_compiled_extension() {
        in_ruby(|ruby| {
            let compiled: Vec<String> =
                ruby.eval("$LOADED_FEATURES.grep(%r{safe_pointer/safe_pointer[.]})")?;
            assert!(compiled.is_empty(), "{compiled:?}");
            let pointer: Value = ruby.eval("SafePointer.new(FFI::Pointer.new(8)) { }")?;
            assert_eq!(pointer.funcall::<_, _, usize>("address", ())?, 8);
            Ok(())
        });
    }

    /// Where Ruby got the start of the stack wrong, it would free what only a test refers to.
    #[test]
    fn values_on_the_stack_of_a_test_stay_alive() {
        in_ruby(|ruby| {
            let texts: [RString; 64] =
                std::array::from_fn(|index| ruby.str_new(&index.to_string()));
            for _ in 0..4 {
                ruby.gc_start();
                let _: Value = ruby.eval("Array.new(10_000) { 'other' }; nil")?;
            }
            let texts = std::hint::black_box(texts);
            let read = texts.map(|text| text.to_string().unwrap_or_default());
            assert_eq!(read, std::array::from_fn(|index| index.to_string()));
            Ok(())
        });
    }
}
