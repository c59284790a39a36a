use std::fmt;
use std::sync::Arc;

use bson::{Document, RawDocumentBuf};

use crate::eval::{EvalError, Failures};
use crate::schema::Failure;
use crate::text::{OneLine, excerpt};
use crate::value::{DocumentRef, Malformed};

/// The decision about one document, with the role that made it and any errors. `T` is the result of an allowed
/// operation.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision<'g, T> {
    pub(super) outcome: Outcome<T>,
    pub(super) role: Option<&'g str>,
    pub(super) failures: Option<Box<Failures>>,
}

/// The outcome of a decision.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// Allowed.
    Allow(T),
    /// Denied, with the reason.
    Deny(Reason),
}

/// The part of a document that the user may read.
#[derive(Clone, Debug)]
pub enum Visible<'d> {
    /// The entire document.
    Whole(DocumentRef<'d>),
    /// A part of a decoded document.
    Part(Box<Document>),
    /// A part of a raw document, as BSON.
    RawPart(RawDocumentBuf),
}

/// The half of a role's `document_filters` that denied access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// `read`; `write`, which would have sufficed, does not hold either.
    Read,
    /// `write`.
    Write,
}

/// Why access is denied.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Neither the collection nor the defaults have roles.
    NoRule {
        /// `database.collection`, if known; otherwise empty.
        namespace: Arc<str>,
    },
    /// The collection's rules do not load.
    RulesInvalid,
    /// A filter of the rules excludes the document.
    Filtered {
        /// The filter's name.
        filter: Arc<str>,
    },
    /// The `apply_when` of no role holds.
    NoRole,
    /// The role's `document_filters` exclude the document.
    DocumentFilters(Half),
    /// The role's `search` does not hold.
    Search,
    /// The role has a `read` rule, and neither it nor `write` holds.
    Read,
    /// No field of the document is visible.
    NothingVisible,
    /// The role has a `write` rule that does not hold.
    Write,
    /// Fields that change but may not be written; their paths are sorted.
    Fields(Vec<String>),
    /// The role's `insert` does not hold.
    Insert,
    /// The role's `delete` does not hold.
    Delete,
    /// The update changes or removes the `_id`.
    IdChanged,
    /// The new document violates the schema.
    Schema(Vec<Failure>),
    /// A condition failed; see [`Decision::errors`].
    Failed,
}

impl<'g, T> Decision<'g, T> {
    /// The outcome.
    pub const fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    /// Whether the operation is allowed.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.outcome, Outcome::Allow(_))
    }

    /// The result, if allowed.
    pub fn allowed(self) -> Option<T> {
        match self.outcome {
            Outcome::Allow(value) => Some(value),
            Outcome::Deny(_) => None,
        }
    }

    /// The reason, if denied.
    pub const fn reason(&self) -> Option<&Reason> {
        match &self.outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(reason) => Some(reason),
        }
    }

    /// The role that made the decision; `None` if no role applies, or if none was needed.
    pub const fn role(&self) -> Option<&'g str> {
        self.role
    }

    /// All errors that occurred, even if they did not affect the outcome.
    pub fn errors(&self) -> &[EvalError] {
        self.failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default()
    }
}

impl Visible<'_> {
    /// The visible part, borrowed.
    #[must_use]
    pub fn as_document(&self) -> DocumentRef<'_> {
        match self {
            Self::Whole(document) => *document,
            Self::Part(document) => (&**document).into(),
            Self::RawPart(document) => document.into(),
        }
    }

    /// The visible part, decoded.
    ///
    /// # Errors
    /// If the document is raw and its bytes are not valid BSON.
    pub fn to_document(&self) -> Result<Document, Malformed> {
        self.as_document().to_document()
    }
}

impl Reason {
    /// A stable, machine-readable code, such as `no-role`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRule { .. } => "no-rule",
            Self::RulesInvalid => "rules-invalid",
            Self::Filtered { .. } => "filtered",
            Self::NoRole => "no-role",
            Self::DocumentFilters(Half::Read) => "document-filters-read",
            Self::DocumentFilters(Half::Write) => "document-filters-write",
            Self::Search => "search",
            Self::Read => "read",
            Self::NothingVisible => "nothing-visible",
            Self::Write => "write",
            Self::Fields(_) => "fields",
            Self::Insert => "insert",
            Self::Delete => "delete",
            Self::IdChanged => "id-changed",
            Self::Schema(_) => "schema",
            Self::Failed => "failed",
        }
    }
}

/// The maximum number of field names shown. An untrusted document may have a million fields.
const SHOWN_FIELDS: usize = 20;

/// The number of characters to which field names are truncated.
const SHOWN_NAME: usize = 200;

/// Formats the reason on a single line, whatever names an untrusted document contains.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule { namespace } => write!(f, "no rule exists for namespace '{namespace}'"),
            Self::RulesInvalid => f.write_str("the collection's rules do not load"),
            Self::Filtered { filter } if filter.is_empty() => f.write_str("a filter hides the document"),
            Self::Filtered { filter } => write!(f, "the filter `{filter}` hides the document"),
            Self::NoRole => f.write_str("no role applies"),
            Self::DocumentFilters(Half::Read) => {
                f.write_str("neither `document_filters.read` nor `document_filters.write` of the role holds")
            }
            Self::DocumentFilters(Half::Write) => f.write_str("the role's `document_filters.write` does not hold"),
            Self::Search => f.write_str("the role's `search` does not hold"),
            Self::Read => f.write_str("the role's `read` does not hold"),
            Self::NothingVisible => f.write_str("no field of the document may be read"),
            Self::Write => f.write_str("the role's `write` does not hold"),
            Self::Fields(fields) => {
                let shown = fields.iter().take(SHOWN_FIELDS);
                let shown: Vec<_> = shown.map(|field| format!("`{}`", OneLine(excerpt(field, SHOWN_NAME)))).collect();
                write!(f, "the role may not write {}", shown.join(", "))?;
                match fields.len().saturating_sub(SHOWN_FIELDS) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Insert => f.write_str("the role's `insert` does not hold"),
            Self::Delete => f.write_str("the role's `delete` does not hold"),
            Self::IdChanged => f.write_str("`_id` cannot be changed (code 66 of MongoDB)"),
            Self::Schema(failures) => {
                let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
                write!(f, "the document violates the schema: {}", OneLine(failures.join("; ")))
            }
            Self::Failed => f.write_str("a rule that decides could not be evaluated"),
        }
    }
}
