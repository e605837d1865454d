//! Objects that are kept alive, each at a numbered place.
//!
//! What a release needs is here for as long as its pointer lives, and until it is released. Ruby's finalizer table would
//! do, at a price: an Array for each pointer, which every collection walks, and a call for each, also for those that
//! were freed (adr/0010).

use std::{
    cell::Cell,
    collections::TryReserveError,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use magnus::{
    DataTypeFunctions, Error, Ruby, TypedData, Value,
    gc::{Compactor, Marker},
    typed_data::Obj,
    value::Opaque,
};

use super::{errors, namespace};

/// How many places a page has.
const PAGE: u32 = 256;

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    pages: vec![],
    vacant: vec![],
    reserved: 0,
});

struct Registry {
    pages: Vec<Opaque<Obj<Page>>>,
    vacant: Vec<Place>,
    /// How many of the vacant places are not for anybody. There are never fewer.
    reserved: usize,
}

/// Where an object is in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(NonZeroU32);

/// Has no write barrier, as that would make a page old, and with it what it refers to, which so would outlive its use.
#[derive(TypedData)]
#[magnus(class = "SafePointer::Page", free_immediately, mark, compact, size)]
struct Page {
    kept: Box<[Cell<Option<Opaque<Value>>>]>,
}

impl DataTypeFunctions for Page {
    fn mark(&self, marker: &Marker) {
        for kept in self.kept.iter().filter_map(Cell::get) {
            marker.mark_movable(kept);
        }
    }

    fn compact(&self, compactor: &Compactor) {
        for cell in &self.kept {
            cell.set(cell.get().map(|kept| compactor.location(kept)));
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.kept)
    }
}

/// A place, or none, in memory that begins as zeroes. Atomic, so that whoever takes the place out is the only one.
#[derive(Default)]
#[repr(transparent)]
pub struct PlaceCell(AtomicU32);

impl PlaceCell {
    pub fn new(place: Place) -> Self {
        Self(AtomicU32::new(place.0.get()))
    }

    pub fn get(&self) -> Option<Place> {
        Place::from_number(self.0.load(Relaxed))
    }

    pub fn set(&self, place: Place) {
        self.0.store(place.0.get(), Relaxed);
    }

    pub fn take(&self) -> Option<Place> {
        // Most are empty, and a look is cheaper.
        self.get()
            .and_then(|_| Place::from_number(self.0.swap(0, Relaxed)))
    }
}

impl Place {
    pub fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    fn page(self) -> usize {
        ((self.0.get() - 1) / PAGE) as usize
    }

    fn index(self) -> usize {
        ((self.0.get() - 1) % PAGE) as usize
    }
}

impl Registry {
    /// Sees to it that one more page takes no memory here, nor that any of its places becomes vacant: this is done when there
    /// may be none left.
    fn make_room(&mut self) -> Result<(), TryReserveError> {
        self.pages.try_reserve(1)?;
        let places = (self.pages.len() + 1) * PAGE as usize;
        self.vacant.try_reserve(places - self.vacant.len())
    }

    /// Another Ractor may have been here since there was room.
    fn add(&mut self, page: Obj<Page>) -> Result<(), TryReserveError> {
        self.make_room()?;
        let first = self.pages.len() as u32 * PAGE + 1;
        self.pages.push(page.into());
        let places = (first..first + PAGE).rev();
        self.vacant.extend(places.filter_map(Place::from_number));
        Ok(())
    }

    /// Whether there is a place for anybody.
    fn has_room(&self) -> bool {
        self.vacant.len() > self.reserved
    }

    fn keep(&mut self, ruby: &Ruby, value: Value) -> Option<Place> {
        let place = self.vacant.pop()?;
        let (page, index) = self.cell(ruby, place)?;
        page.kept[index].set(Some(value.into()));
        Some(place)
    }

    fn take(&mut self, ruby: &Ruby, place: Place) -> Option<Opaque<Value>> {
        let (page, index) = self.cell(ruby, place)?;
        let kept = page.kept[index].take()?;
        self.vacant.push(place);
        Some(kept)
    }

    fn cell(&self, ruby: &Ruby, place: Place) -> Option<(Obj<Page>, usize)> {
        let page = ruby.get_inner(*self.pages.get(place.page())?);
        Some((page, place.index()))
    }
}

