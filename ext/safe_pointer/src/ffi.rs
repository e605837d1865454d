//! What we know of ffi and its pointers. Nothing in here knows a release.

pub mod block;
pub mod classes;
pub mod data;
pub mod layout;
pub mod native_function;
pub mod pointer;
pub mod probe;
