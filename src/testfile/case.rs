use std::collections::{BTreeMap, HashMap, HashSet};

use bson::{Bson, DateTime, Document};

use super::format::{FormatError, check_keys, document, format_error, text};
use super::given::Given;
use super::setting::{Caller, HttpStub, read_documents, read_http};
use super::user::read_user;
use crate::json::{self, Node};
use crate::predicate::Scope;
use crate::template::Missing;
use crate::text::Span;
use crate::user::User;

/// A test case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name, which is unique in the file.
    pub name: String,
    /// The position in the file.
    pub span: Span,
    /// What it tests.
    pub kind: Kind,
    /// The user; `None` if the case does not name one.
    pub user: Option<User>,
    /// The rules that replace those of the file, if any.
    pub rules: Option<Node>,
    /// The namespace that replaces that of the file, if any.
    pub namespace: Option<String>,
    /// The parts of the context that replace those of the file.
    pub given: Given,
    /// The expected result.
    pub expect: Node,
}

/// What a case tests.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The outcome of an expression.
    Expression {
        /// The expression.
        expression: Node,
        /// The scope of the expression.
        scope: Scope,
        /// The documents and other values that it refers to.
        documents: Box<GivenDocuments>,
    },
    /// What the user may read of a document.
    Read(Document),
    /// What the user may read of a document that was found by a search.
    Search(Document),
    /// Whether a document may be inserted.
    Insert(Document),
    /// Whether a document may be replaced with another.
    Update(Document, Document),
    /// Whether a document may be deleted.
    Delete(Document),
    /// Which documents a query returns.
    Query {
        /// The client's filter, projection and sort order.
        query: Node,
        /// The collection in insertion order.
        documents: Vec<Document>,
    },
    /// Whether rules load.
    Load(Node),
    /// The result of replacing the `%()` templates in a configuration file.
    Template(Node),
    /// The value of a template.
    Resolve {
        /// The template.
        template: Node,
        /// The documents and other values that it refers to.
        documents: Box<GivenDocuments>,
        /// How to handle parts that do not resolve.
        missing: Missing,
        /// Whether the result may contain secrets.
        secrets: bool,
    },
    /// The result of a function.
    Call {
        /// The name of the function.
        function: String,
        /// The arguments.
        arguments: Vec<Bson>,
        /// What calls the function. By default, a client or, if the case does not name a user, the operator.
        caller: Option<Caller>,
        /// The documents in the database, by namespace, which replace those of the file.
        documents: Option<BTreeMap<String, Vec<Document>>>,
        /// The responses to the function's HTTP client, which replace those of the file.
        http: Option<Vec<HttpStub>>,
    },
    /// The user that results from claims.
    User {
        /// The verified claims.
        claims: Document,
        /// The documents of the custom-data collection, in insertion order.
        documents: Vec<Document>,
        /// `custom_user_data.json`, if custom data is used.
        config: Option<Node>,
        /// The configuration of the provider, if there is one.
        provider: Option<Node>,
    },
}

/// What an expression can refer to, apart from the context of the file.
#[derive(Clone, Debug, Default)]
pub struct GivenDocuments {
    /// `%%root`
    pub root: Option<Bson>,
    /// `%%prevRoot`
    pub prev_root: Option<Bson>,
    /// `%%this`
    pub this: Option<Bson>,
    /// `%%prev`
    pub prev: Option<Bson>,
    /// `%%args`
    pub args: Option<Document>,
    /// `%%partition`
    pub partition: Option<Bson>,
    /// `%%now`
    pub now: Option<DateTime>,
}

const COMMON: [&str; 6] = ["name", "expect", "values", "environment", "request", "user"];

/// The kinds of cases, by the key that identifies them, with the other keys that they may have.
const KINDS: [(&str, &[&str]); 12] = [
    ("expression", &["given", "scope", "in", "rules"]),
    ("read", &["in", "rules"]),
    ("search", &["in", "rules"]),
    ("insert", &["in", "rules"]),
    ("update", &["in", "rules"]),
    ("delete", &["in", "rules"]),
    ("query", &["in", "rules", "documents"]),
    ("load", &[]),
    ("template", &[]),
    ("resolve", &["given", "unresolved", "secrets"]),
    ("call", &["arguments", "as", "documents", "http"]),
    ("claims", &["custom_data_documents", "config", "provider"]),
];

