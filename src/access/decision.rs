use std::fmt;
use std::sync::Arc;

use bson::{Document, RawDocumentBuf};

use crate::eval::{EvalError, Failures};
use crate::schema::Failure;
use crate::text::{OneLine, excerpt};
use crate::value::{DocumentRef, Malformed};

/// The decision about one document, the role that made it, and the errors met on the way. `T` is the result if allowed;
/// the role's name is borrowed from the guard.
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
    /// Denied, and why.
    Deny(Reason),
}

/// The part of a document that a user may see.
#[derive(Clone, Debug)]
pub enum Visible<'d> {
    /// All of it.
    Whole(DocumentRef<'d>),
    /// Some fields of a decoded document.
    Part(Box<Document>),
    /// Some fields of a raw document, in BSON's own bytes.
    RawPart(RawDocumentBuf),
}

/// Which half of `document_filters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// `read`, or else `write`.
    Read,
    /// `write`.
    Write,
}

/// Why something is denied.
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
    /// The role's `read` is there and does not hold.
    Read,
    /// No field of the document may be seen.
    NothingVisible,
    /// The role's `write` is there and does not hold.
    Write,
    /// These fields change and may not be written: their paths, sorted.
    Fields(Vec<String>),
    /// The role's `insert` does not hold.
    Insert,
    /// The role's `delete` does not hold.
    Delete,
    /// An update leaves the document with another `_id`, or with none.
    IdChanged,
    /// The new document does not satisfy the schema.
    Schema(Vec<Failure>),
    /// Something failed; the errors say what.
    Failed,
}

impl<'g, T> Decision<'g, T> {
    /// What was decided.
    pub const fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    /// Whether it is allowed.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.outcome, Outcome::Allow(_))
    }

    /// What the allowance gives, if it is one.
    pub fn allowed(self) -> Option<T> {
        match self.outcome {
            Outcome::Allow(value) => Some(value),
            Outcome::Deny(_) => None,
        }
    }

    /// Why it is denied, if it is.
    pub const fn reason(&self) -> Option<&Reason> {
        match &self.outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(reason) => Some(reason),
        }
    }

    /// The role that decided; `None` if none applies or none was asked.
    pub const fn role(&self) -> Option<&'g str> {
        self.role
    }

    /// Everything that failed while deciding, whether or not it decided.
    pub fn errors(&self) -> &[EvalError] {
        self.failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default()
    }
}

impl Visible<'_> {
    /// What is visible, as it is.
    #[must_use]
    pub fn as_document(&self) -> DocumentRef<'_> {
        match self {
            Self::Whole(document) => *document,
            Self::Part(document) => (&**document).into(),
            Self::RawPart(document) => document.into(),
        }
    }

    /// A decoded copy of what is visible.
    ///
    /// # Errors
    /// If it is a whole raw document that is no BSON.
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

/// More fields than anybody reads; a stranger's document can have a million.
const SHOWN_FIELDS: usize = 20;

/// Names are shown up to this many characters.
const SHOWN_NAME: usize = 200;

/// On one line, whatever names a stranger's document has.
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
