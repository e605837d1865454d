//! Who asks for a release.

pub mod dead;
pub mod exit;
pub mod finalizer_of_owner;
pub mod free;
pub mod lease;
pub mod own_method;
