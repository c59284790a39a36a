//! A second interpreter of the rules, written from their description alone. It shares no code with the engine, and
//! neither compiles nor binds anything, but reads the JSON text of the rules anew at every step. It is slow and
//! simple, so that a disagreement between the two reveals a bug in one of them.
#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_in_result,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "in a test, what was checked before and is not so should end the test"
)]

mod agree;
mod check;
mod coverage;
mod expression;
pub mod generate;
mod name;
mod path;
mod policy;
mod projection;
mod resolve;
mod schema;
mod shrink;
mod template;
mod truth;
mod value;
mod world;

use bson::{Bson, Document};
use serde_json::{Map, Value as Json, json};

pub use agree::agrees;
pub use coverage::Coverage;
pub use shrink::smaller;
pub use value::from_ejson;

use name::Scope;
use policy::Request;
use truth::Truth;
use world::World;

/// Determines the result of one case of a test file, without looking at the expectation.
pub fn answer(file: &Json, case: &Json) -> Json {
    let empty = Json::Object(Map::new());
    let rules = case.get("rules").or_else(|| file.get("rules")).unwrap_or(&empty);
    if case.get("expression").is_some() {
        return expression_case(file, case).unwrap_or_else(unsupported);
    }
    if let Some(template) = case.get("template") {
        let part = |name: &str| case.get(name).or_else(|| file.get(name)).unwrap_or(&empty);
        return match template::expand(template, part("environment"), part("values")) {
            Ok(expanded) => expanded,
            Err(text) => json!({"invalid": text}),
        };
    }
    if case.get("resolve").is_some() {
        return resolve_case(file, case).unwrap_or_else(unsupported);
    }
    if let Some(load) = case.get("load") {
        return match policy::check(load) {
            Ok(()) => json!({"valid": true}),
            Err(_) => json!({"invalid": true}),
        };
    }
    if file.get("app").is_some() && case.get("rules").is_none() {
        return unsupported("an application directory");
    }
    if !["read", "search", "insert", "update", "delete"].iter().any(|kind| case.get(*kind).is_some()) {
        return unsupported("this kind of case");
    }
    if let Err(text) = policy::check(rules) {
        return json!({"invalid": text});
    }
    document_case(file, case, rules).unwrap_or_else(unsupported)
}

/// Whether rules load.
pub fn loads(rules: &Json) -> bool {
    policy::check(rules).is_ok()
}

/// Decides a user's reads of one collection.
pub struct Reads<'a> {
    request: Request<'a>,
}

impl<'a> Reads<'a> {
    /// Takes rules that load, and a user of the file, which supplies the context.
    pub fn new(file: &Json, rules: &'a Json, user: &Json) -> Self {
        let world = World { user: Some(user.clone()), ..context(file, &Json::Null, Scope::Role) };
        Self { request: Request { rules, world } }
    }

    /// Whether any part of a stored document may be read.
    pub fn allows(&self, stored: &Document) -> bool {
        self.request.read(stored, false).get("document").is_some()
    }
}

/// Decides a user's writes to one collection.
pub struct Writes<'a> {
    request: Request<'a>,
}

impl<'a> Writes<'a> {
    /// Takes rules that load, and a user.
    pub fn new(rules: &'a Json, user: &Json) -> Self {
        let world = World { user: Some(user.clone()), ..World::new(Scope::Role) };
        Self { request: Request { rules, world } }
    }

    /// Why an insert (no `before`), an update, or a delete (no `after`) is denied; `None` if it is allowed.
    pub fn refusal(&self, before: Option<&Document>, after: Option<&Document>) -> Option<String> {
        let answer = self.request.write(before, after);
        (answer.get("allowed") != Some(&Json::Bool(true))).then(|| answer.to_string())
    }
}

fn unsupported(what: impl Into<String>) -> Json {
    let what: String = what.into();
    json!({"unsupported": what})
}

fn expression_case(file: &Json, case: &Json) -> Result<Json, String> {
    let name = case.get("scope").map_or(Some("role"), Json::as_str);
    let scope = name.and_then(Scope::parse).ok_or("this scope")?;
    let given = case.get("given").cloned().unwrap_or_else(|| json!({}));
    if let Err(text) = check::expression(scope, false, &case["expression"]) {
        return Ok(json!({"invalid": text}));
    }
    let mut world = context(file, case, scope);
    for (key, value) in given.as_object().ok_or("given without keys")? {
        let document = || value::from_ejson(value).map(Some);
        match key.as_str() {
            "user" => world.user = Some(user(file, value)?),
            "root" => world.root = document()?,
            "prevRoot" => world.prev_root = document()?,
            "this" => world.this = document()?,
            "prev" => world.prev = document()?,
            "args" => world.args = Some(value.clone()),
            "partition" => world.partition = Some(value.clone()),
            "now" => world.now = Some(value.clone()),
            "values" => world.values = Some(value.clone()),
            "environment" => world.environment = Some(value.clone()),
            "request" => world.request = Some(value.clone()),
            other => return Err(format!("`{other}` given")),
        }
    }
    Ok(match expression::evaluate(&world, None, &case["expression"]) {
        Truth::True => json!(true),
        Truth::False => json!(false),
        Truth::Unknown => json!("unknown"),
        Truth::Error(text) => json!({"error": text}),
    })
}

