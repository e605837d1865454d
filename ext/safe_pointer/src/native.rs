//! Releases by a C function: `release_with`. No Ruby runs for them, and nothing of Ruby is kept.

use std::{ffi::c_void, fmt, ptr, sync::Arc};

use magnus::{Error, Module, Object, RClass, RModule, Ruby, Value, function, prelude::*};
use safe_pointer_core::{Claim, State, Trigger};

use crate::{
    bell,
    carrier::{self, Holder, NativeSlot},
    errors::Occasion,
    exit, ffi, owners, postponed, process,
    queue::{self, Jobs},
    register::{self, Place},
    releaser::Releaser,
    stats::{self, Cause, Ending},
    watch::{self, Subject},
};

type Function = unsafe extern "C" fn(*mut c_void);

/// A C function that releases what a pointer points to.
#[derive(Clone, Copy)]
pub struct NativeFunction(Function);

impl NativeFunction {
    /// # Safety
    ///
    /// At `address` there is a function that takes a pointer.
    unsafe fn at(address: usize) -> Option<Self> {
        let function = ptr::with_exposed_provenance::<c_void>(address);
        // SAFETY: the caller says so; an address of 0 is `None`.
        let function = unsafe { std::mem::transmute::<*const c_void, Option<Function>>(function) };
        function.map(Self)
    }

    /// Releases what is at `address`. The caller has claimed it.
    pub fn call(self, address: usize) {
        let pointer = ptr::with_exposed_provenance_mut(address);
        // SAFETY: the program says that this function releases such a pointer, and it is called once for it.
        unsafe { (self.0)(pointer) };
    }

    pub fn address(self) -> usize {
        (self.0 as *const c_void).addr()
    }
}

impl fmt::Debug for NativeFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NativeFunction").field(&self.0).finish()
    }
}

/// How pointers of a class are released by a C function. Lives for ever: pointers refer to it that the garbage
/// collector finds dead together with their class.
#[derive(Debug)]
pub struct NativeRelease {
    function: NativeFunction,
    /// Where what the garbage collector finds dead is released.
    jobs: Arc<Jobs>,
}

impl NativeRelease {
    pub fn new(function: NativeFunction, jobs: Arc<Jobs>) -> &'static Self {
        Box::leak(Box::new(Self { function, jobs }))
    }

    /// Whether it is the same as that of `function` and `jobs`.
    pub fn is(&self, function: NativeFunction, jobs: &Arc<Jobs>) -> bool {
        self.function.address() == function.address() && Arc::ptr_eq(&self.jobs, jobs)
    }

    /// Releases `pointer`, which `slot` is of, now, if nobody has claimed it before: the program asks, or the process
    /// ends. It is NULL then, and who watches has been told. Returns whether it did.
    pub fn release(
        &self,
        ruby: &Ruby,
        pointer: Value,
        slot: NativeSlot,
        trigger: Trigger,
    ) -> Result<bool, Error> {
        if slot.state.claim(trigger) != Claim::Won {
            return Ok(false);
        }
        self.function.call(slot.address);
        let cause = match trigger {
            Trigger::Free => Cause::Free,
            Trigger::Finalizer => Cause::Exit,
        };
        // The function may have called Ruby, and that have had a releaser take over the state.
        if slot.state.is_detached()
            && let Holder::Releaser(releaser) = carrier::peek(ruby, pointer)?
        {
            let ending = Ending::new(cause, &Ok(()));
            Releaser::finish(ruby, releaser, Some(pointer), ending, Occasion::Child)?;
            return Ok(true);
        }
        released(slot.address, cause);
        slot.state.finish();
        let nulled = ffi::set_null(ruby, pointer);
        nulled.and(tell(ruby, pointer, slot, Some(cause)))?;
        Ok(true)
    }

    /// Whether what is dead may be released at once: Ruby is at a safe place, and nobody is to be told.
    fn needs_no_queue(&self) -> bool {
        let is_default = Arc::ptr_eq(&self.jobs, queue::default_jobs());
        is_default && postponed::is_safe() && !watch::is_on() && !process::is_leaving()
    }

    /// The pointer object is gone: has it released, at once or from the queue. When Ruby frees what is left after its last finalizers
    /// there is no queue any more. `origin` is where that of the pointer is kept.
    pub fn bury(&self, state: &State, address: usize, origin: Option<Place>) {
        match state.claim(Trigger::Finalizer) {
            Claim::Won if exit::is_over() => self.function.call(address),
            Claim::Won if self.needs_no_queue() && origin.is_none() => {
                self.function.call(address);
                released(address, Cause::Gc);
            }
            Claim::Won => self.jobs.push(self.function, address, origin),
            Claim::Deferred | Claim::Refused => {
                if state.is_owned() {
                    detached(address);
                }
                if let Some(place) = origin {
                    bell::note(place);
                }
            }
        }
    }
}