/// The keys that the expectation of each kind may have, if it is an object.
const EXPECTED: [(&str, &[&str]); 11] = [
    ("expression", &["error", "invalid"]),
    ("read", &["role", "document", "denied", "error"]),
    ("search", &["role", "document", "denied", "error"]),
    ("insert", &["role", "allowed", "denied", "fields", "schema", "error"]),
    ("update", &["role", "allowed", "denied", "fields", "schema", "error"]),
    ("delete", &["role", "allowed", "denied", "fields", "schema", "error"]),
    ("query", &["ids", "documents", "filter", "error"]),
    ("load", &["invalid", "valid"]),
    ("resolve", &["value", "missing", "unresolved", "invalid"]),
    ("call", &["returns", "fails", "console", "documents", "requests"]),
    ("claims", &["user", "error"]),
];

pub(super) fn read_cases(
    nodes: &[Node],
    users: &HashMap<String, User>,
    runs_functions: bool,
    errors: &mut Vec<FormatError>,
) -> Vec<Case> {
    let mut names = HashSet::new();
    let cases: Vec<Case> = nodes.iter().filter_map(|node| read_case(node, users, errors)).collect();
    for case in &cases {
        if matches!(case.kind, Kind::Call { .. }) && !runs_functions {
            let kind = super::format::FormatErrorKind("a case with `call` needs `\"functions\": \"run\"`".to_owned());
            errors.push(FormatError::new(kind, case.span));
        }
        if !names.insert(case.name.as_str()) {
            errors.push(FormatError::new(
                super::format::FormatErrorKind(format!("two cases have the name `{}`", case.name)),
                case.span,
            ));
        }
    }
    cases
}

fn read_case(node: &Node, users: &HashMap<String, User>, errors: &mut Vec<FormatError>) -> Option<Case> {
    let before = errors.len();
    let announced: Vec<_> = KINDS.iter().filter(|(key, _)| node.get(key).is_some()).collect();
    let [(kind, others)] = announced.as_slice() else {
        let all: Vec<_> = KINDS.iter().map(|(key, _)| format!("`{key}`")).collect();
        errors.push(format_error(format!("a case has exactly one of {}", all.join(", ")), node));
        return None;
    };
    let known: Vec<&str> = COMMON.iter().chain(*others).chain([kind]).copied().collect();
    check_keys(node, &known, &format!("a case with `{kind}`"), errors);
    let name = text(node, "name", errors);
    if name.is_none() {
        errors.push(format_error("a case needs a `name`, a string", node));
    }
    let expect = node.get("expect");
    match expect {
        None => errors.push(format_error("a case needs `expect`", node)),
        Some(expect) => check_expectation(kind, expect, errors),
    }
    let given = Given::read(node, errors);
    let mut user = node.get("user").and_then(|node| find_user(node, users, errors));
    let mut given = given;
    let kind = read_kind(kind, node, users, &mut user, &mut given, errors)?;
    if errors.len() > before {
        return None;
    }
    Some(Case {
        name: name?,
        span: node.span,
        kind,
        user,
        rules: node.get("rules").cloned(),
        namespace: text(node, "in", errors),
        given,
        expect: expect?.clone(),
    })
}

