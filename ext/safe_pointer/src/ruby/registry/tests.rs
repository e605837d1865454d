//! What is kept is found again, until it is taken.

use std::hint::black_box;

use magnus::{Error, Integer, Ruby, TryConvert, Value, prelude::*, rb_sys::AsRawValue};

use super::*;
use crate::testing::in_ruby;

/// There is memory enough.
fn keep(ruby: &Ruby, value: Value) -> Place {
    match super::keep(ruby, value) {
        Ok(place) => place,
        Err(error) => unreachable!("{error}"),
    }
}

/// Keeps so many texts that nothing else refers to, with gaps between them that compaction can fill.
#[inline(never)]
fn keep_texts(ruby: &Ruby, count: u32) -> Vec<Place> {
    let texts = (0..count).map(|number| {
        black_box(ruby.str_new(&text(number)));
        ruby.str_new(&text(number)).as_value()
    });
    texts.map(|text| keep(ruby, text)).collect()
}

fn text(number: u32) -> String {
    format!("{number:=^100}")
}

fn texts_at(ruby: &Ruby, places: &[Place]) -> Result<Vec<String>, Error> {
    let kept = places.iter().map(|place| match get(ruby, *place) {
        Some(text) => TryConvert::try_convert(text),
        None => Ok("nothing".into()),
    });
    kept.collect()
}

/// Where the objects are that `places` keep, in words that refer to nothing once they are in a `Vec`.
#[inline(never)]
fn addresses(ruby: &Ruby, places: &[Place]) -> Vec<Option<rb_sys::VALUE>> {
    let kept = places.iter().map(|place| get(ruby, *place));
    kept.map(|kept| kept.map(|text| text.as_raw())).collect()
}

/// Pointers of other tests may not die meanwhile, and give their places back.
fn without_gc<T>(ruby: &Ruby, body: impl FnOnce() -> T) -> T {
    ruby.gc_disable();
    let result = body();
    ruby.gc_enable();
    result
}

fn number(ruby: &Ruby, number: i64) -> Value {
    ruby.integer_from_i64(number).as_value()
}

fn take_number(ruby: &Ruby, place: Place) -> Option<i64> {
    number_of(take(ruby, place))
}

fn reserved() -> usize {
    with_registry(|registry| registry.reserved)
}

fn number_of(kept: Option<Value>) -> Option<i64> {
    Integer::from_value(kept?)?.to_i64().ok()
}

#[test]
fn what_is_kept_is_taken_once() {
    in_ruby(|ruby| {
        let places = [1, 2, 3].map(|value| keep(ruby, number(ruby, value)));
        let taken = [2, 0, 1, 0, 2].map(|index: usize| take_number(ruby, places[index]));
        assert_eq!(taken, [Some(3), Some(1), Some(2), None, None]);
        Ok(())
    });
}

#[test]
fn a_place_that_was_given_back_is_used_again() {
    in_ruby(|ruby| {
        let place = keep(ruby, number(ruby, 1));
        assert_eq!(take_number(ruby, place), Some(1));
        assert_eq!(keep(ruby, number(ruby, 2)), place);
        assert_eq!(take_number(ruby, place), Some(2));
        Ok(())
    });
}

#[test]
fn a_place_is_given_back_once() {
    in_ruby(|ruby| {
        let place = keep(ruby, number(ruby, 1));
        let taken = [(); 3].map(|()| take_number(ruby, place));
        assert_eq!(taken, [Some(1), None, None]);
        let places = [2, 3].map(|value| keep(ruby, number(ruby, value)));
        assert_ne!(places[0], places[1]);
        let taken = places.map(|place| take_number(ruby, place));
        assert_eq!(taken, [Some(2), Some(3)]);
        Ok(())
    });
}

#[test]
fn there_is_nothing_at_a_place_that_never_was() {
    in_ruby(|ruby| {
        let place = Place::from_number(u32::MAX);
        assert!(place.is_some_and(|place| get(ruby, place).is_none()));
        assert!(place.is_some_and(|place| take(ruby, place).is_none()));
        assert_eq!(Place::from_number(0), None);
        Ok(())
    });
}

#[test]
fn a_page_is_added_where_all_are_full_and_is_used_again() {
    in_ruby(|ruby| {
        let pages = || with_registry(|registry| registry.pages.len());
        let added = without_gc(ruby, || {
            let before = pages();
            let vacant = with_registry(|registry| registry.vacant.len() - registry.reserved) as i64;
            [vacant, vacant + 1, vacant + i64::from(PAGE), vacant + 1].map(|count| {
                let places: Vec<Place> = (0..count)
                    .map(|value| keep(ruby, number(ruby, value)))
                    .collect();
                let added = pages() - before;
                for (value, place) in (0..).zip(places) {
                    assert_eq!(take_number(ruby, place), Some(value));
                }
                added
            })
        });
        assert_eq!(added, [0, 1, 1, 1]);
        Ok(())
    });
}

