use super::Truth;
use super::residual::{Members, Origin};
use crate::path::{Leaf, Resolved, Segment, any, resolve};
use crate::value::{Malformed, Steps, ValueRef, equal_in_steps};

/// Where a null on the right comes from: only one that is written equals Missing too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    Literal,
    Value,
}

/// Where a left operand comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Context,
    Document,
    /// The element of `$elemMatch` itself: an array that it is does not stand for its elements.
    Itself,
}

/// A left operand: where to walk from, and the path.
#[derive(Clone, Copy)]
pub(super) struct Subject<'v, 'p> {
    pub(super) start: Option<ValueRef<'v>>,
    pub(super) path: &'p [Segment],
    pub(super) kind: Kind,
}

impl<'v, 'p> Subject<'v, 'p> {
    /// A field of an element of `$elemMatch`, or the element itself. An element that is an array is entered as if it
    /// were a document whose names are the indexes, as MongoDB does.
    pub(super) fn element(
        element: Option<ValueRef<'v>>,
        path: &'p [Segment],
        origin: Origin,
        steps: &Steps,
    ) -> Result<Self, Malformed> {
        let kind = match origin {
            Origin::Document => Kind::Document,
            Origin::Context => Kind::Context,
        };
        Ok(match (element, path.split_first()) {
            (_, None) => Self { start: element, path, kind: Kind::Itself },
            (Some(ValueRef::Array(array)), Some((segment, rest))) => {
                let start = segment.index().map(|index| steps.element(array, index)).transpose()?.flatten();
                Self { start, path: rest, kind }
            }
            (_, Some(_)) => Self { start: element, path, kind },
        })
    }

    #[inline]
    pub(super) fn any(
        self,
        leaf: Leaf,
        steps: &Steps,
        test: &mut impl FnMut(Option<ValueRef<'v>>) -> Result<bool, Malformed>,
    ) -> Result<bool, Malformed> {
        if self.kind == Kind::Itself { test(self.start) } else { any(self.start, self.path, leaf, steps, test) }
    }

    pub(super) fn resolve(self, steps: &Steps) -> Result<Resolved<'v>, Malformed> {
        resolve(self.start, self.path, steps)
    }

    /// Equality as MongoDB has it, for a right operand that is no document's; and, if that is an array from the context,
    /// with an element of it.
    pub(super) fn equals(
        self,
        right: ValueRef<'_>,
        members: Option<&Members>,
        null: Null,
        steps: &Steps,
    ) -> Result<Truth, Malformed> {
        let found = self.any(Leaf::Expand, steps, &mut |left| match left {
            None => Ok(null == Null::Literal && matches!(right, ValueRef::Null)),
            Some(left) => Ok(equal_in_steps(left, right, steps)?
                || match members {
                    Some(members) => members.values.contains(left, steps)?,
                    None => false,
                }),
        })?;
        Ok(match (found, members.is_some_and(|members| members.unknown)) {
            (true, _) => Truth::True,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::False,
        })
    }

    /// Equality of two places in documents: whole values only, and lists of the same length and order where paths cross
    /// arrays.
    pub(super) fn same_place(self, right: &Resolved<'_>, steps: &Steps) -> Result<Truth, Malformed> {
        match self.resolve(steps)? {
            Resolved::Ambiguous => Ok(Truth::Unknown),
            left => same_places(&left, right, steps).map(Truth::from),
        }
    }
}

/// Each array that a path crosses counts by itself: what moved from one inner list to another has changed.
pub(super) fn same_places(left: &Resolved<'_>, right: &Resolved<'_>, steps: &Steps) -> Result<bool, Malformed> {
    match (left, right) {
        (Resolved::One(None), Resolved::One(None)) => Ok(true),
        (Resolved::One(Some(left)), Resolved::One(Some(right))) => equal_in_steps(*left, *right, steps),
        (Resolved::Many(left), Resolved::Many(right)) => same_lists(left, right, steps),
        (Resolved::Many(parts), Resolved::One(Some(ValueRef::Array(array))))
        | (Resolved::One(Some(ValueRef::Array(array))), Resolved::Many(parts)) => {
            let elements = array.iter().map(|element| element.map(|element| Resolved::One(Some(element))));
            same_lists(parts, &elements.collect::<Result<Vec<_>, _>>()?, steps)
        }
        _ => Ok(false),
    }
}

fn same_lists(left: &[Resolved<'_>], right: &[Resolved<'_>], steps: &Steps) -> Result<bool, Malformed> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right) {
        steps.take(1)?;
        if !same_places(left, right, steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}
