use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bson::{DateTime, Document};
use thiserror::Error;

use super::case::{Case, read_cases};
use super::format::{FormatError, check_keys, document, format_error, text, time};
use super::given::Given;
use super::setting::{HttpStub, read_documents, read_http};
use super::stubs::{Stub, read_functions};
use super::user::read_user;
use crate::eval::Functions;
use crate::json::{self, Node};
use crate::text::{Finding, Severity, Source};
use crate::user::User;

/// A file of test cases.
#[derive(Debug)]
pub struct TestFile {
    /// The source of the file, for messages.
    pub source: Source,
    /// The application directory, if the cases use one.
    pub app: Option<PathBuf>,
    /// The rules for cases without rules of their own.
    pub rules: Option<Node>,
    /// The namespace for cases that do not name one.
    pub namespace: Option<String>,
    /// The context for all cases.
    pub given: Given,
    /// The users, by name.
    pub users: HashMap<String, User>,
    /// The values that are secrets.
    pub secrets: Option<Document>,
    /// The stubs of functions, by name.
    pub functions: HashMap<String, Stub>,
    /// Whether the functions of the application are called instead of stubs: `"functions": "run"`.
    pub runs_functions: bool,
    /// The responses to the HTTP client of functions.
    pub http: Vec<HttpStub>,
    /// The documents that functions find in the database, by namespace.
    pub documents: BTreeMap<String, Vec<Document>>,
    /// The current time. If it is `None`, functions see the actual time, and rules none.
    pub now: Option<DateTime>,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// Why a test file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {error}")]
    Read {
        /// The path of the file.
        path: String,
        /// The error of the file system.
        error: std::io::Error,
    },
    /// The file is malformed.
    #[error("{}: {}", .text.name(), first(.findings))]
    Format {
        /// The source of the file.
        text: Box<Source>,
        /// The errors.
        findings: Vec<Finding>,
    },
}

fn first(findings: &[Finding]) -> &str {
    findings.first().map_or("it does not follow the format", |finding| &finding.message)
}

const KEYS: [&str; 13] = [
    "app",
    "rules",
    "in",
    "values",
    "secrets",
    "environment",
    "request",
    "users",
    "functions",
    "http",
    "documents",
    "now",
    "cases",
];

/// The keys that have a meaning only if functions are run.
const RUN_ONLY: [&str; 2] = ["http", "documents"];

impl TestFile {
    /// Loads a test file.
    ///
    /// # Errors
    /// If the file cannot be read or is malformed. Misspelt keys are errors, so that a misspelt expectation cannot
    /// pass.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let read = |file: std::fs::File| {
            let mut bytes = Vec::new();
            // One more byte than allowed is read, so that parsing reports files that are too long.
            file.take(u64::try_from(json::MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes =
            std::fs::File::open(path).and_then(read).map_err(|error| FileError::Read { path: name.clone(), error })?;
        Self::parse(&name, &bytes, path.parent().unwrap_or(Path::new(".")))
    }

    /// Parses a test file. Its `app` is relative to `folder`.
    ///
    /// # Errors
    /// Same as [`TestFile::load`].
    pub fn parse(name: &str, bytes: &[u8], folder: &Path) -> Result<Self, FileError> {
        let source = Source::new(name, String::from_utf8_lossy(bytes));
        let fail = |findings: Vec<Finding>| FileError::Format { text: Box::new(source.clone()), findings };
        let node = json::parse_bytes(bytes).map_err(|error| fail(vec![error.into()]))?;
        Self::from_node(&node, source.clone(), folder)
            .map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))
    }

    fn from_node(node: &Node, source: Source, folder: &Path) -> Result<Self, Vec<FormatError>> {
        let mut errors = Vec::new();
        if node.as_object().is_none() {
            return Err(vec![format_error(format!("a test file is an object, not {}", node.describe()), node)]);
        }
        check_keys(node, &KEYS, "a test file", &mut errors);
        let text = |key: &str, errors: &mut Vec<FormatError>| text(node, key, errors);
        let app = text("app", &mut errors).map(|app| folder.join(app));
        let namespace = text("in", &mut errors);
        let given = Given::read(node, &mut errors);
        let mut users = named(node, "users", &mut errors, read_user);
        // A user with errors counts as defined for the cases, so that each error is reported only once.
        for member in node.get("users").and_then(Node::as_object).into_iter().flatten() {
            users.entry(member.key.clone()).or_insert_with(|| User::new(&member.key));
        }
        let secrets = document(node, "secrets", &mut errors);
        let runs_functions = node.get("functions").and_then(Node::as_str) == Some("run");
        let stubs = node.get("functions").filter(|_| !runs_functions);
        let functions = stubs.map(|node| read_functions(node, &mut errors)).unwrap_or_default();
        let http = read_http(node, &mut errors);
        let documents = read_documents(node, &mut errors);
        let now = time(node, "now", &mut errors);
        if runs_functions && app.is_none() {
            let place = node.get("functions").unwrap_or(node);
            errors.push(format_error("`\"functions\": \"run\"` needs `app`, whose functions are called", place));
        }
        for key in RUN_ONLY.into_iter().filter(|_| !runs_functions) {
            if let Some(node) = node.get(key) {
                errors.push(format_error(format!("`{key}` is for `\"functions\": \"run\"`"), node));
            }
        }
        let cases = match node.get("cases").and_then(Node::as_array) {
            Some(cases) => read_cases(cases, &users, runs_functions, &mut errors),
            None => {
                errors.push(format_error("a test file needs `cases`, an array", node));
                Vec::new()
            }
        };
        if app.is_some() && node.get("rules").is_some() {
            errors.push(format_error("a test file has either `app` or `rules`", node));
        }
        if errors.is_empty() {
            let rules = node.get("rules").cloned();
            Ok(Self {
                source,
                app,
                rules,
                namespace,
                given,
                secrets,
                users,
                functions,
                runs_functions,
                http,
                documents,
                now,
                cases,
            })
        } else {
            Err(errors)
        }
    }

    /// The functions to supply to a context, which are the stubs of the file.
    #[must_use]
    pub fn host(&self) -> Arc<dyn Functions> {
        Arc::new(super::stubs::Stubs(self.functions.clone()))
    }
}

fn named<T>(
    node: &Node,
    key: &str,
    errors: &mut Vec<FormatError>,
    read: fn(&Node, &mut Vec<FormatError>) -> Option<T>,
) -> HashMap<String, T> {
    let Some(node) = node.get(key) else { return HashMap::new() };
    let Some(members) = node.as_object() else {
        errors.push(format_error(format!("`{key}` must be an object, not {}", node.describe()), node));
        return HashMap::new();
    };
    members.iter().filter_map(|member| Some((member.key.clone(), read(&member.value, errors)?))).collect()
}

impl FileError {
    /// Renders the error for people to read.
    #[must_use]
    pub fn render(&self, style: crate::text::Style) -> String {
        match self {
            Self::Read { .. } => format!("{}: {self}\n", Severity::Error),
            Self::Format { text, findings } => {
                findings.iter().map(|finding| text.render(finding, None, style)).collect()
            }
        }
    }
}
