//! Two worlds: two collections with the same rules and the same user that differ only in what this user may not read.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::eval::{Context, Environment, Request};
use portcullis::policy::{self, RulesFile};
use portcullis::{Guard, User, UserType, testfile};
use portcullis::{json, value::DocumentRef};
use serde_json::{Value as Json, json};

use super::choices::Choices;
use super::documents::{self, CONDITIONS, FIELDS};

/// Constraints of the collection, which apply to every writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ground {
    /// The keys of the indexes.
    pub indexes: Vec<Document>,
    /// The field with a unique index.
    pub unique: Option<String>,
    /// The validator of the collection.
    pub validator: Option<Document>,
}

/// How much the rules may depend on hidden data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Documents are only read, so anything that the rules use may differ between the worlds.
    Reads,
    /// Documents are also written, so everything that write permissions use is the same in both worlds.
    Writes,
}

#[derive(Clone, Debug)]
pub struct Scene {
    /// An object with `values`, `environment`, `request` and `functions`.
    pub context: Json,
    pub rules: Json,
    pub user: Json,
    pub extent: Extent,
    pub ground: Ground,
    pub worlds: [Vec<Document>; 2],
}

pub fn document(json: &Json) -> Option<Document> {
    json::to_document(&json::parse(&json.to_string()).ok()?).ok()
}

/// The guard for these rules and this user; `None` if something does not load.
pub fn guard(context: &Json, rules: &Json, user: &Json) -> Option<Guard> {
    guard_of(context, rules, User::from_document(document(user)?).ok()?)
}

fn guard_of(of: &Json, rules: &Json, user: User) -> Option<Guard> {
    let rules = policy::compile(&json::parse(&rules.to_string()).ok()?).ok()?;
    let mut context = Context::new().with_user(user);
    if let Some(values) = of.get("values") {
        context = context.with_values(document(values)?);
    }
    if let Some(environment) = of.get("environment") {
        let tag = environment["tag"].as_str().unwrap_or_default().to_owned();
        let values = document(environment.get("values").unwrap_or(&json!({})))?;
        context = context.with_environment(Environment { tag, values });
    }
    if let Some(request) = of.get("request") {
        context = context.with_request(Request::from_document(document(request)?).ok()?);
    }
    if let Some(functions) = of.get("functions") {
        context = context.with_functions(testfile::functions(&json::parse(&functions.to_string()).ok()?).ok()?);
    }
    Some(Guard::new(RulesFile::effective(Some(&rules), None), context))
}

/// Determines which documents a user cannot distinguish.
pub struct Eyes {
    pub guard: Guard,
    /// The guard of the system user, to whom only the schema applies; `None` without a schema.
    system: Option<Guard>,
    extent: Extent,
}

/// What a user sees of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Nothing,
    /// The visible part as BSON bytes, and the name of the role.
    Part(RawDocumentBuf, Option<String>),
    /// The document cannot be read at all.
    Failure,
}

impl Eyes {
    pub fn new(context: &Json, rules: &Json, user: &Json, extent: Extent) -> Option<Self> {
        let guard = guard(context, rules, user)?;
        let mut system = User::new("system");
        system.kind = UserType::System;
        let system = if rules.get("schema").is_some() { Some(guard_of(context, rules, system)?) } else { None };
        Some(Self { guard, system, extent })
    }

    pub fn see(&self, stored: &Document) -> Seen {
        let Ok(stored) = RawDocumentBuf::try_from(stored) else { return Seen::Failure };
        let decision = self.guard.read(&*stored);
        let role = decision.role().map(str::to_owned);
        match decision.allowed() {
            None => Seen::Nothing,
            Some(visible) => match visible.to_document() {
                Ok(visible) => Seen::Part(RawDocumentBuf::try_from(&visible).unwrap(), role),
                Err(_) => Seen::Failure,
            },
        }
    }

    /// Whether the document can be stored: it can be read and satisfies the schema.
    pub fn may_be_stored(&self, document: &Document) -> bool {
        self.see(document) != Seen::Failure
            && self.system.as_ref().is_none_or(|system| system.insert(document).is_allowed())
    }

