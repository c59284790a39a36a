//! Roles and filters: what a user may see of a document, and change in it.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use serde_json::{Map, Value as Json, json};

use super::check;
use super::expression::evaluate;
use super::name::Scope;
use super::projection::{self, Projection};
use super::schema;
use super::truth::Truth;
use super::value::{bytes, equal, same_bytes};
use super::world::World;

/// Refuses rules that do not load.
pub fn check(rules: &Json) -> Result<(), String> {
    let rules = object(rules, "rules")?;
    known_keys(rules, &["roles", "filters", "schema", "id", "_id", "database", "collection"])?;
    for role in list(rules, "roles")? {
        check_role(role)?;
    }
    for filter in list(rules, "filters")? {
        check_filter(filter)?;
    }
    rules.get("schema").map_or(Ok(()), schema::check)
}

fn check_role(role: &Json) -> Result<(), String> {
    let role = object(role, "a role")?;
    let conditions = ["apply_when", "read", "write", "insert", "delete", "search"];
    let others = ["name", "id", "_id", "document_filters", "fields", "additional_fields"];
    known_keys(role, &[&conditions[..], &others[..]].concat())?;
    if !role.get("name").is_some_and(Json::is_string) {
        return Err("a role needs a name".to_string());
    }
    if !role.contains_key("apply_when") {
        return Err("a role needs apply_when".to_string());
    }
    check_conditions(role, &conditions, Scope::Role)?;
    if let Some(filters) = role.get("document_filters") {
        let filters = object(filters, "document_filters")?;
        known_keys(filters, &["read", "write"])?;
        check_conditions(filters, &["read", "write"], Scope::Role)?;
    }
    if let Some(fields) = role.get("fields") {
        check_fields(fields)?;
    }
    if let Some(additional) = role.get("additional_fields") {
        let additional = object(additional, "additional_fields")?;
        known_keys(additional, &["read", "write"])?;
        check_conditions(additional, &["read", "write"], Scope::Field)?;
    }
    Ok(())
}

fn check_fields(fields: &Json) -> Result<(), String> {
    for (name, entry) in object(fields, "fields")? {
        if name.is_empty() || name.contains('.') {
            return Err(format!("`{name}` is no name of a field"));
        }
        let entry = object(entry, "a field rule")?;
        known_keys(entry, &["read", "write", "fields"])?;
        check_conditions(entry, &["read", "write"], Scope::Field)?;
        if let Some(inner) = entry.get("fields") {
            check_fields(inner)?;
        }
    }
    Ok(())
}

fn check_filter(filter: &Json) -> Result<(), String> {
    let filter = object(filter, "a filter")?;
    known_keys(filter, &["name", "id", "_id", "apply_when", "query", "projection", "project"])?;
    if !filter.contains_key("apply_when") {
        return Err("a filter needs apply_when".to_string());
    }
    check_conditions(filter, &["apply_when"], Scope::Filter)?;
    check_conditions(filter, &["query"], Scope::Query)?;
    if filter.contains_key("projection") && filter.contains_key("project") {
        return Err("projection beside project".to_string());
    }
    projection_of(filter).map_or(Ok(()), projection::check)
}

fn projection_of(filter: &Map<String, Json>) -> Option<&Json> {
    filter.get("projection").or_else(|| filter.get("project"))
}

fn check_conditions(of: &Map<String, Json>, names: &[&str], scope: Scope) -> Result<(), String> {
    names.iter().filter_map(|name| of.get(*name)).try_for_each(|condition| check::expression(scope, false, condition))
}

fn object<'a>(json: &'a Json, what: &str) -> Result<&'a Map<String, Json>, String> {
    json.as_object().ok_or_else(|| format!("{what}: an object belongs here, not {json}"))
}

fn list<'a>(of: &'a Map<String, Json>, name: &str) -> Result<&'a [Json], String> {
    match of.get(name) {
        None => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(other) => Err(format!("{name}: an array belongs here, not {other}")),
    }
}

