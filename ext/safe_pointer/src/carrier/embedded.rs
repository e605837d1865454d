//! The release in the pointer's own block of memory, behind ffi's data.
//!
//! ```text
//!   block:  | ffi's data | held | place |                      of most classes
//!           | ffi's data | held | place | state | address |    of classes that are released by a C function
//! ```
//!
//! `held` says what the pointer is released by: 0 before it is initialized, a Ruby object (a `Releaser`), or with
//! its lowest bit set a [`NativeRelease`]; then the state of the release is in the block too. `place` is where a
//! `Releaser` is in the register. A parent that is to be kept alive is known to the releaser, and marked by the pointer.
//!
//! Nothing of ffi's layout is written down here: the data of a new object is a copy of a blank pointer's, and
//! changing, marking, compacting and freeing it is left to ffi's own functions. How long it is ffi says itself, where its
//! pointers are typed (ffi 1.16 and later): there the type of ours is derived from ffi's (`rb_data_type_t::parent`),
//! so ffi's functions take them for their own. Where they are not typed, ffi takes any data object of the right
//! class, and the C library says how long the block is.
//!
//! An instance variable would do, but that of a T_DATA lives in a table of the whole process.

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    hint::black_box,
    ptr::{self, NonNull},
    sync::OnceLock,
};

use magnus::{
    Error, RClass, Ruby, TryConvert, Value,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    typed_data::Obj,
};
use rb_sys::{RUBY_DATA_FUNC, VALUE, rb_data_type_t, size_t};
use safe_pointer_core::State;

use super::{data, image};
use crate::{
    bell, ffi,
    native::NativeRelease,
    register::{Place, PlaceCell},
    releaser::Releaser,
    watch,
};

mod gc;

/// `RUBY_TYPED_EMBEDDABLE` of Ruby 3.3 and later: the data is inside the object, so it has no block that
/// could be longer. Earlier Rubies do not have the flag and never set the bit.
const EMBEDDABLE: VALUE = 1 << 1;

/// `RUBY_TYPED_FREE_IMMEDIATELY`: the data is freed in the midst of a garbage collection, not after it among finalizers,
/// where untyped data is freed.
const FREE_IMMEDIATELY: VALUE = 1 << 0;

/// The bit that tells a [`NativeRelease`] from a Ruby object.
const NATIVE: VALUE = 1;

/// Our part of a block.
#[repr(C)]
struct Plain {
    held: Cell<VALUE>,
    /// Where the releaser is kept that the pointer is to be released by when it is dead; where the pointer has none, its
    /// origin.
    place: PlaceCell,
    /// Whether the releaser knows of a parent that the pointer keeps alive.
    has_parent: Cell<bool>,
}

/// Our part of a block of a class that is released by a C function.
#[repr(C)]
struct Native {
    plain: Plain,
    state: State,
    address: Cell<usize>,
}

static LAYOUT: OnceLock<Layout> = OnceLock::new();

struct Layout {
    /// ffi's data of a blank pointer.
    blank: Box<[u8]>,
    /// Where our part of a block is.
    offset: usize,
    kind: Kind,
}

#[expect(clippy::large_enum_variant, reason = "there is only one of it")]
enum Kind {
    Typed {
        /// Derived from ffi's. Freed in the midst of a collection.
        plain: rb_data_type_t,
        /// The same, but freed among the finalizers.
        bell: rb_data_type_t,
        /// For the longer block. Freed in the midst of a collection: no Ruby runs when a pointer of such a class is
        /// released.
        native: rb_data_type_t,
        /// The same for those that are made while somebody watches, who is told in Ruby. Freed among the finalizers.
        watched: rb_data_type_t,
    },
    Untyped {
        mark: RUBY_DATA_FUNC,
        free: RUBY_DATA_FUNC,
    },
}

impl Layout {
    /// Whether data may be freed in the midst of a collection.
    fn is_typed(&self) -> bool {
        matches!(self.kind, Kind::Typed { .. })
    }
}

