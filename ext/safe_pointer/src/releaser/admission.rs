//! Who is in a release: which methods of the class may run in it, and on which fiber.

use magnus::typed_data::Obj;

use super::{
    Releaser,
    own_release::{Admission, OwnMethod, OwnRelease},
};
use crate::ruby::fiber::{self, Context};

impl Releaser {
    /// Begins a release in which the class's own methods run here, `method` first. The claim has been won.
    pub fn begin_own_release(rb_self: Obj<Self>, method: OwnMethod) -> Admission {
        let mut own_release = Box::new(OwnRelease::new());
        let admission = own_release.admit(&rb_self.state, method);
        rb_self.own_release.replace(Some(own_release));
        admission
    }

    pub fn end_own_release(&self) {
        // Borrowed only by another Ractor that asks who is in it.
        if let Ok(mut own_release) = self.own_release.try_borrow_mut() {
            *own_release = None;
        }
    }

    /// Whether a method of the class's own is releasing this pointer, on whatever thread.
    pub fn has_own_release(&self) -> bool {
        self.own_release.try_borrow().is_ok_and(|one| one.is_some())
    }

    /// Whether it is under way on a fiber of this thread.
    pub fn is_own_release_here(&self) -> bool {
        let thread = match self.has_own_release() {
            true => fiber::current_thread_id(),
            false => return false,
        };
        let own_release = self.own_release.try_borrow();
        own_release.is_ok_and(|one| one.as_ref().is_some_and(|one| one.thread == thread))
    }

    /// Whether the caller is in it: on its fiber, and in no handler that has interrupted it.
    pub fn is_in_own_release(&self) -> bool {
        self.in_own_release(|_| ()).is_some()
    }

    /// Whether `method` may run in the release that runs here. Each may once.
    pub fn admit(&self, method: OwnMethod) -> Admission {
        self.in_own_release(|own_release| own_release.admit(&self.state, method))
            .unwrap_or(Admission::Refused)
    }

    /// Ends [`Admission::First`].
    pub fn end_first_call(&self) {
        self.in_own_release(|own_release| own_release.calling = false);
    }

    fn in_own_release<T>(&self, ask: impl FnOnce(&mut OwnRelease) -> T) -> Option<T> {
        if !self.has_own_release() {
            return None;
        }
        // Asking Ruby may make objects: nothing is borrowed meanwhile.
        let context = Context::here();
        let mut own_release = self.own_release.try_borrow_mut().ok()?;
        let own_release = own_release.as_mut()?;
        (own_release.context == context).then(|| ask(own_release))
    }
}
