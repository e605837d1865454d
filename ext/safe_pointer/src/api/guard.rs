//! `SafePointer::Guard`: makes a class's own `free` and `release` go through the claim.
//!
//! The Ruby side of this module (`lib/safe_pointer/guard.rb`) puts a method of the same name in front of
//! each; that method asks here, and yields to the class's own.

use std::ptr;

use magnus::{
    Error, Module, Object, RArray, RClass, Ruby, Value, function, prelude::*, rb_sys::AsRawValue,
};
use rb_sys::{RBasic, VALUE, ruby_fl_type};

use crate::{
    holder::{self, class_info},
    releaser::own_release::{Entry, OwnMethod},
    ruby::hidden_variable::HiddenVariable,
    triggers::own_method,
};

/// Runs the block, a class's own `free`, as the release of `pointer`.
///
/// Returns what the block returns, or `nil` if it may not run, or not now.
fn free(ruby: &Ruby, pointer: Value, id: u64) -> Result<Value, Error> {
    let entry = Entry::Free;
    own_method::call(ruby, pointer, OwnMethod { entry, id })
}

/// Runs the block, a class's own `release` called by hand, as the release of `pointer`.
fn release(ruby: &Ruby, pointer: Value, id: u64) -> Result<Value, Error> {
    let entry = Entry::Release;
    own_method::call(ruby, pointer, OwnMethod { entry, id })
}

/// The names that `frees_with` has given a class: an Array, which is replaced and never changed.
static NAMES: HiddenVariable = HiddenVariable::new("safe_pointer_names");

/// The names under which `class` says that its pointers are freed, without those that it inherits.
fn own_names(ruby: &Ruby, class: Value) -> Value {
    NAMES
        .get(class)
        .unwrap_or_else(|| ruby.ary_new().as_value())
}

/// Adds to them. No Ruby runs between the look and the change: another thread may add some as well.
fn add_names(ruby: &Ruby, class: Value, names: RArray) -> Result<(), Error> {
    let all = ruby.ary_new();
    let known = RArray::from_value(own_names(ruby, class));
    for name in known
        .iter()
        .chain([&names])
        .flat_map(|names| names.into_iter())
    {
        if all.into_iter().all(|known| known.as_raw() != name.as_raw()) {
            all.push(name)?;
        }
    }
    all.freeze();
    NAMES.set(class, all.as_value())
}

/// Lets guards in any Ractor refer to `method`, an `UnboundMethod`. From 4.0 on Ruby itself allows that.
fn share(method: Value) -> Value {
    method.freeze();
    let basic = ptr::with_exposed_provenance_mut::<RBasic>(method.as_raw() as usize);
    // SAFETY: an object, whose flags only Ractors that have it write to: this one. An `UnboundMethod` never changes.
    unsafe { (*basic).flags |= ruby_fl_type::RUBY_FL_SHAREABLE as VALUE };
    method
}

/// Defines `SafePointer::Guard`.
pub fn init(ruby: &Ruby, safe_pointer: RClass) -> Result<(), Error> {
    NAMES.init(ruby);
    // What the guards ask.
    //
    // @api private
    let module = safe_pointer.define_module("Guard")?;
    module.define_singleton_method("unmark", function!(class_info::forget, 1))?;
    module.define_singleton_method("expose", function!(holder::expose, 1))?;
    module.define_singleton_method("own_names", function!(own_names, 1))?;
    module.define_singleton_method("add_names", function!(add_names, 2))?;
    module.define_singleton_method("share", function!(share, 1))?;
    module.define_singleton_method("free", function!(free, 2))?;
    module.define_singleton_method("release", function!(release, 2))?;
    Ok(())
}