/// Resolves a template under every policy but `keep`, which a separate law compares with resolving in one step.
fn resolve_case(file: &Json, case: &Json) -> Result<Json, String> {
    let policy = case.get("unresolved").and_then(Json::as_str).unwrap_or("refuse");
    if policy == "keep"
        || case["resolve"].to_string().contains("%%now")
        || case["resolve"].to_string().contains("%function")
    {
        return Err("templates that are kept, calls and the time".to_owned());
    }
    let mut world = context(file, case, Scope::Role);
    let given = case.get("given").cloned().unwrap_or_else(|| json!({}));
    for (key, value) in given.as_object().ok_or("given without keys")? {
        let document = || value::from_ejson(value).map(Some);
        match key.as_str() {
            "user" => world.user = Some(user(file, value)?),
            "root" => world.root = document()?,
            "prevRoot" => world.prev_root = document()?,
            "this" => world.this = document()?,
            "prev" => world.prev = document()?,
            "args" => world.args = Some(value.clone()),
            "partition" => world.partition = Some(value.clone()),
            "values" => world.values = Some(value.clone()),
            "environment" => world.environment = Some(value.clone()),
            "request" => world.request = Some(value.clone()),
            "now" => {}
            other => return Err(format!("`{other}` given")),
        }
    }
    let secrets = file.get("secrets").and_then(Json::as_object).cloned().unwrap_or_default();
    if !secrets.is_empty() {
        let mut values = world.values.take().and_then(|values| values.as_object().cloned()).unwrap_or_default();
        values.extend(secrets.clone());
        world.values = Some(Json::Object(values));
    }
    let names: Vec<String> = secrets.keys().cloned().collect();
    let let_in = case.get("secrets") == Some(&json!(true));
    let resolve =
        resolve::Resolve { world: &world, hidden: if let_in { Vec::new() } else { names.clone() }, secrets: names };
    match resolve.answer(&case["resolve"], policy) {
        Err(text) if text == "functions" => Err("calls".to_owned()),
        Err(text) => Ok(json!({ "invalid": text })),
        Ok(answer) => Ok(answer),
    }
}

/// The context that the file supplies, with the parts that the case replaces.
fn context(file: &Json, case: &Json, scope: Scope) -> World {
    let part = |name: &str| case.get(name).or_else(|| file.get(name)).cloned();
    World {
        values: part("values"),
        environment: part("environment"),
        request: part("request"),
        now: file.get("now").cloned(),
        functions: file.get("functions").cloned().unwrap_or_else(|| json!({})),
        ..World::new(scope)
    }
}

/// A user, given by name or as an object.
fn user(file: &Json, user: &Json) -> Result<Json, String> {
    match user {
        Json::String(name) => {
            file.get("users").and_then(|users| users.get(name)).cloned().ok_or_else(|| format!("user `{name}`"))
        }
        other => Ok(other.clone()),
    }
}

fn document_case(file: &Json, case: &Json, rules: &Json) -> Result<Json, String> {
    let mut world = context(file, case, Scope::Role);
    if let Some(given) = case.get("user") {
        world.user = Some(user(file, given)?);
    }
    let request = Request { rules, world };
    if let Some(stored) = case.get("read") {
        return Ok(request.read(&document(stored)?, false));
    }
    if let Some(stored) = case.get("search") {
        return Ok(request.read(&document(stored)?, true));
    }
    if let Some(new) = case.get("insert") {
        return Ok(request.write(None, Some(&document(new)?)));
    }
    if let Some(stored) = case.get("delete") {
        return Ok(request.write(Some(&document(stored)?), None));
    }
    let update = &case["update"];
    Ok(request.write(Some(&document(&update["before"])?), Some(&document(&update["after"])?)))
}

fn document(json: &Json) -> Result<Document, String> {
    match value::from_ejson(json)? {
        Bson::Document(document) => Ok(document),
        other => Err(format!("{other} as a document")),
    }
}
