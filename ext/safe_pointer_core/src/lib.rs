//! The release state of one pointer, without Ruby.
//!
//! [`State`] decides *whether* a release may run: one atomic word, claimed before any destructor is
//! called. [`Entered`] decides *how far* a release that the owner's class has taken into its own hands
//! may go: which of the class's methods may still run. Both only answer questions; whoever
//! asks carries the answer out.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod entered;
pub mod family;
mod queue;
mod state;
mod sync;

pub use entered::Entered;
pub use queue::Queue;
pub use state::{Claim, Ended, Hold, State, Trigger};
