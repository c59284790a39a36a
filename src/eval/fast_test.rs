use std::sync::Arc;

use bson::Bson;

use super::document_pair::{DocumentPair, Side};
use crate::expr::Comparison;
use crate::value::{Key, List, RawFieldValue, Slot};

/// A specialized form of a common test on a top-level field, for documents whose fields are located by number. Its
/// answer is either that of the general test or `None`.
#[derive(Clone, Debug)]
pub(crate) struct FastTest {
    pub(super) at: FieldAt,
    pub(super) ask: Ask,
}

/// A [`FastTest`] on a nested field. It is a separate type to keep `FastTest` small, since most tests are on top-level
/// fields.
#[derive(Clone, Debug)]
pub(crate) struct NestedFastTest {
    pub(super) of_top: FastTest,
    /// The paths below the top-level field and, for comparisons of two fields, below the other one.
    pub(super) left: Box<[Key]>,
    pub(super) right: Box<[Key]>,
}

/// A top-level field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldAt {
    pub(super) side: Side,
    pub(super) slot: Slot,
    pub(super) length: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// Equal to this string.
    Text(Arc<Bson>),
    /// Equal to one of these strings.
    Texts(Arc<List>),
    /// In this order relative to a number.
    Order(Comparison, i32),
    /// Equal to another field.
    Same(FieldAt),
}

impl FastTest {
    /// Whether the test holds; `None` if only the general evaluation can tell, as for errors.
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
    /// Like [`FastTest::answer`].
    pub(super) fn answer(&self, seen: &DocumentPair<'_>) -> Option<bool> {
        let field = self.of_top.at.raw_value(seen)?.inside(&self.left)?;
        self.of_top.holds(field, |other| other.raw_value(seen)?.inside(&self.right))
    }
}

impl FieldAt {
    #[inline(always)]
    fn raw_value<'d>(self, seen: &DocumentPair<'d>) -> Option<RawFieldValue<'d>> {
        seen.at(self.side)?.raw_value(self.slot, self.length)
    }
}
