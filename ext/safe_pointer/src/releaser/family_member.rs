//! Releasers as members of families: parents and children.

use std::sync::PoisonError;

use magnus::{
    Ruby, Value,
    prelude::*,
    rb_sys::AsRawValue,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};
use safe_pointer_core::{
    State, Trigger,
    family::{self, Bond, Member, Tie},
};

use super::{
    Releaser,
    children::Children,
    loose::{self, Loose},
};
use crate::ruby::data;

/// A releaser as one of a family.
#[derive(Clone, Copy)]
pub struct FamilyMember(pub Obj<Releaser>);

/// A release that waited for holds to end. Its claim has been won.
pub type Due = Option<(FamilyMember, Trigger)>;

impl PartialEq for FamilyMember {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_raw() == other.0.as_raw()
    }
}

impl FamilyMember {
    fn of(tie: Option<(Opaque<Value>, Bond)>) -> Option<Tie<Self>> {
        let (parent, bond) = tie?;
        let parent = Ruby::get().ok()?.get_inner(parent);
        let parent = Self(data::wrapped(parent)?);
        Some(Tie { parent, bond })
    }

    /// Ties it to a parent, which the caller holds for it if the bond wants that. `loose` is that hold, where this has no
    /// pointer. Returns the tie it had.
    pub fn tie_to(
        self,
        ruby: &Ruby,
        parent: Option<(Obj<Releaser>, Bond)>,
        loose: Option<Obj<Loose>>,
    ) -> Option<Tie<Self>> {
        self.leave();
        let tie = parent.map(|(parent, bond)| (parent.as_value().into(), bond));
        let old = self.replace_tie(tie);
        if let Some((parent, _)) = parent {
            self.0.writebarrier(parent);
        }
        if let Some(place) = loose.and_then(|loose| Loose::keep(ruby, loose)) {
            self.0.extras().loose.set(place);
        }
        old
    }

    /// Returns the tie it had, unless the parent has been let go of.
    fn replace_tie(self, tie: Option<(Opaque<Value>, Bond)>) -> Option<Tie<Self>> {
        let extras = self.0.extras();
        let old = Self::of(extras.replace_tie(tie))?;
        match extras.loose.take() {
            Some(place) => loose::take(&Ruby::get().ok()?, place).map(|_| old),
            None => Some(old),
        }
    }

    /// Its parent, if that destroys the pointer, is to make it NULL then.
    pub fn join(self) {
        let Some(parent) = self.destroyer() else {
            return;
        };
        let number = parent.with_children(|children| children.add(self.0.as_value()));
        parent.0.writebarrier(self.0);
        self.0.extras().number.set(number);
    }

    /// The parent is not to do so any more: the pointer is released, given away, or gone.
    pub fn leave(self) {
        if let (Ok(ruby), Some(parent)) = (Ruby::get(), self.destroyer()) {
            let number = self.0.extras().number.get();
            parent.with_children(|children| children.remove(&ruby, number, self.0.as_value()));
        }
    }

    /// Whether there are pointers that it is to make NULL.
    pub fn has_children(self) -> bool {
        self.0.has_extras() && self.with_children(|children| !children.is_empty())
    }

    /// Takes one of them, which is the caller's to make NULL.
    pub fn take_child(self, ruby: &Ruby) -> Option<Self> {
        let child = ruby.get_inner(self.with_children(Children::pop)?);
        data::wrapped(child).map(Self)
    }

    /// Nothing of Ruby's is called in `body`.
    fn with_children<T>(self, body: impl FnOnce(&mut Children) -> T) -> T {
        let children = &self.0.extras().children;
        body(&mut children.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The parent that destroys the pointer.
    fn destroyer(self) -> Option<Self> {
        let tie = self.tie()?;
        (tie.bond == Bond::Within).then_some(tie.parent)
    }
}

impl Member for FamilyMember {
    fn state(&self) -> &State {
        &self.0.state
    }

    fn tie(&self) -> Option<Tie<Self>> {
        Self::of(self.0.extras.get()?.tie())
    }

    fn untie(&self) -> Option<Tie<Self>> {
        self.0.extras.get()?;
        self.replace_tie(None)
    }
}

/// Whether the release is over. `false` while it runs, or waits, and of what has been given away.
pub fn is_released(releaser: Obj<Releaser>) -> bool {
    !releaser.state().is_detached() && family::is_released(&FamilyMember(releaser))
}