fn with_registry<T>(body: impl FnOnce(&mut Registry) -> T) -> T {
    // Nothing that can start a GC runs meanwhile.
    body(&mut REGISTRY.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps `value` until [`take`]. Fails where there is no memory for another page.
#[inline(always)]
pub fn keep(ruby: &Ruby, value: Value) -> Result<Place, Error> {
    loop {
        let kept = with_registry(|registry| match registry.has_room() {
            true => registry.keep(ruby, value),
            false => None,
        });
        match kept {
            Some(place) => return Ok(place),
            None => add_page(ruby)?,
        }
    }
}

fn add_page(ruby: &Ruby) -> Result<(), Error> {
    let mut kept = vec![];
    let reserved = kept
        .try_reserve_exact(PAGE as usize)
        .and_then(|()| with_registry(Registry::make_room));
    if reserved.is_err() {
        return errors::no_memory();
    }
    kept.resize(PAGE as usize, Cell::new(None));
    let kept = kept.into_boxed_slice();
    let page = ruby.obj_wrap(Page { kept });
    ruby.gc_register_mark_object(page);
    match with_registry(|registry| registry.add(page)) {
        Ok(()) => Ok(()),
        Err(_) => errors::no_memory(),
    }
}

/// A place for somebody who can neither fail to get one nor let Ruby run meanwhile. One object at a time is kept by it.
pub struct Reservation {
    /// Where that object is.
    used: PlaceCell,
}

impl Reservation {
    /// Fails where there is no memory for another page.
    pub fn new(ruby: &Ruby) -> Result<Self, Error> {
        let reserve = |registry: &mut Registry| {
            let has_room = registry.has_room();
            registry.reserved += usize::from(has_room);
            has_room
        };
        while !with_registry(reserve) {
            add_page(ruby)?;
        }
        Ok(Self {
            used: PlaceCell::default(),
        })
    }

    /// Keeps `value` until [`Reservation::take`], unless something is kept already. After [`take`] instead, no place is
    /// reserved any more.
    pub fn keep(&self, ruby: &Ruby, value: Value) -> Option<Place> {
        with_registry(|registry| {
            if self.used.get().is_some() {
                return None;
            }
            let place = registry.keep(ruby, value)?;
            registry.reserved -= 1;
            self.used.set(place);
            Some(place)
        })
    }

    /// As [`take`]. If what is there was kept by this, a place is reserved again.
    pub fn take(&self, ruby: &Ruby, place: Place) -> Option<Value> {
        let kept = with_registry(|registry| {
            let kept = registry.take(ruby, place)?;
            if self.used.get() == Some(place) {
                self.used.take();
                registry.reserved += 1;
            }
            Some(kept)
        })?;
        Some(ruby.get_inner(kept))
    }
}

/// May come in the midst of a garbage collection, as nothing that can start one has the lock.
impl Drop for Reservation {
    fn drop(&mut self) {
        if self.used.get().is_none() {
            with_registry(|registry| registry.reserved -= 1);
        }
    }
}

/// What is kept at `place`.
pub fn get(ruby: &Ruby, place: Place) -> Option<Value> {
    let (page, index) = with_registry(|registry| registry.cell(ruby, place))?;
    Some(ruby.get_inner(page.kept[index].get()?))
}

/// What is kept at `place`, which is vacant afterwards.
pub fn take(ruby: &Ruby, place: Place) -> Option<Value> {
    let kept = with_registry(|registry| registry.take(ruby, place))?;
    Some(ruby.get_inner(kept))
}

/// What is kept, and where, one object after another.
pub fn all(ruby: &Ruby) -> impl Iterator<Item = (Place, Value)> {
    let mut numbers = 1..;
    std::iter::from_fn(move || {
        loop {
            let place = Place::from_number(numbers.next()?)?;
            let (page, index) = with_registry(|registry| registry.cell(ruby, place))?;
            if let Some(kept) = page.kept[index].get() {
                return Some((place, ruby.get_inner(kept)));
            }
        }
    })
}

/// Takes out what is left and `is` true of, one object after another. The places stay taken: somebody still refers to
/// them.
pub fn take_all(ruby: &Ruby, is: impl Fn(Value) -> bool) -> impl Iterator<Item = Value> {
    all(ruby)
        .filter(move |(_, kept)| is(*kept))
        .map(|(place, kept)| {
            if let Some((page, index)) = with_registry(|registry| registry.cell(ruby, place)) {
                page.kept[index].set(None);
            }
            kept
        })
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    namespace::define_data_class::<Page>(ruby, "Page")
}

#[cfg(test)]
mod tests;
