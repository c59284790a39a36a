use std::cmp::Ordering;
use std::sync::Arc;

use bson::Bson;

use super::{Bits, JsonSchema};
use crate::aggregation::{Expression, FindError, decoded};
use crate::expr::Comparison;
use crate::path::Leaf;
use crate::value::{Steps, Type, ValueRef, sort_order};

/// A condition that is possible only in a client's filter; cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTest(Arc<Question>);

#[derive(Debug)]
pub(crate) enum Question {
    /// A comparison by an order that only MongoDB defines: between values of one type, and relative to MinKey and
    /// MaxKey.
    Order(Comparison, Bson),
    Bits(Bits),
    /// `$expr`, for the whole document: compiled, and as written.
    Expression(Expression, Bson),
    /// `$jsonSchema`
    Schema(JsonSchema),
}

impl ClientTest {
    pub(crate) fn new(question: Question) -> Self {
        Self(Arc::new(question))
    }

    /// Whether an array stands for its elements.
    pub(crate) fn leaf(&self) -> Leaf {
        match &*self.0 {
            Question::Order(..) | Question::Bits(_) => Leaf::Expand,
            Question::Expression(..) | Question::Schema(_) => Leaf::Whole,
        }
    }

    /// Evaluates the condition on a value, or on Missing.
    pub(crate) fn holds(&self, value: Option<ValueRef<'_>>, steps: &Steps) -> Result<bool, FindError> {
        match &*self.0 {
            Question::Order(comparison, other) => {
                Ok(ordered(value, other.into(), steps)?.is_some_and(|order| comparison.accepts(order)))
            }
            Question::Bits(bits) => Ok(value.is_some_and(|value| bits.hold(value))),
            Question::Expression(expression, _) => match value {
                Some(ValueRef::Document(document)) => Ok(expression.holds(&decoded(document, steps)?, steps)?),
                _ => Ok(false),
            },
            Question::Schema(schema) => value.map_or(Ok(false), |value| Ok(schema.allows(value, steps)?)),
        }
    }
}

impl ClientTest {
    /// The top-level fields and the condition, if the database may evaluate it instead of this library. This requires
    /// that it cannot fail on any document, because the client may not know about some of them.
    pub(crate) fn pushed(&self) -> Option<(Vec<&str>, &Bson)> {
        match &*self.0 {
            Question::Expression(expression, written) if expression.never_fails() => {
                Some((expression.fields()?, written))
            }
            _ => None,
        }
    }

    /// The number of database tests that it counts as.
    pub(crate) fn tests(&self) -> usize {
        match &*self.0 {
            Question::Order(..) | Question::Bits(_) => 1,
            Question::Expression(expression, _) => {
                let mut parts = 0;
                expression.each(&mut |_| parts += 1);
                parts
            }
            Question::Schema(schema) => schema.parts(),
        }
    }
}

fn ordered(value: Option<ValueRef<'_>>, other: ValueRef<'_>, steps: &Steps) -> Result<Option<Ordering>, FindError> {
    let is_end = matches!(other.kind(), Type::MinKey | Type::MaxKey);
    if !is_end && value.is_none_or(|value| value.kind() != other.kind()) {
        return Ok(None);
    }
    steps.take(size(other))?;
    Ok(Some(sort_order(value, Some(other))?))
}

/// The maximum number of steps for comparing a value with this one.
fn size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Array(array) => array.iter().flatten().map(size).sum::<usize>() + 1,
        ValueRef::Document(document) => document.iter().flatten().map(|(_, value)| size(value)).sum::<usize>() + 1,
        ValueRef::String(text) | ValueRef::Code(text) => text.len() / 32 + 1,
        _ => 1,
    }
}