    /// Whether the user must not be able to distinguish the two documents.
    pub fn alike(&self, one: &Document, other: &Document) -> bool {
        if !self.may_be_stored(other) {
            return false;
        }
        let (one_seen, other_seen) = (self.see(one), self.see(other));
        let same_conditions = || CONDITIONS.iter().all(|name| one.get(name) == other.get(name));
        match (&one_seen, &other_seen) {
            (Seen::Part(..), Seen::Part(..)) if self.extent == Extent::Writes => {
                one_seen == other_seen && same_conditions()
            }
            (Seen::Part(one, _), Seen::Part(other, _)) => one == other,
            (Seen::Nothing, Seen::Nothing) => true,
            _ => false,
        }
    }

    /// A document that the user cannot distinguish from `of`.
    pub fn twin(&self, choices: &mut Choices, of: &Document) -> Document {
        let mut twin = of.clone();
        for _ in 0..choices.pick(&[0, 4, 8, 16, 16, 24]) {
            let mut tried = twin.clone();
            if choices.chance(5) {
                // Ties are broken by `_id`, even a hidden one, so it may only change without affecting the order of
                // documents.
                if let Some(id) = number(&tried) {
                    tried.insert("_id", id.floor() + choices.pick(&[0.125, 0.25, 0.375]));
                }
            } else {
                change(choices, &mut tried, 3);
            }
            if self.alike(of, &tried) {
                twin = tried;
            }
        }
        twin
    }
}

/// Makes a random change anywhere in a document.
fn change(choices: &mut Choices, document: &mut Document, depth: usize) {
    let names: Vec<String> = document.keys().filter(|name| *name != "_id").cloned().collect();
    if names.is_empty() || choices.chance(20) {
        let name =
            if depth == 3 { documents::name(choices) } else { choices.pick(&["a", "b", "c", "in", "deep", "x"]) };
        if !document.contains_key(name) {
            let value = value(choices, name);
            place(choices, document, name.to_owned(), value);
        }
        return;
    }
    let name = choices.pick(&names);
    match choices.below(10) {
        0 | 1 => {
            document.remove(&name);
        }
        2 | 3 => {
            let value = value(choices, &name);
            document.insert(name, value);
        }
        4 => {
            if let Some(value) = document.remove(&name) {
                place(choices, document, name, value);
            }
        }
        _ => inside(choices, document.get_mut(&name).unwrap(), depth),
    }
}

fn inside(choices: &mut Choices, value: &mut Bson, depth: usize) {
    match value {
        Bson::Document(document) if depth > 0 => change(choices, document, depth - 1),
        Bson::Array(elements) => {
            let at = choices.below(elements.len() + 1);
            match choices.below(6) {
                0 => {
                    let kind = choices.pick(&["n", "sub", "any"]);
                    elements.insert(at, self::value(choices, kind));
                }
                1 if at < elements.len() => {
                    elements.remove(at);
                }
                2 if at < elements.len() => {
                    let kind = choices.pick(&["n", "sub", "s"]);
                    elements[at] = self::value(choices, kind);
                }
                3 if at < elements.len() => elements.swap(0, at),
                _ if at < elements.len() && depth > 0 => inside(choices, &mut elements[at], depth - 1),
                _ => {}
            }
        }
        _ => *value = near(choices, value),
    }
}

/// Another value, usually of the same type.
fn near(choices: &mut Choices, value: &Bson) -> Bson {
    match value {
        Bson::Int32(number) => Bson::Int32(number.saturating_add(choices.pick(&[1, -1, 1000, i32::MAX]))),
        Bson::String(text) if choices.chance(70) => Bson::String(format!("{text}{}", choices.pick(&["a", "b", "$"]))),
        _ => {
            let kind = choices.pick(&["n", "s", "tags", "sub", "any"]);
            self::value(choices, kind)
        }
    }
}

