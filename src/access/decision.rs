use std::fmt;
use std::sync::Arc;

use bson::{Document, RawDocumentBuf};

use crate::eval::{EvalError, Failures};
use crate::schema::Failure;
use crate::text::{OneLine, excerpt};
use crate::value::{DocumentRef, Malformed};

/// The decision on one document, the role that made it, and the errors that occurred. `T` is the result if allowed; the
/// role's name is borrowed from the guard.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision<'g, T> {
    pub(super) outcome: Outcome<T>,
    pub(super) role: Option<&'g str>,
    pub(super) failures: Option<Box<Failures>>,
}

/// Allowed or denied.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// Allowed.
    Allow(T),
    /// Denied, for this reason.
    Deny(Reason),
}

/// The part of a document that a user may see.
#[derive(Clone, Debug)]
pub enum Visible<'d> {
    /// The whole document.
    Whole(DocumentRef<'d>),
    /// Some fields of a decoded document.
    Part(Box<Document>),
    /// Some fields of a raw document, in BSON's own bytes.
    RawPart(RawDocumentBuf),
}

/// The half of `document_filters` that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// `read`, or `write` as its alternative.
    Read,
    /// `write`.
    Write,
}

/// Why access is denied.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Neither the collection nor the defaults have roles.
    NoRule {
        /// `database.collection`, if known.
        namespace: Arc<str>,
    },
    /// The collection's rules do not load.
    RulesInvalid,
    /// A filter hides the document.
    Filtered {
        /// The filter's name.
        filter: Arc<str>,
    },
    /// No role's `apply_when` holds.
    NoRole,
    /// The role's `document_filters` do not hold.
    DocumentFilters(Half),
    /// The role's `search` does not hold.
    Search,
    /// The role has a `read` that does not hold.
    Read,
    /// No field of the document is visible.
    NothingVisible,
    /// The role has a `write` that does not hold.
    Write,
    /// These fields change and may not be written; their paths are sorted.
    Fields(Vec<String>),
    /// The role's `insert` does not hold.
    Insert,
    /// The role's `delete` does not hold.
    Delete,
    /// An update would change or remove the `_id`.
    IdChanged,
    /// The new document does not satisfy the schema.
    Schema(Vec<Failure>),
    /// A condition failed; the decision's errors say why.
    Failed,
}

impl<'g, T> Decision<'g, T> {
    /// The outcome.
    pub const fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    /// Whether it is allowed.
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

    /// The role that decided; `None` if no role applies or none was needed.
    pub const fn role(&self) -> Option<&'g str> {
        self.role
    }

    /// All errors that occurred, whether or not they affected the outcome.
    pub fn errors(&self) -> &[EvalError] {
        self.failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default()
    }
}

impl Visible<'_> {
    /// The visible part, without copying.
    #[must_use]
    pub fn as_document(&self) -> DocumentRef<'_> {
        match self {
            Self::Whole(document) => *document,
            Self::Part(document) => (&**document).into(),
            Self::RawPart(document) => document.into(),
        }
    }

    /// A decoded copy of the visible part.
    ///
    /// # Errors
    /// If it is a whole raw document whose bytes are not BSON.
    pub fn to_document(&self) -> Result<Document, Malformed> {
        self.as_document().to_document()
    }
}

impl Reason {
    /// A stable machine-readable name: `no-role`.
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

/// The maximum number of fields shown; an untrusted document may have a million.
const SHOWN_FIELDS: usize = 20;

/// Longer names are truncated to this many characters.
const SHOWN_NAME: usize = 200;

/// Always a single line, whatever names an untrusted document has.
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
