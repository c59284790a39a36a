use std::cmp::Ordering;

use bson::{Bson, Document};

use super::FindError;
use crate::path::{FieldPath, Segment};
use crate::value::{ArrayRef, DocumentRef, Malformed, Number, Steps, ValueRef, sort_order};

/// MongoDB's error code for an invalid sort direction.
const DIRECTION: i32 = 15975;

/// MongoDB's error code for a sort direction that is no number.
const NO_DIRECTION: i32 = 15974;

/// A sort order, such as `{"name": 1, "age": -1}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sort {
    keys: Vec<(FieldPath, Direction)>,
    /// Whether an array as the only key is compared as a whole.
    whole: bool,
}

/// The maximum number of fields in a sort order, as in MongoDB.
const MAX_FIELDS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// The steps per array element, beyond one for each field of the sort order.
const STEPS_PER_ELEMENT: usize = 8;

/// The values that determine the position of a document, one for each field of the sort order.
#[derive(Clone, Debug)]
pub struct SortKey(Vec<Bson>);

impl SortKey {
    fn values(&self) -> Vec<Option<ValueRef<'_>>> {
        self.0.iter().map(|value| Some(value.into())).collect()
    }
}

impl Sort {
    /// Compiles a sort order.
    ///
    /// # Errors
    /// If a direction is neither 1 nor -1, or there are too many fields.
    pub fn compile(sort: &Document) -> Result<Self, FindError> {
        let keys = sort.iter().map(|(name, direction)| {
            if name.split('.').any(|part| part.starts_with('$')) {
                return Err(FindError::unsupported(format!("sorting by `{name}`")));
            }
            let path = FieldPath::parse(name)
                .map_err(|error| FindError::unsupported(format!("sorting by `{name}` ({error})")))?;
            match ValueRef::from(direction).number().and_then(Number::truncate) {
                Some(1) => Ok((path, Direction::Up)),
                Some(-1) => Ok((path, Direction::Down)),
                _ if matches!(direction, Bson::Document(_)) => {
                    Err(FindError::unsupported(format!("an expression as the sort order of `{name}`")))
                }
                Some(_) => Err(FindError::refused(DIRECTION, format!("the sort order of `{name}` must be 1 or -1"))),
                None => {
                    let code = if ValueRef::from(direction).number().is_some() { DIRECTION } else { NO_DIRECTION };
                    Err(FindError::refused(code, format!("the sort order of `{name}` must be 1 or -1")))
                }
            }
        });
        Self::of(keys.collect::<Result<_, _>>()?)
    }

    /// Compiles the sort order of a `$sort` stage: if it is by `_id` alone, which may be an array there, MongoDB compares
    /// arrays as a whole.
    ///
    /// # Errors
    /// Those of [`compile`](Self::compile).
    pub fn stage(sort: &Document) -> Result<Self, FindError> {
        Ok(Self { whole: sort.len() == 1 && sort.contains_key("_id"), ..Self::compile(sort)? })
    }

    /// Creates a sort order from paths and directions.
    ///
    /// # Errors
    /// If there are too many fields.
    pub(crate) fn of(keys: Vec<(FieldPath, Direction)>) -> Result<Self, FindError> {
        if keys.len() > MAX_FIELDS {
            return Err(FindError::refused(13103, format!("a sort can have at most {MAX_FIELDS} fields")));
        }
        Ok(Self { keys, whole: false })
    }

    pub(crate) fn keys(&self) -> &[(FieldPath, Direction)] {
        &self.keys
    }

    /// Sorts documents. The sort is stable.
    ///
    /// # Errors
    /// If the sort key of a document cannot be determined; see [`Self::key`].
    pub fn in_order<D>(&self, documents: Vec<D>) -> Result<Vec<D>, FindError>
    where
        for<'d> DocumentRef<'d>: From<&'d D>,
    {
        if self.is_empty() {
            return Ok(documents);
        }
        let keyed = documents
            .iter()
            .enumerate()
            .map(|(place, document)| Ok((self.values(document.into(), &Steps::default())?, place)));
        let mut keyed = keyed.collect::<Result<Vec<_>, FindError>>()?;
        keyed.sort_by(|(a, _), (b, _)| self.order(a, b).unwrap_or(Ordering::Equal));
        let places: Vec<usize> = keyed.into_iter().map(|(_, place)| place).collect();
        let mut documents: Vec<Option<D>> = documents.into_iter().map(Some).collect();
        Ok(places.into_iter().filter_map(|place| documents.get_mut(place)?.take()).collect())
    }

