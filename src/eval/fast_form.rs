//! Compiles tests to their fast forms.

use std::sync::Arc;

use bson::Bson;

use super::bound_operand::{BoundLeft, BoundList, BoundRight, BoundValue, Place, Standing, Unresolved};
use super::document_pair::Side;
use super::fast_test::{Ask, FastTest, FieldAt, NestedFastTest};
use super::residual::BoundCheck;
use crate::predicate::DocumentRoot;
use crate::value::{Key, Slot};

impl FastTest {
    /// The fast form of a test on a top-level field, or that of a test on a nested field. A test has at most one of
    /// them.
    pub(super) fn of(left: &BoundLeft, check: &BoundCheck) -> (Option<Self>, Option<Box<NestedFastTest>>) {
        let (left, right) = (left_place(left), right_place(check));
        let Some(quick) = left.and_then(|left| Self::of_top(left, check)) else { return (None, None) };
        let (left, right) = (left.map_or_else(Box::default, inside), right.map_or_else(Box::default, inside));
        if left.is_empty() && right.is_empty() {
            return (Some(quick), None);
        }
        (None, Some(Box::new(NestedFastTest { of_top: quick, left, right })))
    }

    fn of_top(left: &Place, check: &BoundCheck) -> Option<Self> {
        let at = FieldAt::of(left)?;
        let ask = match check {
            BoundCheck::Equals(BoundRight::Value(BoundValue { value, members: None })) => {
                matches!(**value, Bson::String(_)).then(|| Ask::Text(Arc::clone(value)))?
            }
            BoundCheck::Equals(BoundRight::Document(other, Standing::Alone)) => Ask::Same(FieldAt::of(other)?),
            BoundCheck::Order(comparison, BoundRight::Value(BoundValue { value, .. })) => match **value {
                Bson::Int32(number) => Ask::Order(*comparison, number),
                _ => return None,
            },
            BoundCheck::In(BoundList::Elements { known, unknown: Unresolved::No, later, .. })
                if later.is_empty()
                    && !known.is_empty()
                    && known.few()?.iter().all(|value| matches!(value, Bson::String(_))) =>
            {
                Ask::Texts(Arc::clone(known))
            }
            _ => return None,
        };
        Some(Self { at, ask })
    }
}

const fn left_place(left: &BoundLeft) -> Option<&Place> {
    if let BoundLeft::Document(place) = left { Some(place) } else { None }
}

const fn right_place(check: &BoundCheck) -> Option<&Place> {
    if let BoundCheck::Equals(BoundRight::Document(place, _)) = check { Some(place) } else { None }
}

/// The path of a place without its top-level field.
fn inside(place: &Place) -> Box<[Key]> {
    place.path.segments().iter().skip(1).map(|segment| Key::from(segment.name())).collect()
}

impl FieldAt {
    fn of(place: &Place) -> Option<Self> {
        let first = place.path.segments().first()?;
        let side = match place.root {
            DocumentRoot::Root => Side::Root,
            DocumentRoot::PrevRoot => Side::PrevRoot,
            DocumentRoot::This | DocumentRoot::Prev => return None,
        };
        (place.slot != Slot::NONE).then(|| Self { side, slot: place.slot, length: first.name().len() })
    }
}
