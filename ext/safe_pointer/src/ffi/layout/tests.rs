//! Against what ffi itself does to a pointer, byte by byte.

use magnus::{Error, Ruby, Value, eval, prelude::*};

use super::*;
use crate::testing::in_ruby;

const TYPE_SIZES: [i32; 3] = [1, 8, i32::MAX];
const ADDRESSES: [usize; 3] = [1, 0x1000, i64::MAX as usize];

/// An address, and what is derived from one.
const KNOWN: [&str; 4] = [
    "FFI::Pointer.new(0x1000)",
    "FFI::Pointer.new(4, 0x1000)",
    "FFI::Pointer.new(FFI::Pointer.new(0x1000))",
    "FFI::Pointer.new(0x1000) + 8",
];

/// Has a size, memory of its own, or no address.
const UNKNOWN: [&str; 4] = [
    "FFI::Pointer.new(0x1000).slice(8, 16)",
    "FFI::MemoryPointer.new(16)",
    "FFI::Pointer::NULL",
    "FFI::Pointer.new(FFI::Pointer::NULL)",
];

fn blank(ruby: &Ruby) -> Result<Value, Error> {
    ruby.eval("SafePointer.allocate")
}

/// Calls ffi's `initialize`.
fn initialize(ruby: &Ruby, pointer: Value, size: i32, target: Value) -> Result<(), Error> {
    let _: Value = eval!(
        ruby,
        "FFI::Pointer.instance_method(:initialize).bind_call(pointer, size, target)",
        pointer,
        size,
        target
    )?;
    Ok(())
}

/// ffi's data of `pointer`, or nothing where that is not understood.
fn bytes<'a>(pointer: Value) -> &'a [Word] {
    let shapes = LAYOUT.get().and_then(|layout| layout.shapes.as_ref());
    shapes
        .zip(Data::of(pointer))
        .map_or(&[], |(shapes, data)| data.words(shapes.mask.len()))
}

#[test]
fn data_is_understood() {
    in_ruby(|ruby| {
        assert_ne!(bytes(blank(ruby)?), []);
        Ok(())
    });
}

#[test]
fn a_number_is_written_as_ffi_writes_it() {
    in_ruby(|ruby| {
        for (size, address) in TYPE_SIZES.into_iter().zip(ADDRESSES) {
            let (ours, ffis) = (blank(ruby)?, blank(ruby)?);
            initialize(ruby, ffis, size, ruby.into_value(address))?;
            assert!(point(ours, size, Target::Address(address)), "{address:#x}");
            assert_eq!(bytes(ours), bytes(ffis), "{address:#x}");
        }
        Ok(())
    });
}

#[test]
fn a_pointer_is_written_as_ffi_writes_it() {
    in_ruby(|ruby| {
        for (source, size) in KNOWN.into_iter().zip(TYPE_SIZES.into_iter().cycle()) {
            let (ours, ffis) = (blank(ruby)?, blank(ruby)?);
            let raw = ruby.eval(source)?;
            initialize(ruby, ffis, size, raw)?;
            assert!(point(ours, size, Target::Pointer(raw)), "{source}");
            assert_eq!(bytes(ours), bytes(ffis), "{source}");
        }
        Ok(())
    });
}

#[test]
fn null_is_written_as_ffi_writes_it_over_a_pointer() {
    in_ruby(|ruby| {
        for source in KNOWN {
            let (ours, ffis) = (blank(ruby)?, blank(ruby)?);
            let raw = ruby.eval(source)?;
            initialize(ruby, ours, 8, raw)?;
            initialize(ruby, ffis, 8, raw)?;
            initialize(ruby, ffis, 8, ruby.into_value(0))?;
            assert!(point(ours, 8, Target::Address(0)), "{source}");
            assert_eq!(bytes(ours), bytes(ffis), "{source}");
        }
        Ok(())
    });
}

#[test]
fn what_is_not_understood_is_left_to_ffi() {
    in_ruby(|ruby| {
        for source in UNKNOWN {
            let (ours, untouched) = (blank(ruby)?, blank(ruby)?);
            let raw = ruby.eval(source)?;
            assert!(!point(ours, 8, Target::Pointer(raw)), "{source}");
            assert_eq!(bytes(ours), bytes(untouched), "{source}");
        }
        let no_pointer = ruby.str_new("text").as_value();
        assert!(!point(blank(ruby)?, 8, Target::Pointer(no_pointer)));
        assert!(!point(no_pointer, 8, Target::Address(8)));
        Ok(())
    });
}

#[test]
fn a_pointer_is_written_once_and_made_null_once() {
    in_ruby(|ruby| {
        let pointer = blank(ruby)?;
        let steps = [0, 8, 16, 0, 0].map(|address| point(pointer, 1, Target::Address(address)));
        assert_eq!(steps, [false, true, false, true, false]);
        Ok(())
    });
}

#[test]
fn what_is_read_is_what_ffi_says() {
    in_ruby(|ruby| {
        for source in KNOWN.into_iter().chain(UNKNOWN) {
            let pointer: Value = ruby.eval(source)?;
            assert_eq!(
                address(pointer),
                pointer.funcall("address", ())?,
                "{source}"
            );
            assert_eq!(
                type_size(pointer),
                pointer.funcall("type_size", ())?,
                "{source}"
            );
        }
        Ok(())
    });
}

#[test]
fn an_address_keeps_nothing_alive() {
    in_ruby(|ruby| {
        let addresses = KNOWN.into_iter().chain(UNKNOWN);
        let addresses: Result<Vec<bool>, Error> = addresses
            .map(|source| Ok(is_address(ruby.eval(source)?)))
            .collect();
        assert_eq!(
            addresses?,
            [true, true, false, false, false, false, false, false]
        );
        Ok(())
    });
}
