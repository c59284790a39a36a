//! What functions that are called for real find around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, DateTime, Document};

use super::format::{FormatError, check_keys, format_error, text};
use crate::app::{App, Secrets};
use crate::eval::{FunctionError, Functions, Request};
use crate::json::{self, Node};
use crate::user::User;

/// What the functions of one case see and reach. No case sees what another has written.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The application, with the values and the environment of the case.
    pub app: Arc<App>,
    /// Its secrets.
    pub secrets: Secrets,
    /// The users of the file: `run_as_user_id` finds them.
    pub users: Vec<User>,
    /// The documents of each collection, in insertion order.
    pub documents: BTreeMap<String, Vec<Document>>,
    /// What the HTTP client is answered. A request that no entry answers fails; none leaves the machine.
    pub http: Vec<HttpStub>,
    /// The time that functions see; `None`: the present.
    pub now: Option<DateTime>,
}

/// An answer to a request of the functions' HTTP client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpStub {
    /// The method, such as `GET`; `None`: any.
    pub method: Option<String>,
    /// The whole URL.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A call of a function by a case.
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// What it is called with.
    pub arguments: Vec<Bson>,
    /// Who calls it; [`User::system`] if nobody does.
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
    /// A client: private functions are not found.
    Client,
    /// A trigger, as the system.
    Trigger,
    /// `%function`
    Rule,
    /// The operator, who finds private functions too.
    Operator,
}

impl Caller {
    /// What a case can name.
    pub(super) const NAMED: [(Self, &str); 3] =
        [(Self::Client, "client"), (Self::Trigger, "trigger"), (Self::Operator, "operator")];
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Called {
    /// What the function returned, or what its caller is told of its failure.
    pub result: Result<Bson, String>,
    /// The lines of its console.
    pub console: Vec<String>,
    /// The requests of its HTTP client in order: `GET https://example.com/`.
    pub requests: Vec<String>,
}

/// What runs functions for test files: the engine itself knows no JavaScript.
pub trait FunctionHost {
    /// Makes an application's functions ready for one case.
    ///
    /// # Errors
    /// Why they cannot be, in words.
    fn open(&self, setting: Setting) -> Result<Arc<dyn OpenFunctions>, String>;
}

/// The functions of one case, ready to be called.
pub trait OpenFunctions: Send + Sync {
    /// Whether there is a function of this name.
    fn contains(&self, name: &str) -> bool;

    /// Calls a function and waits for its end.
    fn call(&self, call: FunctionCall) -> Called;

    /// The documents of a collection as they are now, in the order of their `_id`s.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn documents(&self, namespace: &str) -> Result<Vec<Document>, String>;
}

/// The functions as rules call them, for a user.
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
        errors.push(format_error(format!("`http` must be an array of answers, not {}", node.describe()), node));
        return Vec::new();
    };
    list.iter().filter_map(|node| read_answer(node, errors)).collect()
}

fn read_answer(node: &Node, errors: &mut Vec<FormatError>) -> Option<HttpStub> {
    let before = errors.len();
    check_keys(node, &["method", "url", "status", "headers", "body", "json"], "an answer of `http`", errors);
    let url = text(node, "url", errors);
    if url.is_none() && errors.len() == before {
        errors.push(format_error("an answer of `http` needs `url`, the whole URL of the request", node));
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
            errors.push(format_error("an answer of `http` has either `body` or `json`", both));
            return None;
        }
        (Some(body), None) => body.into_bytes(),
        (None, Some(node)) => node.to_json().to_string().into_bytes(),
        (None, None) => Vec::new(),
    };
    let method = text(node, "method", errors).map(|method| method.to_ascii_uppercase());
    (errors.len() == before).then_some(HttpStub { method, url: url?, status: status?, headers, body })
}
