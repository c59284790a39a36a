use std::fmt;

use thiserror::Error;

use super::Operator;
use super::limits::{MAX_BYTES, MAX_LEVELS};
use crate::mongo_query::FindError;
use crate::value::Malformed;

/// Why an update is invalid or cannot be applied, and where. The message contains paths and types, but no stored
/// values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct UpdateError {
    place: Option<(Operator, String)>,
    #[source]
    kind: UpdateErrorKind,
}

/// The kinds of [`UpdateError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpdateErrorKind {
    /// An unknown operator, as in `{"$foo": …}`.
    #[error("unknown update operator `{name}`{}", .help.map(|help| format!("; did you mean `{help}`?")).unwrap_or_default())]
    OperatorUnknown {
        /// The operator as written.
        name: String,
        /// The operator that was probably intended.
        help: Option<&'static str>,
    },
    /// A field where an operator is expected, as in `{"a": 1}`.
    #[error("`{0}` is not an update operator such as `$set`, and a document that replaces another has no operators")]
    OperatorMissing(String),
    /// An operator whose value is not a document of fields, as in `{"$set": 5}`.
    #[error("`{0}` takes a document of fields, not a value of type {1}")]
    FieldsInvalid(&'static str, &'static str),
    /// An update without operators: `{}`.
    #[error("an update needs at least one operator; use `replaceOne` to replace a document")]
    Empty,
    /// An empty path or segment, as in `{"": …}` and `{"a..b": …}`.
    #[error("a path must not contain empty names")]
    PathEmpty,
    /// A field name that starts with `$`, as in `{"$a": …}`.
    #[error("a field whose name starts with `$` cannot be set")]
    PathDollar,
    /// A path that starts with a positional operator, as in `{"$.a": …}` and `{"$[].a": …}`.
    #[error("a path must start with a field name")]
    PathBegin,
    /// A path with several `$`, as in `a.$.b.$`.
    #[error("`$` can occur only once in a path")]
    PositionRepeated,
    /// Two operators that target the same field, or a field and one nested in it.
    #[error("conflicting updates at `{0}`")]
    Conflict(String),
    /// An identifier `$[x]` without an array filter for `x`.
    #[error("no array filter for `{0}`")]
    ArrayFilterUnknown(String),
    /// An array filter that no path uses.
    #[error("the array filter for `{0}` is not used")]
    ArrayFilterUnused(String),
    /// Two array filters with the same identifier.
    #[error("several array filters for `{0}`")]
    ArrayFilterRepeated(String),
    /// An invalid identifier of an array filter, as in `{"X": …}`.
    #[error(
        "an array filter identifier must start with a lowercase letter and contain only letters and digits, not `{0}`"
    )]
    ArrayFilterName(String),
    /// An array filter with several identifiers or none, as in `{"a": 1, "b": 2}` and `{}`.
    #[error("an array filter must have exactly one identifier")]
    ArrayFilterNames,
    /// An invalid condition in an array filter or `$pull`.
    #[error("the filter: {0}")]
    Filter(FindError),
    /// An operand of the wrong type or form.
    #[error("takes {expected}, not {found}")]
    Operand {
        /// What the operator requires.
        expected: &'static str,
        /// What was found.
        found: String,
        /// MongoDB's error code.
        code: i32,
    },
    /// A path into a value that cannot contain fields.
    #[error("the path leads through a value that cannot have such a field")]
    NotViable,
    /// An array operator applied to a value of another type.
    #[error("expected an array, found a value of type {found}")]
    NotArray {
        /// The type of the value.
        found: &'static str,
        /// MongoDB's error code.
        code: i32,
    },
    /// An arithmetic operator applied to a value of this type, as in `$inc` of a string.
    #[error("expected a number, found a value of type {0}")]
    NotNumber(&'static str),
    /// `$bit` applied to a value of this type, such as a double.
    #[error("expected an integer, found a value of type {0}")]
    NotInteger(&'static str),
    /// A result that exceeds 64 bits.
    #[error("the result does not fit into 64 bits")]
    Overflow,
    /// A decimal128 result whose exponent is out of range.
    #[error("decimal128 arithmetic that exceeds the range of exponents is not supported")]
    Decimal,
    /// `$[]` applied to a value that is not an array.
    #[error("there is no array here whose elements could be updated")]
    Elements,
    /// `$`, although the filter matched no array element.
    #[error("`$` refers to the array element that the filter matched, but it matched none")]
    PositionMissing,
    /// `$`, although the filter may have matched several array elements.
    #[error("this filter does not determine which element `$` refers to; use `$[name]` with an array filter")]
    PositionUnclear,
    /// `$rename` from or to an array element.
    #[error("an element of an array cannot be renamed")]
    RenameElement,
    /// `$rename` with a positional operator in a path.
    #[error("`$`, `$[]` and `$[name]` cannot be renamed")]
    RenameDynamic,
    /// `$rename` of a field to its own path, or to one inside it.
    #[error("the old and the new name must differ, and neither may contain the other")]
    RenameSame,
    /// An update that would change `_id`.
    #[error("`_id` cannot be changed")]
    IdChanged,
    /// An `_id` of a type that is not allowed, as in `{"_id": [1]}`.
    #[error("`_id` cannot be {0}")]
    IdInvalid(&'static str),
    /// An `_id` that contains a field name with `$`, as in `{"_id": {"$a": 1}}`.
    #[error("`_id` cannot be a document with a field name that begins with `$`")]
    IdDollar,
    /// An index so far beyond the end of an array that too many nulls would have to be inserted.
    #[error("an array can be padded with at most {MAX_PADDING} elements")]
    Padding,
    /// A document that is nested too deeply.
    #[error("a document has at most {MAX_LEVELS} levels")]
    TooDeep,
    /// A document that is too large.
    #[error("a document has at most {MAX_BYTES} bytes")]
    TooLarge,
    /// A new document that is too large.
    #[error("a document has at most {MAX_BYTES} bytes")]
    NewTooLarge,
    /// An upsert whose filter requires two values for a field.
    #[error("an upsert cannot take `{0}` from its filter, which specifies it twice")]
    QueryTwice(String),
    /// An upsert whose filter determines only part of `_id`.
    #[error("the filter of an upsert with a replacement must contain either the whole `_id` or no part of it")]
    QueryInexact,
    /// A stored document that is not valid BSON, or a spent step budget.
    #[error("{0}")]
    Malformed(Malformed),
}

/// The maximum number of nulls with which an array is padded, as in MongoDB.
pub(super) const MAX_PADDING: usize = 1_500_000;

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((operator, path)) => write!(f, "`{operator}` of `{path}`: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl UpdateError {
    pub(super) fn at(operator: Operator, path: &str, kind: UpdateErrorKind) -> Self {
        Self { place: Some((operator, path.to_owned())), kind }
    }

    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> &UpdateErrorKind {
        &self.kind
    }

    /// The operator and the path in source form, if the error concerns a path.
    #[must_use]
    pub fn place(&self) -> Option<(Operator, &str)> {
        self.place.as_ref().map(|(operator, path)| (*operator, path.as_str()))
    }

    /// Whether the update is valid in MongoDB, but not supported here.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        self.kind.code().is_none()
    }
}

impl From<UpdateErrorKind> for UpdateError {
    fn from(kind: UpdateErrorKind) -> Self {
        Self { place: None, kind }
    }
}

impl From<Malformed> for UpdateErrorKind {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<FindError> for UpdateErrorKind {
    fn from(error: FindError) -> Self {
        Self::Filter(error)
    }
}

impl UpdateErrorKind {
    /// MongoDB's error code; `None` if the update is valid in MongoDB.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        Some(match self {
            // MongoDB has no step budget.
            Self::Malformed(error) if error.is_steps() => return None,
            Self::PathBegin
            | Self::PositionRepeated
            | Self::ArrayFilterUnknown(_)
            | Self::ArrayFilterName(_)
            | Self::NotInteger(_)
            | Self::Overflow
            | Self::Elements
            | Self::PositionMissing
            | Self::RenameElement
            | Self::RenameDynamic
            | Self::RenameSame
            | Self::Malformed(_) => 2,
            Self::OperatorUnknown { .. }
            | Self::OperatorMissing(_)
            | Self::FieldsInvalid(..)
            | Self::Empty
            | Self::ArrayFilterUnused(_)
            | Self::ArrayFilterRepeated(_)
            | Self::ArrayFilterNames => 9,
            Self::NotNumber(_) => 14,
            Self::TooDeep => 15,
            Self::NotViable => 28,
            Self::Padding => 34,
            Self::Conflict(_) => 40,
            Self::PathDollar => 52,
            Self::IdInvalid(_) => 53,
            Self::IdDollar => 52,
            Self::NewTooLarge => 2,
            Self::QueryTwice(_) => 54,
            Self::PathEmpty => 56,
            Self::IdChanged => 66,
            Self::QueryInexact => 111,
            Self::TooLarge => 17_419,
            Self::Operand { code, .. } | Self::NotArray { code, .. } => *code,
            Self::Filter(error) => return error.code(),
            Self::Decimal | Self::PositionUnclear => return None,
        })
    }
}
