use std::sync::Arc;

use bson::{Bson, DateTime, Document, Timestamp};

use crate::update::{self, Moment, Operator, Update, UpdateError};

/// A change that can be applied in memory, so that it can be judged before the database applies it.
#[derive(Clone, Debug)]
pub(super) enum SimulatedChange {
    Operators(Arc<Update>),
    Replacement(Document),
}

impl SimulatedChange {
    pub(super) fn apply(&self, document: Document, inserts: bool) -> Result<Document, UpdateError> {
        let now = DateTime::now();
        let applied = match self {
            Self::Operators(update) => update.apply(document, &Moment { inserts, ..Moment::at(now) }),
            Self::Replacement(replacement) => update::replace(&document, replacement, now),
        };
        Ok(applied?.document)
    }

    /// Whether the database inserts the current time into the document.
    pub(super) fn takes_time(&self) -> bool {
        let empty = Bson::Timestamp(Timestamp { time: 0, increment: 0 });
        match self {
            Self::Operators(update) => update.named().iter().any(|named| named.operator == Operator::CurrentDate),
            Self::Replacement(replacement) => replacement.values().any(|value| *value == empty),
        }
    }
}
