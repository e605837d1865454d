//! Releases by a C function: `release_with`. No Ruby runs for them, and nothing of Ruby is kept.

use std::{ffi::c_void, fmt, ptr, sync::Arc};

use magnus::{Error, Module, Object, RClass, RModule, function};
use safe_pointer_core::{Claim, State, Trigger};

use crate::{carrier, exit, queue::Jobs};

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

    /// Releases what is at `address` now, if nobody has claimed it before. Returns whether it did.
    pub fn release(&self, state: &State, address: usize, trigger: Trigger) -> bool {
        let won = state.claim(trigger) == Claim::Won;
        if won {
            self.function.call(address);
            state.finish();
        }
        won
    }

    /// The pointer object is being swept: has it released later, as nothing may run in here. When Ruby frees what is left
    /// after its last finalizers there is no later.
    pub fn bury(&self, state: &State, address: usize) {
        if state.claim(Trigger::Finalizer) == Claim::Won {
            match exit::is_over() {
                true => self.function.call(address),
                false => self.jobs.push(self.function, address),
            }
        }
    }
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
