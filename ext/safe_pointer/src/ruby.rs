//! What we use of Ruby. Nothing in here knows a pointer.

pub mod class;
pub mod data;
pub mod errors;
pub mod fiber;
pub mod finalizer;
pub mod fork_policy;
pub mod hidden_variable;
pub mod namespace;
pub mod object_id;
pub mod process;
pub mod registry;
pub mod reserve;
pub mod weak_reference;
