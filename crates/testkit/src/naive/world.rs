//! The values of expansions during the evaluation of one expression.

use bson::{Bson, Document};
use serde_json::{Map, Value as Json};

use super::name::Expansion;
use super::name::Scope;
use super::truth::Truth;
use super::value::{from_ejson, same_bytes};

#[derive(Debug, Clone)]
pub struct World {
    pub scope: Scope,
    /// The context as written in the test file; `None` if a part is not supplied.
    pub user: Option<Json>,
    pub values: Option<Json>,
    pub environment: Option<Json>,
    pub request: Option<Json>,
    pub args: Option<Json>,
    pub partition: Option<Json>,
    pub now: Option<Json>,
    pub functions: Json,
    /// Documents and fields; `None` if they are missing.
    pub root: Option<Bson>,
    pub prev_root: Option<Bson>,
    pub this: Option<Bson>,
    pub prev: Option<Bson>,
}

/// The value in which an expansion's path begins, and the rest of the path.
#[derive(Debug, Clone)]
pub struct Source {
    pub value: Option<Bson>,
    pub path: Vec<String>,
}

impl World {
    pub fn new(scope: Scope) -> World {
        World {
            scope,
            user: None,
            values: None,
            environment: None,
            request: None,
            args: None,
            partition: None,
            now: None,
            functions: Json::Object(Map::new()),
            root: None,
            prev_root: None,
            this: None,
            prev: None,
        }
    }

    /// Returns `None` for an unknown property of an object with a fixed set of properties, and an error for a part
    /// that was not supplied or not loaded.
    pub fn source(&self, expansion: &Expansion) -> Result<Option<Source>, String> {
        let path = expansion.path.clone();
        let at = |value: Option<Bson>| Ok(Some(Source { value, path: path.clone() }));
        let supplied = |part: &Option<Json>, what: &str| part.as_ref().map(read).ok_or(format!("{what} not supplied"));
        match expansion.name.as_str() {
            "true" => at(Some(Bson::Boolean(true))),
            "false" => at(Some(Bson::Boolean(false))),
            "root" => at(self.root.clone()),
            "prevRoot" => at(self.prev_root.clone()),
            "this" => at(self.this.clone()),
            "prev" => at(self.prev.clone()),
            "now" => at(Some(supplied(&self.now, "now")?)),
            "args" => at(Some(supplied(&self.args, "args")?)),
            "partition" => {
                let partition = supplied(&self.partition, "partition")?;
                // A partition is a scalar, so no path into it is known.
                if path.is_empty() { at(Some(partition)) } else { Ok(None) }
            }
            "values" => at(Some(supplied(&self.values, "values")?)),
            "environment" => {
                let environment = supplied(&self.environment, "environment")?;
                if is_closed(&path, &["tag", "values"]) { Ok(None) } else { at(Some(environment)) }
            }
            "user" => self.user_source(path),
            "request" => self.request_source(path),
            other => unreachable!("expansion {other}"),
        }
    }

    fn user_source(&self, path: Vec<String>) -> Result<Option<Source>, String> {
        let user = self.user.as_ref().ok_or("user not supplied")?;
        if is_closed(&path, &["id", "type", "data", "custom_data", "identities"]) {
            return Ok(None);
        }
        let loaded = user.get("custom_data_loaded") != Some(&Json::Bool(false));
        if !loaded && path.first().is_none_or(|first| first == "custom_data") {
            return Err("custom data not loaded".to_string());
        }
        let mut whole = document(user);
        whole.remove("custom_data_loaded");
        if !whole.contains_key("type") {
            whole.insert("type", "normal");
        }
        if !whole.contains_key("data") {
            whole.insert("data", Document::new());
        }
        if !whole.contains_key("identities") {
            whole.insert("identities", Vec::<Bson>::new());
        }
        match whole.get_mut("custom_data") {
            Some(Bson::Document(custom_data)) if custom_data.is_empty() => {
                whole.remove("custom_data");
            }
            Some(Bson::Document(custom_data)) => {
                if let Some(Bson::ObjectId(id)) = custom_data.get("_id") {
                    let id = id.to_hex();
                    custom_data.insert("_id", id);
                }
            }
            _ => {}
        }
        Ok(Some(Source { value: Some(Bson::Document(whole)), path }))
    }

    fn request_source(&self, path: Vec<String>) -> Result<Option<Source>, String> {
        let request = self.request.as_ref().ok_or("request not supplied")?;
        let properties = [
            "httpMethod",
            "httpReferrer",
            "httpUserAgent",
            "rawQueryString",
            "remoteIPAddress",
            "requestHeaders",
            "service",
            "action",
            "webhookUrl",
        ];
        if is_closed(&path, &properties) {
            return Ok(None);
        }
        let whole = document(request);
        match path.as_slice() {
            [headers, name, rest @ ..] if headers == "requestHeaders" => {
                let found = match whole.get("requestHeaders") {
                    Some(Bson::Document(headers)) => headers
                        .iter()
                        .find(|(header, _)| header.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value.clone()),
                    _ => None,
                };
                Ok(Some(Source { value: found, path: rest.to_vec() }))
            }
            [property, ..] if !whole.contains_key(property) => Err(format!("request without {property}")),
            _ => Ok(Some(Source { value: Some(Bson::Document(whole)), path })),
        }
    }

    /// Calls a stub of the test file.
    pub fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, String> {
        match self.functions.get(name) {
            None => Err(format!("function not found: '{name}'")),
            Some(stub) => call_stub(stub, arguments),
        }
    }

    pub fn has_function(&self, name: &str) -> bool {
        self.functions.get(name).is_some()
    }
}

fn call_stub(stub: &Json, arguments: &[Bson]) -> Result<Bson, String> {
    if let Some(text) = stub.get("fails") {
        return Err(text.as_str().unwrap_or("failed").to_string());
    }
    if let Some(value) = stub.get("returns") {
        return from_ejson(value);
    }
    for case in stub.get("cases").and_then(Json::as_array).into_iter().flatten() {
        let wanted = case.get("arguments").cloned().unwrap_or_else(|| Json::Array(Vec::new()));
        if same_bytes(Some(&from_ejson(&wanted)?), Some(&Bson::Array(arguments.to_vec()))) {
            return call_stub(case, arguments);
        }
    }
    match stub.get("otherwise") {
        Some(otherwise) => call_stub(otherwise, arguments),
        None => Err("no case for these arguments".to_string()),
    }
}

/// Whether a path begins with a property that an object with a fixed set of properties does not have.
fn is_closed(path: &[String], known: &[&str]) -> bool {
    path.first().is_some_and(|first| !known.contains(&first.as_str()))
}

fn read(json: &Json) -> Bson {
    from_ejson(json).expect("EJSON in the context")
}

fn document(json: &Json) -> Document {
    match read(json) {
        Bson::Document(document) => document,
        other => panic!("an object belongs here, not {other}"),
    }
}

impl From<Result<Truth, String>> for Truth {
    fn from(result: Result<Truth, String>) -> Truth {
        result.unwrap_or_else(Truth::Error)
    }
}