    /// Whether the sort order has no fields, so that it leaves documents as they are.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The sort key of a document. If arrays provide several candidates, the first in sort order counts.
    ///
    /// This follows MongoDB's rules for index keys, which determine the order of documents whether or not an index is
    /// used (fixtures/finds/sorts.json).
    ///
    /// # Errors
    /// If two fields lead through different arrays (parallel arrays), if a path segment is both an index and a field,
    /// if raw bytes are not BSON, or if the arrays take too many steps.
    pub fn key<'d>(&self, document: impl Into<DocumentRef<'d>>) -> Result<SortKey, FindError> {
        self.key_within(document, &Steps::default())
    }

    /// Like [`key`](Self::key), within a step budget.
    pub fn key_within<'d>(&self, document: impl Into<DocumentRef<'d>>, steps: &Steps) -> Result<SortKey, FindError> {
        let values = self.values(document.into(), steps)?.into_iter();
        let owned = values.map(|value| value.map_or(Ok(Bson::Null), ValueRef::to_bson)).collect::<Result<_, _>>()?;
        Ok(SortKey(owned))
    }

    /// Like [`Self::key`], with values borrowed from the document.
    fn values<'d>(&self, document: DocumentRef<'d>, steps: &Steps) -> Result<Vec<Option<ValueRef<'d>>>, FindError> {
        if self.whole {
            let id = vec![Some(steps.get(document, "_id")?.unwrap_or(ValueRef::Null))];
            self.order(&id, &id)?;
            return Ok(id);
        }
        let paths: Vec<Way<'_, 'd>> = self.keys.iter().map(|(path, _)| Way::Open(path.segments(), None)).collect();
        let mut best = None;
        self.expand(Some(document), paths, Arrays::Entered, &mut best, steps)?;
        let best = best.unwrap_or_default();
        // Comparing the key with itself fails if any value is malformed. If it succeeds, later comparisons cannot fail.
        self.order(&best, &best)?;
        Ok(best)
    }

    /// Compares two documents by their sort keys.
    #[must_use]
    pub fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        self.order(&a.values(), &b.values()).unwrap_or(Ordering::Equal)
    }

    fn order(&self, a: &[Option<ValueRef<'_>>], b: &[Option<ValueRef<'_>>]) -> Result<Ordering, Malformed> {
        for (((_, direction), a), b) in self.keys.iter().zip(a).zip(b) {
            let order = sort_order(*a, *b)?;
            if order.is_ne() {
                return Ok(if *direction == Direction::Up { order } else { order.reverse() });
            }
        }
        Ok(Ordering::Equal)
    }

    /// Follows all paths in parallel to find candidates for the sort key: one for each element of an array, if any path
    /// reaches one. `best` is the first candidate in sort order so far.
    fn expand<'s, 'd>(
        &'s self,
        document: Option<DocumentRef<'d>>,
        mut ways: Vec<Way<'s, 'd>>,
        arrays: Arrays,
        best: &mut Option<Vec<Option<ValueRef<'d>>>>,
        steps: &Steps,
    ) -> Result<(), FindError> {
        let mut array: Option<ArrayRef<'d>> = None;
        let mut arrays = arrays;
        for way in &mut ways {
            let Way::Open(path, here) = *way else { continue };
            let (found, nested) = next(document, path, here, steps)?;
            if nested {
                arrays = Arrays::Whole;
            }
            *way = match found {
                Found::Nothing => Way::Done(None),
                Found::Value(value) => Way::Done(Some(value)),
                Found::Array(found, rest) => {
                    if array.is_some_and(|array| !same_array(array, found)) {
                        return Err(FindError::refused(2, "cannot sort with keys that are parallel arrays"));
                    }
                    array = Some(found);
                    Way::Open(rest, None)
                }
            };
        }
        let Some(array) = array else { return self.offer(&ways, best, steps) };
        // Every path that is still open ends at the array or leads into it.
        if array.is_empty() {
            let ended = ways.iter().map(|way| match way {
                Way::Open([], _) => Way::Done(Some(ValueRef::Undefined)),
                Way::Open(..) => Way::Done(None),
                Way::Done(value) => Way::Done(*value),
            });
            return self.offer(&ended.collect::<Vec<_>>(), best, steps);
        }
        let mut placed = Vec::with_capacity(ways.len());
        for way in &ways {
            placed.push(match way {
                Way::Open([first, ..], _) => match first.index() {
                    Some(index) => steps.element(array, index)?,
                    None => None,
                },
                _ => None,
            });
        }
        for element in array.iter() {
            let element = element?;
            steps.take(STEPS_PER_ELEMENT + ways.len())?;
            let inner = ways.iter().zip(&placed).map(|(way, placed)| match way {
                Way::Open([], _) if arrays == Arrays::Entered => Way::Done(Some(element)),
                Way::Open([], _) => Way::Done(Some(ValueRef::Array(array))),
                Way::Open(path, _) => Way::Open(path, *placed),
                Way::Done(value) => Way::Done(*value),
            });
            let inner: Vec<_> = inner.collect();
            let document = match element {
                ValueRef::Document(document) => Some(document),
                _ => None,
            };
            if inner.iter().all(|way| matches!(way, Way::Done(_))) {
                self.offer(&inner, best, steps)?;
                // All other elements would give the same candidate.
                if arrays == Arrays::Whole {
                    break;
                }
            } else {
                self.expand(document, inner, arrays, best, steps)?;
            }
        }
        Ok(())
    }

    fn offer<'d>(
        &self,
        ways: &[Way<'_, 'd>],
        best: &mut Option<Vec<Option<ValueRef<'d>>>>,
        steps: &Steps,
    ) -> Result<(), FindError> {
        let values = ways.iter().map(|way| match way {
            // Missing sorts like null.
            Way::Done(value) => value.or(Some(ValueRef::Null)),
            Way::Open(..) => Some(ValueRef::Null),
        });
        let values: Vec<_> = values.collect();
        for value in values.iter().flatten() {
            if let ValueRef::Array(array) = value {
                steps.take(array.len()?)?;
            }
        }
        let better = match best {
            // Comparing the values with themselves fails if any is malformed.
            None => self.order(&values, &values).map(|_| true)?,
            Some(best) => self.order(&values, best)?.is_lt(),
        };
        if better {
            *best = Some(values);
        }
        Ok(())
    }
}

