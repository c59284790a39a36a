use bson::Bson;

use super::bind::Binder;
use super::bound_operand::{BoundLeft, BoundList, BoundRight, Unresolved};
use super::residual::{BoundCheck, BoundTest};
use super::unknown_reason::{spelling, types_differ, why_element, why_list, why_right};
use super::{Context, Documents, Errors, EvalError, Evaluation, Residual, Truth, convert};
use crate::path::{FieldPath, Resolved, resolve};
use crate::predicate::{Left, List, Predicate, Reference, Right, Test, TestKind};
use crate::text::Span;
use crate::value::{Steps, ValueRef};

/// How a condition came to its outcome: a tree that shows the outcome of every part.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The outcome of this condition.
    pub truth: Truth,
    /// The kind of condition and its parts.
    pub part: TraceNode,
}

/// The kinds of conditions in a [`Trace`].
#[derive(Clone, Debug, PartialEq)]
pub enum TraceNode {
    /// `true` or `false`
    Constant,
    /// A conjunction.
    All(Vec<Trace>),
    /// A disjunction.
    Any(Vec<Trace>),
    /// A negation.
    Not(Box<Trace>),
    /// A test.
    Test {
        /// The test in the rule language.
        text: String,
        /// Its position in the source.
        span: Span,
        /// The left value; for secrets and headers, only type and length.
        left: String,
        /// The right value, for operators that compare with one.
        right: Option<String>,
        /// The error, for the outcome [`Truth::Error`].
        error: Option<String>,
        /// Why the operands can never be equal, if their types differ.
        note: Option<String>,
    },
}

/// The number of characters to which values are truncated.
const MAX_SHOWN: usize = 200;

/// Evaluates every part of a predicate, even those that do not affect the outcome. The outcome is that of binding and
/// evaluating it, but takes longer.
#[must_use]
pub fn trace(predicate: &Predicate, documents: Documents<'_>, context: &Context, errors: &Errors) -> Trace {
    let of = |part: &Predicate| trace(part, documents, context, errors);
    match predicate {
        Predicate::Constant(value) => Trace { truth: (*value).into(), part: TraceNode::Constant },
        Predicate::All(parts) => {
            let parts: Vec<_> = parts.iter().map(of).collect();
            Trace {
                truth: parts.iter().fold(Truth::True, |truth, part| truth.and(part.truth)),
                part: TraceNode::All(parts),
            }
        }
        Predicate::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(of).collect();
            Trace {
                truth: parts.iter().fold(Truth::False, |truth, part| truth.or(part.truth)),
                part: TraceNode::Any(parts),
            }
        }
        Predicate::Not(inner) => {
            let inner = of(inner);
            Trace { truth: !inner.truth, part: TraceNode::Not(Box::new(inner)) }
        }
        Predicate::Test(test) => {
            let bound = Binder::new(context).test(test);
            let left = show_left(test, &bound.left, documents, context);
            let right = show_right(test, &bound.check, documents, context);
            let met = Errors::default();
            let note = note(&bound, documents);
            let truth = Evaluation::new(documents, context, &met).truth(&Residual::Test(Box::new(bound)));
            let note = note.filter(|_| truth == Truth::False);
            let met = met.into_vec();
            let error = met.first().map(ToString::to_string);
            met.into_iter().for_each(|error| errors.add(error));
            Trace {
                truth,
                part: TraceNode::Test { text: test.text.to_string(), span: test.span, left, right, error, note },
            }
        }
    }
}

/// Explains why the two sides of an equality can never be equal, if their types differ. Of secrets it reveals the type,
/// which is shown anyway.
fn note(bound: &BoundTest, documents: Documents<'_>) -> Option<String> {
    let one = |start: Option<ValueRef<'_>>, path: &FieldPath| match resolve(start, path.segments(), &Steps::default()) {
        Ok(Resolved::One(Some(value))) => value.to_bson().ok(),
        _ => None,
    };
    let left = match &bound.left {
        BoundLeft::Value(value, path) => one(value.as_deref().map(ValueRef::from), path)?,
        BoundLeft::Document(place) => one(documents.get(place.root), &place.path)?,
        BoundLeft::Unknown | BoundLeft::Failed(_) | BoundLeft::Element(..) => return None,
    };
    let differ = |right: &BoundRight| match right {
        BoundRight::Value(bound) => match (&*bound.value, &bound.members) {
            // Equality with a single element suffices.
            (Bson::Array(elements), Some(_)) => {
                let mut notes = elements.iter().map(|element| types_differ((&left).into(), element.into()));
                let first = notes.next()??;
                notes.all(|note| note.is_some()).then_some(first)
            }
            (value, _) => types_differ((&left).into(), value.into()),
        },
        BoundRight::Document(place, _) => {
            types_differ((&left).into(), (&one(documents.get(place.root), &place.path)?).into())
        }
        _ => None,
    };
    match &bound.check {
        BoundCheck::Equals(right) | BoundCheck::Order(_, right) => differ(right),
        BoundCheck::In(BoundList::Elements { known, unknown: Unresolved::No, later, .. }) if later.is_empty() => {
            let mut notes = known.iter().map(|element| types_differ((&left).into(), element.into()));
            let first = notes.next()??;
            notes.all(|note| note.is_some()).then_some(first)
        }
        _ => None,
    }
}

