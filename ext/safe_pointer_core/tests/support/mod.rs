//! A family of states and nothing else.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use safe_pointer_core::{
    Hold, State,
    family::{self, Bond, Member, Tie},
};

#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    state: State,
    tie: Mutex<Option<Tie<Node>>>,
}

impl Node {
    pub fn root() -> Self {
        Self::new(None)
    }

    pub fn child(&self, bond: Bond) -> Self {
        assert!(bond == Bond::Within || family::hold(self, Hold::Child));
        let parent = self.clone();
        Self::new(Some(Tie { parent, bond }))
    }

    fn new(tie: Option<Tie<Self>>) -> Self {
        let (state, tie) = (State::owned(), Mutex::new(tie));
        Self(Arc::new(Inner { state, tie }))
    }
}

impl Member for Node {
    fn state(&self) -> &State {
        &self.0.state
    }

    fn tie(&self) -> Option<Tie<Self>> {
        self.0.with_tie(|tie| tie.clone())
    }

    fn untie(&self) -> Option<Tie<Self>> {
        self.0.with_tie(Option::take)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Without those above, who may be many.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

impl Inner {
    fn with_tie<T>(&self, visit: impl FnOnce(&mut Option<Tie<Node>>) -> T) -> T {
        visit(&mut self.tie.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Drops those above in a loop: there may be more of them than the stack has room for.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut tie = self.with_tie(Option::take);
        while let Some(parent) = tie.and_then(|tie| Arc::into_inner(tie.parent.0)) {
            tie = parent.with_tie(Option::take);
        }
    }
}
