//! The keyword arguments of a pointer, and of a releaser.

use std::fmt::Display;

use magnus::{
    Error, RHash, Ruby, StaticSymbol, TryConvert, Value, prelude::*, scan_args::get_kwargs,
    typed_data::Obj, value::LazyId,
};
use safe_pointer_core::{
    Hold,
    family::{self, Bond},
};

use crate::{
    carrier, errors, ffi, pointer,
    process::ForkPolicy,
    queue::ReleaseQueue,
    releaser::{self, Kin, Releaser},
};

static NAMES: [LazyId; 5] = [
    LazyId::new("parent"),
    LazyId::new("freed_by_parent"),
    LazyId::new("size"),
    LazyId::new("fork_policy"),
    LazyId::new("release_queue"),
];

/// What `parent:`, `freed_by_parent:`, `size:`, `fork_policy:` and `release_queue:` say.
#[derive(Default)]
pub struct Options {
    parent: Option<Parent>,
    within: bool,
    size: usize,
    fork_policy: Option<ForkPolicy>,
    queue: Option<Obj<ReleaseQueue>>,
}

/// What is given as a parent: a pointer, a struct or a releaser.
#[derive(Clone, Copy)]
pub struct Parent {
    value: Value,
    releaser: Obj<Releaser>,
}

/// One or two arguments, and keywords for [`Options`].
pub fn scan(
    ruby: &Ruby,
    args: &[Value],
    of: Value,
) -> Result<(Value, Option<Value>, Options), Error> {
    // SAFETY: looks at the frame of the method that Ruby has called.
    let has_keywords = unsafe { rb_sys::rb_keyword_given_p() } != 0;
    let (args, keywords) = match args.split_last() {
        Some((keywords, args)) if has_keywords => (args, Some(*keywords)),
        _ => (args, None),
    };
    ruby.check_arity(args.len(), 1..3)?;
    let options = match keywords {
        Some(keywords) => Options::parse(ruby, RHash::try_convert(keywords)?, of)?,
        None => Options::default(),
    };
    Ok((args[0], args.get(1).copied(), options))
}

type Given = Option<Value>;

/// The values of [`NAMES`].
fn values(ruby: &Ruby, keywords: RHash) -> Result<[Given; 5], Error> {
    let mut values = [None; 5];
    let mut known = 0;
    for (name, value) in NAMES.iter().zip(&mut values) {
        if known == keywords.len() {
            break;
        }
        *value = keywords.get(StaticSymbol::from(LazyId::get_inner_with(name, ruby)));
        known += usize::from(value.is_some());
    }
    if known < keywords.len() {
        // Raises what Ruby raises for those that nobody knows. It takes the others out.
        let names = NAMES.each_ref().map(|name| **name);
        let keywords = RHash::try_convert(keywords.funcall("dup", ())?)?;
        get_kwargs::<_, (), (Given, Given, Given, Given, Given), ()>(keywords, &[], &names)?;
    }
    Ok(values)
}

impl Options {
    /// Whether nothing is asked for.
    pub fn are_default(&self) -> bool {
        self.parent.is_none()
            && self.size == 0
            && self.fork_policy.is_none()
            && self.queue.is_none()
    }

    fn parse(ruby: &Ruby, keywords: RHash, of: Value) -> Result<Self, Error> {
        let [parent, within, size, fork_policy, queue] = values(ruby, keywords)?;
        let parent = parent.filter(|parent| !parent.is_nil());
        let within = within.is_some_and(|within| within.to_bool());
        if within && parent.is_none() {
            let message = format!("{of}.new: freed_by_parent without a parent");
            return Err(errors::new(ruby.exception_arg_error(), message));
        }
        Ok(Self {
            parent: parent
                .map(|parent| Parent::new(ruby, parent, &format_args!("{of}.new")))
                .transpose()?,
            within,
            size: match size {
                Some(size) => parse_size(ruby, size, &format_args!("{of}.new"))?,
                None => 0,
            },
            fork_policy: fork_policy
                .filter(|policy| !policy.is_nil())
                .map(|policy| parse_fork_policy(ruby, policy, of))
                .transpose()?,
            queue: queue
                .filter(|queue| !queue.is_nil())
                .map(|queue| parse_queue(ruby, queue, of))
                .transpose()?,
        })
    }

    /// Gives `releaser`, whose pointer is `pointer` if it has one, what the options say, and has `make` do the rest
    /// of the construction. If that fails, no parent may wait for what nobody will ever release.
    pub fn apply(
        self,
        ruby: &Ruby,
        releaser: Obj<Releaser>,
        pointer: Option<Value>,
        make: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let parent = self.parent;
        let made = self.give(ruby, releaser, pointer).and_then(|()| {
            make()?;
            match (parent, pointer) {
                (Some(parent), Some(pointer)) => parent.keep(pointer, releaser),
                _ => Ok(()),
            }
        });
        let given_up = match made {
            Ok(()) => Ok(()),
            Err(_) => errors::despite(&made, || Releaser::detach(ruby, releaser).map(drop)),
        };
        made.and(given_up)
    }

