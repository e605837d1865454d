//! Releases by a C function: `release_with`. No Ruby runs for them, and nothing of Ruby is kept.

use std::{
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{ffi::native_function::NativeFunction, releaser::queue::Jobs};

/// How pointers of a class are released by a C function. Lives for ever: pointers refer to it that the garbage
/// collector finds dead together with their class.
pub struct NativeRelease {
    pub function: NativeFunction,
    /// Where what the garbage collector finds dead is released.
    pub jobs: Arc<Jobs>,
}

static ALL: Mutex<Vec<&'static NativeRelease>> = Mutex::new(vec![]);

impl NativeRelease {
    /// The release by `function` and `jobs`. There is one of each for all classes, however often they change.
    pub fn of(function: NativeFunction, jobs: &Arc<Jobs>) -> &'static Self {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|release| {
            release.function.address() == function.address() && Arc::ptr_eq(&release.jobs, jobs)
        });
        if let Some(release) = known {
            return release;
        }
        let jobs = jobs.clone();
        let release = Box::leak(Box::new(Self { function, jobs }));
        all.push(release);
        release
    }

    /// Whether there may be pointers with such a release.
    pub fn is_any() -> bool {
        !ALL.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    pub fn to_address(&'static self) -> usize {
        ptr::from_ref(self).expose_provenance()
    }

    /// What was at [`to_address`](Self::to_address).
    pub fn at(address: usize) -> Option<&'static Self> {
        let release = ptr::with_exposed_provenance::<Self>(address);
        // SAFETY: pointers hold no other addresses than those of releases, which live for ever.
        unsafe { release.as_ref() }
    }
}
