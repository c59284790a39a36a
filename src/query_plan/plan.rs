use bson::{Bson, Document, RawDocumentBuf};

use super::bounds::Range;
use super::filter::Filter;

/// The maximum number of values in a list. If a list is longer, each document has to be checked.
pub const MAX_LIST: usize = 10_000;
/// The maximum size of a filter in bytes of BSON. If conditions exceed it, each document has to be checked.
pub const MAX_FILTER_BYTES: usize = 1 << 20;
/// The maximum nesting depth of a filter, counting objects and arrays. MongoDB rejects filters of a few hundred levels.
pub const MAX_DEPTH: usize = 90;

/// A MongoDB query for the documents of a collection to which a user has access.
///
/// Filters are correct for the simple collation, which is MongoDB's default, on MongoDB 6.0 and later, and for
/// documents with an `_id`, which all stored documents have. Values from users are always operands of explicit
/// operators.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// No documents, so there is no need to query the database.
    Never,
    /// All documents.
    Always,
    /// Exactly the documents that match the filter.
    Exact(Document),
    /// Some of the documents that match `upper`: MongoDB cannot express the condition exactly, so the guard has
    /// to check each of them.
    Bounds {
        /// A filter that matches only documents that are permitted; `None` if there is none.
        lower: Option<Document>,
        /// A filter that matches all documents that may be permitted.
        upper: Document,
    },
}

impl Plan {
    /// The filter for all documents that may be permitted; `None` if there are none. If the plan [needs a
    /// check](Self::needs_check), the guard has to check each document found.
    #[must_use]
    pub fn filter(&self) -> Option<Document> {
        match self {
            Self::Never => None,
            Self::Always => Some(Document::new()),
            Self::Exact(filter) | Self::Bounds { upper: filter, .. } => Some(filter.clone()),
        }
    }

    /// Like [`filter`](Self::filter), without cloning it.
    pub(crate) fn into_filter(self) -> Option<Document> {
        match self {
            Self::Never => None,
            Self::Always => Some(Document::new()),
            Self::Exact(filter) | Self::Bounds { upper: filter, .. } => Some(filter),
        }
    }

    /// The [filter](Self::filter), unless it is empty; `None` also if nothing can match.
    pub(crate) fn conditions(&self) -> Option<&Document> {
        match self {
            Self::Never | Self::Always => None,
            Self::Exact(filter) | Self::Bounds { upper: filter, .. } => {
                Some(filter).filter(|filter| !filter.is_empty())
            }
        }
    }

    /// A plan for a search, which does not need to know which documents are certainly permitted: its `lower` is `None`.
    pub(crate) fn of_search(range: Range) -> Self {
        Self::of(range, |_| None)
    }

    fn of(Range { lower, upper }: Range, bound: impl FnOnce(&Filter) -> Option<Document>) -> Self {
        match (lower, upper) {
            (_, Filter::Never) => Self::Never,
            (Filter::Always, _) => Self::Always,
            (lower, upper) => {
                let same = lower == upper;
                match (within_limits(&upper), same) {
                    (Some(upper), true) => Self::Exact(upper),
                    (Some(upper), false) => Self::Bounds { lower: bound(&lower), upper },
                    (None, _) => Self::Bounds { lower: bound(&lower), upper: Document::new() },
                }
            }
        }
    }

    /// Whether the guard must check each document that matches the filter.
    #[must_use]
    pub const fn needs_check(&self) -> bool {
        matches!(self, Self::Bounds { .. })
    }

    /// A stable, machine-readable name, such as `exact`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
            Self::Exact(_) => "exact",
            Self::Bounds { .. } => "bounds",
        }
    }
}

impl From<Range> for Plan {
    fn from(range: Range) -> Self {
        Self::of(range, within_limits)
    }
}

/// The filter as a document, provided that it is within the limits.
fn within_limits(filter: &Filter) -> Option<Document> {
    let filter = filter.to_document()?;
    let size = RawDocumentBuf::try_from(&filter).ok()?.as_bytes().len();
    (size <= MAX_FILTER_BYTES && is_shallow(filter.values(), MAX_DEPTH)).then_some(filter)
}

/// Whether the values are nested no deeper than `levels`.
fn is_shallow<'v>(mut values: impl Iterator<Item = &'v Bson>, levels: usize) -> bool {
    values.all(|value| match (value, levels.checked_sub(1)) {
        (Bson::Document(fields), Some(left)) => is_shallow(fields.values(), left),
        (Bson::Array(elements), Some(left)) => is_shallow(elements.iter(), left),
        (Bson::Document(_) | Bson::Array(_), None) => false,
        _ => true,
    })
}