    fn give(
        self,
        ruby: &Ruby,
        releaser: Obj<Releaser>,
        pointer: Option<Value>,
    ) -> Result<(), Error> {
        if let Some(policy) = self.fork_policy {
            releaser.set_fork_policy(policy);
        }
        if let Some(queue) = self.queue {
            releaser.set_queue(Some(queue.into()));
        }
        if let Some(parent) = self.parent {
            let bond = if self.within {
                Bond::Within
            } else {
                Bond::Before
            };
            let of = match pointer {
                Some(pointer) => pointer.class(),
                None => releaser.as_value().class(),
            };
            parent.adopt(ruby, releaser, pointer, bond, &format_args!("{of}.new"))?;
        }
        releaser.set_size(ruby, self.size);
        Ok(())
    }
}

impl Parent {
    /// `value` as a parent; `method` asks for one.
    pub fn new(ruby: &Ruby, value: Value, method: &dyn Display) -> Result<Self, Error> {
        let releaser = match carrier::find(ruby, ffi::memory(ruby, value)?)? {
            None => Obj::try_convert(value).ok(),
            found => found,
        };
        let Some(releaser) = releaser else {
            let message = format!(
                "{method}: parent must be a SafePointer, a struct of one or a SafePointer::Releaser, not {}",
                errors::inspect(value)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        };
        Ok(Self { value, releaser })
    }

    /// Refuses `child`, whose descendant this is. One that is only being made has none.
    pub fn check_descent(
        self,
        ruby: &Ruby,
        child: Obj<Releaser>,
        method: &dyn Display,
    ) -> Result<Self, Error> {
        if family::descends(&Kin(self.releaser), &Kin(child)) {
            let message = format!(
                "{method}: {} cannot be the parent, as it is or descends from the child",
                errors::inspect(self.value)?
            );
            return Err(errors::new(ruby.exception_arg_error(), message));
        }
        Ok(self)
    }

    /// Has `pointer`, which `releaser` is attached to, keep this parent alive.
    pub fn keep(self, pointer: Value, releaser: Obj<Releaser>) -> Result<(), Error> {
        carrier::set_parent(pointer, releaser, self.value)
    }

    /// Ties `child` to this parent, in place of the one it has.
    pub fn adopt(
        self,
        ruby: &Ruby,
        child: Obj<Releaser>,
        pointer: Option<Value>,
        bond: Bond,
        method: &dyn Display,
    ) -> Result<Self, Error> {
        let parent = Kin(self.releaser);
        // What is NULL is never released: there is nothing to wait for.
        let tied = child.address() != Some(0);
        let granted = match bond {
            Bond::Before if tied => family::hold(&parent, Hold::Child),
            _ => family::admits(&parent, Hold::Child),
        };
        if !granted {
            let message = format!(
                "{method}: the parent {} is released",
                errors::inspect(self.value)?
            );
            return Err(pointer::released_error(ruby, message)?);
        }
        if bond == Bond::Within
            && let Some(pointer) = pointer
        {
            Releaser::add_within(ruby, self.releaser, pointer)?;
        }
        if tied {
            releaser::tie(ruby, child, Some((self.releaser, bond)))?;
        }
        Ok(self)
    }
}

/// A number of bytes; `method` asks for it.
pub fn parse_size(ruby: &Ruby, size: Value, method: &dyn Display) -> Result<usize, Error> {
    let bytes: Option<isize> = match size.is_kind_of(ruby.class_integer()) {
        true => isize::try_convert(size).ok(),
        false => {
            let message = format!(
                "{method}: size must be an Integer, not {}",
                errors::inspect(size)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        }
    };
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => Ok(bytes),
        None => {
            let size = errors::inspect(size)?;
            let message = format!("{method}: size must be a number of bytes, not {size}");
            Err(errors::new(ruby.exception_arg_error(), message))
        }
    }
}

fn parse_fork_policy(ruby: &Ruby, policy: Value, of: Value) -> Result<ForkPolicy, Error> {
    match ForkPolicy::from_value(policy) {
        Some(policy) => Ok(policy),
        None => {
            let (of, policy) = (errors::inspect(of)?, errors::inspect(policy)?);
            let message =
                format!("{of}.new: fork_policy must be :release or :discard, not {policy}");
            Err(errors::new(ruby.exception_arg_error(), message))
        }
    }
}

fn parse_queue(ruby: &Ruby, queue: Value, of: Value) -> Result<Obj<ReleaseQueue>, Error> {
    match Obj::try_convert(queue) {
        Ok(queue) => Ok(queue),
        Err(_) => {
            let (of, queue) = (errors::inspect(of)?, errors::inspect(queue)?);
            let message =
                format!("{of}.new: release_queue must be a SafePointer::ReleaseQueue, not {queue}");
            Err(errors::new(ruby.exception_type_error(), message))
        }
    }
}