/// As many places are reserved as there are vacant ones, so that only who has reserved one gets a place.
#[test]
fn what_is_reserved_is_there_for_one_object_at_a_time() {
    in_ruby(|ruby| {
        without_gc(ruby, || {
            let pages = with_registry(|registry| registry.pages.len());
            let room = with_registry(|registry| registry.vacant.len() - registry.reserved);
            let reservations: Vec<Reservation> =
                (0..room).flat_map(|_| Reservation::new(ruby)).collect();
            assert_eq!(reservations.len(), room);
            assert_eq!(with_registry(|registry| registry.pages.len()), pages);

            let first = &reservations[0];
            let places = [1, 2].map(|value| first.keep(ruby, number(ruby, value)));
            assert!(places[0].is_some());
            assert_eq!(places[1], None);
            let elsewhere = keep(ruby, number(ruby, 3));
            assert_eq!(with_registry(|registry| registry.pages.len()), pages + 1);

            // Only what it has kept itself makes it reserve again.
            let before = reserved();
            assert_eq!(number_of(first.take(ruby, elsewhere)), Some(3));
            assert_eq!(reserved(), before);
            let taken = places[0].and_then(|place| first.take(ruby, place));
            assert_eq!(number_of(taken), Some(1));
            assert_eq!(reserved(), before + 1);
            let places: Vec<Place> = reservations
                .iter()
                .flat_map(|reservation| reservation.keep(ruby, number(ruby, 4)))
                .collect();
            assert_eq!(places.len(), room);
            assert_eq!(with_registry(|registry| registry.pages.len()), pages + 1);
            for place in places {
                assert_eq!(take_number(ruby, place), Some(4));
            }
        });
        Ok(())
    });
}

#[test]
fn what_was_reserved_and_is_not_used_is_free_again() {
    in_ruby(|ruby| {
        without_gc(ruby, || {
            let before = reserved();
            let reservations: Vec<Reservation> = [(); 3]
                .iter()
                .flat_map(|()| Reservation::new(ruby))
                .collect();
            assert_eq!(reserved(), before + 3);
            let place = reservations[0].keep(ruby, number(ruby, 1));
            assert_eq!(reserved(), before + 2);
            drop(reservations);
            assert_eq!(reserved(), before);
            assert_eq!(place.and_then(|place| take_number(ruby, place)), Some(1));
            assert_eq!(reserved(), before);
        });
        Ok(())
    });
}

#[test]
fn what_is_kept_stays_alive_and_is_followed_where_it_moves() {
    in_ruby(|ruby| {
        const COUNT: u32 = 2 * PAGE + 1;
        let places = keep_texts(ruby, COUNT);
        let before = addresses(ruby, &places);
        let _: Value = ruby.eval("GC.start; GC.compact; nil")?;
        let after = addresses(ruby, &places);
        assert!(
            before
                .iter()
                .zip(&after)
                .any(|(before, after)| before != after),
            "nothing was moved"
        );
        assert_eq!(
            texts_at(ruby, &places)?,
            (0..COUNT).map(text).collect::<Vec<_>>()
        );
        for place in places {
            take(ruby, place);
        }
        Ok(())
    });
}

#[test]
fn what_is_left_is_taken_out_and_its_places_are_not_used_again() {
    in_ruby(|ruby| {
        let places = [1, 2, 3].map(|value| keep(ruby, number(ruby, value)));
        let of = |kept| Integer::from_value(kept)?.to_i64().ok();
        let found = all(ruby).filter_map(|(place, kept)| Some((of(kept)?, place)));
        let mut found: Vec<(i64, Place)> = found.collect();
        found.sort_by_key(|(number, _)| *number);
        assert_eq!(found, [(1, places[0]), (2, places[1]), (3, places[2])]);
        let taken = take_all(ruby, |kept| of(kept).is_some_and(|number| number != 2));
        assert_eq!(taken.filter_map(of).sum::<i64>(), 4);
        let left = places.map(|place| take_number(ruby, place));
        assert_eq!(left, [None, Some(2), None]);
        let place = keep(ruby, number(ruby, 4));
        assert_eq!(place, places[1]);
        assert_eq!(take_number(ruby, place), Some(4));
        Ok(())
    });
}
