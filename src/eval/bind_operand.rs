//! Binding of right operands.

use std::sync::Arc;

use bson::Bson;

use super::EvalError;
use super::bind::Binder;
use super::bound_operand::{
    BoundCall, BoundList, BoundRight, BoundTemplate, BoundValue, Standing, Unresolved, is_unresolved,
};
use super::convert::convert;
use crate::expr::Conversion;
use crate::predicate::{Call, List, Reference, Right, Template};
use crate::value;

/// The maximum number of cached context values. Searching a longer list would take longer than resolving the reference
/// again.
const MAX_VALUES: usize = 16;

impl<'p> Binder<'p> {
    /// The value of a context reference, resolved once for all operands that refer to it.
    fn of_reference(&mut self, reference: &'p Reference) -> BoundRight {
        if let Some((_, value)) = self.values.iter().find(|(other, _)| *other == reference) {
            return value.clone();
        }
        let value = match self.known(reference) {
            Ok(value) => value.and_then(BoundValue::from_context).map_or(BoundRight::Unknown, BoundRight::Value),
            Err(error) => BoundRight::Failed(error.into()),
        };
        if self.values.len() < MAX_VALUES {
            self.values.push((reference, value.clone()));
        }
        value
    }

    fn found(&mut self, reference: &Reference) -> Result<Option<Bson>, EvalError> {
        let found = self.context.right(reference);
        self.asked_unsupplied |= found.is_err();
        found
    }

    /// The value of a right-hand reference; `None` if it is Unknown or Missing, or may not be compared with anything.
    fn known(&mut self, reference: &Reference) -> Result<Option<Bson>, EvalError> {
        Ok(self.found(reference)?.filter(|value| !is_unresolved(value)))
    }

    pub(super) fn right(&mut self, right: &'p Right) -> BoundRight {
        match right {
            Right::Literal(value) => BoundRight::Value(BoundValue::literal(value.clone())),
            Right::Context(reference) => self.of_reference(reference),
            Right::Document(root, path) => BoundRight::Document(self.place(*root, path), Standing::Alone),
            Right::Template(template) => self.template_right(template),
            Right::Convert(conversion, inner) => match &**inner {
                Right::Document(root, path) => BoundRight::Convert(*conversion, self.place(*root, path)),
                Right::Literal(value) => converted(*conversion, Some(value)),
                Right::Context(reference) => match self.known(reference) {
                    Ok(value) => converted(*conversion, value.as_ref()),
                    Err(error) => BoundRight::Failed(error.into()),
                },
                Right::Template(_) | Right::Convert(..) | Right::Function(_) => BoundRight::Unknown,
            },
            Right::Function(call) => self.function(call),
        }
    }

    fn template_right(&mut self, template: &Template) -> BoundRight {
        let template = self.template(template, Use::Operand);
        if let Some(error) = template.failure() {
            return BoundRight::Failed(error.clone().into());
        }
        match template {
            BoundTemplate::Literal(value) => BoundRight::Value(BoundValue::literal(value)),
            template if template.is_unknown() => BoundRight::Unknown,
            template => BoundRight::Template(template.into()),
        }
    }

    /// Binds an element of a list. An expansion that resolves to an array is Unknown there: its elements are not added
    /// to the list, nor is the array compared as a whole.
    pub(super) fn listed(&mut self, right: &'p Right) -> BoundRight {
        match (right, self.right(right)) {
            (Right::Context(_), BoundRight::Value(BoundValue { members: Some(_), .. })) => BoundRight::Unknown,
            (_, BoundRight::Document(place, _)) => BoundRight::Document(place, Standing::Listed),
            (_, bound) => bound,
        }
    }

    pub(super) fn list(&mut self, list: &'p List) -> BoundList {
        match list {
            List::Place(Right::Document(root, path)) => BoundList::Document(self.place(*root, path)),
            List::Place(Right::Context(reference)) => match self.found(reference) {
                Ok(Some(Bson::Array(elements))) => {
                    let (unknown, known): (Vec<_>, Vec<_>) = elements.into_iter().partition(is_unresolved);
                    let unknown = if unknown.is_empty() { Unresolved::No } else { Unresolved::Inside };
                    let known = value::List::new(known).into();
                    BoundList::Elements { known, null: false, unknown, later: Vec::new() }
                }
                Ok(_) => BoundList::Unknown,
                Err(error) => BoundList::Failed(error.into()),
            },
            List::Place(_) => BoundList::Unknown,
            List::Elements(elements) => {
                let (mut known, mut null, mut unknown, mut later) = (Vec::new(), false, Unresolved::No, Vec::new());
                for element in elements {
                    match self.listed(element) {
                        BoundRight::Failed(error) => unknown = Unresolved::Failed(error),
                        // An Error takes precedence over Unknown.
                        BoundRight::Unknown if matches!(unknown, Unresolved::Failed(_)) => {}
                        BoundRight::Unknown => unknown = Unresolved::Operand,
                        BoundRight::Value(bound) => {
                            null |= *bound.value == Bson::Null;
                            known.push(Arc::unwrap_or_clone(bound.value));
                        }
                        bound => later.push(bound),
                    }
                }
                BoundList::Elements { known: value::List::new(known).into(), null, unknown, later }
            }
        }
    }

    fn function(&mut self, call: &Call) -> BoundRight {
        let arguments: Vec<_> = call.arguments.iter().map(|argument| self.template(argument, Use::Argument)).collect();
        match arguments.iter().find_map(BoundTemplate::failure) {
            Some(error) if self.context.has_function(&call.name) => BoundRight::Failed(error.clone().into()),
            _ => BoundRight::Function(BoundCall { name: call.name.clone(), arguments }),
        }
    }

    fn template(&mut self, template: &Template, used: Use) -> BoundTemplate {
        match template {
            Template::Literal(value) => BoundTemplate::Literal(value.clone()),
            Template::Context(reference) => match used {
                Use::Operand => self.known(reference),
                Use::Argument => self.found(reference),
            }
            .map_or_else(
                |error| BoundTemplate::Failed(error.into()),
                |value| value.map_or(BoundTemplate::Unknown, BoundTemplate::Literal),
            ),
            Template::Document(root, path) => BoundTemplate::Document(self.place(*root, path)),
            Template::Fields(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(key, value)| (key.clone(), self.template(value, used))).collect();
                let literal: Option<bson::Document> =
                    fields.iter().map(|(key, value)| Some((key.clone(), value.literal()?.clone()))).collect();
                literal.map_or(BoundTemplate::Fields(fields), |fields| BoundTemplate::Literal(fields.into()))
            }
            Template::Elements(elements) => {
                let elements: Vec<_> = elements.iter().map(|element| self.template(element, used)).collect();
                let literal: Option<Vec<Bson>> = elements.iter().map(|element| element.literal().cloned()).collect();
                literal.map_or(BoundTemplate::Elements(elements), |elements| BoundTemplate::Literal(elements.into()))
            }
        }
    }
}

fn converted(conversion: Conversion, value: Option<&Bson>) -> BoundRight {
    value
        .and_then(|value| convert(conversion, value.into()))
        .map_or(BoundRight::Unknown, |value| BoundRight::Value(BoundValue::literal(value)))
}

/// The purpose of a value built from a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// For a comparison.
    Operand,
    /// For a function argument, which may be null or empty because it is not compared.
    Argument,
}

impl BoundTemplate {
    const fn literal(&self) -> Option<&Bson> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }
}
