//! Whoever calls the finalizer, as often as they like: it does what is due, and nothing else.

use magnus::{Error, Integer, RArray, Ruby, Value, eval, prelude::*};

use super::*;
use crate::testing::in_ruby;

fn finalizer(ruby: &Ruby) -> Option<Value> {
    Some(ruby.get_inner(FINALIZER.get()?.entry).as_value())
}

/// The object id that has this number, as Ruby passes it.
fn integer(ruby: &Ruby, number: u64) -> Integer {
    ruby.integer_from_u64(number)
}

/// A pointer that nobody refers to. What is released is in the Array.
fn make_dead(ruby: &Ruby) -> Result<RArray, Error> {
    ruby.eval(
        "released = []
         make = ->(log) { SafePointer.new(FFI::Pointer.new(8), ->(raw) { log << raw.address }); nil }
         Thread.new(&-> { make.(released) }).join
         released",
    )
}

#[test]
fn a_second_call_does_nothing() {
    in_ruby(|ruby| {
        let released = make_dead(ruby)?;
        ruby.gc_start();
        let finalizer = finalizer(ruby);
        for _ in 0..3 {
            let _: Value = eval!(ruby, "finalizer.call", finalizer)?;
        }
        assert_eq!(released.len(), 1);
        Ok(())
    });
}

#[test]
fn a_call_with_any_id_makes_no_sentinel() {
    in_ruby(|ruby| {
        let finalizer = finalizer(ruby);
        // A collection would make one.
        let _: bool = ruby.eval("GC.disable")?;
        let before = SENTINEL.load(Relaxed);
        for id in ["0", "8", "nil", "Object.new", "2**80"] {
            let id: Value = ruby.eval(id)?;
            let _: Value = eval!(ruby, "finalizer.call(id)", finalizer, id)?;
        }
        assert_eq!(SENTINEL.load(Relaxed), before);
        let _: bool = ruby.eval("GC.enable")?;
        Ok(())
    });
}

#[test]
fn a_call_with_the_id_for_the_end_does_not_begin_it() {
    in_ruby(|ruby| {
        let finalizer = finalizer(ruby);
        let id = integer(ruby, FIRST_ROUND.load(Relaxed));
        let _: Value = eval!(ruby, "finalizer.call(id)", finalizer, id)?;
        assert!(!process::is_ending());
        Ok(())
    });
}

#[test]
fn a_sentinel_that_was_replaced_makes_none() {
    in_ruby(|ruby| {
        let replaced = SENTINEL.load(Relaxed);
        replace_sentinel(ruby);
        let current = SENTINEL.load(Relaxed);
        assert_ne!(current, replaced);
        let finalizer = finalizer(ruby);
        let id = integer(ruby, replaced);
        let _: Value = eval!(ruby, "finalizer.call(id)", finalizer, id)?;
        assert_eq!(SENTINEL.load(Relaxed), current);
        Ok(())
    });
}

#[test]
fn each_collection_is_followed_by_a_new_sentinel() {
    in_ruby(|ruby| {
        let before = SENTINEL.load(Relaxed);
        // Twice: a reference that is left on a stack may keep the first one.
        for _ in 0..2 {
            let _: Value = ruby.eval("Fiber.new { GC.start }.resume")?;
        }
        assert_ne!(SENTINEL.load(Relaxed), before);
        Ok(())
    });
}

#[test]
fn a_release_may_call_it() {
    in_ruby(|ruby| {
        let released: RArray = eval!(
            ruby,
            "released = []
             make = lambda do |log, call|
               SafePointer.new(FFI::Pointer.new(8), ->(raw) { log << raw.address; call.call })
               nil
             end
             Thread.new(&-> { make.(released, finalizer) }).join
             GC.start
             finalizer.call
             released",
            finalizer = finalizer(ruby)
        )?;
        assert_eq!(released.len(), 1);
        Ok(())
    });
}
