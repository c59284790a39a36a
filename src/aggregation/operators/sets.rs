//! Comparison operators, boolean operators, and arrays as sets.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use bson::Bson;

use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refused};
use crate::aggregation::value::{compare, copy, is_nullish, is_true, kind, weight};

pub(crate) fn comparison(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (a, b) = (args.get(0), args.get(1));
    args.steps.take(a.map_or(1, weight).min(b.map_or(1, weight)))?;
    let order = compare(a, b)?;
    some(match args.name {
        "$eq" => order.is_eq(),
        "$ne" => order.is_ne(),
        "$gt" => order.is_gt(),
        "$gte" => order.is_ge(),
        "$lt" => order.is_lt(),
        "$lte" => order.is_le(),
        _ => return some(order as i32),
    })
}

pub(crate) fn not(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(!is_true(args.get(0)))
}

pub(crate) fn all_elements_true(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(elements(args, 17040)?.iter().all(|one| is_true(Some(one))))
}

pub(crate) fn any_element_true(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(elements(args, 17041)?.iter().any(|one| is_true(Some(one))))
}

fn elements<'a>(args: &'a Args<'_>, code: i32) -> Outcome<&'a [Bson]> {
    match args.get(0) {
        Some(Bson::Array(elements)) => Ok(elements),
        other => refused(code, format!("{} takes an array, not a value of type {}", args.name, kind(other))),
    }
}

/// A value in a set, ordered by the order of values. Values that cannot be compared were rejected before.
pub(crate) struct Member<'a>(pub(crate) &'a Bson);

impl Ord for Member<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(Some(self.0), Some(other.0)).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Member<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Member<'_> {}

fn set<'a>(elements: &'a [Bson], args: &Args<'_>) -> Outcome<BTreeSet<Member<'a>>> {
    // Building the set costs about `log n` comparisons per element.
    let compared = usize::try_from(elements.len().checked_ilog2().unwrap_or(0)).unwrap_or(0) + 1;
    args.steps.take(elements.iter().map(weight).sum::<usize>().saturating_mul(compared))?;
    // Inserting one by one keeps the first of several equal values.
    let mut set = BTreeSet::new();
    for element in elements {
        set.insert(Member(element));
    }
    Ok(set)
}

fn list(set: BTreeSet<Member<'_>>, args: &Args<'_>) -> Outcome<Option<Bson>> {
    let all: Vec<Bson> = set.into_iter().map(|Member(value)| copy(value, args.steps)).collect::<Outcome<_>>()?;
    some(all)
}

/// The array at this position; `None` if it is null or missing.
fn operand<'a>(args: &'a Args<'_>, at: usize, code: i32) -> Outcome<Option<&'a [Bson]>> {
    args.array(at, code)
}

/// The array at this position, which may be neither null nor missing.
fn array<'a>(args: &'a Args<'_>, at: usize, code: i32) -> Outcome<&'a [Bson]> {
    match args.get(at) {
        Some(Bson::Array(elements)) => Ok(elements),
        other => refused(code, format!("{} takes arrays, not a value of type {}", args.name, kind(other))),
    }
}

pub(crate) fn difference(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return null();
    }
    let (left, right) = (array(args, 0, 17048)?, array(args, 1, 17049)?);
    let (right, mut seen) = (set(right, args)?, BTreeSet::new());
    args.steps.take(left.iter().map(weight).sum::<usize>().saturating_mul(2))?;
    let mut rest = Vec::new();
    for value in left {
        if !right.contains(&Member(value)) && seen.insert(Member(value)) {
            rest.push(copy(value, args.steps)?);
        }
    }
    some(rest)
}

pub(crate) fn equals(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut sets = Vec::new();
    for at in 0..args.values.len() {
        sets.push(set(array(args, at, 17044)?, args)?);
    }
    some(sets.windows(2).all(|pair| matches!(pair, [a, b] if a == b)))
}

pub(crate) fn is_subset(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (left, right) = (set(array(args, 0, 17046)?, args)?, set(array(args, 1, 17042)?, args)?);
    some(left.is_subset(&right))
}

pub(crate) fn union(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut all = BTreeSet::new();
    for at in 0..args.values.len() {
        let Some(elements) = operand(args, at, 17043)? else { return null() };
        for member in set(elements, args)? {
            all.insert(member);
        }
    }
    list(all, args)
}

pub(crate) fn intersection(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut common: Option<BTreeSet<Member<'_>>> = None;
    for (at, value) in args.iter().enumerate() {
        if is_nullish(value) {
            return null();
        }
        let Some(elements) = operand(args, at, 17047)? else { return null() };
        let elements = set(elements, args)?;
        let left = match common {
            None => elements,
            Some(common) => common.into_iter().filter(|member| elements.contains(member)).collect(),
        };
        if at > 0 && left.is_empty() {
            return some(Vec::<Bson>::new());
        }
        common = Some(left);
    }
    list(common.unwrap_or_default(), args)
}
