//! The calls of destructors: the release callable, a method of the class's own, a C function.

use magnus::{Error, Ruby, Value, prelude::*, typed_data::Obj, value::LazyId};

use crate::{
    ffi::{native_function::NativeFunction, pointer},
    holder::{self, RELEASE, class_info},
    releaser::{
        Message, Releaser,
        own_release::{Admission, OwnMethod},
    },
    ruby::{class::class_of, fiber},
};

/// What a release callable is called by.
pub static CALL: LazyId = LazyId::new("call");

/// Calls the release callable with the wrapped object, if it has not been called yet.
pub fn callable(ruby: &Ruby, releaser: Obj<Releaser>) -> Result<(), Error> {
    match releaser.state().claim_call() {
        true => send(ruby, releaser, releaser.held(ruby)),
        false => Ok(()),
    }
}

/// Calls it with `held`, which the program has given by hand, if it has not been called yet.
pub fn callable_by_hand(ruby: &Ruby, releaser: Obj<Releaser>, held: Value) -> Result<(), Error> {
    match releaser.state().claim_call_by_hand() {
        true => send(ruby, releaser, held),
        false => Ok(()),
    }
}

fn send(ruby: &Ruby, releaser: Obj<Releaser>, held: Value) -> Result<(), Error> {
    let callable = releaser.callable(ruby);
    if callable.is_nil() {
        return Ok(());
    }
    let name = match releaser.message() {
        Message::Call => Some(*CALL),
        Message::Release(name) => name.get(),
    };
    // To look at the class takes Ruby code, out of which an interrupt may come, and the release would be lost.
    let known = match name {
        Some(_) => None,
        None => class_info::known(callable),
    };
    if let Some(release) = known.and_then(|info| info.native) {
        if let Some(address) = address_alone(ruby, held) {
            native(release.function, address);
            return Ok(());
        }
    }
    let known_name = || Some(known?.release?.name());
    let name = name.or_else(known_name).unwrap_or(*RELEASE);
    let _releasing = fiber::enter_release();
    callable.funcall::<_, _, Value>(name, (held,)).map(drop)
}

/// The address of `held`, if a class's `release` could ask it for nothing more.
fn address_alone(ruby: &Ruby, held: Value) -> Option<usize> {
    match pointer::is_address(ruby, held) {
        Ok(true) => pointer::address(ruby, held).ok(),
        _ => None,
    }
}

/// Calls `body`, a method of the class's own, as the release of `pointer`. Returns what it returns.
pub fn own_method(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    pointer: Value,
    method: OwnMethod,
    body: impl FnOnce() -> Result<Value, Error>,
) -> Result<Value, Error> {
    let _releasing = fiber::enter_release();
    let admission = Releaser::begin_own_release(releaser, method);
    // A class that read it when the pointer was made has it already.
    let is_class_unchanged =
        matches!(releaser.message(), Message::Release(name) if name.get().is_some());
    if !is_class_unchanged && class_info::of(ruby, class_of(pointer))?.reads_releaser {
        holder::expose(ruby, pointer)?;
    }
    admitted(ruby, releaser, admission, body)
}

/// Calls `body`, a method of the class's own, if it is admitted. Returns what it returns, or nil.
pub fn admitted(
    ruby: &Ruby,
    releaser: Obj<Releaser>,
    admission: Admission,
    body: impl FnOnce() -> Result<Value, Error>,
) -> Result<Value, Error> {
    let result = match admission {
        Admission::Refused => Ok(ruby.qnil().as_value()),
        Admission::First | Admission::Granted => body(),
    };
    if admission == Admission::First {
        releaser.end_first_call();
    }
    result
}

/// Calls a C function. It is not to call Ruby.
pub fn native(function: NativeFunction, address: usize) {
    function.call(address);
}

pub fn init(ruby: &Ruby) {
    LazyId::force(&CALL, ruby);
}