fn value(choices: &mut Choices, name: &str) -> Bson {
    let value = documents::field(choices, name);
    document(&json!({"value": value})).unwrap().remove("value").unwrap()
}

/// Inserts a field at a random position after `_id`.
fn place(choices: &mut Choices, document: &mut Document, name: String, value: Bson) {
    let mut fields: Vec<(String, Bson)> = std::mem::take(document).into_iter().collect();
    let first = usize::from(fields.first().is_some_and(|(name, _)| name == "_id"));
    let at = first + choices.below(fields.len() + 1 - first);
    fields.insert(at, (name, value));
    document.extend(fields);
}

/// Both worlds, given the documents of the first one.
pub fn worlds(choices: &mut Choices, eyes: &Eyes, first: Vec<Document>) -> [Vec<Document>; 2] {
    let first: Vec<Document> = first.into_iter().filter(|document| eyes.may_be_stored(document)).collect();
    let mut second: Vec<Document> = first.iter().map(|document| eyes.twin(choices, document)).collect();
    // Documents that are entirely hidden may exist in one world only.
    for at in (0..second.len()).rev() {
        if eyes.see(&second[at]) == Seen::Nothing && choices.chance(30) {
            second.remove(at);
        }
    }
    for number in 0..u8::try_from(choices.below(4)).unwrap() {
        let id = json!(choices.pick(&[-10.0, 2.5, 1000.0]) + f64::from(number));
        let extra = document(&documents::document(choices, &id)).unwrap();
        let is_new = !second.iter().chain(&first).any(|stored| same_id(stored, &extra));
        if is_new && eyes.may_be_stored(&extra) && eyes.see(&extra) == Seen::Nothing {
            let at = choices.below(second.len() + 1);
            second.insert(at, extra);
        }
    }
    [first, second]
}

/// The `_id` as a number, if it is one.
fn number(document: &Document) -> Option<f64> {
    match document.get("_id")? {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Double(number) => Some(*number),
        other => other.to_string().trim_matches('"').parse().ok(),
    }
}

/// Whether the `_id`s are equal or are numbers in the same order.
fn ordered_alike(one: &[Document], other: &[Document]) -> bool {
    let pairs: Vec<_> = one.iter().zip(other).collect();
    if pairs.iter().all(|(one, other)| one.get("_id") == other.get("_id")) {
        return true;
    }
    let ids: Option<Vec<(f64, f64)>> = pairs.iter().map(|(one, other)| Some((number(one)?, number(other)?))).collect();
    let Some(ids) = ids else { return false };
    ids.iter().all(|a| ids.iter().all(|b| a.0.partial_cmp(&b.0) == a.1.partial_cmp(&b.1)))
}

/// Whether two worlds contain the same bytes, so that NaN equals NaN.
pub fn same_documents(one: &[Document], other: &[Document]) -> bool {
    let bytes = |document: &Document| bson::serialize_to_vec(document).unwrap();
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| bytes(one) == bytes(other))
}

fn same_id(one: &Document, other: &Document) -> bool {
    let id = |document: &Document| document.get("_id").map(Bson::to_string);
    id(one) == id(other)
}

impl Ground {
    /// Sometimes has indexes, one of them unique, and a validator that may use hidden fields. They are created after
    /// the documents have been inserted.
    pub fn new(choices: &mut Choices) -> Self {
        let mut ground = Self::default();
        if choices.chance(40) {
            for _ in 0..2 {
                let names = [choices.pick(&CONDITIONS), choices.pick(&FIELDS)];
                let keys: Document = names.iter().map(|name| ((*name).to_owned(), Bson::Int32(1))).collect();
                if !ground.indexes.contains(&keys) && !names.contains(&"any") {
                    ground.indexes.push(keys);
                }
            }
        }
        if choices.chance(30) {
            ground.unique = Some(choices.pick(&["code", "code", "n", "s"]).to_owned());
        }
        if choices.chance(30) {
            ground.validator = Some(choices.pick(&[
                doc! { "$expr": { "$lte": ["$n", "$m"] } },
                doc! { "n": { "$not": { "$gt": 3 } } },
                doc! { "$expr": { "$ne": ["$s", "$t"] } },
                doc! { "$or": [{ "m": { "$lt": 3 } }, { "code": { "$lt": 500 } }] },
                doc! { "$jsonSchema": { "properties": { "sub": { "bsonType": "object" }, "s": { "bsonType": "string", "maxLength": 3 } } } },
            ]));
        }
        ground
    }
}

