//! `fixtures/functions/*.json`: sources with arguments, and the expected results, console output or errors.

use std::fs;
use std::path::Path;

use portcullis::eval::Request;
use portcullis::{CustomData, User};
use portcullis_functions::{Call, CallError, Entry, HttpRequest};
use serde_json::{Value, json};

use super::world::{Draft, ada, bson, document};

/// A case is an object:
///
/// | key | meaning |
/// | --- | --- |
/// | `name` | what it shows |
/// | `source` | the source of the function `f`, or its lines |
/// | `config` | its settings beside the name |
/// | `functions` | others: `{name: source}`, or `{name: {source, config}}` |
/// | `files` | other files of the application |
/// | `values`, `secrets` | `%%values` |
/// | `documents` | `{collection: [documents]}` of the database `db` |
/// | `now` | the time, which stands still |
/// | `arguments` | EJSON |
/// | `entry` | `client` if absent |
/// | `user` | `ada` if absent, `system`, or a user object |
/// | `request` | the fields of `context.request` |
/// | `http` | `{query, headers, body}` |
/// | `returns` | canonical EJSON |
/// | `console` | the lines |
/// | `response` | `{status, headers, body}` |
/// | `fails` | the error's text, or the end of it after `…` |
/// | `at` | `file:line:column` of the error |
/// | `stored` | what is in the store at the end, as `documents` |
/// | `log` | what was asked of the store |
/// | `refused` | the problem that keeps the function from running, `file:line: message` |
const KEYS: [&str; 19] = [
    "name",
    "source",
    "config",
    "functions",
    "files",
    "values",
    "secrets",
    "documents",
    "arguments",
    "entry",
    "user",
    "request",
    "http",
    "returns",
    "console",
    "response",
    "fails",
    "at",
    "stored",
];

const MORE_KEYS: [&str; 5] = ["log", "reason", "refused", "users", "now"];

const ENTRIES: [Entry; 8] = [
    Entry::Client,
    Entry::Endpoint,
    Entry::Webhook,
    Entry::Trigger,
    Entry::UserCreation,
    Entry::Login,
    Entry::Rule,
    Entry::Command,
];

fn lines(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n"),
        value => value.as_str().unwrap().to_owned(),
    }
}

fn draft(case: &Value) -> Draft {
    let config = case.get("config").cloned().unwrap_or_else(|| json!({}));
    let mut draft = Draft::new();
    if let Some(source) = case.get("source") {
        draft = draft.function("f", &lines(source), config);
    }
    for (name, function) in case.get("functions").and_then(Value::as_object).into_iter().flatten() {
        draft = match function.get("source") {
            Some(source) => draft.function(name, &lines(source), function["config"].clone()),
            None => draft.function(name, &lines(function), json!({})),
        };
    }
    for (name, text) in case.get("files").and_then(Value::as_object).into_iter().flatten() {
        draft = draft.file(name, lines(text));
    }
    for (name, value) in case.get("values").and_then(Value::as_object).into_iter().flatten() {
        draft = draft.file(&format!("values/{name}.json"), json!({"name": name, "value": value}).to_string());
    }
    for (name, secret) in case.get("secrets").and_then(Value::as_object).into_iter().flatten() {
        let value = json!({"name": name, "value": format!("{name}-secret"), "from_secret": true});
        draft = draft.file(&format!("values/{name}.json"), value.to_string());
        draft.secrets.insert(format!("{name}-secret"), secret.as_str().unwrap());
    }
    for user in case.get("users").and_then(Value::as_array).into_iter().flatten() {
        draft = draft.user(User::from_document(document(user.clone())).unwrap());
    }
    match case.get("now").and_then(Value::as_str) {
        Some(now) => draft.options(|options| options.now = Some(bson::DateTime::parse_rfc3339_str(now).unwrap())),
        None => draft,
    }
}

fn call(case: &Value) -> Call {
    let arguments = case.get("arguments").and_then(Value::as_array).cloned().unwrap_or_default();
    let arguments = arguments.into_iter().map(bson).collect();
    let wanted = case.get("entry").and_then(Value::as_str).unwrap_or("client");
    let entry = ENTRIES.into_iter().find(|entry| entry.name() == wanted).unwrap_or_else(|| panic!("no entry {wanted}"));
    let user = match case.get("user") {
        None => ada(),
        Some(Value::String(name)) if name == "system" => User::system(),
        Some(user) => {
            let user = User::from_document(document(user.clone())).unwrap();
            assert_ne!(user.custom_data, CustomData::Absent);
            user
        }
    };
    let mut call = Call::new("f", arguments, entry, user);
    if let Some(request) = case.get("request") {
        call = call.with_request(Request::from_document(document(request.clone())).unwrap());
    }
    if let Some(http) = case.get("http") {
        let pairs = |key: &str| {
            let pairs = http.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            pairs.iter().map(|pair| (lines(&pair[0]), lines(&pair[1]))).collect()
        };
        let body = http.get("body").map(|body| lines(body).into_bytes());
        call = call.with_http(HttpRequest { query: pairs("query"), headers: pairs("headers"), body });
    }
    call
}

