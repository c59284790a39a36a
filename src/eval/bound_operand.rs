//! Operands whose context references have been resolved.

use std::sync::Arc;

use bson::Bson;

use super::EvalError;
use crate::expr::Conversion;
use crate::path::FieldPath;
use crate::predicate::DocumentRoot;
use crate::value::{List, Slot, Type, ValueRef};

/// A path in one of the documents.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) root: DocumentRoot,
    pub(crate) path: FieldPath,
    /// The number of the path's first field in a [`RequestedFields`](crate::value::RequestedFields), if fields are
    /// numbered.
    pub(crate) slot: Slot,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundLeft {
    /// A property that the context object does not have.
    Unknown,
    /// A reference to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    /// A context value, Missing if `None`, and the path to follow from it.
    Value(Option<Box<Bson>>, FieldPath),
    /// A place in a document.
    Document(Place),
    /// A path into the array element that `$elemMatch` examines.
    Element(FieldPath, Origin),
}

/// Where the array that `$elemMatch` examines comes from. Its elements are compared by the rules for operands of that
/// origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Document,
    Context,
}

/// A right operand with all context references resolved.
#[derive(Clone, Debug)]
pub(crate) enum BoundRight {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Value(BoundValue),
    Document(Place, Standing),
    Template(Box<BoundTemplate>),
    Convert(Conversion, Place),
    Function(BoundCall),
}

/// The position of a right operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Directly as the operand of the operator.
    Alone,
    /// As an element of a list, where an operand that resolves to an array is Unknown.
    Listed,
}

/// A known right operand.
#[derive(Clone, Debug)]
pub(crate) struct BoundValue {
    pub(crate) value: Arc<Bson>,
    /// Its elements, if it is an array from the context: a left value that equals one of them is equal.
    pub(crate) members: Option<Arc<Members>>,
}

/// The elements of an array from the context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) values: List,
    /// Whether an element may not be compared with anything, see [`is_unresolved`].
    pub(crate) unknown: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundTemplate {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Literal(Bson),
    Document(Place),
    Fields(Vec<(String, BoundTemplate)>),
    Elements(Vec<BoundTemplate>),
}

#[derive(Clone, Debug)]
pub(crate) struct BoundCall {
    pub(crate) name: String,
    pub(crate) arguments: Vec<BoundTemplate>,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundList {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Elements {
        known: Arc<List>,
        /// Whether `null` is written in the list, which then matches Missing as well.
        null: bool,
        /// Whether any element is Unknown or an Error.
        unknown: Unresolved,
        /// The operands that depend on the document.
        later: Vec<BoundRight>,
    },
    Document(Place),
}

/// Whether an element of a list is Unknown or an Error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    No,
    /// The list is a context array with an element that may not be compared with anything.
    Inside,
    /// An operand in the list is Unknown.
    Operand,
    /// An operand in the list refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
}

/// Whether a context value may not be compared with anything, because in a MongoDB query it would have a special
/// meaning or match everything.
pub(crate) fn is_unresolved(value: &Bson) -> bool {
    match value {
        Bson::Array(elements) => elements.is_empty(),
        Bson::Document(fields) => fields.is_empty(),
        _ => matches!(
            ValueRef::from(value).kind(),
            Type::Null
                | Type::MinKey
                | Type::MaxKey
                | Type::Undefined
                | Type::Regex
                | Type::JavaScript
                | Type::JavaScriptWithScope
        ),
    }
}

impl BoundValue {
    pub(crate) fn literal(value: impl Into<Arc<Bson>>) -> Self {
        Self { value: value.into(), members: None }
    }

    /// An operand with a value from the context; `None` if that may not be compared with anything.
    pub(crate) fn from_context(value: Bson) -> Option<Self> {
        if is_unresolved(&value) {
            return None;
        }
        let members = match &value {
            Bson::Array(elements) => {
                let (unknown, values): (Vec<_>, Vec<_>) = elements.iter().cloned().partition(is_unresolved);
                Some(Arc::new(Members { values: List::new(values), unknown: !unknown.is_empty() }))
            }
            _ => None,
        };
        Some(Self { value: value.into(), members })
    }
}

impl BoundRight {
    /// The Error found while binding, if any.
    pub(super) fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl BoundTemplate {
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Failed(_) | Self::Literal(_) | Self::Document(..) => false,
            Self::Fields(fields) => fields.iter().any(|(_, value)| value.is_unknown()),
            Self::Elements(elements) => elements.iter().any(Self::is_unknown),
        }
    }

    /// The Error found while binding a part of the template, if any.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Unknown | Self::Literal(_) | Self::Document(..) => None,
            Self::Fields(fields) => fields.iter().find_map(|(_, value)| value.failure()),
            Self::Elements(elements) => elements.iter().find_map(Self::failure),
        }
    }
}
