//! What ffi's data of a pointer looks like.
//!
//! Nothing of ffi's layout is written down here: which field is where, and what ffi's `initialize` writes, is found out
//! by looking at pointers that are made for it. Where that gives no clear answer, ffi is asked every time.

use std::{hint::black_box, ptr::NonNull, sync::OnceLock};

use magnus::{Error, Ruby, Value, prelude::*, rb_sys::AsRawValue};
use rb_sys::VALUE;

use super::data;
use crate::ffi;

static IMAGE: OnceLock<Image> = OnceLock::new();

const NIL: VALUE = rb_sys::Qnil as VALUE;

type Word = u64;

struct Image {
    fields: Fields,
    shapes: Option<Shapes>,
}

/// Where in ffi's data is what, by the byte.
#[derive(Clone, Copy)]
struct Fields {
    address: Option<usize>,
    type_size: Option<usize>,
    /// The pointer that this one was made from.
    origin: Option<usize>,
}

/// What is in ffi's data beside the fields.
struct Shapes {
    at: Places,
    /// Has the bits set that do not belong to the fields.
    mask: Box<[Word]>,
    /// Of a pointer that is allocated and not initialized.
    blank: Box<[Word]>,
    /// Of one that was initialized with a number other than 0, or with such a pointer.
    initialized: Box<[Word]>,
    /// Of one that was initialized again, with 0.
    null: Box<[Word]>,
    /// Whether that keeps the origin.
    null_keeps_origin: bool,
}

/// [`Fields`], all of them known.
#[derive(Clone, Copy)]
struct Places {
    address: usize,
    type_size: usize,
    origin: usize,
}

/// What a pointer is to be initialized with.
#[derive(Clone, Copy)]
pub enum Target {
    Address(usize),
    /// A pointer of ffi's.
    Pointer(Value),
}

/// The address of `pointer`, a pointer of ffi or ours, if it can be read without asking ffi.
pub fn address(pointer: Value) -> Option<usize> {
    let at = IMAGE.get()?.fields.address?;
    Data::of(pointer).map(|data| data.read(at))
}

/// The same for the size of what it points to.
pub fn type_size(pointer: Value) -> Option<i32> {
    let at = IMAGE.get()?.fields.type_size?;
    Data::of(pointer).map(|data| data.read(at))
}

/// Whether `raw`, a pointer of ffi's own class, is an address and nothing else: neither does it keep another object alive
/// nor has it memory of its own.
pub fn is_address(raw: Value) -> bool {
    let shapes = IMAGE.get().and_then(|image| image.shapes.as_ref());
    shapes.zip(Data::of(raw)).is_some_and(|(shapes, data)| {
        shapes.fit(data, &shapes.initialized) && data.read::<VALUE>(shapes.at.origin) == NIL
    })
}

/// Does to `pointer`, one of ours, what ffi's `initialize(type_size, target)` would, by writing the same data. Returns
/// `false`, and has done nothing, where it is not known what that is.
pub fn point(pointer: Value, type_size: i32, target: Target) -> bool {
    let shapes = IMAGE.get().and_then(|image| image.shapes.as_ref());
    shapes.is_some_and(|shapes| shapes.point(pointer, type_size, target) == Some(()))
}

