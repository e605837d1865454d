//! Observers of what becomes of pointers: figures, events, warnings. Nothing in here releases.

pub mod cause;
pub mod events;
pub mod flags;
pub mod owners;
pub mod stats;
