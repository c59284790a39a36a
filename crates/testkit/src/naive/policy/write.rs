//! Determines what a user may change in a document.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use serde_json::{Value as Json, json};

use super::{Refusal, Request, denied};
use crate::naive::name::Scope;
use crate::naive::schema;
use crate::naive::truth::Truth;
use crate::naive::value::{bytes, equal, same_bytes};

impl Request<'_> {
    /// Decides an insert (no `before`), an update, or a delete (no `after`).
    pub fn write(&self, before: Option<&Document>, after: Option<&Document>) -> Json {
        let none = Json::Null;
        if self.is_system() {
            return match self.schema(before, after) {
                Ok(()) => json!({"role": null, "allowed": true}),
                Err(refusal) => denied(&none, refusal),
            };
        }
        if !self.has_roles() {
            return denied(&none, Refusal::default());
        }
        if let Some(Err(refusal)) = before.map(|stored| self.filter(stored)) {
            return denied(&none, refusal);
        }
        let root = before.or(after).expect("a document");
        let role = match self.role(root, before) {
            Ok(role) => role,
            Err((name, refusal)) => return denied(name, refusal),
        };
        match self.write_as(role, before, after) {
            Ok(()) => json!({"role": role["name"], "allowed": true}),
            Err(refusal) => denied(&role["name"], refusal),
        }
    }

    fn write_as(&self, role: &Json, before: Option<&Document>, after: Option<&Document>) -> Result<(), Refusal> {
        if let Some(filters) = role.get("document_filters") {
            let both = [before, after]
                .into_iter()
                .flatten()
                .map(|root| self.on(Some(root), before).optional(filters, "write", Truth::True));
            require(Truth::all(both))?;
        }
        // After a delete there is no document; `%%root` is then the stored one.
        let seeing = self.on(after.or(before), before);
        let write = seeing.optional(role, "write", Truth::False);
        if role.get("write").is_some() {
            require(write)?;
        } else {
            require(seeing.optional(role, "read", Truth::True))?;
            seeing.changes(role, before, after)?;
        }
        match (before, after) {
            (None, _) => require(seeing.optional(role, "insert", Truth::True))?,
            (_, None) => require(seeing.optional(role, "delete", Truth::True))?,
            _ => {}
        }
        self.schema(before, after)
    }

    fn schema(&self, before: Option<&Document>, after: Option<&Document>) -> Result<(), Refusal> {
        // No database lets an update change `_id`.
        if let (Some(before), Some(after)) = (before, after)
            && let Some(id) = before.get("_id")
            && !after.get("_id").is_some_and(|new| equal(id, new))
        {
            return Err(Refusal::default());
        }
        let (Some(schema), Some(after)) = (self.rules.get("schema"), after) else {
            return Ok(());
        };
        let world = self.on(Some(after), before).in_scope(Scope::Field).world;
        let failures = schema::validate(&world, schema, before, after);
        if failures.texts.is_empty() && failures.error.is_none() {
            return Ok(());
        }
        Err(Refusal { schema: failures.texts, error: failures.error, ..Refusal::default() })
    }

    /// Requires write permission for every changed field.
    fn changes(&self, role: &Json, before: Option<&Document>, after: Option<&Document>) -> Result<(), Refusal> {
        let mut refused = Refused::default();
        for name in names(before, after) {
            let old = before.and_then(|before| before.get(&name));
            let new = after.and_then(|after| after.get(&name));
            if same_bytes(old, new) {
                continue;
            }
            let entry = role.get("fields").and_then(|fields| fields.get(&name));
            match (entry, role.get("additional_fields")) {
                (Some(entry), _) => self.change(entry, &name, old, new, &mut refused),
                (None, Some(additional)) => {
                    let truth = self.at_field(new, old).optional(additional, "write", Truth::False);
                    refused.unless(truth, &name);
                }
                (None, None) => refused.add(&name),
            }
        }
        refused.result()
    }

    /// Requires write permission for a change of one value under an entry.
    fn change(&self, entry: &Json, path: &str, old: Option<&Bson>, new: Option<&Bson>, refused: &mut Refused) {
        if same_bytes(old, new) {
            return;
        }
        if let Some(write) = entry.get("write") {
            return refused.unless(self.at_field(new, old).truth(write), path);
        }
        if entry.get("fields").is_none() {
            return refused.add(path);
        }
        match (old, new) {
            (Some(Bson::Document(old)), Some(Bson::Document(new))) => {
                if shared_names(old, new) == shared_names(new, old) {
                    self.change_inside(entry, path, Some(old), Some(new), refused);
                } else {
                    refused.add(path);
                }
            }
            // Adding or removing a document counts as changing all of its fields; an empty one counts as a value.
            (Some(Bson::Document(only)), None) if !only.is_empty() => {
                self.change_inside(entry, path, Some(only), None, refused);
            }
            (None, Some(Bson::Document(only))) if !only.is_empty() => {
                self.change_inside(entry, path, None, Some(only), refused);
            }
            (Some(Bson::Array(old)), Some(Bson::Array(new))) if old.len() == new.len() && !is_reordered(old, new) => {
                for (old, new) in old.iter().zip(new) {
                    match (old, new) {
                        _ if same_bytes(Some(old), Some(new)) => {}
                        (Bson::Document(_), Bson::Document(_)) => {
                            self.change(entry, path, Some(old), Some(new), refused);
                        }
                        _ => refused.add(path),
                    }
                }
            }
            _ => refused.add(path),
        }
    }

    fn change_inside(
        &self,
        entry: &Json,
        path: &str,
        old: Option<&Document>,
        new: Option<&Document>,
        refused: &mut Refused,
    ) {
        for name in names(old, new) {
            let old = old.and_then(|old| old.get(&name));
            let new = new.and_then(|new| new.get(&name));
            let path = format!("{path}.{name}");
            match entry.get("fields").and_then(|fields| fields.get(&name)) {
                Some(inner) => self.change(inner, &path, old, new, refused),
                None if same_bytes(old, new) => {}
                None => refused.add(&path),
            }
        }
    }
}

