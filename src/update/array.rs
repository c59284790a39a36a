//! Applies `$addToSet`, `$pull`, `$pullAll` and `$pop` to an array.

use bson::Bson;

use super::UpdateErrorKind;
use super::array_filters::PER_CONDITION;
use super::tree::{Action, End, Pull};
use super::written::Written;
use crate::eval::Errors;
use crate::value::{Malformed, ValueRef, equal_in_steps, sort_order};

/// Values sorted in MongoDB's order, for binary search.
struct SortedValues<'v>(Vec<&'v Bson>);

impl<'v> SortedValues<'v> {
    fn new(values: impl Iterator<Item = &'v Bson>) -> Result<Self, Malformed> {
        let mut values: Vec<&Bson> = values.collect();
        // Comparing a value with itself fails if it is malformed. If it succeeds, later comparisons cannot fail.
        for value in &values {
            compare(value, value)?;
        }
        values.sort_by(|a, b| compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
        Ok(Self(values))
    }

    fn has(&self, value: &Bson) -> Result<bool, Malformed> {
        compare(value, value)?;
        let found = self.0.binary_search_by(|known| compare(known, value).unwrap_or(std::cmp::Ordering::Equal));
        Ok(found.is_ok())
    }
}

fn compare(a: &Bson, b: &Bson) -> Result<std::cmp::Ordering, Malformed> {
    sort_order(Some(a.into()), Some(b.into()))
}

/// Those of `values` that the array does not contain, without duplicates.
pub(super) fn missing<'v>(list: &[Bson], values: &'v [Written]) -> Result<Vec<&'v Written>, UpdateErrorKind> {
    let known = SortedValues::new(list.iter())?;
    let mut new: Vec<(usize, &Written)> = Vec::new();
    for (place, written) in values.iter().enumerate() {
        if !known.has(&written.value)? {
            new.push((place, written));
        }
    }
    // Sorting makes equal values adjacent; the first of them is kept.
    new.sort_by(|(_, a), (_, b)| compare(&a.value, &b.value).unwrap_or(std::cmp::Ordering::Equal));
    new.dedup_by(|(_, a), (_, b)| compare(&a.value, &b.value).is_ok_and(std::cmp::Ordering::is_eq));
    new.sort_by_key(|(place, _)| *place);
    Ok(new.into_iter().map(|(_, written)| written).collect())
}

/// Removes elements. Returns whether any were removed.
pub(super) fn take_away(action: &Action, list: &mut Vec<Bson>, errors: &Errors) -> Result<bool, UpdateErrorKind> {
    let (length, steps) = (list.len(), errors.steps());
    steps.take(length)?;
    match action {
        Action::Pop(End::Last) => _ = list.pop(),
        Action::Pop(End::First) if !list.is_empty() => _ = list.remove(0),
        Action::PullAll(values) => {
            let known = SortedValues::new(values.iter())?;
            retain(list, |element| known.has(element))?;
        }
        Action::Pull(Pull::Equal(value)) => {
            retain(list, |element| equal_in_steps((&*element).into(), value.into(), steps))?;
        }
        Action::Pull(Pull::Elements(filter)) => retain(list, |element| filter.matches(element, errors))?,
        Action::Pull(Pull::Documents(filter)) => retain(list, |element| match ValueRef::from(&*element) {
            ValueRef::Document(document) => {
                steps.take(PER_CONDITION * filter.tests())?;
                filter.matches_within(document, errors)
            }
            _ => Ok(false),
        })?,
        _ => {}
    }
    Ok(list.len() != length)
}

/// Removes the elements for which `goes` returns true.
fn retain(
    list: &mut Vec<Bson>,
    mut goes: impl FnMut(&mut Bson) -> Result<bool, Malformed>,
) -> Result<(), UpdateErrorKind> {
    let mut failed = None;
    list.retain_mut(|element| {
        // The update fails, so the fate of the remaining elements does not matter.
        if failed.is_some() {
            return true;
        }
        match goes(element) {
            Ok(goes) => !goes,
            Err(error) => {
                failed = Some(error);
                true
            }
        }
    });
    failed.map_or(Ok(()), |error| Err(error.into()))
}