fn check_expectation(kind: &str, expect: &Node, errors: &mut Vec<FormatError>) {
    let Some((_, known)) = EXPECTED.iter().find(|(key, _)| *key == kind) else { return };
    if kind == "expression" && (expect.as_bool().is_some() || expect.as_str() == Some("unknown")) {
        return;
    }
    if expect.as_object().is_none() {
        let message = format!("the expectation of a case with `{kind}` must be an object, not {}", expect.describe());
        let example = match kind {
            "read" | "search" => "{\"document\": {…}} or {\"denied\": true}",
            "insert" | "update" | "delete" => "{\"allowed\": true} or {\"denied\": true}",
            "query" => "{\"ids\": […]} or {\"error\": \"…\"}",
            "load" => "{\"valid\": true} or {\"invalid\": [\"…\"]}",
            "call" => "{\"returns\": …} or {\"fails\": \"…\"}",
            "expression" => "true, false, \"unknown\", {\"error\": \"…\"} or {\"invalid\": \"…\"}",
            _ => "{\"user\": {…}} or {\"error\": \"…\"}",
        };
        let help = format!("write {example}; its keys are {}", known.join(", "));
        return errors.push(format_error(message, expect).help(help));
    }
    check_keys(expect, known, &format!("the expectation of a case with `{kind}`"), errors);
    let has = |key: &str| expect.get(key).is_some();
    for member in expect.as_object().unwrap_or_default() {
        let is_empty = member.key == "fails" && member.value.as_str() == Some("");
        if is_empty {
            errors.push(format_error("`fails` must not be empty: every failure would match", &member.value));
        }
        let (fits, wanted) = match (kind, member.key.as_str()) {
            (_, "role") => {
                (member.value.as_str().is_some() || matches!(member.value.kind, json::Kind::Null), "a string or null")
            }
            ("load", "invalid") | (_, "fields" | "schema" | "unresolved" | "console" | "requests") => {
                for element in member.value.as_array().unwrap_or_default().iter().filter(|node| node.as_str().is_none())
                {
                    let message = format!("`{}` holds strings, not {}", member.key, element.describe());
                    errors.push(format_error(message, element));
                }
                (member.value.as_array().is_some(), "an array of strings")
            }
            ("call", "documents") => (member.value.as_object().is_some(), "an object"),
            (_, "fails") => (member.value.as_str().is_some(), "a string"),
            (_, "error" | "invalid") => (member.value.as_str().is_some(), "a string"),
            (_, "ids" | "documents") => (member.value.as_array().is_some(), "an array"),
            // If nothing can be permitted, no filter is sent.
            (_, "filter") if matches!(member.value.kind, json::Kind::Null) => (true, "an object or null"),
            (_, "document" | "user" | "filter") => (member.value.as_object().is_some(), "an object"),
            _ => continue,
        };
        if !fits {
            let message = format!("`{}` must be {wanted}, not {}", member.key, member.value.describe());
            errors.push(format_error(message, &member.value));
        }
    }
    for (key, other) in
        [("allowed", "fields"), ("allowed", "schema"), ("allowed", "error"), ("document", "error"), ("ids", "error")]
    {
        if has(key) && has(other) {
            errors.push(format_error(format!("`{key}` and `{other}` cannot both be expected"), expect));
        }
    }
    for key in ["denied", "allowed", "valid", "missing"] {
        if expect.get(key).is_some_and(|value| value.as_bool() != Some(true)) {
            errors.push(format_error(format!("`{key}` can only be `true`"), expect));
        }
    }
    let decisive: &[&str] = match kind {
        "expression" => &["error", "invalid"],
        "read" | "search" => &["document", "denied"],
        "insert" | "update" | "delete" => &["allowed", "denied"],
        "query" => &["ids", "error"],
        "load" => &["invalid", "valid"],
        "resolve" => &["value", "missing", "unresolved", "invalid"],
        "call" => &["returns", "fails"],
        _ => &["user", "error"],
    };
    if expect.as_object().is_some() && decisive.iter().filter(|key| has(key)).count() != 1 {
        errors.push(format_error(format!("an expectation has exactly one of `{}`", decisive.join("`, `")), expect));
    }
}

fn find_user(node: &Node, users: &HashMap<String, User>, errors: &mut Vec<FormatError>) -> Option<User> {
    match node.as_str() {
        None => read_user(node, errors),
        Some(name) => {
            let found = users.get(name).cloned();
            if found.is_none() {
                errors.push(format_error(format!("no user is called `{name}`"), node));
            }
            found
        }
    }
}

fn read_kind(
    kind: &str,
    node: &Node,
    users: &HashMap<String, User>,
    user: &mut Option<User>,
    given: &mut Given,
    errors: &mut Vec<FormatError>,
) -> Option<Kind> {
    let value = node.get(kind)?;
    let documents = |key: &str, errors: &mut Vec<FormatError>| -> Vec<Document> {
        let Some(value) = node.get(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            errors.push(format_error(format!("`{key}` must be an array, not {}", value.describe()), value));
            return Vec::new();
        };
        let read = |node: &Node| json::to_document(node).map_err(|error| format_error(error.to_string(), node));
        list.iter().filter_map(|node| read(node).map_err(|error| errors.push(error)).ok()).collect()
    };
    Some(match kind {
        "expression" => {
            let mut seen = GivenDocuments::default();
            if let Some(inner) = node.get("given") {
                read_given(inner, users, user, given, &mut seen, errors);
            }
            let scope = match text(node, "scope", errors) {
                None => Scope::Role,
                Some(name) => Scope::from_name(&name).or_else(|| {
                    let all: Vec<_> = Scope::ALL.iter().map(|(_, name)| *name).collect();
                    errors
                        .push(format_error(format!("no scope is called `{name}`; known are {}", all.join(", ")), node));
                    None
                })?,
            };
            Kind::Expression { expression: value.clone(), scope, documents: Box::new(seen) }
        }
        "read" => Kind::Read(document(node, kind, errors)?),
        "search" => Kind::Search(document(node, kind, errors)?),
        "insert" => Kind::Insert(document(node, kind, errors)?),
        "delete" => Kind::Delete(document(node, kind, errors)?),
        "update" => {
            check_keys(value, &["before", "after"], "`update`", errors);
            match (document(value, "before", errors), document(value, "after", errors)) {
                (Some(before), Some(after)) => Kind::Update(before, after),
                _ => {
                    errors.push(format_error("`update` needs `before` and `after`", value));
                    return None;
                }
            }
        }
        "query" => {
            check_keys(value, &["filter", "projection", "sort"], "`query`", errors);
            Kind::Query { query: value.clone(), documents: documents("documents", errors) }
        }
        "load" => Kind::Load(value.clone()),
        "template" => Kind::Template(value.clone()),
        "resolve" => {
            let mut seen = GivenDocuments::default();
            if let Some(inner) = node.get("given") {
                read_given(inner, users, user, given, &mut seen, errors);
            }
            let missing = match text(node, "unresolved", errors) {
                None => Missing::Refuse,
                Some(name) => Missing::from_name(&name).or_else(|| {
                    let all: Vec<_> = Missing::ALL.iter().map(|(_, name)| *name).collect();
                    let message = format!("`unresolved` must be one of {}, not `{name}`", all.join(", "));
                    errors.push(format_error(message, node));
                    None
                })?,
            };
            let secrets = node.get("secrets").is_some_and(|value| value.as_bool() == Some(true));
            Kind::Resolve { template: value.clone(), documents: Box::new(seen), missing, secrets }
        }
        "call" => read_call(value, node, errors)?,
        _ => Kind::User {
            claims: document(node, kind, errors)?,
            documents: documents("custom_data_documents", errors),
            config: node.get("config").cloned(),
            provider: node.get("provider").cloned(),
        },
    })
}

