//! Which objects have a part of ours.

use magnus::{Error, RClass, Ruby, Value, prelude::*};

use super::*;
use crate::testing::in_ruby;

fn slots(ruby: &Ruby, sources: &[&str]) -> Result<Vec<bool>, Error> {
    let found = sources
        .iter()
        .map(|source| Ok(slot(ruby.eval(source)?).is_some()));
    found.collect()
}

#[test]
fn our_pointers_have_a_slot() {
    in_ruby(|ruby| {
        let ours = [
            "SafePointer.allocate",
            "SafePointer.allocate.freeze",
            "SafePointer.new(FFI::Pointer.new(8)) { }",
            "SafePointer.new(FFI::Pointer.new(8)) { }.tap(&:free)",
            "Class.new(SafePointer).allocate",
        ];
        assert_eq!(slots(ruby, &ours)?, [true; 5]);
        Ok(())
    });
}

#[test]
fn other_objects_have_none() {
    in_ruby(|ruby| {
        let others = [
            "FFI::Pointer.allocate",
            "FFI::Pointer.new(8)",
            "FFI::Pointer::NULL",
            "FFI::MemoryPointer.new(8)",
            "FFI::Buffer.new(8)",
            "FFI::AutoPointer.allocate",
            "SafePointer::Releaser.new(8) { }",
            "Object.new",
            "Thread.current",
            "8",
            "nil",
        ];
        assert_eq!(slots(ruby, &others)?, [false; 11]);
        Ok(())
    });
}

#[test]
fn a_new_slot_is_empty() {
    in_ruby(|ruby| {
        let pointer: Value = ruby.eval("SafePointer.allocate")?;
        let slot = slot(pointer);
        assert!(slot.is_some_and(|slot| matches!(slot.held(), Held::Nothing)));
        assert_eq!(slot.and_then(|slot| slot.place().take()), None);
        Ok(())
    });
}

fn has_room(class: RClass) -> Result<bool, Error> {
    let pointer: Value = class.funcall("allocate", ())?;
    Ok(slot(pointer).is_some_and(|slot| slot.has_room()))
}

#[test]
fn room_is_made_for_a_class_and_its_subclasses() {
    in_ruby(|ruby| {
        let [superclass, class, subclass]: [RClass; 3] = ruby.eval(
            "superclass = Class.new(SafePointer); middle = Class.new(superclass);
             [superclass, middle, Class.new(middle)]",
        )?;
        assert!(!has_room(class)?);
        allocation::make_room(class);
        assert!(has_room(class)?);
        assert!(has_room(subclass)?);
        assert!(!has_room(superclass)?);
        Ok(())
    });
}

#[test]
fn our_types_have_ffis_flags_and_are_freed_by_one_thread_at_a_time() {
    // FREE_IMMEDIATELY, WB_PROTECTED and FROZEN_SHAREABLE, as Ruby's headers have them.
    let [immediately, protected, shareable] = [1 << 0, 1 << 5, 1 << 8];
    let thread_safe = 1 << 2;
    for (ffi, ours) in [
        (0, immediately),
        (protected, protected | immediately),
        (
            protected | shareable | immediately,
            protected | shareable | immediately,
        ),
        (thread_safe, immediately),
        (thread_safe | protected, protected | immediately),
    ] {
        assert_eq!(allocation::flags(ffi), Some(ours), "{ffi:#x}");
    }
}

#[test]
fn types_with_flags_that_leave_no_room_or_are_not_known_are_not_derived_from() {
    let embeddable = 1 << 1;
    let marked_by_a_list = 1 << 14;
    for flag in [embeddable, marked_by_a_list, 1 << 20] {
        assert_eq!(allocation::flags(flag | 1), None, "{flag:#x}");
    }
}
