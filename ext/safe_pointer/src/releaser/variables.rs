//! What `FFI::AutoPointer`'s releaser keeps in instance variables. There are programs that reach for them,
//! having found no other way to keep it from releasing twice (ffi/ffi#1126).

use std::cell::Cell;

use magnus::{Error, IntoValue, Ruby, Value, prelude::*, typed_data::Obj, value::Opaque};

use super::{Message, Releaser, write};

/// As `Object#instance_variable_get`. Answers for the variables that the releaser of an `FFI::AutoPointer` has,
/// `@autorelease`, `@ptr` and `@proc`.
///
/// @param name [Symbol, String]
/// @return [Object]
pub fn get(ruby: &Ruby, rb_self: Obj<Releaser>, name: Value) -> Result<Value, Error> {
    match name.to_string().as_str() {
        "@autorelease" => Ok(rb_self.autorelease().into_value_with(ruby)),
        "@ptr" => Ok(ruby.get_inner(rb_self.held.get())),
        "@proc" => {
            let callable = ruby.get_inner(rb_self.callable.get());
            match rb_self.message.get() {
                Message::Release(_) if !callable.is_nil() => {
                    callable.funcall("method", ("release",))
                }
                _ => Ok(callable),
            }
        }
        _ => ruby.call_super((name,)),
    }
}

/// As `Object#instance_variable_set`. With `@ptr` or `@proc` set to nil, or `@autorelease` to false, GC and exit
/// leave the pointer alone.
///
/// @param name [Symbol, String]
/// @param value [Object]
/// @return [Object] the value
pub fn set(ruby: &Ruby, rb_self: Obj<Releaser>, name: Value, value: Value) -> Result<Value, Error> {
    match name.to_string().as_str() {
        "@autorelease" => rb_self.set_autorelease(ruby, value.to_bool()),
        "@ptr" => write(rb_self, &rb_self.held, value),
        "@proc" => {
            rb_self.message.set(Message::Call);
            write(rb_self, &rb_self.callable, value);
        }
        _ => return ruby.call_super((name, value)),
    }
    let empty = |cell: &Cell<Opaque<Value>>| ruby.get_inner(cell.get()).is_nil();
    rb_self
        .state
        .set_armed(!empty(&rb_self.held) && !empty(&rb_self.callable));
    Ok(value)
}
