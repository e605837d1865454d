//! C functions that take a pointer.

use std::{ffi::c_void, ptr};

type Function = unsafe extern "C" fn(*mut c_void);

/// A C function that releases what a pointer points to.
#[derive(Clone, Copy)]
pub struct NativeFunction(Function);

impl NativeFunction {
    /// # Safety
    ///
    /// At `address` there is a function that takes a pointer, or it is 0.
    pub unsafe fn at(address: usize) -> Option<Self> {
        let function = ptr::with_exposed_provenance::<c_void>(address);
        // SAFETY: the caller says so; an address of 0 is `None`.
        let function = unsafe { std::mem::transmute::<*const c_void, Option<Function>>(function) };
        function.map(Self)
    }

    /// Calls it with `address`. Who releases has claimed that before.
    pub fn call(self, address: usize) {
        let pointer = ptr::with_exposed_provenance_mut(address);
        // SAFETY: the program says that this function takes such a pointer.
        unsafe { (self.0)(pointer) };
    }

    pub fn address(self) -> usize {
        (self.0 as *const c_void).addr()
    }
}

/// Keeps the library loaded that has a function at `address`: ffi unloads libraries at the end of the process, when
/// releases may still be due. Returns `false` if no library has it.
#[cfg(unix)]
pub fn pin(address: usize) -> bool {
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

/// See above.
#[cfg(windows)]
pub fn pin(address: usize) -> bool {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let mut library = ptr::null_mut();
    // SAFETY: with these flags it takes any address in place of a name, and writes to `library` only.
    unsafe { GetModuleHandleExW(flags, ptr::with_exposed_provenance(address), &mut library) != 0 }
}
