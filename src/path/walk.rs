use super::Segment;
use crate::value::{ArrayRef, FIELD_OF_ELEMENT, Malformed, Steps, ValueRef};

/// Whether an array at the end of a path also stands for its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Each element, then the array itself, as in MongoDB's comparisons.
    Expand,
    /// The array only, as in `$size` and `$elemMatch`.
    Whole,
}

/// The values of a right operand.
#[derive(Clone, Debug)]
pub(crate) enum Resolved<'a> {
    /// One value, or Missing.
    One(Option<ValueRef<'a>>),
    /// The path crossed an array: the values for each element in order; Missing for an element without the field.
    Many(Vec<Resolved<'a>>),
    /// A segment is an index of an array and also a key of documents in it, and both have a value. Choosing either or
    /// both would grant something, under `$eq` or under `$ne`.
    Ambiguous,
}

impl<'a> Resolved<'a> {
    /// Whether it has no value at all.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::One(value) => value.is_none(),
            Self::Many(parts) => parts.iter().all(Self::is_missing),
            Self::Ambiguous => false,
        }
    }

    /// The values in order, without Missing.
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

/// Whether `test` holds for any value that MongoDB's queries examine for a path. It is called with Missing (`None`)
/// where a document or a scalar value lacks the field. If the path crosses an array and can enter none of its elements,
/// it is not called.
///
/// Source: the behaviour of MongoDB's matcher, observed on server 6.0 (fixtures/mongodb).
///
/// # Errors
/// If raw bytes on the way are not BSON, if `test` fails, or if the elements take too many steps.
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
    // Nearly every path goes through documents only, so this part is generic and compiled together with the test.
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

/// The part of [`any`] inside an array: the whole rest of the path is looked up in each document and, if the next
/// segment is an index, also from the element at that index. Nested arrays are entered by index only.
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

/// The values of a path in a right operand. An array that is crossed by index only does not produce a list.
///
/// # Errors
/// If raw bytes on the way are not BSON, or the elements take too many steps.
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
