use bson::{Bson, Document, RawDocumentBuf};

use super::bounds::Range;
use super::filter::Filter;

/// The maximum number of values of one list in a filter. Longer lists are left to the check of each document.
pub const MAX_LIST: usize = 10_000;
/// The maximum size of a filter in bytes of BSON. Conditions that would exceed it are left to the check of each
/// document.
pub const MAX_FILTER_BYTES: usize = 1 << 20;
/// The maximum nesting depth of a filter, counting objects and arrays. MongoDB rejects more than some hundred levels.
pub const MAX_DEPTH: usize = 90;

/// The documents of a collection to which access is allowed, as a query for MongoDB.
///
/// The filters are correct under the simple collation, MongoDB's default, on server 6.0 and later, for documents with
/// an `_id`, which all stored documents have. User-supplied values occur in them only as operands of an explicit
/// operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// No documents: the database need not be queried.
    Never,
    /// All documents.
    Always,
    /// Exactly the documents that match the filter.
    Exact(Document),
    /// MongoDB cannot express the condition exactly. The guard must check each document that matches `upper`.
    Bounds {
        /// Matches only documents that are certainly allowed; `None` if there is no such filter.
        lower: Option<Document>,
        /// Matches every document that may be allowed.
        upper: Document,
    },
}

impl Plan {
    /// The filter that matches all documents that may be allowed; `None` if there are none. If the plan [needs a
    /// check](Self::needs_check), each match must still be checked.
    #[must_use]
    pub fn filter(&self) -> Option<Document> {
        match self {
            Self::Never => None,
            Self::Always => Some(Document::new()),
            Self::Exact(filter) | Self::Bounds { upper: filter, .. } => Some(filter.clone()),
        }
    }

    /// Whether the guard must check each document that matches the filter.
    #[must_use]
    pub const fn needs_check(&self) -> bool {
        matches!(self, Self::Bounds { .. })
    }

    /// A stable machine-readable name: `exact`.
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
    fn from(Range { lower, upper }: Range) -> Self {
        match (lower, upper) {
            (_, Filter::Never) => Self::Never,
            (Filter::Always, _) => Self::Always,
            (lower, upper) => {
                let same = lower == upper;
                match (within_limits(&upper), same) {
                    (Some(upper), true) => Self::Exact(upper),
                    (Some(upper), false) => Self::Bounds { lower: within_limits(&lower), upper },
                    (None, _) => Self::Bounds { lower: within_limits(&lower), upper: Document::new() },
                }
            }
        }
    }
}

/// The filter document, if it is within the limits.
fn within_limits(filter: &Filter) -> Option<Document> {
    let filter = filter.to_document()?;
    let size = RawDocumentBuf::try_from(&filter).ok()?.as_bytes().len();
    (size <= MAX_FILTER_BYTES && is_shallow(filter.values(), MAX_DEPTH)).then_some(filter)
}

/// Whether values are nested to at most this depth.
fn is_shallow<'v>(mut values: impl Iterator<Item = &'v Bson>, levels: usize) -> bool {
    values.all(|value| match (value, levels.checked_sub(1)) {
        (Bson::Document(fields), Some(left)) => is_shallow(fields.values(), left),
        (Bson::Array(elements), Some(left)) => is_shallow(elements.iter(), left),
        (Bson::Document(_) | Bson::Array(_), None) => false,
        _ => true,
    })
}