fn released(address: usize, cause: Cause) -> Ending {
    let ending = Ending {
        cause,
        failed: false,
    };
    stats::released(ending);
    owners::remove(Some(address));
    ending
}

fn detached(address: usize) {
    stats::detached();
    owners::remove(Some(address));
}

fn subject(class: Option<Value>, address: usize, origin: Option<Value>) -> Subject {
    Subject {
        class,
        address: Some(address),
        size: 0,
        origin,
    }
}

/// Tells who watches of `pointer`, which has been made. Where that fails nobody owns it.
#[cold]
pub fn present(ruby: &Ruby, pointer: Value) -> Result<(), Error> {
    let Holder::Native(_, slot) = carrier::peek(ruby, pointer)? else {
        return Ok(());
    };
    let told = watch::origin(ruby, pointer.class(), Some(slot.address), true).and_then(|origin| {
        if let Some(origin) = origin {
            slot.origin.set(register::keep(ruby, origin));
        }
        let second = owners::add(Some(slot.address)).then_some(pointer);
        let class = pointer.class().as_value();
        watch::created(ruby, &subject(Some(class), slot.address, origin), second)
    });
    if told.is_err() && slot.state.detach() {
        detached(slot.address);
    }
    told
}

/// Gives the pointer of `slot` away. Returns `false` if it is too late.
pub fn detach(slot: NativeSlot) -> bool {
    let won = slot.state.detach();
    if won {
        detached(slot.address);
    }
    won
}

/// Tells who watches what has become of `pointer`: it has been released by `cause`, or without one given away.
pub fn tell(
    ruby: &Ruby,
    pointer: Value,
    slot: NativeSlot,
    cause: Option<Cause>,
) -> Result<(), Error> {
    if slot.origin.get().is_none() && !watch::is_on() {
        return Ok(());
    }
    let origin = slot.origin.take();
    let origin = origin.and_then(|place| register::take_origin(ruby, place));
    let class = pointer.class().as_value();
    let subject = subject(Some(class), slot.address, origin);
    match cause {
        Some(cause) => {
            let failed = false;
            watch::released(ruby, &subject, Ending { cause, failed })
        }
        None => watch::detached(ruby, &subject),
    }
}

/// Releases what is at `address`, whose pointer is gone and had its origin kept at `origin`.
pub fn release_dead(
    ruby: &Ruby,
    function: NativeFunction,
    address: usize,
    origin: Option<Place>,
    cause: Cause,
) -> Result<(), Error> {
    function.call(address);
    let ending = released(address, cause);
    if origin.is_none() && !watch::is_on() {
        return Ok(());
    }
    let origin = origin.and_then(|place| register::take_origin(ruby, place));
    watch::released(ruby, &subject(None, address, origin), ending)
}

/// Has the pointers of `class` and its subclasses made in such a way that no Ruby runs when they are released.
fn prepare(class: RClass) {
    carrier::make_room(class);
}

/// Calls the function at `function` with `address`. What `klass.release(pointer)` does by hand.
fn call(function: usize, address: usize) {
    // SAFETY: `release_with` has made sure that it is a function of a library, which stays loaded, and as far as ffi
    // knows takes one pointer.
    if let Some(function) = unsafe { NativeFunction::at(function) } {
        function.call(address);
    }
}

/// `function`, the address of a function that [`pin`] was asked about, for releases.
pub fn function(address: usize) -> Option<NativeFunction> {
    // SAFETY: as in `call`.
    unsafe { NativeFunction::at(address) }
}

/// Keeps the library loaded that has a function at `address`: ffi unloads libraries at the end of the process, when
/// releases may still be due. Returns `false` if no library has it.
#[cfg(unix)]
fn pin(address: usize) -> bool {
    use std::mem::MaybeUninit;

    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: takes any address, and fills in `info` if it finds it.
    let found = unsafe { libc::dladdr(ptr::with_exposed_provenance(address), info.as_mut_ptr()) };
    if found == 0 {
        return false;
    }
    // SAFETY: filled in, as was just seen.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return false;
    }
    let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: a path that the loader has given. The program itself is not found by it, but stays anyway.
    let _ = unsafe { libc::dlopen(info.dli_fname, flags) };
    true
}

/// Windows keeps a library loaded for as long as somebody has it open, which ffi does till the end.
#[cfg(not(unix))]
fn pin(_address: usize) -> bool {
    true
}

/// Defines what `lib/safe_pointer/native_release.rb` is built on.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    // Calls of C functions.
    //
    // @api private
    let module: RModule = safe_pointer.define_module("NativeRelease")?;
    module.define_singleton_method("prepare", function!(prepare, 1))?;
    module.define_singleton_method("pin", function!(pin, 1))?;
    module.define_singleton_method("call", function!(call, 2))
}
