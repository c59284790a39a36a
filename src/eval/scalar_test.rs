//! A shortcut for tests on scalar fields.

use bson::Bson;

use super::Evaluation;
use super::bound_operand::{BoundLeft, BoundList, BoundRight, BoundValue, Place, Standing, Unresolved};
use super::residual::{BoundCheck, BoundTest};
use crate::value::{Field, Slot, ValueRef};

impl<'e> Evaluation<'e> {
    /// The outcome of a common kind of test: a top-level scalar field compared with a value of the same type. `None`
    /// for any other test and for malformed bytes, which are left to the general evaluation.
    #[inline(always)]
    pub(super) fn glance(&self, test: &BoundTest) -> Option<bool> {
        let BoundLeft::Document(place) = &test.left else { return None };
        match &test.check {
            BoundCheck::Equals(BoundRight::Value(BoundValue { value, members: None })) => match self.field(place)? {
                Some(field) => field.equals(value),
                None => (**value != Bson::Null).then_some(false),
            },
            BoundCheck::Equals(BoundRight::Document(other, Standing::Alone)) => {
                self.field(place)??.same(self.field(other)??)
            }
            BoundCheck::Order(comparison, BoundRight::Value(BoundValue { value, .. })) => match self.field(place)? {
                Some(field) => Some(comparison.accepts(field.order(value)?)),
                None => Some(false),
            },
            BoundCheck::In(BoundList::Elements { known, null, unknown: Unresolved::No, later }) if later.is_empty() => {
                let Some(field) = self.field(place)? else { return Some(*null) };
                for value in known.few()? {
                    if field.equals(value)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            _ => None,
        }
    }

    /// A top-level field of a document; `None` if the place is not a top-level field or cannot be read.
    #[inline(always)]
    fn field(&self, place: &Place) -> Option<Option<Field<'e>>> {
        let [segment] = place.path.segments() else { return None };
        if let Some(lookup) = self.seen.and_then(|seen| seen.lookup(place.root)) {
            if place.slot == Slot::NONE {
                return self.steps().field(lookup.document(), segment.name()).ok();
            }
            return lookup.field(place.slot, segment.name()).ok();
        }
        match self.documents.get(place.root) {
            Some(ValueRef::Document(document)) => self.steps().field(document, segment.name()).ok(),
            _ => None,
        }
    }
}