// SAFETY: never changed once made; the pointers in it are to functions and to static types.
unsafe impl Send for Layout {}
// SAFETY: as above.
unsafe impl Sync for Layout {}

/// Where a pointer keeps what it is released by.
#[derive(Clone, Copy)]
pub struct Slot {
    part: NonNull<Plain>,
    native: bool,
}

/// What a pointer is released by.
pub enum Held<'a> {
    Nothing,
    Releaser(Obj<Releaser>),
    Native(&'static NativeRelease, NativeSlot<'a>),
}

/// The state of a pointer that a C function releases.
#[derive(Clone, Copy)]
pub struct NativeSlot<'a> {
    pub state: &'a State,
    /// Stays when the pointer is NULL.
    pub address: usize,
    /// Where that of the pointer is kept, if somebody watched when it was made.
    pub origin: &'a PlaceCell,
}

impl Slot {
    fn plain(&self) -> &Plain {
        // SAFETY: made from the block of a live object, which has our part at this place.
        unsafe { self.part.as_ref() }
    }

    fn native<'a>(&self) -> Option<&'a Native> {
        if !self.native {
            return None;
        }
        // SAFETY: as in `plain`; the longer part is there, as `native` says.
        Some(unsafe { self.part.cast::<Native>().as_ref() })
    }

    /// `pointer` is the object the slot was taken from.
    pub fn set(&self, pointer: Value, releaser: Obj<Releaser>) {
        self.plain().held.set(releaser.as_raw());
        // SAFETY: both are live objects, and the slot of `pointer` refers to `releaser` already.
        unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), releaser.as_raw()) };
    }

    /// Has a C function release what is at `address`. Returns `false` if there is no room for that.
    pub fn set_native(&self, release: &'static NativeRelease, address: usize) -> bool {
        let Some(native) = self.native() else {
            return false;
        };
        native.address.set(address);
        native
            .plain
            .held
            .set(ptr::from_ref(release).addr() as VALUE | NATIVE);
        true
    }

    /// `pointer` is the object the slot was taken from, and `releaser` what it holds.
    pub fn set_parent(&self, pointer: Value, releaser: Obj<Releaser>, parent: Value) {
        let parent = (!parent.is_nil()).then_some(parent);
        releaser.set_parent(parent);
        self.plain().has_parent.set(parent.is_some());
        if let Some(parent) = parent {
            // SAFETY: both are live objects, and `mark` finds `parent` from `pointer` already.
            unsafe { rb_sys::rb_gc_writebarrier(pointer.as_raw(), parent.as_raw()) };
        }
    }

    pub fn set_place(&self, place: Place) {
        self.plain().place.set(place);
        if LAYOUT.get().is_some_and(Layout::is_typed) {
            bell::need();
        }
    }

    pub fn take_place(&self) -> Option<Place> {
        self.plain().place.take()
    }

    /// Whether [`set_native`](Self::set_native) can be done.
    pub fn has_room(&self) -> bool {
        self.native
    }

    pub fn get<'a>(&self) -> Held<'a> {
        let held = self.plain().held.get();
        if held == 0 {
            return Held::Nothing;
        }
        if let Some(native) = self.native()
            && let Some(release) = native_release(held)
        {
            let slot = NativeSlot {
                state: &native.state,
                address: native.address.get(),
                origin: &native.plain.place,
            };
            return Held::Native(release, slot);
        }
        // SAFETY: the slot holds a releaser, which the pointer's `mark` keeps alive.
        let value = unsafe { Value::from_raw(held) };
        Obj::try_convert(value).map_or(Held::Nothing, Held::Releaser)
    }
}

fn native_release(held: VALUE) -> Option<&'static NativeRelease> {
    if held & NATIVE == 0 {
        return None;
    }
    let release = ptr::with_exposed_provenance::<NativeRelease>((held & !NATIVE) as usize);
    // SAFETY: with the bit set this was a reference to a release, which lives for ever.
    unsafe { release.as_ref() }
}

