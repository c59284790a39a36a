use super::Segment;
use crate::value::{ArrayRef, FIELD_OF_ELEMENT, Malformed, Steps, ValueRef};

/// How an array at the end of a path is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// The test is applied to each element, then to the array itself, as in MongoDB's comparisons.
    Expand,
    /// The test is applied only to the array itself, as in `$size` and `$elemMatch`.
    Whole,
}

/// The result of following a path in a right operand.
#[derive(Clone, Debug)]
pub(crate) enum Resolved<'a> {
    /// One value, or Missing.
    One(Option<ValueRef<'a>>),
    /// The path crosses an array: one result for each element, in order. For an element without the field, it is
    /// Missing.
    Many(Vec<Resolved<'a>>),
    /// A numeric segment is both an index of an array and a key of a document in it, and both have a value. Choosing
    /// either one or both would grant something, under `$eq` or under `$ne`.
    Ambiguous,
}

impl<'a> Resolved<'a> {
    /// Whether there is no value at all.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::One(value) => value.is_none(),
            Self::Many(parts) => parts.iter().all(Self::is_missing),
            Self::Ambiguous => false,
        }
    }

    /// All values in order, without Missing.
    pub(crate) fn met(&self) -> Vec<ValueRef<'a>> {
        let mut met = Vec::new();
        self.collect(&mut met);
        met
    }

    fn collect(&self, met: &mut Vec<ValueRef<'a>>) {
        match self {
            Self::One(value) => met.extend(*value),
            Self::Many(parts) => parts.iter().for_each(|part| part.collect(met)),
            Self::Ambiguous => {}
        }
    }
}

/// Whether `test` returns true for any value that MongoDB's queries consider for a path. If a document or scalar on the
/// path lacks the field, `test` is called with `None`. If the path crosses an array without a suitable element, `test`
/// is not called at all.
///
/// This follows MongoDB's matcher, as observed on MongoDB 6.0 (fixtures/mongodb).
///
/// # Errors
/// If raw bytes on the path are not BSON, if `test` fails, or if the array elements take too many steps.
#[inline]
pub(crate) fn any<'a, F>(
    start: Option<ValueRef<'a>>,
    path: &[Segment],
    leaf: Leaf,
    steps: &Steps,
    test: &mut F,
) -> Result<bool, Malformed>
where
    F: FnMut(Option<ValueRef<'a>>) -> Result<bool, Malformed>,
{
    let mut here = start;
    let mut path = path;
    // Most paths lead through documents only, so this loop is inlined together with the test, and the rest is not.
    loop {
        match (here, path.split_first()) {
            (Some(ValueRef::Document(document)), Some((segment, rest))) => {
                here = steps.get(document, segment.name())?;
                path = rest;
            }
            (Some(ValueRef::Array(array)), Some(_)) => return any_element(array, path, leaf, steps, test),
            (_, Some(_)) => return test(None),
            (Some(ValueRef::Array(array)), None) if leaf == Leaf::Expand => return any_expanded(array, steps, test),
            (_, None) => return test(here),
        }
    }
}

type Test<'t, 'a> = dyn FnMut(Option<ValueRef<'a>>) -> Result<bool, Malformed> + 't;

/// Tests each element, then the array itself.
fn any_expanded<'a>(array: ArrayRef<'a>, steps: &Steps, test: &mut Test<'_, 'a>) -> Result<bool, Malformed> {
    for element in array.iter() {
        steps.take(1)?;
        if test(Some(element?))? {
            return Ok(true);
        }
    }
    test(Some(ValueRef::Array(array)))
}

/// Follows a path in an array. It is followed in each document of the array and, if the first segment is numeric, also
/// from the element at that index. Nested arrays are entered only by index.
fn any_element<'a>(
    array: ArrayRef<'a>,
    path: &[Segment],
    leaf: Leaf,
    steps: &Steps,
    test: &mut Test<'_, 'a>,
) -> Result<bool, Malformed> {
    let Some((segment, rest)) = path.split_first() else { return Ok(false) };
    for (index, element) in array.iter().enumerate() {
        let element = element?;
        steps.take(1)?;
        if matches!(element, ValueRef::Document(_)) {
            steps.take(FIELD_OF_ELEMENT)?;
            if any(Some(element), path, leaf, steps, &mut |value| test(value))? {
                return Ok(true);
            }
        }
        if segment.index() != Some(index) {
            continue;
        }
        let found = match element {
            _ if rest.is_empty() => test(Some(element))?,
            ValueRef::Document(_) => any(Some(element), rest, leaf, steps, &mut |value| test(value))?,
            ValueRef::Array(inner) => any_element(inner, rest, leaf, steps, test)?,
            _ => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Follows a path in a right operand. Only arrays that are not entered by index yield a list.
///
/// # Errors
/// If raw bytes on the path are not BSON, or if the array elements take too many steps.
pub(crate) fn resolve<'a>(
    start: Option<ValueRef<'a>>,
    path: &[Segment],
    steps: &Steps,
) -> Result<Resolved<'a>, Malformed> {
    let mut here = start;
    let mut path = path;
    while let Some((segment, rest)) = path.split_first() {
        match here {
            Some(ValueRef::Document(document)) => here = steps.get(document, segment.name())?,
            Some(ValueRef::Array(array)) => return resolve_elements(array, segment, path, rest, steps),
            _ => return Ok(Resolved::One(None)),
        }
        path = rest;
    }
    Ok(Resolved::One(here))
}

fn resolve_elements<'a>(
    array: ArrayRef<'a>,
    segment: &Segment,
    path: &[Segment],
    rest: &[Segment],
    steps: &Steps,
) -> Result<Resolved<'a>, Malformed> {
    let mut parts = Vec::new();
    for element in array.iter() {
        steps.take(1)?;
        let part = match element? {
            element @ ValueRef::Document(_) => {
                steps.take(FIELD_OF_ELEMENT)?;
                resolve(Some(element), path, steps)?
            }
            _ => Resolved::One(None),
        };
        if matches!(part, Resolved::Ambiguous) {
            return Ok(part);
        }
        parts.push(part);
    }
    let by_name = Resolved::Many(parts);
    let Some(index) = segment.index() else { return Ok(by_name) };
    let by_index = match steps.element(array, index)? {
        None => Resolved::One(None),
        Some(element) => resolve(Some(element), rest, steps)?,
    };
    Ok(match (by_name.is_missing(), by_index.is_missing()) {
        (true, _) => by_index,
        (false, true) => by_name,
        (false, false) => Resolved::Ambiguous,
    })
}
