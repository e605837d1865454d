//! What a pointer's life depends on: leases, its parent, its size.

use magnus::{Error, Module, RClass, Ruby, Value, method, prelude::*, typed_data::Obj};
use safe_pointer_core::family::{Bond, Member};

use super::{
    options::parse_size,
    parent::{self, Parent},
};
use crate::{
    holder,
    releaser::{
        Releaser,
        family_member::{FamilyMember, is_released},
    },
    ruby::{
        class::class_of,
        errors::{self, Method, class_name},
        namespace,
    },
    triggers::lease,
};

/// Keeps the release off while the block runs. A `free` meanwhile, on this or another thread, returns at once; the
/// release is carried out when the last lease ends, on the thread that ends it.
///
/// A lease belongs to the fiber that took it. That fiber can take another one within it, and so can the class's own `free`.
/// The lease of a fiber that is never resumed ends when the fiber is collected.
///
/// @yieldparam raw [FFI::Pointer] the object that was wrapped
/// @return [Object] what the block returns
/// @raise [LocalJumpError] if there is no block
/// @raise [SafePointer::ReleasedError] if the pointer is released or detached, or its release waits for leases of other fibers
fn use_pointer(ruby: &Ruby, rb_self: Value) -> Result<Value, Error> {
    if !ruby.block_given() {
        let message = format!("{}#use: no block given", class_name(rb_self)?);
        return Err(errors::new(ruby.exception_local_jump_error(), message));
    }
    let releaser = initialized(ruby, rb_self, "use")?;
    let used = lease::with_lease(ruby, releaser, |raw| ruby.yield_value(raw));
    match used {
        Some(result) => result,
        None => refuse(ruby, rb_self, "use"),
    }
}

/// The pointer that this one must be released before, as it was given. `nil` where there is none, or none any more.
///
/// @return [SafePointer, FFI::Struct, SafePointer::Releaser, nil]
fn parent(ruby: &Ruby, rb_self: Value) -> Result<Option<Value>, Error> {
    match holder::find(ruby, rb_self)? {
        Some(releaser) if !is_released(releaser) => {
            Ok(holder::parent::get(ruby, rb_self, releaser))
        }
        _ => Ok(None),
    }
}

/// Has this pointer be released before `parent`, and no longer before the one it had.
///
/// @param parent [SafePointer, FFI::Struct, SafePointer::Releaser, nil]
/// @return [SafePointer, FFI::Struct, SafePointer::Releaser, nil] the same
/// @raise [TypeError] if it is something else
/// @raise [ArgumentError] if it is this pointer, or descends from it
/// @raise [SafePointer::ReleasedError] if either is released, or is going to be
/// @raise [RuntimeError] if this pointer is freed by its parent
/// @raise [FrozenError] if this pointer is frozen
fn set_parent(ruby: &Ruby, rb_self: Value, parent: Value) -> Result<Value, Error> {
    let method = Method {
        class: class_of(rb_self),
        name: "#parent=",
    };
    let releaser = changeable(ruby, rb_self, "parent=")?;
    let found = match parent.is_nil() {
        true => None,
        false => Some(Parent::new(ruby, parent, method)?),
    };
    // Once more, as Ruby may have run.
    changeable(ruby, rb_self, "parent=")?;
    if FamilyMember(releaser)
        .tie()
        .is_some_and(|tie| tie.bond == Bond::Within)
    {
        let message = format!(
            "{}: {} is freed by its parent",
            method.name()?,
            errors::inspect(rb_self)?
        );
        return Err(errors::runtime(ruby, message));
    }
    match found {
        None => {
            holder::parent::set(rb_self, releaser, parent)?;
            parent::untie(ruby, releaser)?;
        }
        Some(found) => found.adopt(ruby, releaser, Some(rb_self), Bond::Before, method)?,
    }
    Ok(parent)
}

/// How much native memory the release gives back, in bytes, as it was said with `size:` or `size=`.
///
/// @return [Integer]
fn native_size(ruby: &Ruby, rb_self: Value) -> Result<usize, Error> {
    Ok(holder::find(ruby, rb_self)?.map_or(0, |releaser| releaser.size()))
}

/// Tells the garbage collector how much native memory the release gives back, so that it collects as often as that
/// calls for. Counted while GC and exit are to release the pointer.
///
/// @param size [Integer] in bytes
/// @return [Integer] the same
/// @raise [TypeError, ArgumentError] if it is no Integer, or negative
/// @raise [SafePointer::ReleasedError] if the pointer is released or detached, or is going to be
/// @raise [FrozenError] if the pointer is frozen
fn set_size(ruby: &Ruby, rb_self: Value, size: Value) -> Result<Value, Error> {
    let method = Method {
        class: class_of(rb_self),
        name: "#size=",
    };
    let bytes = parse_size(ruby, size, method)?;
    changeable(ruby, rb_self, "size=")?.set_size(ruby, bytes);
    Ok(size)
}

fn initialized(ruby: &Ruby, pointer: Value, method: &str) -> Result<Obj<Releaser>, Error> {
    match holder::find(ruby, pointer)? {
        Some(releaser) => Ok(releaser),
        None => {
            let class = class_name(pointer)?;
            Err(errors::runtime(
                ruby,
                format!("{class}#{method}: not initialized"),
            ))
        }
    }
}

/// The releaser of a pointer that `method` may change.
fn changeable(ruby: &Ruby, pointer: Value, method: &str) -> Result<Obj<Releaser>, Error> {
    pointer.check_frozen()?;
    let releaser = initialized(ruby, pointer, method)?;
    match releaser.state().is_owned() && !is_released(releaser) {
        true => Ok(releaser),
        false => refuse(ruby, pointer, method),
    }
}

fn refuse<T>(ruby: &Ruby, pointer: Value, method: &str) -> Result<T, Error> {
    let class = class_name(pointer)?;
    let message = format!(
        "{class}#{method}: {} owns no pointer",
        errors::inspect(pointer)?
    );
    Err(namespace::released_error(ruby, message)?)
}

/// Gives `class` the methods.
pub fn install(class: RClass) -> Result<(), Error> {
    class.define_method("use", method!(use_pointer, 0))?;
    class.define_method("parent", method!(parent, 0))?;
    class.define_method("parent=", method!(set_parent, 1))?;
    class.define_method("native_size", method!(native_size, 0))?;
    class.define_method("size=", method!(set_size, 1))
}
