//! The environment for functions that are run, rather than replaced by stubs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, DateTime, Document};

use super::format::{FormatError, check_keys, format_error, text};
use crate::app::{App, Secrets};
use crate::eval::{FunctionError, Functions, Request};
use crate::json::{self, Node};
use crate::user::User;

/// What the functions of a case can access. Cases do not see what others have written.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The application, with the values and environment of the case.
    pub app: Arc<App>,
    /// The secrets of the application.
    pub secrets: Secrets,
    /// The users in the file, who can be named by `run_as_user_id`.
    pub users: Vec<User>,
    /// The documents of each collection, by namespace and in insertion order.
    pub documents: BTreeMap<String, Vec<Document>>,
    /// The responses for the HTTP client. A request without a response fails; none leaves the machine.
    pub http: Vec<HttpStub>,
    /// The current time for functions; `None` for the actual time.
    pub now: Option<DateTime>,
}

/// A response for the HTTP client of functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpStub {
    /// The method of the request, such as `GET`; `None` for any method.
    pub method: Option<String>,
    /// The complete URL of the request.
    pub url: String,
    /// The status code of the response.
    pub status: u16,
    /// The headers of the response.
    pub headers: Vec<(String, String)>,
    /// The body of the response.
    pub body: Vec<u8>,
}

/// A function call by a case.
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The name of the function.
    pub name: String,
    /// The arguments.
    pub arguments: Vec<Bson>,
    /// The user who calls it; [`User::system`] if there is none.
    pub user: User,
    /// What calls it.
    pub caller: Caller,
    /// `context.request`, if supplied.
    pub request: Option<Request>,
}

/// What calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// A client, which cannot call private functions.
    Client,
    /// A trigger, which runs as the system user.
    Trigger,
    /// `%function` in a rule
    Rule,
    /// The operator, who can call private functions as well.
    Operator,
}

impl Caller {
    /// The callers that a case can name.
    pub(super) const NAMED: [(Self, &str); 3] =
        [(Self::Client, "client"), (Self::Trigger, "trigger"), (Self::Operator, "operator")];
}

/// The outcome of a function call.
#[derive(Clone, Debug)]
pub struct Called {
    /// The result of the function, or the error message that its caller receives.
    pub result: Result<Bson, String>,
    /// The lines written to the console.
    pub console: Vec<String>,
    /// The requests of the HTTP client, in order, such as `GET https://example.com/`.
    pub requests: Vec<String>,
}

/// Runs functions for test files. The engine itself does not include JavaScript.
pub trait FunctionHost {
    /// Prepares the functions of an application for a case.
    ///
    /// # Errors
    /// The reason, if they cannot be prepared.
    fn open(&self, setting: Setting) -> Result<Arc<dyn OpenFunctions>, String>;
}

/// The functions of a case, prepared for being called.
pub trait OpenFunctions: Send + Sync {
    /// Whether there is a function of this name.
    fn contains(&self, name: &str) -> bool;

    /// Calls a function and waits for its result.
    fn call(&self, call: FunctionCall) -> Called;

    /// The current documents of a collection, in the order of their `_id`s.
    ///
    /// # Errors
    /// The reason, if they cannot be read.
    fn documents(&self, namespace: &str) -> Result<Vec<Document>, String>;
}

/// The functions as called from rules, for a user.
pub(super) struct AsRule {
    pub(super) open: Arc<dyn OpenFunctions>,
    pub(super) user: User,
    pub(super) request: Option<Request>,
}

impl Functions for AsRule {
    fn contains(&self, name: &str) -> bool {
        self.open.contains(name)
    }

    fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, FunctionError> {
        if !self.open.contains(name) {
            return Err(FunctionError::NotFound(name.to_owned()));
        }
        let called = self.open.call(FunctionCall {
            name: name.to_owned(),
            arguments: arguments.to_vec(),
            user: self.user.clone(),
            caller: Caller::Rule,
            request: self.request.clone(),
        });
        called.result.map_err(|message| FunctionError::Failed { name: name.to_owned(), message })
    }
}

pub(super) fn read_documents(node: &Node, errors: &mut Vec<FormatError>) -> BTreeMap<String, Vec<Document>> {
    let Some(node) = node.get("documents") else { return BTreeMap::new() };
    let Some(members) = node.as_object() else {
        let message = format!("`documents` must be an object of arrays by namespace, not {}", node.describe());
        errors.push(format_error(message, node));
        return BTreeMap::new();
    };
    let mut documents = BTreeMap::new();
    for member in members {
        let Some(list) = member.value.as_array().filter(|_| member.key.contains('.')) else {
            errors.push(format_error(
                "`documents` has arrays by namespace: {\"database.collection\": […]}",
                &member.value,
            ));
            continue;
        };
        let mut read = Vec::new();
        for node in list {
            match json::to_document(node) {
                Ok(document) => read.push(document),
                Err(error) => errors.push(format_error(error.to_string(), node)),
            }
        }
        documents.insert(member.key.clone(), read);
    }
    documents
}

pub(super) fn read_http(node: &Node, errors: &mut Vec<FormatError>) -> Vec<HttpStub> {
    let Some(node) = node.get("http") else { return Vec::new() };
    let Some(list) = node.as_array() else {
        errors.push(format_error(format!("`http` must be an array of responses, not {}", node.describe()), node));
        return Vec::new();
    };
    list.iter().filter_map(|node| read_answer(node, errors)).collect()
}

fn read_answer(node: &Node, errors: &mut Vec<FormatError>) -> Option<HttpStub> {
    let before = errors.len();
    check_keys(node, &["method", "url", "status", "headers", "body", "json"], "a response of `http`", errors);
    let url = text(node, "url", errors);
    if url.is_none() && errors.len() == before {
        errors.push(format_error("a response of `http` needs `url`, the whole URL of the request", node));
    }
    let status = match node.get("status").map(json::to_bson) {
        None => Some(200),
        Some(Ok(Bson::Int32(status))) => u16::try_from(status).ok().filter(|status| (100..=599).contains(status)),
        Some(_) => None,
    };
    if status.is_none() {
        errors.push(format_error("`status` must be a number between 100 and 599", node));
    }
    let mut headers = Vec::new();
    for member in node.get("headers").and_then(Node::as_object).unwrap_or_default() {
        match member.value.as_str() {
            Some(value) => headers.push((member.key.clone(), value.to_owned())),
            None => errors.push(format_error("the value of a header must be a string", &member.value)),
        }
    }
    let body = match (text(node, "body", errors), node.get("json")) {
        (Some(_), Some(both)) => {
            errors.push(format_error("a response of `http` has either `body` or `json`", both));
            return None;
        }
        (Some(body), None) => body.into_bytes(),
        (None, Some(node)) => node.to_json().to_string().into_bytes(),
        (None, None) => Vec::new(),
    };
    let method = text(node, "method", errors).map(|method| method.to_ascii_uppercase());
    (errors.len() == before).then_some(HttpStub { method, url: url?, status: status?, headers, body })
}
