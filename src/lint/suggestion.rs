//! Suggestions for changing rules. They can be applied as they are, since they never grant more than before and deny
//! only what they are about.

use super::extent::always;
use super::ownership::Ownership;
use super::witness::Act;
use crate::path::FieldPath;
use crate::policy::{Role, Rule};

/// Suggests how to keep users from giving away a document by changing the field that determines its owner.
pub(super) fn keeping(role: &Role, owner: &Ownership<'_>) -> String {
    let asked = if owner.is_required { owner.condition.clone() } else { unchanged(owner) };
    let asked = &asked;
    if let Some(write) = &role.write {
        // This is narrower than the existing rule, so it grants nothing new.
        return format!(
            "to prevent this, write `\"write\": {}` in the role, which sees the new document",
            both(write, asked)
        );
    }
    // Beside field rules, a `write` for the whole document would grant access to all fields.
    let halves = role.document_filters.as_ref();
    let read = halves.and_then(|halves| halves.read.as_ref());
    let write = halves.and_then(|halves| halves.write.as_ref());
    let (read, write) = match (read, write) {
        (Some(read), Some(write)) => (format!("\"read\": {}, ", read.expr.value), both(write, asked)),
        (None, Some(write)) => (String::new(), both(write, asked)),
        // Whoever may write may also read, so the new half must not reveal what the other one hides.
        (Some(read), None) => (format!("\"read\": {}, ", read.expr.value), both(read, asked)),
        (None, None) => ("\"read\": true, ".to_owned(), asked.clone()),
    };
    format!(
        "to prevent this, write `\"document_filters\": {{{read}\"write\": {write}}}` in the role; a `write` of the document \
         itself would open every field"
    )
}

/// The condition that a document keeps its owner. It does not hold back those who may write without being the owner.
fn unchanged(owner: &Ownership<'_>) -> String {
    let path = &owner.path;
    format!(
        "{{\"%or\": [{{\"%%prevRoot.{path}\": {{\"$exists\": false}}}}, {{\"%%root.{path}\": \"%%prevRoot.{path}\"}}]}}"
    )
}

/// Suggests how to keep users from inserting documents for other owners.
pub(super) fn inserting(role: &Role, owner: &Ownership<'_>) -> String {
    let asked = role.insert.as_ref().map_or_else(|| owner.condition.clone(), |insert| both(insert, &owner.condition));
    format!("to prevent this, write `\"insert\": {asked}` in the role")
}

fn both(rule: &Rule, asked: &str) -> String {
    if always(Some(rule)) { asked.to_owned() } else { format!("{{\"%and\": [{}, {asked}]}}", rule.expr.value) }
}

/// The permission to withdraw.
pub(super) struct Closing<'p> {
    /// The operation.
    pub(super) act: Act,
    /// The path of the custom data that rules read; empty for all of it.
    pub(super) read: &'p FieldPath,
    /// The path that can be written.
    pub(super) written: &'p FieldPath,
}

/// Suggests how to make one field read-only, without affecting anything else.
pub(super) fn closing(role: &Role, Closing { act, read, written }: &Closing<'_>) -> String {
    if read.is_root() {
        return "let the rules test individual fields of the custom data, and let nobody write these".to_owned();
    }
    let field = written.first().unwrap_or_default();
    if *act == Act::Delete {
        return "write \"delete\": false in the role".to_owned();
    }
    let inserts = if *act == Act::Insert { "; a function can insert the documents" } else { "" };
    let close = match (&role.write, role.fields.iter().any(|rule| &*rule.name == field)) {
        (Some(_), _) => format!(
            "write \"write\": false, or leave `write` out and give field rules with `write` to other fields than `{field}`"
        ),
        (None, true) => format!("write \"write\": false in the field rule of `{written}`"),
        (None, false) => {
            // Those who may read the field by `additional_fields` still can, and nobody else can.
            let others = role.additional_fields.as_ref();
            let read = others.and_then(|others| others.read.as_ref().or(others.write.as_ref()));
            let read = read.map_or_else(|| "false".to_owned(), |read| read.expr.value.to_string());
            format!("add the field rule \"{field}\": {{\"read\": {read}, \"write\": false}}")
        }
    };
    format!("{close}{inserts}")
}
