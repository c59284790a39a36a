use super::Truth;
use super::bound_operand::{Members, Origin};
use crate::path::{Leaf, Resolved, Segment, any, resolve};
use crate::value::{Malformed, Steps, ValueRef, equal_in_steps};

/// The source of a null right operand: only a literal null also equals Missing.
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
    /// The element that `$elemMatch` examines itself. If it is an array, it is compared as a whole, not by its
    /// elements.
    Itself,
}

/// A left operand: a value, Missing if `None`, and the path to follow from it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'v, 'p> {
    pub(super) start: Option<ValueRef<'v>>,
    pub(super) path: &'p [Segment],
    pub(super) kind: Kind,
}

impl<'v, 'p> Subject<'v, 'p> {
    /// A left operand inside `$elemMatch`: the element itself or a field of it. As in MongoDB, an element that is an
    /// array is treated as a document whose field names are the indexes.
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

    /// Equality with a right operand that does not come from a document. If `members` is given, equality with one of
    /// them is enough.
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

    /// Equality with a place in a document: values are compared as a whole. If the paths cross arrays, the lists of
    /// values must have the same length and order.
    pub(super) fn same_place(self, right: &Resolved<'_>, steps: &Steps) -> Result<Truth, Malformed> {
        match self.resolve(steps)? {
            Resolved::Ambiguous => Ok(Truth::Unknown),
            left => same_places(&left, right, steps).map(Truth::from),
        }
    }
}

/// Arrays that the paths cross are compared one by one, so that moving a value from one inner array to another counts
/// as a change.
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
