use std::collections::BTreeMap;

use bson::Bson;

use super::array_filters::ElementFilter;
use super::push::Push;
use super::steps::{Name, Step};
use super::written::Written;
use super::{Operator, UpdateErrorKind};

/// The operators of an update, as a tree of their paths.
#[derive(Debug)]
pub(super) enum Node {
    Fields(Fields),
    Elements(Elements),
    Leaf(Leaf),
}

/// The child nodes at a document, or at an array whose elements are addressed by index.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) named: BTreeMap<Name, Node>,
    /// `$`
    pub(super) position: Option<Box<Node>>,
}

/// The child nodes at an array whose elements are addressed by positional operators.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// `$[]`
    pub(super) all: Option<Box<Node>>,
    /// `$[name]`
    pub(super) filtered: BTreeMap<Box<str>, Node>,
}

/// An operator at the end of its path.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) operator: Operator,
    /// The path in source form.
    pub(super) path: Box<str>,
    pub(super) action: Action,
}

/// An operator with its checked operand.
#[derive(Debug)]
pub(super) enum Action {
    Set(Written),
    SetOnInsert(Written),
    Unset,
    /// The value to add.
    Inc(Bson),
    /// The value to multiply by.
    Mul(Bson),
    Min(Written),
    Max(Written),
    CurrentDate(Instant),
    Push(Push),
    AddToSet(Vec<Written>),
    Pull(Pull),
    PullAll(Vec<Bson>),
    Pop(End),
    Bit(Vec<(Bits, Bson)>),
    /// The new path of a `$rename`; the index is that of the rename.
    RenameTo(usize),
    /// The old path of a `$rename`.
    RenameFrom,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Instant {
    Date,
    Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    First,
    Last,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bits {
    And,
    Or,
    Xor,
}

/// The elements that `$pull` removes.
#[derive(Debug)]
pub(super) enum Pull {
    /// Elements equal to a value.
    Equal(Bson),
    /// Elements that match a condition on the element itself.
    Elements(Box<ElementFilter>),
    /// Elements that are documents and match a filter.
    Documents(Box<crate::mongo_query::Filter>),
}

impl Fields {
    /// Adds an operator at a path.
    pub(super) fn add(&mut self, steps: &[Step], leaf: Leaf) -> Result<(), UpdateErrorKind> {
        let Some((first, rest)) = steps.split_first() else { return Ok(()) };
        let shown = |count: usize| shown(steps.get(..count).unwrap_or(steps));
        let Some(next) = rest.first() else {
            return match first {
                Step::Name(name) => vacant(&mut self.named, name.clone(), Node::Leaf(leaf)),
                Step::Position => vacant_box(&mut self.position, Node::Leaf(leaf)),
                Step::All | Step::Filtered(_) => false,
            }
            .then_some(())
            .ok_or_else(|| UpdateErrorKind::Conflict(shown(1)));
        };
        let made = || empty(next);
        let node = match first {
            Step::Name(name) => self.named.entry(name.clone()).or_insert_with(made),
            Step::Position => self.position.get_or_insert_with(|| Box::new(made())),
            Step::All | Step::Filtered(_) => return Err(UpdateErrorKind::Conflict(shown(1))),
        };
        node.add(rest, leaf, &shown(1))
    }
}

impl Elements {
    fn add(&mut self, steps: &[Step], leaf: Leaf, above: &str) -> Result<(), UpdateErrorKind> {
        let Some((first, rest)) = steps.split_first() else { return Ok(()) };
        let here = || format!("{above}.{}", shown(std::slice::from_ref(first)));
        let Some(next) = rest.first() else {
            return match first {
                Step::All => vacant_box(&mut self.all, Node::Leaf(leaf)),
                Step::Filtered(name) => vacant(&mut self.filtered, name.clone(), Node::Leaf(leaf)),
                Step::Name(_) | Step::Position => false,
            }
            .then_some(())
            .ok_or_else(|| UpdateErrorKind::Conflict(here()));
        };
        let made = || empty(next);
        let node = match first {
            Step::All => self.all.get_or_insert_with(|| Box::new(made())),
            Step::Filtered(name) => self.filtered.entry(name.clone()).or_insert_with(made),
            Step::Name(_) | Step::Position => return Err(UpdateErrorKind::Conflict(here())),
        };
        node.add(rest, leaf, &here())
    }
}

impl Node {
    pub(super) const fn as_fields(&self) -> Option<&Fields> {
        match self {
            Self::Fields(fields) => Some(fields),
            Self::Elements(_) | Self::Leaf(_) => None,
        }
    }

    pub(super) const fn as_elements(&self) -> Option<&Elements> {
        match self {
            Self::Elements(elements) => Some(elements),
            Self::Fields(_) | Self::Leaf(_) => None,
        }
    }

    fn add(&mut self, steps: &[Step], leaf: Leaf, above: &str) -> Result<(), UpdateErrorKind> {
        match (self, steps.first()) {
            (Self::Fields(fields), Some(Step::Name(_) | Step::Position)) => {
                fields.add(steps, leaf).map_err(|error| match error {
                    UpdateErrorKind::Conflict(below) => UpdateErrorKind::Conflict(format!("{above}.{below}")),
                    error => error,
                })
            }
            (Self::Elements(elements), Some(Step::All | Step::Filtered(_))) => elements.add(steps, leaf, above),
            _ => Err(UpdateErrorKind::Conflict(above.to_owned())),
        }
    }
}

/// An empty node of the kind that the next path segment requires.
fn empty(next: &Step) -> Node {
    match next {
        Step::Name(_) | Step::Position => Node::Fields(Fields::default()),
        Step::All | Step::Filtered(_) => Node::Elements(Elements::default()),
    }
}

/// Adds a child node. Returns `false` if there already is one for this key.
fn vacant<K: Ord>(places: &mut BTreeMap<K, Node>, key: K, node: Node) -> bool {
    let free = !places.contains_key(&key);
    if free {
        places.insert(key, node);
    }
    free
}

fn vacant_box(place: &mut Option<Box<Node>>, node: Node) -> bool {
    let free = place.is_none();
    if free {
        *place = Some(Box::new(node));
    }
    free
}

/// The segments as a path in source form.
pub(super) fn shown(steps: &[Step]) -> String {
    let names: Vec<String> = steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => name.text().to_owned(),
            Step::Position => "$".to_owned(),
            Step::All => "$[]".to_owned(),
            Step::Filtered(name) => format!("$[{name}]"),
        })
        .collect();
    names.join(".")
}
