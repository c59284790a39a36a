use std::cmp::Ordering;

use bson::{Bson, Document};

use super::written::Written;
use super::written::written;
use super::{UpdateErrorKind, operand};
use crate::value::{Number, Steps, ValueRef, sort_order};

/// `$push` with its modifiers.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) values: Vec<Written>,
    pub(super) position: Option<i64>,
    pub(super) slice: Option<i64>,
    pub(super) sort: Option<Order>,
}

/// The maximum number of fields in a `$sort`, the same as for sorting documents.
const MAX_FIELDS: usize = 32;

/// The number of comparisons, when sorting an array, that count as one step.
const COMPARISONS_PER_STEP: usize = 3;

/// The sort order of a `$push`.
#[derive(Debug)]
pub(super) enum Order {
    /// By the elements as a whole.
    Elements(Direction),
    /// By fields of the elements. The paths enter nested arrays only by index.
    Fields(Vec<(Vec<Box<str>>, Direction)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Push {
    pub(super) fn compile(operand: &Bson) -> Result<Self, UpdateErrorKind> {
        match operand {
            Bson::Document(modifiers) if modifiers.contains_key("$each") => Self::compile_modifiers(modifiers),
            value => Ok(Self { values: vec![written(value)?], position: None, slice: None, sort: None }),
        }
    }

    fn compile_modifiers(modifiers: &Document) -> Result<Self, UpdateErrorKind> {
        let mut push = Self { values: Vec::new(), position: None, slice: None, sort: None };
        for (name, value) in modifiers {
            match name.as_str() {
                "$each" => match value {
                    Bson::Array(values) => push.values = values.iter().map(written).collect::<Result<_, _>>()?,
                    other => return Err(operand::operand("an array as its `$each`", other, 2)),
                },
                "$position" => push.position = Some(operand::integer("an integer as its `$position`", value, 2)?),
                "$slice" => push.slice = Some(operand::integer("an integer as its `$slice`", value, 2)?),
                "$sort" => push.sort = Some(Order::compile(value)?),
                _ => {
                    return Err(UpdateErrorKind::Operand {
                        expected: "`$each`, `$position`, `$slice` and `$sort`",
                        found: format!("`{name}`"),
                        code: 2,
                    });
                }
            }
        }
        Ok(push)
    }

    /// Whether MongoDB counts the `$push` as a modification even if it adds nothing.
    fn rearranges(&self, length: usize) -> bool {
        (self.sort.is_some() && length > 0) || self.slice.is_some_and(|slice| slice.unsigned_abs() < to_u64(length))
    }

    /// Applies the `$push`. Returns whether MongoDB counts it as a modification.
    pub(super) fn apply(&self, list: &mut Vec<Bson>, steps: &Steps) -> Result<bool, UpdateErrorKind> {
        if !self.values.is_empty() {
            let at = match self.position {
                None => list.len(),
                Some(position) => place(position, list.len()),
            };
            list.splice(at..at, self.values.iter().map(|written| written.value.clone()));
        }
        let changes = !self.values.is_empty() || self.rearranges(list.len());
        if let Some(order) = &self.sort {
            order.sort(list, steps)?;
        }
        match self.slice {
            Some(slice) if slice >= 0 => list.truncate(usize::try_from(slice).unwrap_or(usize::MAX)),
            Some(slice) => {
                let kept = usize::try_from(slice.unsigned_abs()).unwrap_or(usize::MAX);
                let first = list.len().saturating_sub(kept);
                list.drain(..first);
            }
            None => {}
        }
        Ok(changes)
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Resolves a position, which counts from the end if it is negative.
fn place(position: i64, length: usize) -> usize {
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

impl Order {
    fn compile(operand: &Bson) -> Result<Self, UpdateErrorKind> {
        let expected = "1, -1 or a document of these as its `$sort`";
        match operand {
            Bson::Document(fields) if fields.len() > MAX_FIELDS => {
                let found = format!("{} fields", fields.len());
                Err(UpdateErrorKind::Operand { expected: "at most 32 fields as its `$sort`", found, code: 2 })
            }
            Bson::Document(fields) if !fields.is_empty() => {
                let fields = fields.iter().map(|(path, value)| {
                    let names: Vec<Box<str>> = path.split('.').map(Into::into).collect();
                    if names.iter().any(|name| name.is_empty()) {
                        return Err(UpdateErrorKind::Operand { expected, found: format!("`{path}`"), code: 2 });
                    }
                    Ok((names, Direction::compile(value, expected)?))
                });
                fields.collect::<Result<_, _>>().map(Self::Fields)
            }
            value => Direction::compile(value, expected).map(Self::Elements),
        }
    }

    fn sort(&self, list: &mut [Bson], steps: &Steps) -> Result<(), UpdateErrorKind> {
        let fields = match self {
            Self::Elements(_) => 1,
            Self::Fields(fields) => fields.len(),
        };
        let comparisons = list.len().saturating_mul(list.len().checked_ilog2().map_or(1, |log| log as usize + 1));
        steps.take(comparisons.saturating_mul(fields) / COMPARISONS_PER_STEP)?;
        // Comparing an element with itself fails if it is malformed. If it succeeds, later comparisons cannot fail.
        for element in &*list {
            sort_order(Some(element.into()), Some(element.into()))?;
        }
        list.sort_by(|a, b| match self {
            Self::Elements(direction) => direction.order(Some(a), Some(b)),
            Self::Fields(fields) => fields
                .iter()
                .map(|(path, direction)| direction.order(field(a, path), field(b, path)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        });
        Ok(())
    }
}

impl Direction {
    fn compile(value: &Bson, expected: &'static str) -> Result<Self, UpdateErrorKind> {
        match ValueRef::from(value).number().and_then(Number::integer) {
            Some(1) => Ok(Self::Up),
            Some(-1) => Ok(Self::Down),
            _ => Err(operand::operand(expected, value, 2)),
        }
    }

    fn order(self, a: Option<&Bson>, b: Option<&Bson>) -> Ordering {
        let order = sort_order(a.map(Into::into), b.map(Into::into)).unwrap_or(Ordering::Equal);
        if self == Self::Up { order } else { order.reverse() }
    }
}

/// The value of a sort field in an element; `None` is missing.
fn field<'e>(element: &'e Bson, path: &[Box<str>]) -> Option<&'e Bson> {
    let mut here = element;
    for (depth, name) in path.iter().enumerate() {
        here = match here {
            Bson::Document(document) => document.get(&**name)?,
            Bson::Array(list) if depth > 0 => list.get(name.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(here)
}
