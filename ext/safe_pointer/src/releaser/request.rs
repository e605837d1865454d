//! A release that the program has asked for and that has to wait.

use magnus::{
    Ruby, Value,
    gc::Marker,
    typed_data::{Obj, Writebarrier},
    value::Opaque,
};

use super::Releaser;
use crate::guard::Own;

/// What is needed when its turn comes. A method of the class's own needs the pointer, which is kept alive for it.
pub struct Request {
    pointer: Option<Opaque<Value>>,
    own: Option<Own>,
}

impl Request {
    pub fn mark(&self, marker: &Marker) {
        if let Some(pointer) = self.pointer {
            marker.mark(pointer);
        }
        if let Some(own) = &self.own {
            own.mark(marker);
        }
    }

    /// Remembers the release of `pointer`, by its class's own method if there is one.
    pub fn set(releaser: Obj<Releaser>, pointer: Option<Value>, own: Option<Own>) {
        let request = Self {
            pointer: pointer.map(Opaque::from),
            own,
        };
        if let Some(pointer) = pointer {
            releaser.writebarrier(pointer);
        }
        if let Some(own) = &request.own {
            releaser.writebarrier(own.block());
        }
        releaser.extras().request.replace(Some(request));
    }

    /// The pointer, if it is still there, and how the program wants it released.
    pub fn take(ruby: &Ruby, releaser: Obj<Releaser>) -> (Option<Value>, Option<Own>) {
        let request = releaser
            .extras
            .get()
            .and_then(|extras| extras.request.take());
        let (pointer, own) = match request {
            Some(Self { pointer, own }) => (pointer.map(|pointer| ruby.get_inner(pointer)), own),
            None => (None, None),
        };
        (pointer, own)
    }
}