impl Shapes {
    fn point(&self, pointer: Value, type_size: i32, target: Target) -> Option<()> {
        let data = Data::of(pointer)?;
        let (before, after, address, origin) = match target {
            // A pointer that is released.
            Target::Address(0) => {
                let origin = match self.null_keeps_origin {
                    true => data.read(self.at.origin),
                    false => NIL,
                };
                (&self.initialized, &self.null, 0, origin)
            }
            Target::Address(address) => (&self.blank, &self.initialized, address, NIL),
            Target::Pointer(raw) => {
                let from = Data::of(raw).filter(|from| self.fit(*from, &self.initialized))?;
                let address = from.read(self.at.address);
                (&self.blank, &self.initialized, address, raw.as_raw())
            }
        };
        if !self.fit(data, before) {
            return None;
        }
        data.fill(after);
        data.write(self.at.address, address);
        data.write(self.at.type_size, type_size);
        data.write(self.at.origin, origin);
        if let Target::Pointer(_) = target {
            // SAFETY: both are live objects, and `pointer` refers to `origin` already.
            unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), origin) };
        }
        Some(())
    }

    fn fit(&self, data: Data, shape: &[Word]) -> bool {
        let words = data.words(shape.len()).iter().zip(&self.mask).zip(shape);
        // All of them, which takes fewer instructions than to stop at the first that differs.
        words.fold(0, |other, ((data, mask), word)| other | data & mask ^ word) == 0
    }
}

/// The data of a pointer of ffi's, as long as the pointer lives.
#[derive(Clone, Copy)]
struct Data(NonNull<u8>);

impl Data {
    fn of(pointer: Value) -> Option<Self> {
        let block = match data::untyped(pointer) {
            Some(data) => data.block,
            None => data::typed(pointer)?.block,
        };
        NonNull::new(block.cast()).map(Self)
    }

    fn place<T>(self, at: usize) -> *mut T {
        self.0.as_ptr().wrapping_add(at).cast()
    }

    /// What is `at` so many bytes.
    fn read<T: Copy>(self, at: usize) -> T {
        // SAFETY: `at` is a place within the data that was made for a `T`, or a number of the same size.
        unsafe { self.place::<T>(at).read() }
    }

    /// The GVL is held, so nobody else is at it.
    fn write<T: Copy>(self, at: usize, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.place::<T>(at).write(value) };
    }

    /// The data as so many words.
    fn words<'a>(self, count: usize) -> &'a [Word] {
        // SAFETY: `count` is that of ffi's data, which nobody writes to while this is looked at.
        unsafe { std::slice::from_raw_parts(self.place(0), count) }
    }

    fn fill(self, words: &[Word]) {
        // SAFETY: there are as many of them as in ffi's data.
        unsafe {
            words
                .as_ptr()
                .copy_to_nonoverlapping(self.place(0), words.len())
        };
    }
}

/// Takes a look at ffi's pointers, whose data is of `length` bytes.
pub fn init(ruby: &Ruby, length: usize) {
    if let Ok(Some(image)) = Image::take(ruby, length) {
        IMAGE.get_or_init(|| image);
    }
}

/// Numbers that no other field of a pointer has.
const ADDRESS: usize = 0x5afe_0000;
const TYPE_SIZE: i32 = 0x005a_fe01;

/// Pointers that ffi has made from two numbers.
struct Specimens {
    values: [Value; 5],
    number: Data,
    /// From `number`.
    derived: Data,
    derived_twice: Data,
    /// As `number` and `derived`, and initialized again with 0.
    nulls: [Data; 2],
}

impl Specimens {
    fn make(ruby: &Ruby, type_size: i32, address: usize) -> Result<Option<Self>, Error> {
        let class = ffi::pointer_class(ruby)?;
        let number: Value = class.new_instance((type_size, address))?;
        let derived: Value = class.new_instance((type_size, number))?;
        let derived_twice: Value = class.new_instance((type_size, derived))?;
        let null: Value = class.new_instance((type_size, address))?;
        let null_derived: Value = class.new_instance((type_size, number))?;
        for pointer in [null, null_derived] {
            ffi::initialize(ruby, pointer, type_size, 0)?;
        }
        let values = [number, derived, derived_twice, null, null_derived];
        let [
            Some(number),
            Some(derived),
            Some(derived_twice),
            Some(null),
            Some(null_derived),
        ] = values.map(Data::of)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            values,
            number,
            derived,
            derived_twice,
            nulls: [null, null_derived],
        }))
    }

    fn number_value(&self) -> VALUE {
        self.values[0].as_raw()
    }
}

