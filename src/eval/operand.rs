//! Resolution of right operands on given documents.

use std::sync::Arc;

use bson::Bson;

use super::bound_operand::{BoundCall, BoundRight, BoundTemplate, BoundValue, Members, Place, Standing};
use super::convert::convert;
use super::{EvalError, Evaluation, Found, FunctionError, NotFound, Truth};
use crate::path::Resolved;
use crate::value::{Malformed, ValueRef};

/// Why a right operand has no value.
pub(super) enum Absent {
    Unknown,
    Failed(EvalError),
}

impl From<Malformed> for Absent {
    fn from(error: Malformed) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotFound> for Absent {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Missing | NotFound::PropertyUnknown | NotFound::Ambiguous => Self::Unknown,
            NotFound::NotSupplied(part) => Self::Failed(part.into()),
            NotFound::Malformed(error) => error.into(),
        }
    }
}

impl From<EvalError> for Absent {
    fn from(error: EvalError) -> Self {
        Self::Failed(error)
    }
}

/// A resolved right operand.
pub(super) enum Operand<'v> {
    /// A value and, if it is an array from the context, its elements: a left value that equals one of them is equal.
    Value(ValueRef<'v>, Option<&'v Members>),
    /// A value that was computed for this comparison.
    Made(BoundValue),
    /// The values at a place in a document.
    Place(Resolved<'v>),
}

pub(super) type Outcome = Result<Truth, Absent>;
impl<'e> Evaluation<'e> {
    /// The values that `$in` searches, from an array in a document.
    pub(super) fn list(&self, place: &Place) -> Result<Vec<ValueRef<'e>>, Absent> {
        match self.resolve(place)? {
            Resolved::One(Some(ValueRef::Array(array))) => {
                let list: Vec<_> = array.iter().collect::<Result<_, _>>()?;
                self.steps().take(list.len())?;
                Ok(list)
            }
            Resolved::One(_) | Resolved::Ambiguous => Err(Absent::Unknown),
            place @ Resolved::Many(_) => {
                let met = place.met();
                if met.is_empty() { Err(Absent::Unknown) } else { Ok(met) }
            }
        }
    }

    pub(super) fn operand<'s>(&'s self, right: &'s BoundRight) -> Result<Operand<'s>, Absent> {
        match right {
            BoundRight::Unknown => Err(Absent::Unknown),
            BoundRight::Failed(error) => Err((**error).clone().into()),
            BoundRight::Value(bound) => Ok(Operand::Value(ValueRef::from(&*bound.value), bound.members.as_deref())),
            BoundRight::Document(place, standing) => {
                let place = self.place(place)?;
                let array = matches!(place, Resolved::Many(_) | Resolved::One(Some(ValueRef::Array(_))));
                if *standing == Standing::Listed && array { Err(Absent::Unknown) } else { Ok(Operand::Place(place)) }
            }
            BoundRight::Template(template) => Ok(Operand::Made(BoundValue::literal(self.made(template)?))),
            BoundRight::Convert(conversion, place) => match self.place(place)? {
                Resolved::One(Some(value)) => convert(*conversion, value)
                    .map(|value| Operand::Made(BoundValue::literal(value)))
                    .ok_or(Absent::Unknown),
                _ => Err(Absent::Unknown),
            },
            BoundRight::Function(call) => {
                let result = self.call(call)?;
                BoundValue::from_context(Bson::clone(&result)).map(Operand::Made).ok_or(Absent::Unknown)
            }
        }
    }

    /// The values at a place; Unknown if it is Missing or ambiguous.
    fn place(&self, place: &Place) -> Result<Resolved<'e>, Absent> {
        let place = self.resolve(place)?;
        let unknown = place.is_missing() || matches!(place, Resolved::Ambiguous);
        if unknown { Err(Absent::Unknown) } else { Ok(place) }
    }

    /// Builds a value from a template. The steps taken are proportional to its size.
    fn made(&self, template: &BoundTemplate) -> Result<Bson, Absent> {
        let value = self.build(template)?;
        self.steps().take(STEPS_PER_COPY.saturating_mul(extent(&value)))?;
        Ok(value)
    }

    fn build(&self, template: &BoundTemplate) -> Result<Bson, Absent> {
        Ok(match template {
            BoundTemplate::Unknown => return Err(Absent::Unknown),
            BoundTemplate::Failed(error) => return Err((**error).clone().into()),
            BoundTemplate::Literal(value) => value.clone(),
            BoundTemplate::Document(place) => Found::of(self.place(place)?)?.into_bson()?,
            BoundTemplate::Fields(fields) => Bson::Document(
                all(fields.iter().map(|(key, value)| Ok((key.clone(), self.build(value)?))))?.into_iter().collect(),
            ),
            BoundTemplate::Elements(elements) => Bson::Array(all(elements.iter().map(|element| self.build(element)))?),
        })
    }

    fn call(&self, call: &BoundCall) -> Result<Arc<Bson>, Absent> {
        if !self.context.has_function(&call.name) {
            return Err(EvalError::Function(FunctionError::NotFound(call.name.clone())).into());
        }
        let arguments = all(call.arguments.iter().map(|argument| self.made(argument)))?;
        Ok(self.context.call(&call.name, &arguments)?)
    }
}

/// Collects all parts. If any is absent, so is the result; an Error takes precedence over Unknown.
pub(super) fn all<T>(parts: impl IntoIterator<Item = Result<T, Absent>>) -> Result<Vec<T>, Absent> {
    let (mut all, mut unknown) = (Vec::new(), false);
    for part in parts {
        match part {
            Ok(part) => all.push(part),
            Err(Absent::Unknown) => unknown = true,
            Err(failed) => return Err(failed),
        }
    }
    if unknown { Err(Absent::Unknown) } else { Ok(all) }
}

/// The number of steps charged for copying a value of extent 1.
const STEPS_PER_COPY: usize = 4;

/// The extent of a value: the number of values in it, where each 256 bytes of a string count as another one.
fn extent(value: &Bson) -> usize {
    match value {
        Bson::Document(fields) => fields.values().fold(1, |count, value| count.saturating_add(extent(value))),
        Bson::Array(elements) => elements.iter().fold(1, |count, value| count.saturating_add(extent(value))),
        Bson::String(text) => 1 + text.len() / 256,
        _ => 1,
    }
}