/// How far the path of a sort field has been followed.
enum Way<'s, 'd> {
    /// The rest of the path and, if its first segment can be an index into the current array, the element at that
    /// index.
    Open(&'s [Segment], Option<ValueRef<'d>>),
    /// The path has ended, with this value; `None` is missing.
    Done(Option<ValueRef<'d>>),
}

/// How an array at the end of a path is sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrays {
    /// By its elements.
    Entered,
    /// As a whole, because the path reached it as an element of another array.
    Whole,
}

enum Found<'s, 'd> {
    Nothing,
    Value(ValueRef<'d>),
    /// An array, and the rest of the path from there.
    Array(ArrayRef<'d>, &'s [Segment]),
}

/// Follows a path to its end or to an array. Also returns whether the path led through an array that is an element of
/// another array.
fn next<'s, 'd>(
    document: Option<DocumentRef<'d>>,
    path: &'s [Segment],
    placed: Option<ValueRef<'d>>,
    steps: &Steps,
) -> Result<(Found<'s, 'd>, bool), FindError> {
    let Some((first, rest)) = path.split_first() else { return Ok((Found::Nothing, false)) };
    let named = match document {
        Some(document) => steps.get(document, first.name())?,
        None => None,
    };
    match (named, placed) {
        (Some(_), Some(_)) => {
            Err(FindError::refused(16746, format!("`{}` is both an array index and a field name", first.name())))
        }
        (None, Some(element)) => Ok((follow(element, rest, steps)?, matches!(element, ValueRef::Array(_)))),
        (Some(value), None) => Ok((follow(value, rest, steps)?, false)),
        (None, None) => Ok((Found::Nothing, false)),
    }
}

fn follow<'s, 'd>(mut value: ValueRef<'d>, mut path: &'s [Segment], steps: &Steps) -> Result<Found<'s, 'd>, FindError> {
    loop {
        match (value, path.split_first()) {
            (ValueRef::Array(array), _) => return Ok(Found::Array(array, path)),
            (value, None) => return Ok(Found::Value(value)),
            (ValueRef::Document(document), Some((first, rest))) => match steps.get(document, first.name())? {
                Some(inner) => (value, path) = (inner, rest),
                None => return Ok(Found::Nothing),
            },
            _ => return Ok(Found::Nothing),
        }
    }
}

/// Whether both refer to the same array in memory.
fn same_array(a: ArrayRef<'_>, b: ArrayRef<'_>) -> bool {
    match (a, b) {
        (ArrayRef::Decoded(a), ArrayRef::Decoded(b)) => std::ptr::eq(a, b),
        (ArrayRef::Raw(a), ArrayRef::Raw(b)) => std::ptr::eq(a, b),
        _ => false,
    }
}