fn known_keys(of: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match of.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`")),
        None => Ok(()),
    }
}

/// Why access ended before it was granted.
#[derive(Debug, Clone, Default, PartialEq)]
struct Refusal {
    fields: BTreeSet<String>,
    schema: Vec<String>,
    error: Option<String>,
}

impl Refusal {
    fn error(text: String) -> Refusal {
        Refusal { error: Some(text), ..Refusal::default() }
    }

    /// The refusal that a condition which is not True leaves behind.
    fn of(truth: Truth) -> Refusal {
        match truth {
            Truth::Error(text) => Refusal::error(text),
            _ => Refusal::default(),
        }
    }
}

/// One request on one document.
pub struct Request<'a> {
    pub rules: &'a Json,
    /// The context; documents and fields are set here as each rule needs them.
    pub world: World,
}

impl Request<'_> {
    fn is_system(&self) -> bool {
        self.world.user.as_ref().is_some_and(|user| user.get("type") == Some(&json!("system")))
    }

    /// Without them there is no rule for the collection, whatever its filters.
    fn has_roles(&self) -> bool {
        self.rules.get("roles").is_some()
    }

    fn truth(&self, condition: &Json) -> Truth {
        evaluate(&self.world, None, condition)
    }

    /// A condition that may be absent.
    fn optional(&self, of: &Json, name: &str, absent: Truth) -> Truth {
        of.get(name).map_or(absent, |condition| self.truth(condition))
    }

    fn in_scope(&self, scope: Scope) -> Request<'_> {
        Request { rules: self.rules, world: World { scope, ..self.world.clone() } }
    }

    fn on(&self, root: Option<&Document>, prev_root: Option<&Document>) -> Request<'_> {
        let document = |document: Option<&Document>| document.cloned().map(Bson::Document);
        let world = World {
            scope: Scope::Role,
            root: document(root),
            prev_root: document(prev_root),
            this: None,
            prev: None,
            ..self.world.clone()
        };
        Request { rules: self.rules, world }
    }

    fn at_field(&self, this: Option<&Bson>, prev: Option<&Bson>) -> Request<'_> {
        let world = World { scope: Scope::Field, this: this.cloned(), prev: prev.cloned(), ..self.world.clone() };
        Request { rules: self.rules, world }
    }

    /// Applies the filters to a stored document: the projection that remains, if the document remains.
    fn filter(&self, stored: &Document) -> Result<Projection, Refusal> {
        let mut remaining = Projection::everything();
        let mut seen = Truth::True;
        for filter in self.rules.get("filters").and_then(Json::as_array).into_iter().flatten() {
            match self.on(None, None).in_scope(Scope::Filter).truth(&filter["apply_when"]) {
                Truth::Error(text) => return Err(Refusal::error(text)),
                Truth::False => continue,
                Truth::True | Truth::Unknown => {}
            }
            let on_stored = self.on(Some(stored), None);
            match on_stored.in_scope(Scope::Query).optional(filter, "query", Truth::True) {
                Truth::Error(text) => return Err(Refusal::error(text)),
                truth => seen = seen.and(truth),
            }
            if let Some(projection) = filter.as_object().and_then(projection_of) {
                remaining = remaining.and(projection).map_err(Refusal::error)?;
            }
        }
        if seen.holds() { Ok(remaining) } else { Err(Refusal::default()) }
    }

    /// The first role that applies.
    fn role(&self, root: &Document, prev_root: Option<&Document>) -> Result<&Json, (&Json, Refusal)> {
        let seeing = self.on(Some(root), prev_root);
        for role in self.rules.get("roles").and_then(Json::as_array).into_iter().flatten() {
            match seeing.truth(&role["apply_when"]) {
                Truth::True => return Ok(role),
                // The role whose condition failed is the one that denies.
                Truth::Error(text) => return Err((&role["name"], Refusal::error(text))),
                Truth::False | Truth::Unknown => {}
            }
        }
        Err((&Json::Null, Refusal::default()))
    }

    /// A read, or a search.
    pub fn read(&self, stored: &Document, searching: bool) -> Json {
        if self.is_system() {
            return shown(&Json::Null, stored.clone());
        }
        let none = Json::Null;
        if !self.has_roles() {
            return denied(&none, Refusal::default());
        }
        let projection = match self.filter(stored) {
            Ok(projection) => projection,
            Err(refusal) => return denied(&none, refusal),
        };
        let role = match self.role(stored, Some(stored)) {
            Ok(role) => role,
            Err((name, refusal)) => return denied(name, refusal),
        };
        let seeing = self.on(Some(stored), Some(stored));
        if searching {
            let search = seeing.optional(role, "search", Truth::True);
            if !search.holds() {
                return denied(&role["name"], Refusal::of(search));
            }
        }
        match seeing.visible(role, stored) {
            Err(refusal) => denied(&role["name"], refusal),
            Ok(document) => {
                let document = projection.apply(&document);
                if document.is_empty() {
                    return denied(&role["name"], Refusal::default());
                }
                shown(&role["name"], document)
            }
        }
    }

    fn visible(&self, role: &Json, stored: &Document) -> Result<Document, Refusal> {
        if let Some(filters) = role.get("document_filters") {
            let read = self.optional(filters, "read", Truth::True);
            let write = self.optional(filters, "write", Truth::False);
            let either = read.or(write);
            if !either.holds() {
                return Err(Refusal::of(either));
            }
        }
        let read = self.optional(role, "read", Truth::False);
        let either = read.or(self.optional(role, "write", Truth::False));
        match either {
            Truth::True => return Ok(stored.clone()),
            Truth::Error(text) => return Err(Refusal::error(text)),
            _ if role.get("read").is_some() => return Err(Refusal::default()),
            _ => {}
        }
        let mut visible = Document::new();
        for (name, value) in stored {
            let entry = role.get("fields").and_then(|fields| fields.get(name));
            let part = match (entry, role.get("additional_fields")) {
                (Some(entry), _) => self.part(entry, value)?,
                (None, Some(additional)) => {
                    let seeing = self.at_field(Some(value), Some(value));
                    seeing.readable(additional)?.then(|| value.clone())
                }
                (None, None) => None,
            };
            if let Some(part) = part {
                visible.insert(name, part);
            }
        }
        Ok(visible)
    }

    /// `read` or `write` of an entry.
    fn readable(&self, entry: &Json) -> Result<bool, Refusal> {
        let read = self.optional(entry, "read", Truth::False);
        match read.or(self.optional(entry, "write", Truth::False)) {
            Truth::Error(text) => Err(Refusal::error(text)),
            truth => Ok(truth.holds()),
        }
    }

    /// What an entry shows of a value; `None`: nothing.
    fn part(&self, entry: &Json, value: &Bson) -> Result<Option<Bson>, Refusal> {
        if entry.get("read").is_some() || entry.get("write").is_some() {
            return Ok(self.at_field(Some(value), Some(value)).readable(entry)?.then(|| value.clone()));
        }
        match value {
            Bson::Document(document) => Ok(self.part_of_document(entry, document)?.map(Bson::Document)),
            Bson::Array(elements) => {
                let mut shown = Vec::new();
                for element in elements {
                    if let Bson::Document(document) = element {
                        shown.extend(self.part_of_document(entry, document)?.map(Bson::Document));
                    }
                }
                Ok((!shown.is_empty()).then_some(Bson::Array(shown)))
            }
            _ => Ok(None),
        }
    }

    fn part_of_document(&self, entry: &Json, document: &Document) -> Result<Option<Document>, Refusal> {
        let mut shown = Document::new();
        for (name, value) in document {
            let Some(inner) = entry.get("fields").and_then(|fields| fields.get(name)) else {
                continue;
            };
            if let Some(part) = self.part(inner, value)? {
                shown.insert(name, part);
            }
        }
        Ok((!shown.is_empty()).then_some(shown))
    }

    /// An insert (no `before`), an update, or a delete (no `after`).
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
        // The document that a delete leaves behind is none; `%%root` is then the stored one.
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
        // No database lets a document change its `_id`.
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

    /// Every changed field needs its permission.
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

    /// A change of one value under an entry.
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
            // A container that comes or goes is all that it holds; an empty one is itself.
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

/// The fields that a write may not change.
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

/// The names of two documents, each once.
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

/// Whether the positions that changed hold the same elements in another order.
fn is_reordered(old: &[Bson], new: &[Bson]) -> bool {
    let changed: Vec<(Vec<u8>, Vec<u8>)> =
        old.iter().zip(new).map(|(old, new)| (bytes(old), bytes(new))).filter(|(old, new)| old != new).collect();
    let (mut old, mut new): (Vec<Vec<u8>>, Vec<Vec<u8>>) = changed.into_iter().unzip();
    old.sort();
    new.sort();
    !old.is_empty() && old == new
}

fn shown(role: &Json, document: Document) -> Json {
    json!({"role": role, "document": Bson::Document(document).into_canonical_extjson()})
}

fn denied(role: &Json, refusal: Refusal) -> Json {
    let mut answer = json!({"role": role, "denied": true});
    if !refusal.fields.is_empty() {
        answer["fields"] = json!(refusal.fields);
    }
    if !refusal.schema.is_empty() {
        let mut schema = refusal.schema;
        schema.sort();
        answer["schema"] = json!(schema);
    }
    if let Some(error) = refusal.error {
        answer["error"] = json!(error);
    }
    answer
}
