//! Carrying out releases: the one place from which destructors are called.

pub mod announce;
pub mod call;
pub mod deferred;
pub mod end;
pub mod give_away;
pub mod native;
pub mod report;
