//! The releasers of the pointers that are alive: what a release needs is still there when its pointer is gone. A
//! pointer that a C function releases has none, but where somebody watches its origin is kept here.
//!
//! Ruby's finalizer table would do, at a price: an Array for each pointer, which every collection walks, and a call for
//! each, also for those that were freed (adr/0005).

use std::{
    cell::Cell,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use magnus::{
    DataTypeFunctions, Error, RClass, Ruby, TryConvert, TypedData, Value,
    gc::{Compactor, Marker},
    prelude::*,
    typed_data::Obj,
    value::Opaque,
};

use crate::releaser::Releaser;

/// How many releasers a page has.
const PAGE: u32 = 256;

static REGISTER: Mutex<Register> = Mutex::new(Register {
    pages: vec![],
    vacant: vec![],
    kept: 0,
});

struct Register {
    pages: Vec<Opaque<Obj<Page>>>,
    vacant: Vec<Place>,
    /// How many releasers there are.
    kept: usize,
}

/// Where a releaser is in the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(NonZeroU32);

/// Has no write barrier, as that would make a page old, and with it what it refers to: releasers would outlive their
/// pointers.
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

/// What is kept for a pointer.
pub enum Kept {
    Releaser(Obj<Releaser>),
    /// A `SafePointer::Diagnostics::Origin`.
    Origin(Value),
}

impl From<Value> for Kept {
    fn from(kept: Value) -> Self {
        Obj::try_convert(kept).map_or(Self::Origin(kept), Self::Releaser)
    }
}

/// Where a pointer has its place in memory that begins as zeroes. Atomic, as a frozen pointer can be in several Ractors.
#[repr(transparent)]
pub struct PlaceCell(AtomicU32);

impl PlaceCell {
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

impl Register {
    fn cell(&self, ruby: &Ruby, place: Place) -> Option<(Obj<Page>, usize)> {
        let page = ruby.get_inner(*self.pages.get(place.page())?);
        Some((page, place.index()))
    }
}

fn with_register<T>(body: impl FnOnce(&mut Register) -> T) -> T {
    // Nothing that can start a GC runs meanwhile.
    body(&mut REGISTER.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps `value`, a releaser or an origin, until [`take`].
#[inline(always)]
pub fn keep(ruby: &Ruby, value: Value) -> Place {
    loop {
        let vacant = with_register(|register| {
            let place = register.vacant.pop()?;
            let cell = register.cell(ruby, place)?;
            register.kept += 1;
            Some((place, cell))
        });
        if let Some((place, (page, index))) = vacant {
            page.kept[index].set(Some(value.into()));
            return place;
        }
        add_page(ruby);
    }
}

fn add_page(ruby: &Ruby) {
    let kept = (0..PAGE).map(|_| Cell::new(None)).collect();
    let page = ruby.obj_wrap(Page { kept });
    ruby.gc_register_mark_object(page);
    with_register(|register| {
        let first = register.pages.len() as u32 * PAGE + 1;
        register.pages.push(page.into());
        let places = (first..first + PAGE).rev();
        register
            .vacant
            .extend(places.filter_map(Place::from_number));
    });
}

/// What is kept at `place`.
pub fn get(ruby: &Ruby, place: Place) -> Option<Kept> {
    let (page, index) = with_register(|register| register.cell(ruby, place))?;
    Some(Kept::from(ruby.get_inner(page.kept[index].get()?)))
}

/// What is kept at `place`, which is vacant afterwards.
pub fn take(ruby: &Ruby, place: Place) -> Option<Value> {
    let kept = with_register(|register| {
        let (page, index) = register.cell(ruby, place)?;
        let kept = page.kept[index].take()?;
        register.vacant.push(place);
        register.kept -= 1;
        Some(kept)
    })?;
    Some(ruby.get_inner(kept))
}

/// The releaser at `place`, which is vacant afterwards.
pub fn take_releaser(ruby: &Ruby, place: Place) -> Option<Obj<Releaser>> {
    match Kept::from(take(ruby, place)?) {
        Kept::Releaser(releaser) => Some(releaser),
        Kept::Origin(_) => None,
    }
}

/// The origin at `place`, which is vacant afterwards.
pub fn take_origin(ruby: &Ruby, place: Place) -> Option<Value> {
    match Kept::from(take(ruby, place)?) {
        Kept::Releaser(_) => None,
        Kept::Origin(origin) => Some(origin),
    }
}

/// The origin at `place`, which stays there.
pub fn origin(ruby: &Ruby, place: Place) -> Option<Value> {
    match get(ruby, place)? {
        Kept::Releaser(_) => None,
        Kept::Origin(origin) => Some(origin),
    }
}

/// Whether nothing is left.
pub fn is_empty() -> bool {
    with_register(|register| register.kept == 0)
}

/// Takes out the releasers that are left, one after another. The places stay taken: pointers still refer to them.
pub fn take_all(ruby: &Ruby) -> impl Iterator<Item = Obj<Releaser>> {
    let mut numbers = 1..;
    std::iter::from_fn(move || {
        loop {
            let place = Place::from_number(numbers.next()?)?;
            let (page, index) = with_register(|register| register.cell(ruby, place))?;
            let cell = &page.kept[index];
            if let Some(Kept::Releaser(releaser)) =
                cell.get().map(|kept| Kept::from(ruby.get_inner(kept)))
            {
                cell.set(None);
                with_register(|register| register.kept -= 1);
                return Some(releaser);
            }
        }
    })
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    let class = safe_pointer.define_class("Page", ruby.class_object())?;
    class.undef_default_alloc_func();
    safe_pointer.funcall::<_, _, Value>("private_constant", ("Page",))?;
    Ok(())
}
