use std::cmp::Ordering;
use std::sync::Arc;

use bson::Bson;

use super::{Bits, JsonSchema};
use crate::aggregation::{Expression, FindError, decoded};
use crate::expr::Comparison;
use crate::path::Leaf;
use crate::value::{Steps, Type, ValueRef, sort_order};

/// A condition that is allowed only in clients' filters. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTest(Arc<Question>);

#[derive(Debug)]
pub(crate) enum Question {
    /// An order comparison that only MongoDB defines: between values of the same type, or with MinKey or MaxKey.
    Order(Comparison, Bson),
    Bits(Bits),
    /// `$expr`, compiled and in source form. It applies to the whole document.
    Expression(Expression, Bson),
    /// `$jsonSchema`
    Schema(JsonSchema),
}

impl ClientTest {
    pub(crate) fn new(question: Question) -> Self {
        Self(Arc::new(question))
    }

    /// Whether an array is tested by its elements.
    pub(crate) fn leaf(&self) -> Leaf {
        match &*self.0 {
            Question::Order(..) | Question::Bits(_) => Leaf::Expand,
            Question::Expression(..) | Question::Schema(_) => Leaf::Whole,
        }
    }

    /// Evaluates the condition on a value; `None` is Missing.
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
    /// The top-level fields that the condition reads and its source, if the database may evaluate it. For this, it must
    /// not fail on any document, because the client must not learn about documents that may not be read.
    pub(crate) fn pushed(&self) -> Option<(Vec<&str>, &Bson)> {
        match &*self.0 {
            Question::Expression(expression, written) if expression.never_fails() => {
                Some((expression.fields()?, written))
            }
            _ => None,
        }
    }

    /// The number of database tests that the condition counts as.
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

/// The maximum number of steps for comparing this value with another one.
fn size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Array(array) => array.iter().flatten().map(size).sum::<usize>() + 1,
        ValueRef::Document(document) => document.iter().flatten().map(|(_, value)| size(value)).sum::<usize>() + 1,
        ValueRef::String(text) | ValueRef::Code(text) => text.len() / 32 + 1,
        _ => 1,
    }
}
