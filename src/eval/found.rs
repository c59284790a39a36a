use bson::Bson;

use super::{Context, ContextPart, EvalError};
use crate::path::{Resolved, resolve};
use crate::predicate::Reference;
use crate::value::{Malformed, Steps, ValueRef};

/// The value of an expansion, in rules and templates.
#[derive(Debug)]
pub(crate) enum Found<'f> {
    Value(ValueRef<'f>),
    Made(Bson),
}

/// Why an expansion does not resolve.
#[derive(Debug)]
pub(crate) enum NotFound {
    /// There is no such value.
    Missing,
    /// The object has no such property.
    PropertyUnknown,
    /// A numeric path segment is both an index of an array and a key of its elements, and both have a value.
    Ambiguous,
    /// The part of the context was not supplied.
    NotSupplied(ContextPart),
    /// The bytes are not valid BSON, or the step budget is exhausted.
    Malformed(Malformed),
}

impl From<Malformed> for NotFound {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<ContextPart> for NotFound {
    fn from(part: ContextPart) -> Self {
        Self::NotSupplied(part)
    }
}

impl<'f> Found<'f> {
    /// Combines the values at a place into one. If the path fans out through arrays, that is the array of its values.
    #[expect(clippy::needless_pass_by_value, reason = "the value goes on into the result")]
    pub(crate) fn of(resolved: Resolved<'f>) -> Result<Self, NotFound> {
        match resolved {
            Resolved::One(Some(value)) => Ok(Self::Value(value)),
            Resolved::One(None) => Err(NotFound::Missing),
            Resolved::Ambiguous => Err(NotFound::Ambiguous),
            Resolved::Many(_) => {
                let met: Vec<Bson> = resolved.met().into_iter().map(ValueRef::to_bson).collect::<Result<_, _>>()?;
                if met.is_empty() { Err(NotFound::Missing) } else { Ok(Self::Made(Bson::Array(met))) }
            }
        }
    }

    pub(crate) fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Value(value) => *value,
            Self::Made(value) => value.into(),
        }
    }

    pub(crate) fn into_bson(self) -> Result<Bson, Malformed> {
        match self {
            Self::Value(value) => value.to_bson(),
            Self::Made(value) => Ok(value),
        }
    }
}

impl Context {
    /// The value of a reference.
    pub(crate) fn find(&self, reference: &Reference) -> Result<Found<'_>, NotFound> {
        if let Some(whole) = self.whole(reference)? {
            return Ok(Found::Made(whole));
        }
        match self.left(reference)? {
            Some((start, path)) => Found::of(resolve(start, path, &Steps::default())?),
            None => Err(NotFound::PropertyUnknown),
        }
    }

    /// The value of a reference used as a right operand; `None` if it is Unknown or Missing.
    pub(super) fn right(&self, reference: &Reference) -> Result<Option<Bson>, EvalError> {
        match self.find(reference) {
            Ok(found) => Ok(Some(found.into_bson()?)),
            Err(NotFound::Missing | NotFound::PropertyUnknown | NotFound::Ambiguous) => Ok(None),
            Err(NotFound::NotSupplied(part)) => Err(part.into()),
            Err(NotFound::Malformed(error)) => Err(error.into()),
        }
    }
}
