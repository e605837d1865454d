use magnus::{Error, prelude::*, rb_sys::AsRawValue};

use super::*;
use crate::testing::in_ruby;

#[test]
fn an_object_has_the_number_of_its_id() {
    in_ruby(|ruby| {
        let object: Value = ruby.eval("Object.new")?;
        // SAFETY: alive.
        let id = unsafe { of(object.as_raw()) };
        assert_eq!(number(object.funcall("object_id", ())?), Some(id));
        Ok(())
    });
}

/// Some of them are objects, two in each pair, on 32 bits or everywhere.
#[test]
fn an_id_that_is_an_object_is_known_by_its_number() {
    in_ruby(|ruby| {
        for id in [8, (1 << 30) - 2, 1 << 30, 1 << 40, 1 << 62, u64::MAX - 1] {
            let pair: [Value; 2] = ruby.eval(&format!("[{id}, {id}]"))?;
            assert_eq!(pair.map(number), [Some(id); 2]);
        }
        Ok(())
    });
}

#[test]
fn what_is_no_id_has_no_number() {
    in_ruby(|ruby| {
        let others = [
            "nil",
            "1.5",
            "Object.new",
            "-8",
            "-2**80",
            "2**80",
            "2**64 - 1",
        ];
        let numbers: Result<Vec<Option<u64>>, Error> = others
            .into_iter()
            .map(|other| Ok(number(ruby.eval(other)?)))
            .collect();
        assert_eq!(numbers?, [None; 7]);
        Ok(())
    });
}
