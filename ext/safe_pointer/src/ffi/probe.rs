//! Finds out the layout of ffi's data, by looking at pointers that are made for it.

use std::hint::black_box;

use magnus::{Error, Ruby, Value, prelude::*, rb_sys::AsRawValue};
use rb_sys::VALUE;

use super::{
    classes,
    data::{Data, Word},
    layout::{self, Fields, Layout, NIL, Places, Shapes},
};

/// Takes a look at ffi's pointers, whose data is of `length` bytes at most.
pub fn init(ruby: &Ruby, length: usize) {
    if let Ok(Some(found)) = find(ruby, length) {
        layout::set(found);
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
        let class = classes::pointer_class(ruby)?;
        let number: Value = class.new_instance((type_size, address))?;
        let derived: Value = class.new_instance((type_size, number))?;
        let derived_twice: Value = class.new_instance((type_size, derived))?;
        let null: Value = class.new_instance((type_size, address))?;
        let null_derived: Value = class.new_instance((type_size, number))?;
        for pointer in [null, null_derived] {
            classes::initialize(ruby, pointer, type_size, 0)?;
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

    fn all(&self) -> [Data; 5] {
        let [null, null_derived] = self.nulls;
        [
            self.number,
            self.derived,
            self.derived_twice,
            null,
            null_derived,
        ]
    }

    fn number_value(&self) -> VALUE {
        self.values[0].as_raw()
    }
}

fn find(ruby: &Ruby, length: usize) -> Result<Option<Layout>, Error> {
    let blank: Value = classes::pointer_class(ruby)?.funcall("allocate", ())?;
    let one = Specimens::make(ruby, TYPE_SIZE, ADDRESS)?;
    let other = Specimens::make(ruby, TYPE_SIZE - 1, ADDRESS * 2)?;
    let (Some(blank_data), Some(one), Some(other)) = (Data::of(blank), one, other) else {
        return Ok(None);
    };
    let looked_at = [one.all(), other.all()].concat();
    let lengths = looked_at.iter().map(|data| data.length(length));
    let length = lengths.fold(blank_data.length(length), usize::min);
    let fields = find_fields(&one, length);
    let shapes = find_shapes(fields, length, blank_data, &[&one, &other]);
    // Until here: their data was looked at.
    black_box((blank, one.values, other.values));
    Ok(Some(Layout { fields, shapes }))
}

fn find_fields(specimens: &Specimens, length: usize) -> Fields {
    let Specimens {
        number, derived, ..
    } = specimens;
    let origin = specimens.number_value();
    Fields {
        address: only_place(length, number, ADDRESS, |_| true),
        type_size: only_place(length, number, TYPE_SIZE, |_| true),
        origin: only_place(length, derived, origin, |at| {
            number.read::<VALUE>(at) == NIL
        }),
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

/// `None` if what was made in the same way differs in more than the fields.
fn find_shapes(
    fields: Fields,
    length: usize,
    blank: Data,
    specimens: &[&Specimens],
) -> Option<Shapes> {
    let at = Places {
        address: fields.address?,
        type_size: fields.type_size?,
        origin: fields.origin?,
    };
    if length % size_of::<Word>() != 0 {
        return None;
    }
    let mask = mask(at, length);
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
    Some(Shapes {
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

/// Has the bits set that belong to none of the fields.
fn mask(at: Places, length: usize) -> Box<[Word]> {
    let mut bytes = vec![0xff_u8; length];
    let fields = [
        (at.address, size_of::<usize>()),
        (at.type_size, size_of::<i32>()),
        (at.origin, size_of::<VALUE>()),
    ];
    for (start, size) in fields {
        bytes[start..start + size].fill(0);
    }
    let words = bytes.chunks_exact(size_of::<Word>());
    words
        .map(|word| Word::from_ne_bytes(word.try_into().unwrap_or_default()))
        .collect()
}
