use super::Segment;
use crate::value::{ArrayRef, FIELD_OF_ELEMENT, Malformed, Steps, ValueRef};

/// Whether an array at the end of a path stands for its elements too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Each element, then the array itself: how MongoDB compares.
    Expand,
    /// The array only: how `$size` and `$elemMatch` look.
    Whole,
}

/// What an operand on the right leads to.
#[derive(Clone, Debug)]
pub(crate) enum Resolved<'a> {
    /// One value, or none.
    One(Option<ValueRef<'a>>),
    /// The path crossed an array: what each element led to, in order; nothing for one that lacks the field.
    Many(Vec<Resolved<'a>>),
    /// A name of the path is an index of an array and also a key of documents in it, and both lead somewhere. Taking
    /// either, or both, would grant something under `$eq` or under `$ne`.
    Ambiguous,
}

impl<'a> Resolved<'a> {
    /// Whether it leads to nothing at all.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::One(value) => value.is_none(),
            Self::Many(parts) => parts.iter().all(Self::is_missing),
            Self::Ambiguous => false,
        }
    }

    /// The values that were met, in order.
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

/// Whether `test` holds for any value that MongoDB's queries would look at for a path. It is asked about Missing
/// (`None`) where a document, or a value that is no container, lacks the field; a path that crosses an array none of
/// whose elements it can enter is asked about nothing.
///
/// Source: the behaviour of MongoDB's matcher, observed on server 6.0 (fixtures/mongodb).
///
/// # Errors
/// If raw bytes on the way are no BSON, `test` fails, or the elements take too many steps.
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
    // Nearly every path leads through documents only, so this much of the way is compiled together with the test.
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

/// Each element, then the array itself.
fn any_expanded<'a>(array: ArrayRef<'a>, steps: &Steps, test: &mut Test<'_, 'a>) -> Result<bool, Malformed> {
    for element in array.iter() {
        steps.take(1)?;
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

/// What a path leads to when it stands on the right. An array that is crossed by index only is not fanned out.
///
/// # Errors
/// If raw bytes on the way are no BSON, or the elements take too many steps.
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