fn show_left(test: &Test, bound: &BoundLeft, documents: Documents<'_>, context: &Context) -> String {
    let hidden = matches!(&test.left, Left::Context(reference) if context.hides(reference));
    match bound {
        BoundLeft::Unknown => match &test.left {
            Left::Context(reference) => context.why_unknown(reference),
            _ => "unknown".to_owned(),
        },
        BoundLeft::Failed(error) => show_failure(error),
        BoundLeft::Value(value, path) => show_place(value.as_deref().map(ValueRef::from), path, hidden),
        BoundLeft::Document(place) => show_place(documents.get(place.root), &place.path, false),
        BoundLeft::Element(..) => "each element".to_owned(),
    }
}

fn show_place(start: Option<ValueRef<'_>>, path: &FieldPath, hidden: bool) -> String {
    match resolve(start, path.segments(), &Steps::default()) {
        Ok(Resolved::One(None)) => "missing".to_owned(),
        Ok(Resolved::One(Some(value))) => show_value(value, hidden),
        Ok(Resolved::Ambiguous) => "ambiguous: a name of the path is an index and a key".to_owned(),
        Ok(place) if place.is_missing() => "missing".to_owned(),
        Ok(place) => {
            let met: Result<Vec<Bson>, _> = place.met().into_iter().map(ValueRef::to_bson).collect();
            met.map_or_else(|error| error.to_string(), |met| show_value((&Bson::Array(met)).into(), hidden))
        }
        Err(error) => error.to_string(),
    }
}

fn show_right(test: &Test, bound: &BoundCheck, documents: Documents<'_>, context: &Context) -> Option<String> {
    let hidden = match &test.check {
        TestKind::Equals(right) | TestKind::Order(_, right) => right_hides(right, context),
        TestKind::In(List::Place(right)) => right_hides(right, context),
        TestKind::In(List::Elements(list)) | TestKind::All(list) => {
            list.iter().any(|right| right_hides(right, context))
        }
        _ => false,
    };
    let shown = |right: &BoundRight| show_operand(right, documents, hidden);
    let show_bson = |value: &Bson| show_value(value.into(), hidden);
    match bound {
        BoundCheck::Equals(BoundRight::Unknown) | BoundCheck::Order(_, BoundRight::Unknown) => {
            Some(match &test.check {
                TestKind::Equals(right) | TestKind::Order(_, right) => why_right(right, context, &show_bson),
                _ => "unknown".to_owned(),
            })
        }
        BoundCheck::Equals(right) | BoundCheck::Order(_, right) => Some(shown(right)),
        BoundCheck::All(list) => Some(join(list.iter().map(|right| match right {
            BoundRight::Unknown => why_element(&test.check, context, &show_bson),
            right => shown(right),
        }))),
        BoundCheck::In(BoundList::Unknown) => Some(why_list(&test.check, context, &show_bson)),
        BoundCheck::In(BoundList::Failed(error)) => Some(show_failure(error)),
        BoundCheck::In(BoundList::Document(place)) => Some(show_place(documents.get(place.root), &place.path, false)),
        BoundCheck::In(BoundList::Elements { known, unknown, later, .. }) => {
            let known = known.iter().map(|value| show_value(value.into(), hidden));
            let unknown = match unknown {
                Unresolved::No => None,
                Unresolved::Inside | Unresolved::Operand => Some(why_element(&test.check, context, &show_bson)),
                Unresolved::Failed(error) => Some(show_failure(error)),
            };
            Some(join(known.chain(later.iter().map(shown)).chain(unknown)))
        }
        _ => None,
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    let all = parts.collect::<Vec<_>>().join(", ");
    format!("[{}]", shorten(&all))
}

fn show_operand(right: &BoundRight, documents: Documents<'_>, hidden: bool) -> String {
    match right {
        BoundRight::Unknown => "unknown".to_owned(),
        BoundRight::Failed(error) => show_failure(error),
        BoundRight::Value(bound) => show_value((&*bound.value).into(), hidden),
        BoundRight::Document(place, _) => show_place(documents.get(place.root), &place.path, false),
        BoundRight::Convert(kind, place) => {
            let start = documents.get(place.root);
            let shown = show_place(start, &place.path, false);
            match resolve(start, place.path.segments(), &Steps::default()) {
                Ok(Resolved::One(Some(value)))
                    if !matches!(value, ValueRef::Array(_)) && convert(*kind, value).is_none() =>
                {
                    format!("unknown: {shown} does not convert by `{}`", spelling(*kind))
                }
                _ => shown,
            }
        }
        BoundRight::Template(_) => "put together of the document".to_owned(),
        BoundRight::Function(call) => format!("the result of function `{}`", call.name),
    }
}

fn show_failure(error: &EvalError) -> String {
    match error {
        EvalError::NotSupplied(part) => format!("not supplied: {part}"),
        error => error.to_string(),
    }
}

fn right_hides(right: &Right, context: &Context) -> bool {
    let hides = |reference: &Reference| context.hides(reference);
    match right {
        Right::Context(reference) => hides(reference),
        Right::Convert(_, inner) => right_hides(inner, context),
        Right::Template(template) => template.references().into_iter().any(hides),
        _ => false,
    }
}

/// Formats a value as extended JSON on one line; of a hidden value, only its type and length.
fn show_value(value: ValueRef<'_>, hidden: bool) -> String {
    if hidden {
        let length = match value {
            ValueRef::String(text) => format!(" of {} characters", text.chars().count()),
            ValueRef::Array(array) => format!(" of {} elements", array.len().unwrap_or(0)),
            _ => String::new(),
        };
        return format!("<{}{length}>", value.kind().alias());
    }
    match value.to_bson() {
        Ok(value) => shorten(&crate::json::from_bson(&value).to_string()),
        Err(error) => error.to_string(),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
