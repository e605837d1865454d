//! Parents and children: what must be released before what.
//!
//! A child holds its parent's state ([`Hold`]), and the parent's release waits for the holds to end. How
//! long a child holds depends on the [`Bond`]:
//!
//! - [`Bond::Before`]: until the child is released, or given away and itself free of holds.
//! - [`Bond::Within`]: the parent's release destroys the child, so it does not wait for it. Only while the child is
//!   held or being released the parent is too.
//!
//! Each function goes up the family in a loop, however deep it is, and stops at the first member that is
//! due: no member further up can be due before that one is released. Whoever gets a member that is due has won
//! its claim.

use std::iter;

use crate::{Claim, Ended, Hold, State, Trigger};

/// How a child is tied to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// The child must be released before its parent.
    Before,
    /// The parent's release is the child's as well.
    Within,
}

/// A child's tie to its parent.
#[derive(Clone, Debug)]
pub struct Tie<M> {
    /// The parent.
    pub parent: M,
    /// How the child is tied to it.
    pub bond: Bond,
}

/// One of a family. Clones are the same member.
pub trait Member: Clone + PartialEq {
    /// Its state.
    fn state(&self) -> &State;

    /// Its tie to its parent, if it has one.
    fn tie(&self) -> Option<Tie<Self>>;

    /// Takes the tie out: of all callers one gets it.
    fn untie(&self) -> Option<Tie<Self>>;
}

/// Those whose release would take `member` along, from the next one on.
fn above<M: Member>(member: &M) -> impl Iterator<Item = M> {
    iter::successors(within(member), within)
}

fn within<M: Member>(member: &M) -> Option<M> {
    let tie = member.tie()?;
    (tie.bond == Bond::Within).then_some(tie.parent)
}

/// Asks for the release of `member`. A claim that is won ends with [`finish`].
pub fn claim<M: Member>(member: &M, trigger: Trigger) -> Claim {
    let claim = member.state().claim(trigger);
    if claim == Claim::Won && (is_left(member, trigger) || !hold_above(member)) {
        member.state().finish();
        return Claim::Refused;
    }
    claim
}

/// Whether `member` is left to somebody: who has been given one above destroys it along.
fn is_left<M: Member>(member: &M, trigger: Trigger) -> bool {
    trigger == Trigger::Finalizer && above(member).any(|parent| parent.state().is_detached())
}

fn hold_above<M: Member>(member: &M) -> bool {
    within(member).is_none_or(|parent| hold(&parent, Hold::Release))
}

/// Ends the release of `member`. Returns the member that is due now.
pub fn finish<M: Member>(member: &M) -> Option<(M, Trigger)> {
    member.state().finish();
    let_go(parting(member)?)
}

/// The parent that `member` held to its end.
fn parting<M: Member>(member: &M) -> Option<M> {
    match member.tie()?.bond {
        Bond::Before => member.untie().map(|tie| tie.parent),
        Bond::Within => within(member),
    }
}

/// Keeps off the release of `member`, and above it of those whose release would take it along. To be ended with
/// [`end_lease`] or [`let_go`], as [`State::hold`] says. Returns `false` if it is refused.
pub fn hold<M: Member>(member: &M, hold: Hold) -> bool {
    if !admits(member, hold) || !member.state().hold(hold) {
        return false;
    }
    let mut held = vec![];
    for parent in above(member) {
        if !parent.state().hold(Hold::Release) {
            undo(member, hold, &held);
            return false;
        }
        held.push(parent);
    }
    true
}

/// Whether [`hold`] would be granted now.
pub fn admits<M: Member>(member: &M, hold: Hold) -> bool {
    member.state().admits(hold) && above(member).all(|parent| parent.state().admits(hold))
}

/// Ends holds on members of which one above is released, and they with it: if they are due, there is nothing left
/// to do.
fn undo<M: Member>(member: &M, hold: Hold, parents: &[M]) {
    let ended = match hold {
        Hold::Lease | Hold::Nested => member.state().end_lease(),
        Hold::Child | Hold::Release => member.state().end_child(),
    };
    let others = parents
        .iter()
        .map(|parent| (parent, parent.state().end_child()));
    for (member, ended) in iter::once((member, ended)).chain(others) {
        if matches!(ended, Ended::Due(_)) {
            member.state().finish();
        }
    }
}

/// Ends a hold that is no lease. Returns the member that is due now.
pub fn let_go<M: Member>(member: M) -> Option<(M, Trigger)> {
    let ended = member.state().end_child();
    go_up(member, ended)
}

/// Ends a lease. Returns the member that is due now.
pub fn end_lease<M: Member>(member: M) -> Option<(M, Trigger)> {
    let ended = member.state().end_lease();
    go_up(member, ended)
}

/// Ends the leases of users who are gone. Returns the member that is due now.
pub fn void_leases<M: Member>(member: M) -> Option<(M, Trigger)> {
    let (leases, ended) = member.state().void_leases();
    for _ in 1..leases {
        // The last one's hold above is still there, so none can be due.
        let _ = within(&member).and_then(let_go);
    }
    match leases {
        0 => None,
        _ => go_up(member, ended),
    }
}

fn go_up<M: Member>(mut member: M, mut ended: Ended) -> Option<(M, Trigger)> {
    loop {
        let parent = match ended {
            // What is held above for the sake of this hold is held for the release from now on.
            Ended::Due(trigger) if !is_left(&member, trigger) => return Some((member, trigger)),
            Ended::Due(_) => {
                member.state().finish();
                within(&member)?
            }
            Ended::Over => parting(&member)?,
            Ended::Nothing => within(&member)?,
        };
        ended = parent.state().end_child();
        member = parent;
    }
}

/// Gives `member` away. `None` if it is too late; otherwise the member that is due now, if there is one.
pub fn detach<M: Member>(member: &M) -> Option<Option<(M, Trigger)>> {
    let kept = above(member).all(|parent| parent.state().admits(Hold::Release));
    (kept && member.state().detach()).then(|| part_if_over(member))
}

/// Gives up a member that the finalizer may not release. Returns the member that is due now.
pub fn abandon<M: Member>(member: &M) -> Option<(M, Trigger)> {
    member.state().abandon();
    part_if_over(member)
}

fn part_if_over<M: Member>(member: &M) -> Option<(M, Trigger)> {
    let over = member.state().is_over() && member.tie()?.bond == Bond::Before;
    over.then(|| parting(member)).flatten().and_then(let_go)
}

/// Whether `member` is released, by itself or along with one above.
pub fn is_released<M: Member>(member: &M) -> bool {
    member.state().is_released() || above(member).any(|parent| parent.state().is_released())
}

/// Whether `member` is `ancestor`, or descends from it.
pub fn descends<M: Member>(member: &M, ancestor: &M) -> bool {
    lineage(member).any(|member| member == *ancestor)
}

/// How many generations there are from `member` up, with its own.
pub fn depth<M: Member>(member: &M) -> usize {
    lineage(member).count()
}

/// `member`, its parent, the parent of that, and so on.
fn lineage<M: Member>(member: &M) -> impl Iterator<Item = M> {
    iter::successors(Some(member.clone()), |member| {
        member.tie().map(|tie| tie.parent)
    })
}
