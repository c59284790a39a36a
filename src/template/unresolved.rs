use std::collections::HashSet;
use std::fmt;

use thiserror::Error;

use super::escape::Refused;
use super::form::Site;
use crate::eval::{EvalError, FunctionError, NotFound};
use crate::json::{MAX_DEPTH, NotJson};
use crate::text::{OneLine, Span, excerpt};
use crate::value::Malformed;

/// The failures of a resolution: at least one, without duplicates, in the order of occurrence.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{}", list(.0))]
pub struct Unresolved(pub(super) Vec<Failure>);

impl Unresolved {
    /// The failures.
    #[must_use]
    pub fn as_slice(&self) -> &[Failure] {
        &self.0
    }
}

fn list(failures: &[Failure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// One expansion, operator or call that did not resolve. It never contains the value of a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pointer: Box<str>,
    span: Span,
    asked: Box<str>,
    reason: Reason,
}

impl Failure {
    pub(super) fn new(site: &Site, asked: impl Into<Box<str>>, reason: Reason) -> Self {
        Self { pointer: site.pointer.clone(), span: site.span, asked: asked.into(), reason }
    }

    /// The JSON pointer (RFC 6901) in the template; for a key, that of its member.
    #[must_use]
    pub const fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The position in the source text; empty for a template that was not parsed from text.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// What was referred to: an expansion, the operand of a conversion or the name of a function.
    #[must_use]
    pub const fn asked(&self) -> &str {
        &self.asked
    }

    /// Why it did not resolve.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }
}

/// The failures of a resolution while it is under way.
#[derive(Debug, Default)]
pub(super) struct Failures {
    list: Vec<Failure>,
    /// The pointers and texts of all failures in the list, because a large template may have very many.
    known: HashSet<(Box<str>, Box<str>)>,
}

impl Failures {
    /// Adds a failure unless there is one about the same text in the same position.
    pub(super) fn add(&mut self, failure: Failure) {
        if self.known.insert((failure.pointer.clone(), failure.asked.clone())) {
            self.list.push(failure);
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// The failures added since there were `before`.
    pub(super) fn since(&self, before: usize) -> &[Failure] {
        self.list.get(before..).unwrap_or_default()
    }

    /// Removes all failures but the first `before`.
    pub(super) fn truncate(&mut self, before: usize) {
        for failure in self.list.drain(before.min(self.list.len())..) {
            self.known.remove(&(failure.pointer, failure.asked));
        }
    }

    pub(super) fn into_vec(self) -> Vec<Failure> {
        self.list
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "(root)" } else { &self.pointer };
        write!(f, "{}: `{}`: {}", OneLine(pointer), OneLine(excerpt(&self.asked, 200)), OneLine(&self.reason))
    }
}

/// Why a part of a template does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The user or a document has no such value.
    #[error("there is no such value")]
    Missing,
    /// A property of `%%user` that does not exist, as in `%%user.name`.
    #[error("there is no such property")]
    PropertyUnknown,
    /// `%%root` or the like, if the caller supplied no such document.
    #[error("`{0}` was not supplied")]
    NotSupplied(&'static str),
    /// Part of the context is not supplied or not loaded, or a function failed.
    #[error("{0}")]
    Failed(EvalError),
    /// A segment of the path is both an index of an array and a key of its elements, and both have a value.
    #[error("a number of the path is both an index of an array and a key of its elements")]
    Ambiguous,
    /// A secret, although the caller does not allow secrets.
    #[error("it is a secret, and this template may not use secrets")]
    Secret,
    /// `%%values` as a whole, although some of its values are secrets.
    #[error("some of the values are secrets: name the values that are needed")]
    SecretsAmong,
    /// A conversion of a value that is not convertible, such as `%stringToOid` of a string that is not an ObjectId.
    #[error("`{operator}` does not convert {}", operand(operator, found))]
    NotConvertible {
        /// The operator.
        operator: &'static str,
        /// The type of its operand.
        found: &'static str,
    },
    /// A value without a text form, inserted into text.
    #[error("{0} has no text")]
    NoText(&'static str),
    /// Text that the [`Escape`](super::Escape) rejects.
    #[error("`{}` is inserted, and {refused}", OneLine(excerpt(.inserted, 200)))]
    Escape {
        /// The alternative whose text was rejected.
        inserted: String,
        /// Why.
        refused: Refused,
    },
    /// Text inserted into a key that is not a plain name; it is that of this alternative.
    #[error(
        "what `{}` inserts into a key must be one name: not empty, without `.` and U+0000, and not beginning with `$`",
        OneLine(excerpt(.0, 200))
    )]
    KeyMalformed(String),
    /// A key that already exists in its document.
    #[error("the key `{}` already exists in this document", OneLine(excerpt(.0, 200)))]
    KeyDuplicate(String),
    /// A value that would not round-trip through extended JSON.
    #[error("a document with the key `{0}` reads as another value in extended JSON; write BSON")]
    NotJson(String),
    /// The template must resolve to a document and does not.
    #[error("the template is not a document")]
    NotDocument,
    /// The result is nested too deeply.
    #[error("the result is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The result is too large.
    #[error("the result is larger than {max} bytes", max = crate::json::MAX_SIZE)]
    TooLarge,
}

/// The operand of a failed conversion; for a string, also which strings can be converted.
fn operand(operator: &str, found: &str) -> String {
    let form = match operator {
        "%stringToOid" => "24 hexadecimal digits or 12 bytes",
        "%stringToUuid" => "32 hexadecimal digits in the form of a UUID, with its hyphens",
        _ => return found.to_owned(),
    };
    if found == "string" { format!("this string, which must have {form}") } else { found.to_owned() }
}

impl Reason {
    /// Whether the part could resolve if the caller supplied more.
    pub(super) const fn is_not_supplied(&self) -> bool {
        matches!(
            self,
            Self::NotSupplied(_)
                | Self::Failed(
                    EvalError::NotSupplied(_)
                        | EvalError::Function(FunctionError::Pending(_) | FunctionError::NotFound(_))
                )
        )
    }
}

impl From<NotFound> for Reason {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Missing => Self::Missing,
            NotFound::PropertyUnknown => Self::PropertyUnknown,
            NotFound::Ambiguous => Self::Ambiguous,
            NotFound::NotSupplied(part) => Self::Failed(part.into()),
            NotFound::Malformed(error) => error.into(),
        }
    }
}

impl From<Malformed> for Reason {
    fn from(error: Malformed) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotJson> for Reason {
    fn from(error: NotJson) -> Self {
        match error {
            NotJson::Malformed(error) => error.into(),
            NotJson::Key(key) => Self::NotJson(key),
        }
    }
}
