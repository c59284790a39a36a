//! Findings about literals that are compared as a whole, although a condition was probably intended.

use bson::Bson;

use super::catalogue::{
    ARRAY_COMPARED_WHOLE, LIST_NESTED, OBJECT_COMPARED_WHOLE, OBJECT_EMPTY, OPERATOR_BARE, SCHEMA_WORD,
};
use super::expression_walk::Part;
use super::report::Report;
use super::shape::is_plural;
use crate::expr::{Check, Comparison, Expansion, List, Operand, Operator, Root, bare_logic, element_help, schema_word};
use crate::json::{self, Node};
use crate::text::Spanned;

pub(super) fn lint(part: Part<'_>, report: &mut Report) {
    match part {
        Part::Name(_) => {}
        Part::Equals(name, value) => {
            let name = name.value.to_string();
            if logic(&name, value, report) {
                return;
            }
            if let Some(keys) = keys(value) {
                object(&name, value, &keys, report);
            }
            array(&name, value, "$in", report);
        }
        Part::Check(name, check) => match &check.value {
            Check::Compare(Comparison::Ne, value) => array(&name.value.to_string(), value, "$nin", report),
            Check::In(List::Elements(elements)) => list("$in", elements, report),
            Check::Nin(List::Elements(elements)) => list("$nin", elements, report),
            _ => {}
        },
    }
}

/// Reports words such as `or`, which are field names without their prefix. Returns whether there was one.
fn logic(name: &str, value: &Spanned<Operand>, report: &mut Report) -> bool {
    let Some(meant) = bare_logic(name) else { return false };
    let is_condition = match &value.value {
        Operand::Literal(Bson::Array(elements)) => elements.iter().all(|element| element.as_document().is_some()),
        Operand::Array(elements) => elements.iter().all(|element| keys(element).is_some()),
        Operand::Literal(Bson::Document(_)) | Operand::Document(_) => name == "not",
        _ => false,
    };
    if is_condition {
        let message = format!("`{name}` is a field's name here, not an operator");
        report.add(OPERATOR_BARE, value.span, message, format!("write `{meant}`"));
    }
    is_condition
}

/// The keys of an operand that is an object.
fn keys(operand: &Operand) -> Option<Vec<&str>> {
    match operand {
        Operand::Literal(Bson::Document(document)) => Some(document.keys().map(String::as_str).collect()),
        Operand::Document(fields) => Some(fields.iter().map(|(key, _)| key.as_str()).collect()),
        _ => None,
    }
}

fn object(name: &str, value: &Spanned<Operand>, keys: &[&str], report: &mut Report) {
    let Some(first) = keys.first() else {
        let message = format!("`{name}` is compared with the empty document");
        let help =
            format!("for \"no condition\" remove it; for \"exists\" write {{\"{name}\": {{\"$exists\": true}}}}");
        return report.add(OBJECT_EMPTY, value.span, message, help);
    };
    if keys.iter().all(|key| is_bare_operator(key)) {
        let message = format!("`{first}` is a field's name here, not an operator");
        return report.add(OPERATOR_BARE, value.span, message, format!("write `${first}`"));
    }
    if let ([word], Some((_, inner))) = (keys, only(value))
        && let Some(help) = element_help(word, name, &inner)
    {
        let message = format!("`{word}` is a field's name here, not a condition");
        return report.add(SCHEMA_WORD, value.span, message, help);
    }
    if let Some(help) = schema_help(first).filter(|_| keys.iter().all(|key| schema_help(key).is_some())) {
        let message = format!("`{first}` is a field's name here, not a condition");
        return report.add(SCHEMA_WORD, value.span, message, help);
    }
    let message = format!("`{name}` is compared with this object whole, including the order of its fields");
    report.add(OBJECT_COMPARED_WHOLE, value.span, message, format!("for a field of it write `{name}.{first}`"));
}

/// The only field of an operand that is an object, as JSON.
fn only(value: &Operand) -> Option<(String, Node)> {
    let (key, inner) = match value.to_json() {
        serde_json::Value::Object(members) => members.into_iter().next()?,
        _ => return None,
    };
    Some((key, json::parse(&inner.to_string()).ok()?))
}

/// Whether a key is the name of an operator without its prefix. Words that are plausible field names, such as `type`,
/// do not count.
fn is_bare_operator(key: &str) -> bool {
    !matches!(key, "type" | "size" | "options" | "function" | "all") && Operator::parse(&format!("${key}")).is_some()
}

fn schema_help(key: &str) -> Option<&'static str> {
    schema_word(key).or(match key {
        "minLength" | "maxLength" => Some("that is JSON Schema; write `$regex`, or put it into the schema"),
        "const" => Some("that is JSON Schema; write the value itself"),
        "multipleOf" => Some("that is JSON Schema; write `$mod`"),
        "properties" | "additionalProperties" | "uniqueItems" => Some("that is JSON Schema; put it into the schema"),
        _ => None,
    })
}

fn array(name: &str, value: &Spanned<Operand>, operator: &str, report: &mut Report) {
    let filled = match &value.value {
        Operand::Literal(Bson::Array(elements)) => !elements.is_empty(),
        Operand::Array(_) => true,
        _ => false,
    };
    if filled {
        let message = format!("`{name}` is compared with this array whole");
        let help = format!("for one of the values write {{\"{name}\": {{\"{operator}\": […]}}}}");
        report.add(ARRAY_COMPARED_WHOLE, value.span, message, help);
    }
}

fn list(operator: &str, elements: &[Spanned<Operand>], report: &mut Report) {
    for element in elements {
        match &element.value {
            Operand::Literal(Bson::Array(_)) | Operand::Array(_) => {
                let message = format!("an array inside the list of `{operator}` is compared whole");
                report.add(LIST_NESTED, element.span, message, "write its elements into the list");
            }
            Operand::Expansion(expansion) if is_list(expansion) => {
                let message =
                    format!("`{expansion}` is probably an array, which a list of `{operator}` does not spread");
                let help = match elements {
                    [_] => format!("write {{\"{operator}\": \"{expansion}\"}}"),
                    _ => format!("test each by itself: {{\"{operator}\": \"{expansion}\"}}"),
                };
                report.add(LIST_NESTED, element.span, message, help);
            }
            _ => {}
        }
    }
}

/// Whether an expansion probably resolves to an array.
fn is_list(expansion: &Expansion) -> bool {
    let segments = expansion.path.segments();
    let first = expansion.path.first();
    match expansion.root {
        Root::User if segments.len() == 1 => first == Some("identities"),
        Root::User | Root::Values | Root::Root | Root::PrevRoot | Root::Args => {
            first == Some("identities") && expansion.root == Root::User
                || segments.last().is_some_and(|last| is_plural(last.name()))
        }
        Root::Environment => segments.len() > 1 && segments.last().is_some_and(|last| is_plural(last.name())),
        _ => false,
    }
}
