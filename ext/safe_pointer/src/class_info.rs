//! What is known about a pointer class, so that making a pointer need not ask.

use std::{
    cell::Cell,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use magnus::{
    DataTypeFunctions, Error, Module, RClass, RModule, Ruby, Symbol, TryConvert, TypedData, Value,
    prelude::*,
    typed_data::Obj,
    value::{Id, Opaque, OpaqueId},
};

use crate::{
    hidden::Hidden,
    native::{self, NativeFunction, NativeRelease},
    pointer,
    process::{self, ForkPolicy},
    queue::{self, Jobs, ReleaseQueue},
};

static INFO: Hidden = Hidden::new("safe_pointer_class_info");

/// Counts the changes of classes, from 1.
static CHANGES: AtomicU64 = AtomicU64::new(1);

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
    /// Where releases wait for what the garbage collector has found dead. Queues live for ever.
    pub queue: Option<Opaque<Obj<ReleaseQueue>>>,
    /// Whether a release callable of one of its pointers has been looked at: those of the others come from the same code.
    pub is_callable_checked: Cell<bool>,
}

/// The name under which a class's `release` is called: past the guard, which is for programs that call it by hand.
#[derive(Clone, Copy)]
pub struct ReleaseName {
    name: OpaqueId,
    changes: NonZeroU64,
}

impl ReleaseName {
    /// One that is yet to be looked up, and `name` until then.
    pub fn unknown(name: OpaqueId) -> Self {
        let changes = NonZeroU64::MAX;
        Self { name, changes }
    }

    /// `None` if it may be another one by now.
    pub fn get(self) -> Option<OpaqueId> {
        (self.changes.get() == CHANGES.load(Relaxed)).then_some(self.name)
    }
}

impl DataTypeFunctions for ClassInfo {}

/// What is known about `class`, and has guarded what came past the hooks.
pub fn of(ruby: &Ruby, class: RClass) -> Result<Obj<ClassInfo>, Error> {
    if let Some(known) = INFO.get(class.as_value()) {
        return Obj::try_convert(known);
    }
    let guard: RModule = pointer::class(ruby)?.const_get("Guard")?;
    let reads_releaser: bool = guard.funcall("check", (class,))?;
    let is_ffis_constructor: bool = guard.funcall("ffis_constructor?", (class,))?;
    let changes = NonZeroU64::new(CHANGES.load(Relaxed)).unwrap_or(NonZeroU64::MAX);
    let release: Option<Symbol> = guard.funcall("release_behind", (class,))?;
    let queue: Option<Obj<ReleaseQueue>> = class.funcall("release_queue", ())?;
    let native = match native_function(ruby, class)? {
        Some(function) if !reads_releaser => {
            let jobs = queue.map_or_else(
                || Arc::clone(queue::default_jobs()),
                |queue| Arc::clone(queue.jobs()),
            );
            Some(native_release(function, jobs))
        }
        _ => None,
    };
    let info = ruby.obj_wrap(ClassInfo {
        reads_releaser,
        is_ffis_constructor,
        release: release.map(|name| ReleaseName {
            name: Id::from(name).into(),
            changes,
        }),
        native,
        queue: queue.map(Opaque::from),
        is_callable_checked: Cell::new(false),
    });
    if !class.is_frozen() {
        INFO.set(class.as_value(), info.as_value())?;
    }
    Ok(info)
}

/// Has `class` looked at again.
pub fn forget(ruby: &Ruby, class: RClass) -> Result<(), Error> {
    CHANGES.fetch_add(1, Relaxed);
    match class.is_frozen() {
        true => Ok(()),
        false => INFO.set(class.as_value(), ruby.qnil().as_value()),
    }
}

fn native_function(ruby: &Ruby, class: RClass) -> Result<Option<NativeFunction>, Error> {
    if process::fork_policy_of(ruby, class.as_value())? == ForkPolicy::Discard {
        return Ok(None);
    }
    let address: Option<usize> = class.funcall("native_release_address", ())?;
    Ok(address.and_then(native::function))
}

/// The release by `function` and `jobs`. There is one of each for all classes, however often they change.
fn native_release(function: NativeFunction, jobs: Arc<Jobs>) -> &'static NativeRelease {
    static ALL: Mutex<Vec<&'static NativeRelease>> = Mutex::new(vec![]);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(release) = all.iter().find(|release| release.is(function, &jobs)) {
        return release;
    }
    let release = NativeRelease::new(function, jobs);
    all.push(release);
    release
}

/// Defines the class that Ruby code does not see.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    INFO.init(ruby);
    let class = safe_pointer.define_class("ClassInfo", ruby.class_object())?;
    class.undef_default_alloc_func();
    safe_pointer.funcall::<_, _, Value>("private_constant", ("ClassInfo",))?;
    Ok(())
}
