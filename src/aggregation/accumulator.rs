//! Accumulators: those of `$group`, and the same operators over the values of their operands.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use bson::{Bson, Document};

use super::decimal;
use super::failure::{Outcome, refused};
use super::number::{Num, Sum};
use super::operators::Args;
use super::operators::sets::Member;
use super::sort::{Sort, SortKey};
use super::value::{compare, copy, is_nullish, kind, weight};

/// A value that is compared by the aggregation language's total order of values.
pub(super) struct Ordered(pub(super) Bson);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        Member(&self.0).cmp(&Member(&other.0))
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

/// The choice that an accumulator makes among several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    First,
    Last,
    Least,
    Greatest,
}

/// The state of an accumulator.
pub(super) enum Gathered {
    Sum(Sum),
    Average(Sum, i64),
    Least(Option<Bson>),
    Greatest(Option<Bson>),
    First(Option<Option<Bson>>),
    Last(Option<Bson>),
    Push(Vec<Bson>),
    Set(BTreeSet<Ordered>),
    /// The count, the mean, the sum of squared deviations from it, and whether all values were finite (Welford's
    /// algorithm).
    Deviation {
        sample: bool,
        count: i64,
        mean: f64,
        squares: f64,
        finite: bool,
    },
    Merge(Document),
    Several(Kept, usize, Vec<Bson>),
    /// The first or last values in a sort order, with their sort keys.
    Top {
        sort: Sort,
        top: bool,
        count: usize,
        one: bool,
        held: Vec<(SortKey, Bson)>,
    },
}

impl Gathered {
    /// Creates the state of an accumulator with a single operand; `None` if there is none of this name.
    pub(super) fn new(name: &str) -> Option<Self> {
        Some(match name {
            "$sum" => Self::Sum(Sum::default()),
            "$avg" => Self::Average(Sum::default(), 0),
            "$min" => Self::Least(None),
            "$max" => Self::Greatest(None),
            "$first" => Self::First(None),
            "$last" => Self::Last(None),
            "$push" => Self::Push(Vec::new()),
            "$addToSet" => Self::Set(BTreeSet::new()),
            "$stdDevPop" | "$stdDevSamp" => {
                Self::Deviation { sample: name == "$stdDevSamp", count: 0, mean: 0.0, squares: 0.0, finite: true }
            }
            "$mergeObjects" => Self::Merge(Document::new()),
            _ => return None,
        })
    }

