//! A release that the program has asked for and that has to wait.

use magnus::{Value, gc::Marker, value::Opaque};

use super::own_release::OwnCall;

/// What is needed when it is due. A method of the class's own needs the pointer, which is kept alive for it.
pub struct Request {
    pub pointer: Option<Opaque<Value>>,
    pub own: Option<OwnCall>,
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
}
