use super::Segment;
use crate::value::{ArrayRef, Malformed, ValueRef};

/// Whether an array at the end of a path stands for its elements too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Each element, then the array itself: how MongoDB compares.
    Expand,
    /// The array only: how `$size` and `$elemMatch` look.
    Whole,
}

/// What an operand on the right leads to.
#[derive(Clone, Debug)]
pub enum Resolved<'a> {
    /// One value, or none.
    One(Option<ValueRef<'a>>),
    /// The path crossed an array: what each element led to, in order; none for one that lacks the field.
    Many(Vec<Option<ValueRef<'a>>>),
}

/// Whether `test` holds for any value that MongoDB's queries would look at for a path. It is asked about Missing
/// (`None`) where a document, or a value that is no container, lacks the field; a path that crosses an array none of
/// whose elements it can enter is asked about nothing.
///
/// Source: the behaviour of MongoDB's matcher, observed on server 6.0 (fixtures/mongodb).
///
/// # Errors
/// If raw bytes on the way are no BSON, or `test` fails.
#[inline]
pub fn any<'a, F>(start: Option<ValueRef<'a>>, path: &[Segment], leaf: Leaf, test: &mut F) -> Result<bool, Malformed>
where
    F: FnMut(Option<ValueRef<'a>>) -> Result<bool, Malformed>,
{
    let mut here = start;
    let mut path = path;
    // Nearly every path leads through documents only, so this much of the way is compiled together with the test.
    loop {
        match (here, path.split_first()) {
            (Some(ValueRef::Document(document)), Some((segment, rest))) => {
                here = document.get(segment.name())?;
                path = rest;
            }
            (Some(ValueRef::Array(array)), Some(_)) => return any_element(array, path, leaf, test),
            (_, Some(_)) => return test(None),
            (Some(ValueRef::Array(array)), None) if leaf == Leaf::Expand => return any_expanded(array, test),
            (_, None) => return test(here),
        }
    }
}

type Test<'t, 'a> = dyn FnMut(Option<ValueRef<'a>>) -> Result<bool, Malformed> + 't;

/// Each element, then the array itself.
fn any_expanded<'a>(array: ArrayRef<'a>, test: &mut Test<'_, 'a>) -> Result<bool, Malformed> {
    for element in array.iter() {
        if test(Some(element?))? {
            return Ok(true);
        }
    }
    test(Some(ValueRef::Array(array)))
}

/// The part of [`any`] inside an array: each document is entered by the whole rest of the path, and where the next name
/// is an index, the element there is also taken itself. Arrays in arrays are entered by index only.
fn any_element<'a>(
    array: ArrayRef<'a>,
    path: &[Segment],
    leaf: Leaf,
    test: &mut Test<'_, 'a>,
) -> Result<bool, Malformed> {
    let Some((segment, rest)) = path.split_first() else { return Ok(false) };
    for (index, element) in array.iter().enumerate() {
        let element = element?;
        if matches!(element, ValueRef::Document(_)) && any(Some(element), path, leaf, &mut |value| test(value))? {
            return Ok(true);
        }
        if segment.index() != Some(index) {
            continue;
        }
        let found = match element {
            _ if rest.is_empty() => test(Some(element))?,
            ValueRef::Document(_) => any(Some(element), rest, leaf, &mut |value| test(value))?,
            ValueRef::Array(inner) => any_element(inner, rest, leaf, test)?,
            _ => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a path leads to when it stands on the right. An array that is crossed by index only is not fanned out.
///
/// # Errors
/// If raw bytes on the way are no BSON.
pub fn resolve<'a>(start: Option<ValueRef<'a>>, path: &[Segment]) -> Result<Resolved<'a>, Malformed> {
    let mut here = start;
    let mut path = path;
    while let Some((segment, rest)) = path.split_first() {
        match here {
            Some(ValueRef::Document(document)) => here = document.get(segment.name())?,
            Some(ValueRef::Array(array)) => return resolve_elements(array, segment, path, rest),
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
) -> Result<Resolved<'a>, Malformed> {
    let mut met = Vec::new();
    for element in array.iter() {
        let element = element?;
        match element {
            ValueRef::Document(_) => match resolve(Some(element), path)? {
                Resolved::One(value) => met.push(value),
                Resolved::Many(values) => met.extend(values),
            },
            _ => met.push(None),
        }
    }
    let Some(index) = segment.index() else { return Ok(Resolved::Many(met)) };
    let by_index = match array.get(index)? {
        None => Resolved::One(None),
        Some(element) => resolve(Some(element), rest)?,
    };
    if met.iter().all(Option::is_none) {
        return Ok(by_index);
    }
    // The name is a key of some elements and also an index: both are met, as on the left.
    match by_index {
        Resolved::One(value) => met.push(value),
        Resolved::Many(values) => met.extend(values),
    }
    Ok(Resolved::Many(met))
}
