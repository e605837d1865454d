//! How many owners an address has, for as long as somebody wants to be warned of a second one.
//!
//! Only a first look: a pointer that is just being released still counts, and so does one with autorelease off, which may
//! be switched on again. Who is warned, looks again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::flags::{self, Watch};

static OWNERS: Mutex<Option<HashMap<usize, usize>>> = Mutex::new(None);

fn with_owners<T>(body: impl FnOnce(&mut HashMap<usize, usize>) -> T) -> T {
    // Nothing that can start a GC runs meanwhile, so that GC may come here itself.
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    body(owners.get_or_insert_default())
}

/// `address` has one owner more. Returns whether it had one before. Where there is no memory to know, it has none.
pub fn add(address: Option<usize>) -> bool {
    match address {
        Some(address) if address != 0 && flags::is(Watch::SecondOwner) => with_owners(|owners| {
            if owners.try_reserve(1).is_err() {
                return false;
            }
            let count = owners.entry(address).or_default();
            *count += 1;
            *count > 1
        }),
        _ => false,
    }
}

/// It has one less.
#[inline]
pub fn remove(address: Option<usize>) {
    if flags::is(Watch::SecondOwner) {
        remove_known(address);
    }
}

#[cold]
fn remove_known(address: Option<usize>) {
    if let Some(address) = address {
        with_owners(|owners| match owners.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(owners.remove(&address)),
            None => {}
        });
    }
}

/// Forgets them all.
pub fn clear() {
    with_owners(HashMap::clear);
}
