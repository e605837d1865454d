//! What `FFI::AutoPointer`'s releaser keeps in instance variables. There are programs that reach for them,
//! having found no other way to keep it from releasing twice (ffi/ffi#1126).

use magnus::{Error, IntoValue, RString, Ruby, Symbol, Value, prelude::*, typed_data::Obj};

use crate::releaser::{Message, Releaser};

/// As `Object#instance_variable_get`. Answers for the variables that the releaser of an `FFI::AutoPointer` has,
/// `@autorelease`, `@ptr` and `@proc`.
///
/// @param name [Symbol, String]
/// @return [Object]
pub fn get(ruby: &Ruby, rb_self: Obj<Releaser>, name: Value) -> Result<Value, Error> {
    match text(name)?.as_str() {
        "@autorelease" => Ok(rb_self.state().autorelease().into_value_with(ruby)),
        "@ptr" => Ok(rb_self.held(ruby)),
        "@proc" => {
            let callable = rb_self.callable(ruby);
            match rb_self.message() {
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
    match text(name)?.as_str() {
        "@autorelease" => rb_self.set_autorelease(ruby, value.to_bool()),
        "@ptr" => Releaser::set_held(ruby, rb_self, value),
        "@proc" => Releaser::set_callable(ruby, rb_self, value),
        _ => return ruby.call_super((name, value)),
    }
    Ok(value)
}

/// The name, or nothing of what is none, of which Ruby raises.
fn text(name: Value) -> Result<String, Error> {
    match (Symbol::from_value(name), RString::from_value(name)) {
        (Some(symbol), _) => Ok(symbol.name()?.into_owned()),
        // SAFETY: copied before anything else happens to it.
        (_, Some(string)) => Ok(unsafe { string.to_string_lossy() }.into_owned()),
        (None, None) => Ok(String::new()),
    }
}
