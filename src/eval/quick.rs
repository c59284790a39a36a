use std::sync::Arc;

use bson::Bson;

use super::residual::{BoundCheck, BoundLeft, BoundList, BoundRight, BoundValue, Place, Standing, Unresolved};
use super::seen::{Seen, Side};
use crate::expr::Comparison;
use crate::predicate::DocumentRoot;
use crate::value::{Glimpse, List, Slot};

/// A test of one of the most frequent forms, in the form in which it takes the fewest instructions: about a top-level field
/// of a document whose fields are looked up by number. It says the same as the test that it was made of, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Quick {
    at: FieldAt,
    ask: Ask,
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

impl Quick {
    pub(super) fn of(left: &BoundLeft, check: &BoundCheck) -> Option<Self> {
        let BoundLeft::Document(place) = left else { return None };
        let at = FieldAt::of(place)?;
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
                if later.is_empty() && known.few()?.iter().all(|value| matches!(value, Bson::String(_))) =>
            {
                Ask::Texts(Arc::clone(known))
            }
            _ => return None,
        };
        Some(Self { at, ask })
    }

    /// Whether the test holds; none if it takes more to tell, or fails.
    #[inline(always)]
    pub(super) fn answer(&self, seen: &Seen<'_>) -> Option<bool> {
        let field = self.at.glimpse(seen)?;
        match &self.ask {
            Ask::Text(text) => field.is_text(text.as_str()?),
            Ask::Texts(texts) => field.is_one_of(texts.few()?.iter().filter_map(Bson::as_str)),
            Ask::Order(comparison, number) => {
                Some(field.order(*number)?.is_some_and(|ordering| comparison.accepts(ordering)))
            }
            Ask::Same(other) => field.same(other.glimpse(seen)?),
        }
    }
}

impl FieldAt {
    fn of(place: &Place) -> Option<Self> {
        let [segment] = place.path.segments() else { return None };
        let side = match place.root {
            DocumentRoot::Root => Side::Root,
            DocumentRoot::PrevRoot => Side::PrevRoot,
            DocumentRoot::This | DocumentRoot::Prev => return None,
        };
        (place.slot != Slot::NONE).then(|| Self { side, slot: place.slot, length: segment.name().len() })
    }

    #[inline(always)]
    fn glimpse<'d>(&self, seen: &Seen<'d>) -> Option<Glimpse<'d>> {
        seen.at(self.side)?.glimpse(self.slot, self.length)
    }
}
