//! `SafePointer.stats`.

use magnus::{Error, Object, RClass, RHash, Ruby, method, prelude::*};

use crate::watch::{cause::Cause, stats};

/// How many pointers there are, and what became of the others. Counted all the time and in all Ractors; in a forked
/// process the figures go on from those of its parent. NULL is not counted, as there is nothing to release.
///
/// - `:created`: the pointers, and releasers of other objects, that were made.
/// - `:released`: by what they were released. `:free` is the program, whatever the method, and also where its release
///   had to wait; `:gc` found them dead, and `:queue` is what a {ReleaseQueue#drain} released of those; `:exit` is the
///   end of the process; `:parent` the release of a parent that destroyed them (`freed_by_parent`).
/// - `:detached`: given away, or gone with autorelease off, so that nothing releases them from here.
/// - `:live`: the rest.
/// - `:errors`: how many of the releases raised.
/// - `:bytes`: the native memory of the live ones, as far as `size:` says it and GC and exit are to release it.
///
/// @return [Hash{Symbol => Integer, Hash{Symbol => Integer}}] frozen
fn stats(ruby: &Ruby, _class: RClass) -> Result<RHash, Error> {
    let figures = stats::figures();
    let released = ruby.hash_new();
    for (cause, count) in Cause::ALL.iter().zip(figures.released) {
        released.aset(ruby.to_symbol(cause.name()), count)?;
    }
    released.freeze();
    let gone = figures.released.iter().sum::<u64>() + figures.detached;
    let stats = ruby.hash_new();
    let live = figures.created.saturating_sub(gone);
    stats.aset(ruby.to_symbol("live"), live)?;
    stats.aset(ruby.to_symbol("created"), figures.created)?;
    stats.aset(ruby.to_symbol("released"), released)?;
    stats.aset(ruby.to_symbol("detached"), figures.detached)?;
    stats.aset(ruby.to_symbol("errors"), figures.errors)?;
    stats.aset(ruby.to_symbol("bytes"), figures.bytes)?;
    stats.freeze();
    Ok(stats)
}

/// Defines `SafePointer.stats`.
pub fn init(safe_pointer: RClass) -> Result<(), Error> {
    safe_pointer.define_singleton_method("stats", method!(stats, 0))
}