/// The slot of `pointer`, or `None` where it was allocated without.
pub fn slot(pointer: Value) -> Option<Slot> {
    let layout = LAYOUT.get()?;
    let (block, native) = match &layout.kind {
        Kind::Typed {
            plain,
            bell,
            native,
            watched,
        } => {
            let data = data::typed(pointer)?;
            match data.data_type {
                found if ptr::eq(found, plain) || ptr::eq(found, bell) => (data.block, false),
                found if ptr::eq(found, native) || ptr::eq(found, watched) => (data.block, true),
                _ => return None,
            }
        }
        Kind::Untyped { .. } => {
            let data = data::untyped(pointer)?;
            match data.free {
                Some(free) if ptr::fn_addr_eq(free, gc::free_plain as Free) => (data.block, false),
                Some(free) if ptr::fn_addr_eq(free, gc::free_native as Free) => (data.block, true),
                _ => return None,
            }
        }
    };
    let part = NonNull::new(part_of(block, layout))?;
    Some(Slot { part, native })
}

type Free = unsafe extern "C" fn(*mut c_void);
type Size = unsafe extern "C" fn(*const c_void) -> size_t;

fn part_of(block: *mut c_void, layout: &Layout) -> *mut Plain {
    block.wrapping_byte_add(layout.offset).cast()
}

unsafe extern "C" fn allocate_plain(class: VALUE) -> VALUE {
    // SAFETY: Ruby calls with a class.
    unsafe { allocate(class, false) }
}

unsafe extern "C" fn allocate_native(class: VALUE) -> VALUE {
    // SAFETY: Ruby calls with a class.
    unsafe { allocate(class, true) }
}

/// # Safety
///
/// `class` is a class.
unsafe fn allocate(class: VALUE, native: bool) -> VALUE {
    let Some(layout) = LAYOUT.get() else {
        return rb_sys::Qnil as VALUE;
    };
    let part = if native {
        size_of::<Native>()
    } else {
        size_of::<Plain>()
    };
    // SAFETY: an allocation function may raise, and this one has nothing to drop. Zeroes are a state of ours too:
    // nothing is held, and what the state word of 0 says is not asked for before that.
    let block = unsafe { rb_sys::ruby_xcalloc(1, (layout.offset + part) as size_t) };
    // SAFETY: the block is at least as long as the blank data, and new.
    unsafe { ptr::copy_nonoverlapping(layout.blank.as_ptr(), block.cast(), layout.blank.len()) };
    match &layout.kind {
        Kind::Typed {
            plain,
            bell,
            native: longer,
            watched,
        } => {
            let data_type = match native {
                true if watch::is_on() => watched,
                true => longer,
                false if bell::is_due() => bell,
                false => plain,
            };
            // SAFETY: the block is what the functions of the type expect; the layout is never dropped.
            unsafe { rb_sys::rb_data_typed_object_wrap(class, block, data_type) }
        }
        Kind::Untyped { .. } => {
            let free: Free = if native {
                gc::free_native
            } else {
                gc::free_plain
            };
            // SAFETY: the block is what the functions expect.
            unsafe { rb_sys::rb_data_object_wrap(class, block, Some(gc::mark_untyped), Some(free)) }
        }
    }
}

/// How many blank pointers are looked at. Now and then the C library gives a block that is longer than what was asked for,
/// as the rest would be too short to be of use; not every block has that rest.
const BLANKS: usize = 16;

/// Derives the layout from blank pointers of ffi's. `None` where ffi's pointers are made in a way that leaves no room.
fn derive(blanks: &[Value]) -> Option<Layout> {
    let blank = *blanks.first()?;
    match data::untyped(blank) {
        Some(data) => {
            let blocks = blanks.iter().filter_map(|blank| data::untyped(*blank));
            let length = blocks.filter_map(|data| data::length(data.block)).min()?;
            Some(Layout {
                blank: copy(data.block, length),
                offset: length.next_multiple_of(align_of::<Native>()),
                kind: Kind::Untyped {
                    mark: data.mark,
                    free: data.free,
                },
            })
        }
        None => derive_typed(blank),
    }
}

