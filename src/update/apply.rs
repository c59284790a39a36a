use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, DateTime, Document};

use super::error::MAX_PADDING;
use super::parse::Update;
use super::removal::remove_all;
use super::rename::{refuse_element, take_all};
use super::size::{self, MAX_WRITTEN, PADDING_OVERHEAD, VALUE_OVERHEAD, index_size};
use super::steps::Name;
use super::tree::{Elements, Fields, Node};
use super::{UpdateError, UpdateErrorKind};
use crate::eval::Errors;
use crate::value::{ValueRef, identical};

/// What an update depends on beside the document.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time that `$currentDate` sets.
    pub now: DateTime,
    /// The index that `$` stands for: that of the array element that the filter matched.
    pub position: Option<usize>,
    /// Whether the document is inserted by an upsert, so that `$setOnInsert` applies.
    pub inserts: bool,
}

impl Moment {
    /// The circumstances of an update of an existing document.
    #[must_use]
    pub const fn at(now: DateTime) -> Self {
        Self { now, position: None, inserts: false }
    }
}

/// The result of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The new document.
    pub document: Document,
    /// Whether MongoDB counts the document as modified.
    pub modified: bool,
}

impl Update {
    /// Applies the update to a document. If any operator fails, the whole update does.
    ///
    /// # Errors
    /// If an operator fails, if two operators conflict at the same place, if `_id` would change, if the document would
    /// become too large or too deep, or if its arrays take too many steps.
    pub fn apply(&self, document: Document, moment: &Moment) -> Result<Applied, UpdateError> {
        let id = document.get("_id").cloned();
        let mut root = Bson::Document(document);
        let renamed = take_all(&mut root, &self.renamings)?;
        let absent = self.renamings.iter().zip(&renamed).filter(|(_, value)| value.is_none());
        let absent: Vec<_> = absent.map(|(renaming, _)| renaming).collect();
        let position = moment.position.map(|position| Name::new(&position.to_string()));
        let errors = Errors::default();
        let mut applying = Applying { update: self, moment, position, renamed, written: 0, errors };
        let outcome = applying.fields(&[&self.fields], Spot::There(&mut root), Within::Documents)?;
        // MongoDB resolves the old path only when it gets to the new one, by which time an array may have grown to that
        // index.
        for renaming in absent.into_iter().filter(|renaming| renaming.from < renaming.to) {
            refuse_element(&mut root, renaming)?;
        }
        let Bson::Document(document) = root else { return Err(UpdateErrorKind::NotViable.into()) };
        let modified = outcome != Effect::Same;
        if let Some(id) = id {
            let now = document.get("_id").map(ValueRef::from);
            let same = now.map_or(Ok(false), |now| identical(now, (&id).into())).map_err(UpdateErrorKind::from)?;
            if !same {
                return Err(UpdateErrorKind::IdChanged.into());
            }
        }
        if modified {
            size::check(&document)?;
        }
        Ok(Applied { document, modified })
    }
}

/// The target of an operator.
pub(super) enum Spot<'v> {
    /// An existing value.
    There(&'v mut Bson),
    /// No value; the operator may create one here.
    Vacant(&'v mut Option<Bson>),
    /// No value, and none can be created, because the path leads through a value that cannot contain it.
    Blocked,
}

/// What an operator did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Same,
    Changed,
    /// The value is to be removed from its container.
    Removed,
}

impl Effect {
    pub(super) const fn changed(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Same }
    }

    /// The effect on a container, given the effect on one of its values.
    fn above(self, other: Self) -> Self {
        Self::changed(self != Self::Same || other != Self::Same)
    }
}

/// The containers that a path leads through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Documents,
    /// Arrays, at least one.
    Arrays,
}

pub(super) struct Applying<'u> {
    update: &'u Update,
    pub(super) moment: &'u Moment,
    position: Option<Name>,
    pub(super) renamed: Vec<Option<Bson>>,
    /// The memory taken by values written so far, in bytes.
    written: usize,
    /// The errors of array filters, and the remaining step budget for array elements.
    pub(super) errors: Errors,
}

/// The steps that an operator takes at each of its targets.
const STEPS_PER_TARGET: usize = 8;

