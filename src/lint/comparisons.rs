//! Findings about comparisons whose operands can never match.

use bson::Bson;

use super::catalogue::{ARRAY_ON_RIGHT, COMPARISON_NEVER_HOLDS, CONVERSION_FAILS, ID_NOT_CONVERTED};
use super::report::Report;
use super::shape::{is_plural, is_user, place_name, rights};
use crate::eval::convert;
use crate::expr::Conversion;
use crate::path::FieldPath;
use crate::predicate::{ContextRoot, Left, List, Reference, Right, Test, TestKind};
use crate::schema::Schema;
use crate::text::closest;
use crate::value::ValueRef;

/// The types of users.
const TYPES: [&str; 3] = ["normal", "server", "system"];

pub(super) fn lint(test: &Test, schema: Option<&Schema>, report: &mut Report) {
    for right in rights(test) {
        conversion(right, test, report);
    }
    list(test, report);
    match &test.left {
        Left::Context(left) => context(left, test, schema, report),
        Left::Document(_, path) => {
            if rights(test).iter().any(|right| is_user_id(right)) {
                id(path, test, schema, report);
            }
        }
        Left::Boolean(_) | Left::Element(_) => {}
    }
}

/// Reports an operand that must be an array, but never is.
fn list(test: &Test, report: &mut Report) {
    let found = match &test.check {
        TestKind::In(List::Place(Right::Context(reference))) if is_string(reference) => reference.to_string(),
        TestKind::In(List::Place(Right::Literal(Bson::Boolean(value)))) => format!("%%{value}"),
        _ => return in_string(test, report),
    };
    let left = match &test.left {
        Left::Document(root, path) => place_name(*root, path),
        Left::Context(left) => left.to_string(),
        Left::Element(path) if !path.is_root() => path.to_string(),
        Left::Element(_) | Left::Boolean(_) => "field".to_owned(),
    };
    let message = format!("`$in` requires a list, and `{found}` is never one");
    report.add(COMPARISON_NEVER_HOLDS, test.span, message, format!("write {{\"{left}\": \"{found}\"}}"));
}

/// Reports operators for arrays or numbers that are applied to a string.
fn in_string(test: &Test, report: &mut Report) {
    let Left::Context(left) = &test.left else { return };
    let asked = match &test.check {
        TestKind::Size(_) => "an array",
        TestKind::ElemMatch(..) => "an array",
        TestKind::Mod { .. } => "a number",
        _ => return,
    };
    if is_string(left) {
        let message = format!("`{left}` is a string and never {asked}");
        report.add(
            COMPARISON_NEVER_HOLDS,
            test.span,
            message,
            "use operators that apply to strings: equality, `$in`, `$regex`",
        );
    }
}

fn is_user_id(right: &Right) -> bool {
    matches!(right, Right::Context(reference) if is_user(reference, "id"))
}

fn conversion(right: &Right, test: &Test, report: &mut Report) {
    let Right::Convert(kind, inner) = right else { return };
    let Right::Literal(value) = &**inner else { return };
    if convert(*kind, ValueRef::from(value)).is_some() {
        return;
    }
    let help = match kind {
        Conversion::StringToOid => "an ObjectId has 24 hexadecimal digits",
        Conversion::StringToUuid => "a UUID has 36 characters, such as `01234567-89ab-cdef-0123-456789abcdef`",
        Conversion::OidToString | Conversion::UuidToString => "",
    };
    report.add(CONVERSION_FAILS, test.span, format!("`{}` does not convert", shown(value)), help);
}

pub(super) fn shown(value: &Bson) -> String {
    match value {
        Bson::String(text) => text.clone(),
        value => value.clone().into_relaxed_extjson().to_string(),
    }
}

fn context(left: &Reference, test: &Test, schema: Option<&Schema>, report: &mut Report) {
    for right in rights(test) {
        if let Some(found) = other_type(left, right) {
            let message = format!("`{left}` is a string and never equals {found}");
            let help = match is_user(left, "id") && matches!(right, Right::Convert(..)) {
                true => {
                    "remove the conversion, or convert the other side: {\"_id\": {\"%stringToOid\": \"%%user.id\"}}"
                }
                false => "compare it with a string",
            };
            report.add(COMPARISON_NEVER_HOLDS, test.span, message, help);
        }
        if let (true, Right::Literal(Bson::String(text))) = (is_user(left, "type"), right)
            && !TYPES.contains(&text.as_str())
        {
            let help = match closest(text, TYPES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "a user's type is `normal`, `server` or `system`".to_owned(),
            };
            report.add(COMPARISON_NEVER_HOLDS, test.span, format!("`{left}` is never `{text}`"), help);
        }
        if let (true, Right::Document(_, path)) = (is_user(left, "id"), right) {
            id(path, test, schema, report);
        }
    }
    if let TestKind::Equals(Right::Document(root, path)) = &test.check
        && left.root == ContextRoot::User
        && left.path.first() != Some("identities")
        && !ends_plural(&left.path)
        && ends_plural(path)
    {
        let message = format!("`{left}` never equals an array that contains it, and `{path}` is probably one");
        let help = format!("write {{\"{}\": \"{left}\"}}", place_name(*root, path));
        report.add(ARRAY_ON_RIGHT, test.span, message, help);
    }
}

fn ends_plural(path: &FieldPath) -> bool {
    path.segments().last().is_some_and(|last| is_plural(last.name()))
}

pub(super) fn is_string(reference: &Reference) -> bool {
    let segments = reference.path.segments();
    match (reference.root, reference.path.first(), segments.len()) {
        (ContextRoot::User, Some("id" | "type"), 1) | (ContextRoot::Environment, Some("tag"), 1) => true,
        // Rules see an ObjectId there as its hex string.
        (ContextRoot::User, Some("custom_data"), 2) => segments.last().is_some_and(|last| last.name() == "_id"),
        (ContextRoot::Request, Some(field), 1) => field != "requestHeaders",
        _ => false,
    }
}

/// The type of a right operand, for messages, if it is not a string and therefore never matches. For `custom_data._id`,
/// this is certain only of ObjectIds.
fn other_type(left: &Reference, right: &Right) -> Option<&'static str> {
    if !is_string(left) {
        return None;
    }
    let custom = left.path.first() == Some("custom_data");
    match right {
        Right::Convert(Conversion::StringToOid, _) | Right::Literal(Bson::ObjectId(_)) => Some("an ObjectId"),
        _ if custom => None,
        Right::Convert(Conversion::StringToUuid, _) => Some("a UUID"),
        Right::Literal(Bson::Boolean(_)) => Some("a boolean"),
        Right::Literal(Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_)) => Some("a number"),
        Right::Literal(Bson::DateTime(_)) => Some("a date"),
        Right::Literal(Bson::Binary(_)) => Some("binary data"),
        _ => None,
    }
}

fn id(path: &FieldPath, test: &Test, schema: Option<&Schema>, report: &mut Report) {
    let equality = matches!(test.check, TestKind::Equals(_) | TestKind::In(List::Elements(_)));
    // If a schema declares the type, another lint reports the comparison.
    let is_declared = schema.is_some_and(|schema| schema.type_names_at(path.segments()).is_some());
    if equality && !is_declared && path.segments().last().is_some_and(|last| last.name() == "_id") {
        let message = format!("`%%user.id` is a string, and `{path}` often an ObjectId, which never equals one");
        let help = format!("where it is an ObjectId write {{\"{path}\": {{\"%stringToOid\": \"%%user.id\"}}}}");
        report.add(ID_NOT_CONVERTED, test.span, message, help);
    }
}