impl Scene {
    pub fn eyes(&self) -> Option<Eyes> {
        Eyes::new(&self.context, &self.rules, &self.user, self.extent)
    }

    /// Whether the worlds cannot be distinguished by reading each document: the law only applies to such worlds.
    pub fn is_fair(&self, eyes: &Eyes) -> bool {
        let [one, other] = &self.worlds;
        let stored = one.iter().chain(other).all(|document| eyes.may_be_stored(document));
        let visible = |world: &[Document]| -> Vec<Document> {
            world.iter().filter(|document| eyes.see(document) != Seen::Nothing).cloned().collect()
        };
        let (one_visible, other_visible) = (visible(one), visible(other));
        let distinct = |world: &[Document]| {
            world.iter().enumerate().all(|(at, document)| !world[..at].iter().any(|before| same_id(before, document)))
        };
        stored
            && distinct(one)
            && distinct(other)
            && one_visible.len() == other_visible.len()
            && ordered_alike(&one_visible, &other_visible)
            && one_visible.iter().zip(&other_visible).all(|(one, other)| eyes.alike(one, other))
    }

    /// The scene as extended JSON, which reads back to the same bytes.
    pub fn to_json(&self) -> Json {
        let world = |documents: &[Document]| -> Json {
            documents.iter().map(|one| Bson::from(one.clone()).into_canonical_extjson()).collect()
        };
        let list = |documents: &[Document]| -> Json {
            documents.iter().map(|one| Bson::from(one.clone()).into_relaxed_extjson()).collect()
        };
        let mut json = json!({
            "rules": self.rules, "user": self.user, "documents": world(&self.worlds[0]), "others": world(&self.worlds[1]),
        });
        for (name, part) in self.context.as_object().into_iter().flatten() {
            json[name] = part.clone();
        }
        if !self.ground.indexes.is_empty() {
            json["indexes"] = list(&self.ground.indexes);
        }
        if let Some(unique) = &self.ground.unique {
            json["unique"] = json!(unique);
        }
        if let Some(validator) = &self.ground.validator {
            json["validator"] = Bson::from(validator.clone()).into_relaxed_extjson();
        }
        json
    }

    /// Reads the output of [`to_json`](Self::to_json); `None` if parts are missing or malformed.
    pub fn from_json(json: &Json, extent: Extent) -> Option<Self> {
        let world = |name: &str| -> Option<Vec<Document>> {
            let documents: Vec<Document> =
                json.get(name)?.as_array()?.iter().map(document).collect::<Option<Vec<_>>>()?;
            documents.iter().all(|document| document.contains_key("_id")).then_some(documents)
        };
        let mut context = json!({});
        for name in ["values", "environment", "request", "functions"] {
            if let Some(part) = json.get(name) {
                context[name] = part.clone();
            }
        }
        let indexes = json.get("indexes").and_then(Json::as_array).into_iter().flatten();
        let ground = Ground {
            indexes: indexes.map(document).collect::<Option<_>>()?,
            unique: json.get("unique").and_then(Json::as_str).map(str::to_owned),
            validator: match json.get("validator") {
                Some(validator) => Some(document(validator)?),
                None => None,
            },
        };
        let worlds = [world("documents")?, world("others")?];
        Some(Self {
            context,
            rules: json.get("rules")?.clone(),
            user: json.get("user")?.clone(),
            extent,
            ground,
            worlds,
        })
    }
}

/// Whether the rules let the user delete a stored document.
pub fn is_deletable(guard: &Guard, stored: &Document) -> bool {
    guard.delete(DocumentRef::from(stored)).is_allowed()
}