fn derive_typed(blank: Value) -> Option<Layout> {
    let data = data::typed(blank)?;
    // SAFETY: as above.
    let ffi = unsafe { data.data_type.as_ref() }?;
    if ffi.flags & EMBEDDABLE != 0 {
        return None;
    }
    let dsize = ffi.function.dsize?;
    // SAFETY: ffi's own function on its own data.
    let length = unsafe { dsize(data.block) } as usize;

    let derived = |flags, free: Free, size: Size| {
        // SAFETY: the type of a live object.
        let mut derived = unsafe { data.data_type.read() };
        derived.parent = data.data_type;
        derived.flags = derived.flags & !FREE_IMMEDIATELY | flags;
        derived.function.dmark = Some(gc::mark);
        derived.function.dcompact = Some(gc::compact);
        derived.function.dfree = Some(free);
        derived.function.dsize = Some(size);
        derived
    };
    Some(Layout {
        blank: copy(data.block, length),
        offset: length.next_multiple_of(align_of::<Native>()),
        kind: Kind::Typed {
            plain: derived(FREE_IMMEDIATELY, gc::free_plain, gc::size_plain),
            bell: derived(0, gc::free_plain, gc::size_plain),
            native: derived(FREE_IMMEDIATELY, gc::free_native, gc::size_native),
            watched: derived(0, gc::free_native, gc::size_native),
        },
    })
}

fn copy(data: *mut c_void, length: usize) -> Box<[u8]> {
    // SAFETY: `length` is that of the data of a live object.
    unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) }.into()
}

/// Whether ffi takes an object of ours for a pointer: writes go through it and come back.
fn works(ruby: &Ruby, class: RClass) -> Result<bool, Error> {
    let memory: Value = ffi::memory_pointer_class(ruby)?.new_instance((c_int::BITS / 8,))?;
    let address: usize = memory.funcall("address", ())?;
    let pointer: Value = class.funcall("allocate", ())?;
    ffi::set_address(ruby, pointer, address)?;
    let _: Value = pointer.funcall("put_int", (0, 0x5afe))?;
    let read: c_int = memory.funcall("get_int", (0,))?;
    let sum: Value = pointer.funcall("+", (1,))?;
    let next: usize = sum.funcall("address", ())?;
    Ok(slot(pointer).is_some() && read == 0x5afe && next == address + 1)
}

/// Has pointers of `class` allocated with a slot, if ffi is such that this works.
pub fn init(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    let pointer_class = ffi::pointer_class(ruby)?;
    let mut blanks = [ruby.qnil().as_value(); BLANKS];
    for blank in &mut blanks {
        *blank = pointer_class.funcall("allocate", ())?;
    }
    let Some(layout) = derive(&blanks) else {
        return Ok(());
    };
    // Until here: their data was looked at.
    black_box(blanks);
    image::init(ruby, layout.blank.len());
    LAYOUT.get_or_init(|| layout);
    // SAFETY: `class` is a class, and `allocate_plain` returns an object of it.
    unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate_plain)) };
    if !works(ruby, class).unwrap_or(false) {
        // SAFETY: a class.
        let inherited = unsafe { rb_sys::rb_get_alloc_func(pointer_class.as_raw()) };
        // SAFETY: what allocates a pointer allocates one of a subclass.
        unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), inherited) };
    }
    Ok(())
}

/// Has pointers of `class` and its subclasses allocated with room for the state of a native release, if they are
/// allocated with a slot.
pub fn make_room(class: RClass) {
    // SAFETY: a class.
    let current = unsafe { rb_sys::rb_get_alloc_func(class.as_raw()) };
    let plain: unsafe extern "C" fn(VALUE) -> VALUE = allocate_plain;
    if current.is_some_and(|current| ptr::fn_addr_eq(current, plain)) {
        // SAFETY: `class` is a class, and `allocate_native` returns an object of it.
        unsafe { rb_sys::rb_define_alloc_func(class.as_raw(), Some(allocate_native)) };
    }
}
