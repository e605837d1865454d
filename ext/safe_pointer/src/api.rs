//! The classes and methods that Ruby sees.

pub mod auto_pointer;
pub mod construction;
pub mod conversion;
pub mod diagnostics;
pub mod guard;
pub mod lifetime;
pub mod native_release;
pub mod options;
pub mod parent;
pub mod pointer;
pub mod release_queue;
pub mod releaser;
pub mod releaser_variables;
pub mod stats;

use magnus::{Error, Ruby, Value, method, prelude::*};

use crate::{
    ffi::classes,
    holder,
    release::{call, deferred},
    releaser::{lease, loose, queue},
    ruby::{fiber, finalizer, namespace, process, registry, weak_reference},
    triggers::{dead, exit},
    watch::{cause::Occasion, events},
};

/// Defines all there is, from the ground up.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    process::init();
    fiber::init(ruby);
    classes::init(ruby)?;
    let class = namespace::init(ruby, classes::pointer_class(ruby)?)?;
    registry::init(ruby)?;
    weak_reference::init(ruby)?;
    lease::init(ruby)?;
    loose::init(ruby)?;
    holder::init(ruby)?;
    call::init(ruby);
    pointer::init(ruby, class)?;
    releaser::init(ruby, class)?;
    guard::init(ruby, class)?;
    class
        .singleton_class()?
        .define_private_method("forked", method!(forked, 0))?;
    class
        .singleton_class()?
        .define_private_method("weak_map", method!(weak_map, 0))?;
    stats::init(class)?;
    diagnostics::init(class)?;
    native_release::init(class)?;
    release_queue::init(ruby, class)?;
    auto_pointer::init(class)?;
    finalizer::init(ruby, work())
}

/// Called by `lib/safe_pointer/fork.rb` in the child, before anything else runs there.
fn forked(_class: Value) {
    process::forked();
    fiber::forked();
}

/// For `lib/safe_pointer/finalization_registry.rb`.
fn weak_map(ruby: &Ruby, _class: Value) -> Result<Value, Error> {
    weak_reference::weak_map(ruby)
}

fn work() -> finalizer::Work {
    finalizer::Work {
        due: || queue::default().len(),
        carry_out: |ruby, max| {
            dead::drain(ruby, queue::default(), max, Occasion::Finalizer).map(drop)
        },
        done: deferred::signal,
        before_end: events::report_at_exit,
        end: exit::release_all,
    }
}