/// The fields that a write would change without permission.
#[derive(Debug, Default)]
struct Refused {
    fields: BTreeSet<String>,
    error: Option<String>,
}

impl Refused {
    fn add(&mut self, path: &str) {
        self.fields.insert(path.to_string());
    }

    fn unless(&mut self, truth: Truth, path: &str) {
        match truth {
            Truth::True => {}
            Truth::Error(text) => {
                self.error.get_or_insert(text);
            }
            Truth::False | Truth::Unknown => self.add(path),
        }
    }

    fn result(self) -> Result<(), Refusal> {
        if self.fields.is_empty() && self.error.is_none() {
            return Ok(());
        }
        Err(Refusal { fields: self.fields, error: self.error, ..Refusal::default() })
    }
}

fn require(truth: Truth) -> Result<(), Refusal> {
    if truth.holds() { Ok(()) } else { Err(Refusal::of(truth)) }
}

/// The field names of two documents, without duplicates.
fn names(old: Option<&Document>, new: Option<&Document>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in old.into_iter().chain(new).flat_map(Document::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn shared_names(of: &Document, with: &Document) -> Vec<String> {
    of.keys().filter(|name| with.contains_key(name.as_str())).cloned().collect()
}

/// Whether the changed positions contain the same elements in another order.
fn is_reordered(old: &[Bson], new: &[Bson]) -> bool {
    let changed: Vec<(Vec<u8>, Vec<u8>)> =
        old.iter().zip(new).map(|(old, new)| (bytes(old), bytes(new))).filter(|(old, new)| old != new).collect();
    let (mut old, mut new): (Vec<Vec<u8>>, Vec<Vec<u8>>) = changed.into_iter().unzip();
    old.sort();
    new.sort();
    !old.is_empty() && old == new
}
