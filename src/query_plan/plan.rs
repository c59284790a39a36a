use bson::{Bson, Document, RawDocumentBuf};

use super::bounds::Range;
use super::filter::Filter;

/// How many values of one list go into a filter. A longer list is left to the check of each document.
pub const MAX_LIST: usize = 10_000;
/// How large a filter may become, in bytes of BSON. What would be larger is left to the check of each document.
pub const MAX_FILTER_BYTES: usize = 1 << 20;
/// How deep a filter may be nested, counting objects and arrays: MongoDB refuses more than some hundred levels.
pub const MAX_DEPTH: usize = 90;

/// Which documents of a collection are allowed, for MongoDB to find.
///
/// The filters mean what they say under the simple collation, MongoDB's default, on server 6.0 and later, and for
/// documents that have an `_id`, as all stored ones do. Values from users stand in them as values only, behind an
/// explicit operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// None: there is no need to ask the database.
    Never,
    /// All of them.
    Always,
    /// Those that the filter finds, and no others.
    Exact(Document),
    /// MongoDB cannot say it exactly. Each document that `upper` finds remains to be checked by the guard.
    Bounds {
        /// Finds documents that are surely allowed; `None` where that can be said of no document.
        lower: Option<Document>,
        /// Finds every document that is possibly allowed.
        upper: Document,
    },
}

impl Plan {
    /// The filter that finds all documents that may be allowed; `None` if there are none. Where the plan
    /// [leaves a check](Self::needs_check), what it finds is still to be checked.
    #[must_use]
    pub fn filter(&self) -> Option<Document> {
        match self {
            Self::Never => None,
            Self::Always => Some(Document::new()),
            Self::Exact(filter) | Self::Bounds { upper: filter, .. } => Some(filter.clone()),
        }
    }

    /// Whether each document that the filter finds remains to be checked by the guard.
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

/// The filter, if it is not too much for a server.
fn within_limits(filter: &Filter) -> Option<Document> {
    let filter = filter.to_document()?;
    let size = RawDocumentBuf::try_from(&filter).ok()?.as_bytes().len();
    (size <= MAX_FILTER_BYTES && is_shallow(filter.values(), MAX_DEPTH)).then_some(filter)
}

/// Whether values are nested in no more than so many levels.
fn is_shallow<'v>(mut values: impl Iterator<Item = &'v Bson>, levels: usize) -> bool {
    values.all(|value| match (value, levels.checked_sub(1)) {
        (Bson::Document(fields), Some(left)) => is_shallow(fields.values(), left),
        (Bson::Array(elements), Some(left)) => is_shallow(elements.iter(), left),
        (Bson::Document(_) | Bson::Array(_), None) => false,
        _ => true,
    })
}
