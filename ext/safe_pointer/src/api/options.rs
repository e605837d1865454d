//! The keyword arguments of a pointer, and of a releaser.

use magnus::{
    Error, RClass, RHash, Ruby, StaticSymbol, TryConvert, Value, prelude::*, scan_args::get_kwargs,
    typed_data::Obj, value::LazyId,
};
use safe_pointer_core::family::Bond;

use super::parent::Parent;
use crate::{
    release::{call::CALL, give_away},
    releaser::{Releaser, queue::ReleaseQueue},
    ruby::{
        class::class_of,
        errors::{self, Method},
        fork_policy::ForkPolicy,
    },
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

/// One or two arguments, and keywords for [`Options`].
pub fn scan(
    ruby: &Ruby,
    args: &[Value],
    class: RClass,
) -> Result<(Value, Option<Value>, Options), Error> {
    // SAFETY: looks at the frame of the method that Ruby has called.
    let has_keywords = unsafe { rb_sys::rb_keyword_given_p() } != 0;
    let (args, keywords) = match args.split_last() {
        Some((keywords, args)) if has_keywords => (args, Some(*keywords)),
        _ => (args, None),
    };
    ruby.check_arity(args.len(), 1..3)?;
    let options = match keywords {
        Some(keywords) => Options::parse(ruby, RHash::try_convert(keywords)?, class)?,
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

    fn parse(ruby: &Ruby, keywords: RHash, class: RClass) -> Result<Self, Error> {
        let new = constructor(class);
        let [parent, within, size, fork_policy, queue] = values(ruby, keywords)?;
        let parent = parent.filter(|parent| !parent.is_nil());
        let within = within.is_some_and(|within| within.to_bool());
        if within && parent.is_none() {
            let message = format!("{}: freed_by_parent without a parent", new.name()?);
            return Err(errors::new(ruby.exception_arg_error(), message));
        }
        Ok(Self {
            parent: parent
                .map(|parent| Parent::new(ruby, parent, new))
                .transpose()?,
            within,
            size: match size {
                Some(size) => parse_size(ruby, size, new)?,
                None => 0,
            },
            fork_policy: fork_policy
                .filter(|policy| !policy.is_nil())
                .map(|policy| parse_fork_policy(ruby, policy, new))
                .transpose()?,
            queue: queue
                .filter(|queue| !queue.is_nil())
                .map(|queue| parse_queue(ruby, queue, new))
                .transpose()?,
        })
    }

    pub fn has_queue(&self) -> bool {
        self.queue.is_some()
    }

    /// The parent that frees what is released.
    pub fn parent_within(&self) -> Option<Value> {
        self.parent.filter(|_| self.within).map(Parent::value)
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
        let made = self.give(ruby, releaser, pointer).and_then(|()| make());
        let given_up = match made {
            Ok(()) => Ok(()),
            Err(_) => errors::despite(&made, || give_away::detach(ruby, releaser).map(drop)),
        };
        errors::and(made, given_up)
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
            releaser.set_queue(ruby, &queue.jobs)?;
        }
        if let Some(parent) = self.parent {
            let bond = if self.within {
                Bond::Within
            } else {
                Bond::Before
            };
            let class = class_of(pointer.unwrap_or(releaser.as_value()));
            parent.adopt(ruby, releaser, pointer, bond, constructor(class))?;
        }
        releaser.set_size(ruby, self.size);
        Ok(())
    }
}

fn constructor(class: RClass) -> Method {
    Method {
        class,
        name: ".new",
    }
}

/// A number of bytes; `method` asks for it.
pub fn parse_size(ruby: &Ruby, size: Value, method: Method) -> Result<usize, Error> {
    let bytes: Option<isize> = match size.is_kind_of(ruby.class_integer()) {
        true => isize::try_convert(size).ok(),
        false => {
            let message = format!(
                "{}: size must be an Integer, not {}",
                method.name()?,
                errors::inspect(size)?
            );
            return Err(errors::new(ruby.exception_type_error(), message));
        }
    };
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => Ok(bytes),
        None => {
            let (method, size) = (method.name()?, errors::inspect(size)?);
            let message = format!("{method}: size must be a number of bytes, not {size}");
            Err(errors::new(ruby.exception_arg_error(), message))
        }
    }
}

fn parse_fork_policy(ruby: &Ruby, policy: Value, new: Method) -> Result<ForkPolicy, Error> {
    match ForkPolicy::from_value(policy) {
        Some(policy) => Ok(policy),
        None => {
            let (new, policy) = (new.name()?, errors::inspect(policy)?);
            let message = format!("{new}: fork_policy must be :release or :discard, not {policy}");
            Err(errors::new(ruby.exception_arg_error(), message))
        }
    }
}

fn parse_queue(ruby: &Ruby, queue: Value, new: Method) -> Result<Obj<ReleaseQueue>, Error> {
    match Obj::try_convert(queue) {
        Ok(queue) => Ok(queue),
        Err(_) => {
            let (new, queue) = (new.name()?, errors::inspect(queue)?);
            let message =
                format!("{new}: release_queue must be a SafePointer::ReleaseQueue, not {queue}");
            Err(errors::new(ruby.exception_type_error(), message))
        }
    }
}

/// `callable`, if it is one.
pub fn callable(ruby: &Ruby, callable: Value) -> Result<Value, Error> {
    match callable.respond_to(*CALL, false)? {
        true => Ok(callable),
        false => Err(errors::runtime(ruby, "proc must be callable")),
    }
}
