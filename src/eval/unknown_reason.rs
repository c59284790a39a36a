//! Explanations of why an operand is Unknown, and why two values that look alike are not equal.

use bson::Bson;

use super::{Context, convert};
use crate::expr::Conversion;
use crate::predicate::{List, Right, TestKind};
use crate::value::{Type, ValueRef};

/// Explains why the right side of a test is Unknown; `show` formats a context value.
pub(super) fn why_right(right: &Right, context: &Context, show: &dyn Fn(&Bson) -> String) -> String {
    match right {
        Right::Context(reference) => context.why_unknown(reference),
        Right::Convert(kind, inner) => {
            let value = match &**inner {
                Right::Literal(value) => Some(value.clone()),
                Right::Context(reference) => context.right(reference).ok().flatten(),
                _ => None,
            };
            match (value, &**inner) {
                (Some(value), _) if !converts(*kind, &value) => {
                    format!("unknown: {} does not convert by `{}`", show(&value), spelling(*kind))
                }
                (_, inner @ Right::Context(_)) => why_right(inner, context, show),
                _ => "unknown: the value to convert is missing".to_owned(),
            }
        }
        Right::Template(template) => {
            let missing = template.references().into_iter().find(|reference| is_unresolved(context, reference));
            missing.map_or_else(
                || "unknown: a part of it is missing".to_owned(),
                |reference| format!("{} (`{reference}`)", context.why_unknown(reference)),
            )
        }
        Right::Function(call) => {
            let missing = call.arguments.iter().flat_map(|argument| argument.references());
            match missing.into_iter().find(|reference| is_unresolved(context, reference)) {
                Some(reference) => format!("{} (the argument `{reference}`)", context.why_unknown(reference)),
                None => "unknown: an argument of the function is missing".to_owned(),
            }
        }
        Right::Literal(value) => format!("unknown: nothing is compared with {}", show(value)),
        Right::Document(..) => "missing".to_owned(),
    }
}

/// Explains why a list is Unknown.
pub(super) fn why_list(check: &TestKind, context: &Context, show: &dyn Fn(&Bson) -> String) -> String {
    match check {
        TestKind::In(List::Place(Right::Context(reference))) => match context.right(reference) {
            Ok(Some(value)) if !matches!(value, Bson::Array(_)) => {
                format!("unknown: of type `{}`, not a list", ValueRef::from(&value).kind().alias())
            }
            _ => context.why_unknown(reference),
        },
        TestKind::In(List::Place(right)) => why_right(right, context, show),
        _ => "unknown".to_owned(),
    }
}

/// Explains why the first Unknown element of a list is Unknown.
pub(super) fn why_element(check: &TestKind, context: &Context, show: &dyn Fn(&Bson) -> String) -> String {
    let (TestKind::In(List::Elements(elements)) | TestKind::All(elements)) = check else { return "unknown".to_owned() };
    let found = elements.iter().find_map(|element| match element {
        Right::Context(reference) => match context.right(reference) {
            Ok(Some(Bson::Array(_))) => Some(format!("unknown: `{reference}` is a list inside the list")),
            _ if is_unresolved(context, reference) => {
                Some(format!("{} (`{reference}`)", context.why_unknown(reference)))
            }
            _ => None,
        },
        Right::Convert(..) | Right::Template(_) => {
            let why = why_right(element, context, show);
            (!why.starts_with("unknown: a part") && !why.starts_with("unknown: what")).then_some(why)
        }
        _ => None,
    });
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn is_unresolved(context: &Context, reference: &crate::predicate::Reference) -> bool {
    match context.right(reference) {
        Ok(Some(value)) => match value {
            Bson::Null | Bson::Undefined | Bson::MinKey | Bson::MaxKey => true,
            Bson::Array(elements) => elements.is_empty(),
            Bson::Document(document) => document.is_empty(),
            _ => false,
        },
        _ => true,
    }
}

fn converts(kind: Conversion, value: &Bson) -> bool {
    match value {
        Bson::Array(elements) => elements.iter().all(|element| convert(kind, element.into()).is_some()),
        value => convert(kind, value.into()).is_some(),
    }
}

pub(super) fn spelling(kind: Conversion) -> &'static str {
    crate::expr::Operator::Convert(kind).spelling()
}

/// Explains why two values can never be equal because their types differ. Names the conversion that would make them
/// equal, if there is one.
pub(super) fn types_differ(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<String> {
    if let ValueRef::Array(elements) = left {
        // Equality with a single element suffices.
        let mut notes = elements.iter().map(|element| types_differ(element.ok()?, right));
        let first = notes.next()??;
        return notes.all(|note| note.is_some()).then(|| format!("of the elements: {first}"));
    }
    let kinds = (left.kind(), right.kind());
    let is_number = |kind| matches!(kind, Type::Int | Type::Long | Type::Double | Type::Decimal);
    let is_text = |kind| matches!(kind, Type::String | Type::Symbol);
    if kinds.0 == kinds.1
        || is_number(kinds.0) && is_number(kinds.1)
        || is_text(kinds.0) && is_text(kinds.1)
        || [kinds.0, kinds.1]
            .iter()
            .any(|kind| matches!(kind, Type::Array | Type::Object | Type::Null | Type::Undefined))
    {
        return None;
    }
    let equal = |kind: Conversion| {
        convert(kind, right).is_some_and(|converted| converted == left.to_bson().unwrap_or(Bson::Undefined))
    };
    let conversions =
        [Conversion::StringToOid, Conversion::OidToString, Conversion::StringToUuid, Conversion::UuidToString];
    let way_out = match conversions.into_iter().find(|kind| equal(*kind)) {
        Some(kind) => format!("; they would be equal if the right one were converted by `{}`", spelling(kind)),
        None => String::new(),
    };
    let (left, right) = (kinds.0.alias(), kinds.1.alias());
    Some(format!("the left is of type `{left}`, the right of type `{right}`, which are never equal{way_out}"))
}