fn read_call(name: &Node, node: &Node, errors: &mut Vec<FormatError>) -> Option<Kind> {
    let Some(function) = name.as_str() else {
        errors.push(format_error(format!("`call` must be the name of a function, not {}", name.describe()), name));
        return None;
    };
    let arguments = match node.get("arguments").map(|node| (node, node.as_array())) {
        None => Vec::new(),
        Some((_, Some(list))) => {
            let read = |node: &Node| json::to_bson(node).map_err(|error| format_error(error.to_string(), node));
            list.iter().filter_map(|node| read(node).map_err(|error| errors.push(error)).ok()).collect()
        }
        Some((node, None)) => {
            errors.push(format_error(format!("`arguments` must be an array, not {}", node.describe()), node));
            return None;
        }
    };
    let caller = match text(node, "as", errors) {
        None => None,
        Some(name) => match Caller::NAMED.iter().find(|(_, known)| *known == name) {
            Some((caller, _)) => Some(*caller),
            None => {
                let all: Vec<_> = Caller::NAMED.iter().map(|(_, name)| *name).collect();
                errors.push(format_error(format!("`as` must be one of {}, not `{name}`", all.join(", ")), node));
                return None;
            }
        },
    };
    if let (Some(Caller::Trigger), Some(user)) = (caller, node.get("user")) {
        let error = format_error("a call by a trigger has no `user`: it runs as the system", user);
        errors.push(error.help("remove `user`, or `\"as\": \"trigger\"`"));
    }
    Some(Kind::Call {
        function: function.to_owned(),
        arguments,
        caller,
        documents: node.get("documents").map(|_| read_documents(node, errors)),
        http: node.get("http").map(|_| read_http(node, errors)),
    })
}

fn read_given(
    node: &Node,
    users: &HashMap<String, User>,
    user: &mut Option<User>,
    given: &mut Given,
    seen: &mut GivenDocuments,
    errors: &mut Vec<FormatError>,
) {
    const KEYS: [&str; 11] =
        ["user", "root", "prevRoot", "this", "prev", "args", "partition", "values", "environment", "request", "now"];
    check_keys(node, &KEYS, "`given`", errors);
    if let Some(node) = node.get("user") {
        *user = find_user(node, users, errors);
    }
    *given = given.replaced_by(&Given::read(node, errors));
    let value = |key: &str, errors: &mut Vec<FormatError>| {
        let value = node.get(key)?;
        json::to_bson(value).map_err(|error| errors.push(format_error(error.to_string(), value))).ok()
    };
    seen.root = value("root", errors);
    seen.prev_root = value("prevRoot", errors);
    seen.this = value("this", errors);
    seen.prev = value("prev", errors);
    seen.partition = value("partition", errors);
    seen.args = document(node, "args", errors);
    seen.now = match value("now", errors) {
        Some(Bson::DateTime(now)) => Some(now),
        Some(_) => {
            errors.push(format_error("`now` must be a date: {\"$date\": \"…\"}", node));
            None
        }
        None => None,
    };
}