    /// Whether further values make no difference. MongoDB does not evaluate them.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self, Self::First(Some(_)))
    }

    /// Adds a value. Returns the growth of the state in steps of memory, see [`weight`](super::value::weight).
    pub(super) fn add(&mut self, value: Option<Bson>) -> Outcome<usize> {
        let size = value.as_ref().map_or(0, weight);
        match self {
            Self::Sum(sum) => {
                if let Some(number) = value.as_ref().and_then(Num::of) {
                    sum.add(number)?;
                }
                return Ok(0);
            }
            Self::Average(sum, count) => {
                if let Some(number) = value.as_ref().and_then(Num::of) {
                    sum.add(number)?;
                    *count += 1;
                }
                return Ok(0);
            }
            Self::Least(least) => {
                if !is_nullish(value.as_ref()) && (least.is_none() || compare(value.as_ref(), least.as_ref())?.is_lt())
                {
                    *least = value;
                    return Ok(size);
                }
                return Ok(0);
            }
            Self::Greatest(greatest) => {
                if !is_nullish(value.as_ref())
                    && (greatest.is_none() || compare(value.as_ref(), greatest.as_ref())?.is_gt())
                {
                    *greatest = value;
                    return Ok(size);
                }
                return Ok(0);
            }
            Self::First(first) => {
                if first.is_some() {
                    return Ok(0);
                }
                *first = Some(value);
            }
            Self::Last(last) => *last = value,
            Self::Push(list) => list.extend(value),
            Self::Set(set) => {
                if let Some(value) = value {
                    set.insert(Ordered(value));
                }
            }
            Self::Deviation { count, mean, squares, finite, .. } => {
                let Some(number) = value.as_ref().and_then(Num::of) else { return Ok(0) };
                let number = number.double();
                *finite &= number.is_finite();
                *count += 1;
                let delta = number - *mean;
                *mean += delta / Num::Long(*count).double();
                *squares += delta * (number - *mean);
                return Ok(0);
            }
            Self::Merge(merged) => match value {
                None | Some(Bson::Null | Bson::Undefined) => {}
                Some(Bson::Document(fields)) => merged.extend(fields),
                other => {
                    return refused(
                        40400,
                        format!("$mergeObjects requires object inputs, not {}", kind(other.as_ref())),
                    );
                }
            },
            Self::Several(kept, count, list) => match kept {
                Kept::First if list.len() >= *count => return Ok(0),
                Kept::First => list.push(value.unwrap_or(Bson::Null)),
                Kept::Last => {
                    list.push(value.unwrap_or(Bson::Null));
                    if list.len() > count.saturating_mul(2).saturating_add(16) {
                        list.drain(..list.len() - *count);
                    }
                }
                Kept::Least | Kept::Greatest => {
                    if is_nullish(value.as_ref()) {
                        return Ok(0);
                    }
                    list.extend(value);
                    if list.len() > count.saturating_mul(2).saturating_add(16) {
                        order(list, *kept);
                        list.truncate(*count);
                    }
                }
            },
            Self::Top { .. } => return Ok(0),
        }
        Ok(size)
    }

    /// Adds a value with its sort key. Returns the growth of the state in steps of memory.
    pub(super) fn add_keyed(&mut self, key: SortKey, value: Option<Bson>) -> usize {
        let Self::Top { sort, top, count, held, .. } = self else { return 0 };
        let size = value.as_ref().map_or(8, weight);
        held.push((key, value.unwrap_or(Bson::Null)));
        if held.len() > count.saturating_mul(2).saturating_add(16) {
            held.sort_by(|(a, _), (b, _)| sort.compare(a, b));
            if *top { held.truncate(*count) } else { drop(held.drain(..held.len() - *count)) }
        }
        size
    }

    /// The accumulated result; `None` is missing.
    pub(super) fn finish(self) -> Outcome<Option<Bson>> {
        Ok(match self {
            Self::Sum(sum) => Some(sum.bson()?),
            Self::Average(_, 0) => Some(Bson::Null),
            Self::Average(sum, count) if sum.is_decimal() => {
                Some(decimal::divide(sum.to_decimal()?, Num::Long(count).decimal())?.into())
            }
            Self::Average(sum, count) => Some(Bson::Double(sum.to_double() / Num::Long(count).double())),
            Self::Least(value) | Self::Greatest(value) => Some(value.unwrap_or(Bson::Null)),
            Self::First(value) => value.flatten(),
            Self::Last(value) => value,
            Self::Push(list) => Some(list.into()),
            Self::Set(set) => Some(set.into_iter().map(|Ordered(value)| value).collect::<Vec<_>>().into()),
            Self::Deviation { sample, count, squares, finite, .. } => {
                let divisor = if sample { count - 1 } else { count };
                Some(match divisor {
                    ..=0 => Bson::Null,
                    _ if !finite => Bson::Double(f64::NAN),
                    divisor => Bson::Double((squares / Num::Long(divisor).double()).sqrt()),
                })
            }
            Self::Merge(merged) => Some(merged.into()),
            Self::Several(kept, count, mut list) => {
                order(&mut list, kept);
                if kept == Kept::Last {
                    list.drain(..list.len().saturating_sub(count));
                }
                list.truncate(count);
                Some(list.into())
            }
            Self::Top { sort, top, count, one, mut held } => {
                held.sort_by(|(a, _), (b, _)| sort.compare(a, b));
                if top {
                    held.truncate(count);
                } else {
                    drop(held.drain(..held.len().saturating_sub(count)));
                }
                let mut values = held.into_iter().map(|(_, value)| value);
                if one { values.next() } else { Some(values.collect::<Vec<_>>().into()) }
            }
        })
    }
}

fn order(list: &mut [Bson], kept: Kept) {
    match kept {
        Kept::First | Kept::Last => {}
        Kept::Least => list.sort_by(|a, b| Member(a).cmp(&Member(b))),
        Kept::Greatest => list.sort_by(|a, b| Member(b).cmp(&Member(a))),
    }
}

/// Evaluates `$sum` and similar operators over their operands. A single operand that is an array is replaced by its
/// elements.
pub(super) fn of_operands(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(mut gathered) = Gathered::new(args.name) else { return Ok(None) };
    match (args.values.len(), args.get(0)) {
        (1, Some(Bson::Array(elements))) => {
            for element in elements {
                gathered.add(Some(copy(element, args.steps)?))?;
            }
        }
        _ => {
            for value in args.iter() {
                gathered.add(value.map(|value| copy(value, args.steps)).transpose()?)?;
            }
        }
    }
    gathered.finish()
}