async fn run(case: &Value) -> Result<(), String> {
    for key in case.as_object().unwrap().keys() {
        assert!(KEYS.contains(&key.as_str()) || MORE_KEYS.contains(&key.as_str()), "no key {key}");
    }
    let same = |what: &str, wanted: &Value, found: Value| {
        if *wanted == found { Ok(()) } else { Err(format!("{what}: expected {wanted}, found {found}")) }
    };
    let draft = draft(case);
    if let Some(refused) = case.get("refused") {
        let (_, library) = draft.load();
        let problems = library.problems().iter().map(|problem| match problem.line {
            Some(line) => format!("{}:{line}: {}", problem.file, problem.message),
            None => format!("{}: {}", problem.file, problem.message),
        });
        same("refused", refused, Value::String(problems.collect::<Vec<_>>().join("; ")))?;
        let world = draft.build();
        return match world.runtime.call(call(case)).await {
            Err(CallError::NotRunnable { .. }) => Ok(()),
            other => Err(format!("it runs: {other:?}")),
        };
    }
    let world = draft.build();
    for (collection, documents) in case.get("documents").and_then(Value::as_object).into_iter().flatten() {
        let documents = documents.as_array().unwrap().iter().cloned().map(document).collect();
        world.backend.insert(collection, documents).await;
    }
    let answer = world.runtime.call(call(case)).await;
    let console = match &answer {
        Ok(returned) => &returned.console,
        Err(error) => error.console(),
    };
    if let Some(wanted) = case.get("console") {
        same("console", wanted, console.iter().map(|line| Value::String(line.text.clone())).collect())?;
    }
    match (case.get("fails"), &answer) {
        (None, Ok(returned)) => {
            if let Some(wanted) = case.get("returns") {
                same("returns", wanted, returned.value.clone().into_canonical_extjson())?;
            }
            if let Some(wanted) = case.get("response") {
                let response = returned.response.as_ref().ok_or("no response")?;
                let body = response.body.as_ref().map(|body| String::from_utf8(body.clone()).unwrap());
                let found = json!({"status": response.status, "headers": response.headers, "body": body});
                same("response", wanted, found)?;
            }
        }
        (Some(wanted), Err(error)) => {
            let wanted = wanted.as_str().unwrap();
            let found = error.to_string();
            let fits = match wanted.strip_prefix('…') {
                Some(end) => found.ends_with(end),
                None => found == wanted,
            };
            if !fits {
                return Err(format!("fails: expected {wanted}, found {found}"));
            }
            if let Some(wanted) = case.get("reason") {
                let CallError::RunAsRefused { reason, .. } = error else { return Err("no reason".into()) };
                same("reason", wanted, json!(reason))?;
            }
            if let Some(wanted) = case.get("at") {
                let CallError::Failed(failure) = error else { return Err("no failure".into()) };
                let at = failure.position.as_ref().map(|at| format!("{}:{}:{}", at.file, at.line, at.column));
                same("at", wanted, json!(at))?;
            }
        }
        (None, Err(error)) => return Err(format!("it fails: {error:?}")),
        (Some(wanted), Ok(returned)) => return Err(format!("expected {wanted}, found {:?}", returned.value)),
    }
    for (collection, wanted) in case.get("stored").and_then(Value::as_object).into_iter().flatten() {
        let found = world.backend.all(collection).await;
        let found = found.into_iter().map(|found| bson::Bson::Document(found).into_canonical_extjson()).collect();
        let wanted = wanted.as_array().unwrap().iter().cloned().map(|one| bson(one).into_canonical_extjson()).collect();
        same("stored", &Value::Array(wanted), Value::Array(found))?;
    }
    if let Some(wanted) = case.get("log") {
        let log = world.backend.log.lock().unwrap().clone();
        same("log", wanted, json!(log))?;
    }
    Ok(())
}

/// Runs every case of a file.
pub(crate) async fn run_file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/functions").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!cases.is_empty());
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(reason) = run(case).await {
            failed.push(format!("{}: {reason}", case["name"].as_str().unwrap_or("?")));
        }
    }
    assert!(failed.is_empty(), "{name}: {} of {} failed\n{}", failed.len(), cases.len(), failed.join("\n"));
}

macro_rules! files {
    ($($test:ident: $file:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                run_file($file).await;
            }
        )*
    };
}

files! {
    sources: "sources.json",
    globals: "globals.json",
    context: "context.json",
    execute: "execute.json",
    mongodb: "mongodb.json",
    results: "results.json",
    errors: "errors.json",
    rights_of_entries: "rights.json",
    endpoints: "endpoints.json",
    modules: "modules.json",
    refusals: "refusals.json",
}
