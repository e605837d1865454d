//! Object ids.
//!
//! Ruby has them as Integers. On 32 bits these are objects themselves once there have been a hundred million ids, and may
//! be moved: only what number one is says whose it is.

use magnus::{Integer, Value, rb_sys::FromRawValue};
use rb_sys::VALUE;

/// What no object has.
pub const NONE: u64 = u64::MAX;

/// That of `object`, which no other object will ever have. Ruby may raise.
///
/// # Safety
///
/// `object` is alive, and the GVL is held.
pub unsafe fn of(object: VALUE) -> u64 {
    // SAFETY: the caller says so.
    let id = unsafe { rb_sys::rb_obj_id(object) };
    // SAFETY: what Ruby has answered just now.
    number(unsafe { Value::from_raw(id) }).unwrap_or(NONE)
}

/// What number `id` is, as Ruby has it. `None` of what is no id.
pub fn number(id: Value) -> Option<u64> {
    let number = Integer::from_value(id)?.to_u64().ok()?;
    (number != NONE).then_some(number)
}

#[cfg(test)]
mod tests;
