use std::hash::{BuildHasher, Hasher, RandomState};

use bson::Bson;
use hashbrown::HashTable;

use super::compare::equal_in_steps;
use super::hash::hash;
use super::{Malformed, Steps, ValueRef};

/// A list of values that is searched many times. Long lists are hashed when they are created, so that the time of a
/// search does not depend on the length.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    values: Vec<Bson>,
    index: Option<Box<Index>>,
}

/// Like [`List`], for values in documents. The list is hashed only after several searches.
#[derive(Debug, Default)]
pub(crate) struct ListRef<'v> {
    values: Vec<ValueRef<'v>>,
    asked: usize,
    index: Option<Box<Index>>,
}

#[derive(Clone, Debug)]
struct Index {
    hasher: RandomState,
    /// The index of each value, by hash. Of equal values, only the first is included.
    hashed: HashTable<usize>,
    /// The indexes of values that cannot be hashed because they are malformed.
    others: Vec<usize>,
    /// Whether the list contains any documents or arrays.
    containers: bool,
}

/// The length from which lists are hashed; below that, a linear search is faster.
const HASHED_FROM: usize = 12;

/// The number of searches before a list is hashed.
const SEARCHES_BEFORE_HASHING: usize = 4;

impl List {
    pub(crate) fn new(values: Vec<Bson>) -> Self {
        // Hashing decoded values fails only for values that are nested too deeply. Such lists are searched linearly.
        let build =
            || Index::new(values.len(), |number| values.get(number).map(ValueRef::from), &Steps::new(usize::MAX));
        let index = if values.len() >= HASHED_FROM { build().ok().map(Box::new) } else { None };
        Self { values, index }
    }

    /// The values in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Bson> {
        self.values.iter()
    }

    /// All values, unless the list is long enough to be hashed.
    #[inline]
    pub(crate) fn few(&self) -> Option<&[Bson]> {
        self.index.is_none().then_some(&*self.values)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether the list contains a value [`equal`](super::equal) to this one.
    ///
    /// # Errors
    /// Same as [`equal`](super::equal); and if the step budget is exhausted.
    #[inline]
    pub(crate) fn contains(&self, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        match &self.index {
            Some(index) => index.contains(value, |number| self.values.get(number).map(ValueRef::from), steps),
            None => any_equal(value, self.values.iter().map(ValueRef::from), steps),
        }
    }
}

impl<'v> ListRef<'v> {
    pub(crate) const fn new(values: Vec<ValueRef<'v>>) -> Self {
        Self { values, asked: 0, index: None }
    }

    /// Like [`List::contains`].
    pub(crate) fn contains(&mut self, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        self.asked = self.asked.saturating_add(1);
        let at = |number: usize| self.values.get(number).copied();
        if self.asked > SEARCHES_BEFORE_HASHING && self.values.len() >= HASHED_FROM && self.index.is_none() {
            steps.take(self.values.len())?;
            self.index = Some(Box::new(Index::new(self.values.len(), at, steps)?));
        }
        match &self.index {
            Some(index) => index.contains(value, at, steps),
            None => {
                steps.take(self.values.len())?;
                any_equal(value, self.values.iter().copied(), steps)
            }
        }
    }
}

impl Index {
    fn new<'v>(count: usize, at: impl Fn(usize) -> Option<ValueRef<'v>>, steps: &Steps) -> Result<Self, Malformed> {
        let hasher = RandomState::new();
        let mut index = Self { hasher, hashed: HashTable::with_capacity(count), others: Vec::new(), containers: false };
        let hash = |value: ValueRef<'_>| {
            let mut state = index.hasher.build_hasher();
            hash(value, &mut state, 0, steps).map(|()| state.finish())
        };
        for number in 0..count {
            let Some(value) = at(number) else { continue };
            index.containers |= is_container(value);
            let hashed = match hash(value) {
                Ok(hashed) => hashed,
                Err(error) if error.is_steps() => return Err(error),
                Err(_) => {
                    index.others.push(number);
                    continue;
                }
            };
            let mut failed = None;
            let same = |other: &usize| found(at(*other), value, steps, &mut failed);
            if index.hashed.find(hashed, same).is_none() {
                let rehash = |other: &usize| at(*other).and_then(|other| hash(other).ok()).unwrap_or_default();
                index.hashed.insert_unique(hashed, number, rehash);
            }
            if let Some(error) = failed.filter(Malformed::is_steps) {
                return Err(error);
            }
        }
        Ok(index)
    }

    fn contains<'v>(
        &self,
        value: ValueRef<'_>,
        at: impl Fn(usize) -> Option<ValueRef<'v>>,
        steps: &Steps,
    ) -> Result<bool, Malformed> {
        if !self.containers && is_container(value) {
            return Ok(false);
        }
        let mut state = self.hasher.build_hasher();
        match hash(value, &mut state, 0, steps) {
            Ok(()) => {
                let mut failed = None;
                let same = |other: &usize| found(at(*other), value, steps, &mut failed);
                if self.hashed.find(state.finish(), same).is_some() {
                    return Ok(true);
                }
                if let Some(error) = failed {
                    return Err(error);
                }
                any_equal(value, self.others.iter().filter_map(|number| at(*number)), steps)
            }
            Err(error) if error.is_steps() => Err(error),
            // A value that cannot be hashed is compared with each value in the list, which also reports its error.
            Err(_) => {
                let all = self.hashed.iter().chain(&self.others);
                steps.take(self.hashed.len())?;
                any_equal(value, all.filter_map(|number| at(*number)), steps)
            }
        }
    }
}

const fn is_container(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Document(_) | ValueRef::Array(_) | ValueRef::CodeWithScope { .. })
}

/// Whether the values are equal. An error is stored in `failed`.
fn found(other: Option<ValueRef<'_>>, value: ValueRef<'_>, steps: &Steps, failed: &mut Option<Malformed>) -> bool {
    match other.map(|other| equal_in_steps(value, other, steps)) {
        Some(Ok(equal)) => equal,
        Some(Err(error)) => {
            failed.get_or_insert(error);
            false
        }
        None => false,
    }
}

fn any_equal<'v>(
    value: ValueRef<'_>,
    list: impl Iterator<Item = ValueRef<'v>>,
    steps: &Steps,
) -> Result<bool, Malformed> {
    for element in list {
        if equal_in_steps(value, element, steps)? {
            return Ok(true);
        }
    }
    Ok(false)
}
