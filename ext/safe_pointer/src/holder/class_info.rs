//! What is known about a pointer class, so that making a pointer need not ask.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use magnus::{
    DataTypeFunctions, Error, RClass, RModule, Ruby, Symbol, TryConvert, TypedData, Value,
    prelude::*, typed_data::Obj, value::Id,
};

use super::native_release::NativeRelease;
use crate::{
    ffi::native_function::NativeFunction,
    releaser::{
        queue::{self, Jobs, ReleaseQueue},
        release_name::{self, ReleaseName},
    },
    ruby::{data, fork_policy::ForkPolicy, hidden_variable::HiddenVariable, namespace},
};

static INFO: HiddenVariable = HiddenVariable::new("safe_pointer_class_info");

/// Set in classes that pointers have been made of which a C function is to release.
static NATIVES: HiddenVariable = HiddenVariable::new("safe_pointer_natives");

/// Looked up before the first pointer of a class is made, and again after the class has changed.
#[derive(TypedData)]
#[magnus(class = "SafePointer::ClassInfo", free_immediately, size)]
pub struct ClassInfo {
    /// Whether the class has code that reads `@releaser`.
    pub reads_releaser: bool,
    /// Whether `super` in our constructor is ffi's.
    pub is_ffis_constructor: bool,
    /// How `release` is called for the pointers of the class, if it has one.
    pub release: Option<ReleaseName>,
    /// The C function that releases pointers of the class, if nothing of Ruby is to take part in it.
    pub native: Option<&'static NativeRelease>,
    /// Where releases wait for what the garbage collector has found dead.
    pub queue: Option<Arc<Jobs>>,
    /// Whether a release callable of one of its pointers has been looked at: those of the others come from the same code.
    pub is_callable_checked: Cell<bool>,
    /// Whether the class has changed since. A frozen one keeps what it has, and its superclass may change.
    is_stale: AtomicBool,
}

impl DataTypeFunctions for ClassInfo {}

/// How often a class is looked at that changes meanwhile. Once is usual: guards are put up at the first look.
const LOOKS: usize = 8;

/// What is known about `class`, and has guarded what came past the hooks.
pub fn of(ruby: &Ruby, class: RClass) -> Result<Obj<ClassInfo>, Error> {
    if let Some(known) = known(class.as_value()) {
        return Ok(known);
    }
    for _ in 1..LOOKS {
        let changes = release_name::changes();
        let info = look(ruby, class)?;
        // What is kept must not be older than the last change. No Ruby runs until it is.
        if changes == release_name::changes() {
            if !class.is_frozen() {
                INFO.set(class.as_value(), info.as_value())?;
            }
            return Ok(info);
        }
    }
    look(ruby, class)
}

fn look(ruby: &Ruby, class: RClass) -> Result<Obj<ClassInfo>, Error> {
    let guard = RModule::try_convert(namespace::get(ruby, "Guard")?)?;
    let reads_releaser: bool = guard.funcall("check", (class,))?;
    let is_ffis_constructor: bool = guard.funcall("ffis_constructor?", (class,))?;
    let changes = release_name::changes();
    let release: Option<Symbol> = guard.funcall("release_behind", (class,))?;
    // Not of the class itself: it may have a method of that name for something else.
    let queues = namespace::get(ruby, "ReleaseQueue")?;
    let queue: Option<Obj<ReleaseQueue>> = queues.funcall("of", (class,))?;
    let queue = queue.map(|queue| queue.jobs.clone());
    let native = match native_function(ruby, class)? {
        Some(function) if !reads_releaser => {
            let jobs = queue.as_ref().unwrap_or_else(|| queue::default());
            Some(NativeRelease::of(function, jobs))
        }
        _ => None,
    };
    let info = ruby.obj_wrap(ClassInfo {
        reads_releaser,
        is_ffis_constructor,
        release: release.map(|name| ReleaseName::new(Id::from(name).into(), changes)),
        native,
        queue,
        is_callable_checked: Cell::new(false),
        is_stale: AtomicBool::new(false),
    });
    if native.is_some() && !class.is_frozen() {
        NATIVES.set(class.as_value(), ruby.qtrue().as_value())?;
    }
    Ok(info)
}

/// What is known about `class` without a look at it: nothing if it has changed.
pub fn known(class: Value) -> Option<Obj<ClassInfo>> {
    let info: Obj<ClassInfo> = data::wrapped(INFO.get(class)?)?;
    (!info.is_stale.load(Relaxed)).then_some(info)
}

/// Has `class` looked at again. Returns whether there may be pointers of it that a C function is to release.
pub fn forget(class: RClass) -> Result<bool, Error> {
    release_name::forget_all();
    if let Some(info) = known(class.as_value()) {
        info.is_stale.store(true, Relaxed);
    }
    Ok(class.is_frozen() || NATIVES.get(class.as_value()).is_some())
}

fn native_function(ruby: &Ruby, class: RClass) -> Result<Option<NativeFunction>, Error> {
    if ForkPolicy::of(ruby, class.as_value())? == ForkPolicy::Discard {
        return Ok(None);
    }
    let natives = namespace::get(ruby, "NativeRelease")?;
    let address: Option<usize> = natives.funcall("address_for", (class,))?;
    // SAFETY: `release_with` has made sure that it is a function of a library, which stays loaded, and as far as ffi
    // knows takes one pointer.
    Ok(address.and_then(|address| unsafe { NativeFunction::at(address) }))
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    INFO.init(ruby);
    NATIVES.init(ruby);
    namespace::define_data_class::<ClassInfo>(ruby, "ClassInfo")
}