impl Image {
    fn take(ruby: &Ruby, length: usize) -> Result<Option<Self>, Error> {
        let blank: Value = ffi::pointer_class(ruby)?.funcall("allocate", ())?;
        let one = Specimens::make(ruby, TYPE_SIZE, ADDRESS)?;
        let other = Specimens::make(ruby, TYPE_SIZE - 1, ADDRESS * 2)?;
        let (Some(blank_data), Some(one), Some(other)) = (Data::of(blank), one, other) else {
            return Ok(None);
        };
        let fields = Fields::find(&one, length);
        let shapes = Shapes::find(fields, length, blank_data, &[&one, &other]);
        // Until here: their data was looked at.
        black_box((blank, one.values, other.values));
        Ok(Some(Self { fields, shapes }))
    }
}

impl Fields {
    fn find(specimens: &Specimens, length: usize) -> Self {
        let Specimens {
            number, derived, ..
        } = specimens;
        let origin = specimens.number_value();
        Self {
            address: only_place(length, number, ADDRESS, |_| true),
            type_size: only_place(length, number, TYPE_SIZE, |_| true),
            origin: only_place(length, derived, origin, |at| {
                number.read::<VALUE>(at) == NIL
            }),
        }
    }
}

/// The only place in the `length` bytes of `data` that has `number`, and for which `is` is true.
fn only_place<T: Copy + PartialEq>(
    length: usize,
    data: &Data,
    number: T,
    is: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut found = (0..=length.checked_sub(size_of::<T>())?)
        .step_by(align_of::<T>())
        .filter(|at| data.read::<T>(*at) == number && is(*at));
    let place = found.next()?;
    found.next().is_none().then_some(place)
}

impl Shapes {
    /// `None` if the fields are not all that tells apart what was made in the same way.
    fn find(fields: Fields, length: usize, blank: Data, specimens: &[&Specimens]) -> Option<Self> {
        let at = Places {
            address: fields.address?,
            type_size: fields.type_size?,
            origin: fields.origin?,
        };
        if length % size_of::<Word>() != 0 {
            return None;
        }
        let mask = at.mask(length);
        let shape = |data: &Data| -> Box<[Word]> {
            let words = data.words(mask.len()).iter().zip(&mask);
            words.map(|(word, mask)| word & mask).collect()
        };
        let common = |all: Vec<Data>| {
            let mut shapes = all.iter().map(shape);
            let first = shapes.next()?;
            shapes.all(|shape| shape == first).then_some(first)
        };
        let initialized = specimens
            .iter()
            .flat_map(|made| [made.number, made.derived, made.derived_twice]);
        let nulls = specimens.iter().flat_map(|made| made.nulls);
        let origins = specimens.iter().map(|made| {
            let [number, derived] = made.nulls.map(|null| null.read::<VALUE>(at.origin));
            match derived {
                _ if number != NIL => None,
                NIL => Some(false),
                origin => (origin == made.number_value()).then_some(true),
            }
        });
        let origins: Vec<_> = origins.collect::<Option<_>>()?;
        Some(Self {
            at,
            blank: shape(&blank),
            initialized: common(initialized.collect())?,
            null: common(nulls.collect())?,
            null_keeps_origin: match *origins {
                [one, other] if one == other => one,
                _ => return None,
            },
            mask,
        })
    }
}

impl Places {
    fn mask(self, length: usize) -> Box<[Word]> {
        let mut bytes = vec![0xff_u8; length];
        let fields = [
            (self.address, size_of::<usize>()),
            (self.type_size, size_of::<i32>()),
            (self.origin, size_of::<VALUE>()),
        ];
        for (at, size) in fields {
            bytes[at..at + size].fill(0);
        }
        let words = bytes.chunks_exact(size_of::<Word>());
        words
            .map(|word| Word::from_ne_bytes(word.try_into().unwrap_or_default()))
            .collect()
    }
}
