use std::sync::Arc;

use bson::Bson;

use super::document_pair::{DocumentPair, Side};
use super::residual::{BoundCheck, BoundLeft, BoundList, BoundRight, BoundValue, Place, Standing, Unresolved};
use crate::expr::Comparison;
use crate::predicate::DocumentRoot;
use crate::value::{Key, List, RawFieldValue, Slot};

/// A test of one of the most frequent forms, in the form in which it takes the fewest instructions: about a top-level field
/// of a document whose fields are looked up by number. It says the same as the test that it was made of, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct FastTest {
    at: FieldAt,
    ask: Ask,
}

/// The same about fields inside those: apart, for most tests are about the top.
#[derive(Clone, Debug)]
pub(crate) struct NestedFastTest {
    of_top: FastTest,
    /// The paths that lead on, from the field and from the one that it is compared with.
    left: Box<[Key]>,
    right: Box<[Key]>,
}

/// A top-level field.
#[derive(Clone, Copy, Debug)]
struct FieldAt {
    side: Side,
    slot: Slot,
    length: usize,
}

#[derive(Clone, Debug)]
enum Ask {
    /// Whether it is this text.
    Text(Arc<Bson>),
    /// Whether it is one of these values, which are texts.
    Texts(Arc<List>),
    /// Whether it stands in this order to a number.
    Order(Comparison, i32),
    /// Whether it is the same as another field.
    Same(FieldAt),
}

impl FastTest {
    /// The quick form of a test, of which there is one at most, in one of both places.
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

    /// Whether the test holds; `None` if it takes more to tell, or fails.
    #[inline(always)]
    pub(super) fn answer(&self, seen: &DocumentPair<'_>) -> Option<bool> {
        self.holds(self.at.raw_value(seen)?, |other| other.raw_value(seen))
    }

    #[inline(always)]
    fn holds<'d>(
        &self,
        field: RawFieldValue<'d>,
        other: impl FnOnce(FieldAt) -> Option<RawFieldValue<'d>>,
    ) -> Option<bool> {
        match &self.ask {
            Ask::Text(text) => field.is_text(text.as_str()?),
            Ask::Texts(texts) => field.is_one_of(texts.few()?.iter().filter_map(Bson::as_str)),
            Ask::Order(comparison, number) => {
                Some(field.order(*number)?.is_some_and(|ordering| comparison.accepts(ordering)))
            }
            Ask::Same(at) => field.same(other(*at)?),
        }
    }
}

impl NestedFastTest {
    /// As [`FastTest::answer`].
    pub(super) fn answer(&self, seen: &DocumentPair<'_>) -> Option<bool> {
        let field = self.of_top.at.raw_value(seen)?.inside(&self.left)?;
        self.of_top.holds(field, |other| other.raw_value(seen)?.inside(&self.right))
    }
}

const fn left_place(left: &BoundLeft) -> Option<&Place> {
    if let BoundLeft::Document(place) = left { Some(place) } else { None }
}

const fn right_place(check: &BoundCheck) -> Option<&Place> {
    if let BoundCheck::Equals(BoundRight::Document(place, _)) = check { Some(place) } else { None }
}

/// The path that leads on from a place's top-level field.
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

    #[inline(always)]
    fn raw_value<'d>(self, seen: &DocumentPair<'d>) -> Option<RawFieldValue<'d>> {
        seen.at(self.side)?.raw_value(self.slot, self.length)
    }
}