impl Applying<'_> {
    fn nodes(&mut self, nodes: &[&Node], mut spot: Spot<'_>, within: Within) -> Result<Effect, UpdateError> {
        if within == Within::Arrays {
            self.errors.steps().take(STEPS_PER_TARGET).map_err(UpdateErrorKind::from)?;
        }
        match nodes {
            [] => Ok(Effect::Same),
            [Node::Leaf(leaf)] => {
                self.leaf(leaf, spot, within).map_err(|kind| UpdateError::at(leaf.operator, &leaf.path, kind))
            }
            [Node::Fields(fields)] => self.fields(&[fields], spot, within),
            [Node::Elements(elements)] => self.elements(&[elements], &mut spot),
            several => {
                if let Some(fields) = several.iter().map(|node| node.as_fields()).collect::<Option<Vec<_>>>() {
                    return self.fields(&fields, spot, within);
                }
                if let Some(elements) = several.iter().map(|node| node.as_elements()).collect::<Option<Vec<_>>>() {
                    return self.elements(&elements, &mut spot);
                }
                let path = several.iter().find_map(|node| match node {
                    Node::Leaf(leaf) => Some(leaf.path.to_string()),
                    Node::Fields(_) | Node::Elements(_) => None,
                });
                Err(UpdateErrorKind::Conflict(path.unwrap_or_default()).into())
            }
        }
    }

    fn fields(&mut self, nodes: &[&Fields], spot: Spot<'_>, within: Within) -> Result<Effect, UpdateError> {
        if let [node] = nodes
            && node.position.is_none()
        {
            return self.named(node.named.iter().map(|(name, node)| (name, Below::One(node))), spot, within);
        }
        let position = self.position.clone();
        let mut merged: BTreeMap<&Name, Vec<&Node>> = BTreeMap::new();
        for node in nodes {
            if let Some(at_position) = &node.position {
                let name = position.as_ref().ok_or(UpdateErrorKind::PositionMissing)?;
                merged.entry(name).or_default().push(at_position);
            }
            for (name, node) in &node.named {
                merged.entry(name).or_default().push(node);
            }
        }
        self.named(merged.into_iter().map(|(name, nodes)| (name, Below::Several(nodes))), spot, within)
    }

    fn named<'n>(
        &mut self,
        children: impl Iterator<Item = (&'n Name, Below<'n>)>,
        mut spot: Spot<'_>,
        within: Within,
    ) -> Result<Effect, UpdateError> {
        let mut outcome = Effect::Same;
        let mut removed = BTreeSet::new();
        for (name, nodes) in children {
            let below = match &mut spot {
                Spot::Blocked => self.below(&nodes, Spot::Blocked, within)?,
                Spot::There(Bson::Document(document)) => self.field(document, name, &nodes, within)?,
                Spot::There(Bson::Array(list)) => self.element(list, name, &nodes)?,
                Spot::There(_) => self.below(&nodes, Spot::Blocked, within)?,
                Spot::Vacant(Some(Bson::Document(document))) => self.field(document, name, &nodes, within)?,
                Spot::Vacant(slot) => {
                    let mut document = Document::new();
                    let below = self.field(&mut document, name, &nodes, within)?;
                    if !document.is_empty() {
                        **slot = Some(Bson::Document(document));
                    }
                    below
                }
            };
            if below == Effect::Removed {
                removed.insert(name.text());
            }
            outcome = outcome.above(below);
        }
        if let Spot::There(Bson::Document(document)) = spot {
            remove_all(document, &removed);
        }
        Ok(outcome)
    }

    fn below(&mut self, nodes: &Below<'_>, spot: Spot<'_>, within: Within) -> Result<Effect, UpdateError> {
        match nodes {
            Below::One(node) => self.nodes(&[*node], spot, within),
            Below::Several(nodes) => self.nodes(nodes, spot, within),
        }
    }

    fn field(
        &mut self,
        document: &mut Document,
        name: &Name,
        nodes: &Below<'_>,
        within: Within,
    ) -> Result<Effect, UpdateError> {
        if let Some(value) = document.get_mut(name.text()) {
            return self.below(nodes, Spot::There(value), within);
        }
        let mut made = None;
        let outcome = self.below(nodes, Spot::Vacant(&mut made), within)?;
        if let Some(value) = made {
            self.charge(VALUE_OVERHEAD + name.text().len())?;
            document.insert(name.text(), value);
        }
        Ok(outcome)
    }

    /// Applies the nodes to the array element at this index.
    fn element(&mut self, list: &mut Vec<Bson>, name: &Name, nodes: &Below<'_>) -> Result<Effect, UpdateError> {
        let Some(index) = name.index() else { return self.below(nodes, Spot::Blocked, Within::Arrays) };
        if let Some(value) = list.get_mut(index) {
            let outcome = self.below(nodes, Spot::There(value), Within::Arrays)?;
            return Ok(emptied(value, outcome));
        }
        let mut made = None;
        let outcome = self.below(nodes, Spot::Vacant(&mut made), Within::Arrays)?;
        if let Some(value) = made {
            let padding = index - list.len();
            if padding > MAX_PADDING {
                return Err(UpdateErrorKind::Padding.into());
            }
            self.charge(
                padding.saturating_mul(2 + index_size(index) + PADDING_OVERHEAD).saturating_add(VALUE_OVERHEAD),
            )?;
            list.resize(index, Bson::Null);
            list.push(value);
        }
        Ok(outcome)
    }

    fn elements(&mut self, nodes: &[&Elements], spot: &mut Spot<'_>) -> Result<Effect, UpdateError> {
        let Spot::There(Bson::Array(list)) = spot else { return Err(UpdateErrorKind::Elements.into()) };
        let mut outcome = Effect::Same;
        for element in list {
            self.errors.steps().take(1).map_err(UpdateErrorKind::from)?;
            let mut children: Vec<&Node> = Vec::new();
            for node in nodes {
                children.extend(node.all.as_deref());
                for (name, child) in &node.filtered {
                    let filter = self.update.filters.get(name);
                    let filter = filter.ok_or_else(|| UpdateErrorKind::ArrayFilterUnknown(name.to_string()))?;
                    if filter.matches(element, &self.errors).map_err(UpdateErrorKind::from)? {
                        children.push(child);
                    }
                }
            }
            let below = self.nodes(&children, Spot::There(element), Within::Arrays)?;
            outcome = outcome.above(emptied(element, below));
        }
        Ok(outcome)
    }

    /// Charges for a written value, so that an update of a few bytes cannot exhaust memory.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), UpdateErrorKind> {
        self.written = self.written.saturating_add(bytes);
        if self.written > MAX_WRITTEN { Err(UpdateErrorKind::TooLarge) } else { Ok(()) }
    }
}

/// The nodes for one name, which may be specific to it or come from `$` and `$[]`.
enum Below<'n> {
    One(&'n Node),
    Several(Vec<&'n Node>),
}

/// Replaces a removed array element with null, as MongoDB does, so that the others keep their indexes.
fn emptied(element: &mut Bson, outcome: Effect) -> Effect {
    if outcome == Effect::Removed {
        *element = Bson::Null;
        return Effect::Changed;
    }
    outcome
}
