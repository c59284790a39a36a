use std::path::Path;

use portcullis::App;
use portcullis::app::AppError;
use portcullis::testfile::{TestFile, answers};
use serde_json::{Map, Value, json};

use super::trouble::Trouble;

/// Creates a test file for an application whose expectations are the current results of its rules. Without an
/// application, the file contains rules of its own.
pub(super) fn example(directory: &Path, namespace: Option<&str>) -> Result<Value, Trouble> {
    let app = match App::load(directory) {
        Ok(app) => app,
        Err(AppError::NotApplication { below, above: None, .. })
            if below.is_empty() && namespace.is_none() && directory == Path::new(".") =>
        {
            return filled(without_application(), Path::new("."));
        }
        Err(error) => return Err(error.into()),
    };
    let ruled = || app.collections.iter().filter(|collection| !collection.rules.is_absent());
    let known = || app.collections.iter().map(|collection| collection.namespace.as_str());
    let namespace = match namespace {
        Some(asked) if known().any(|name| name == asked) => asked,
        Some(asked) => {
            let names: Vec<_> = known().collect();
            return Err(Trouble::usage(format!(
                "the application has no rules for `{asked}`; it has some for: {}",
                names.join(", ")
            )));
        }
        None => match ruled().next() {
            Some(collection) => collection.namespace.as_str(),
            None => return filled(without_application(), Path::new(".")),
        },
    };
    let mut guess = Guess::default();
    for file in app.collections.iter().filter(|one| one.namespace == namespace).flat_map(|one| one.rules.files()) {
        guess.roles(&file.node.to_json());
    }
    let mut document = Map::from_iter([("_id".to_owned(), json!(1))]);
    document.extend(guess.document);
    let directory = if directory == Path::new(".") { directory.to_owned() } else { std::path::absolute(directory)? };
    let file = json!({
        "app": directory.to_string_lossy(),
        "in": namespace,
        "users": {
            "ada": { "id": ID, "custom_data": guess.custom_data },
            "ken": { "id": "ken" },
        },
        "cases": cases(&Value::Object(document)),
    });
    filled(file, Path::new("."))
}

/// The ID of the user in the generated cases.
const ID: &str = "ada";

/// A document and custom data to which the roles of a file are likely to apply: every field that the roles compare
/// with a literal gets that value.
#[derive(Default)]
struct Guess {
    document: Map<String, Value>,
    custom_data: Map<String, Value>,
}

impl Guess {
    fn roles(&mut self, rules: &Value) {
        for role in rules.get("roles").and_then(Value::as_array).into_iter().flatten() {
            self.condition(role.get("apply_when").unwrap_or(&Value::Null));
        }
    }

    fn condition(&mut self, condition: &Value) {
        for (key, value) in condition.as_object().into_iter().flatten() {
            let wanted = self.value(value);
            match (key.strip_prefix("%%user.custom_data."), wanted) {
                (Some(name), Some(wanted)) => _ = self.custom_data.entry(name).or_insert(wanted),
                (None, Some(wanted)) if !key.starts_with(['%', '$']) && !key.contains('.') => {
                    self.document.entry(key).or_insert(wanted);
                }
                (None, _) if matches!(key.as_str(), "$and" | "%and" | "$or" | "%or") => {
                    for part in value.as_array().into_iter().flatten() {
                        self.condition(part);
                    }
                }
                _ => {}
            }
        }
    }

    fn value(&mut self, value: &Value) -> Option<Value> {
        match value.as_str() {
            Some("%%user.id") => Some(json!(ID)),
            Some("%%true") => Some(json!(true)),
            Some("%%false") => Some(json!(false)),
            Some(text) if text.starts_with("%%") => {
                let name = text.strip_prefix("%%user.custom_data.").filter(|name| !name.contains('.'))?;
                Some(self.custom_data.entry(name).or_insert_with(|| json!("x")).clone())
            }
            _ => (!value.is_object() && !value.is_array()).then(|| value.clone()),
        }
    }
}

fn without_application() -> Value {
    json!({
        "rules": { "roles": [{
            "name": "Owner",
            "apply_when": { "owner_id": "%%user.id" },
            "read": true,
            "fields": { "title": { "write": true } },
        }] },
        "users": {
            "ada": { "id": "ada", "custom_data": {} },
            "ken": { "id": "ken" },
        },
        "cases": cases(&json!({ "_id": 1, "owner_id": "ada", "title": "a note" })),
    })
}

fn cases(document: &Value) -> Value {
    let mut after = document.clone();
    if let Some(fields) = after.as_object_mut() {
        fields.insert("title".into(), json!("another title"));
    }
    json!([
        { "name": "what ada reads of this document", "user": "ada", "read": document },
        { "name": "what ken, who has no custom data, reads of it", "user": "ken", "read": document },
        { "name": "whether ada may insert it", "user": "ada", "insert": document },
        { "name": "whether ada may change its title", "user": "ada",
          "update": { "before": document, "after": after } },
        { "name": "whether ken may delete it", "user": "ken", "delete": document },
    ])
}

/// Fills in the current results of the file's cases as their expectations.
fn filled(mut file: Value, folder: &Path) -> Result<Value, Trouble> {
    let mut asked = file.clone();
    for case in cases_of(&mut asked) {
        expect(case, json!({ "denied": true }));
    }
    let usage = |error: &dyn std::error::Error| Trouble::usage(error.to_string());
    let parsed = TestFile::parse("<example>", asked.to_string().as_bytes(), folder).map_err(|error| usage(&error))?;
    let answers = answers(&parsed).map_err(|error| usage(&error))?;
    for (case, answer) in cases_of(&mut file).zip(answers) {
        let mut answer = answer.map_err(|error| usage(&error))?;
        if let Some(fields) = answer.as_object_mut() {
            // The text of a denial is meant for people, so it is not part of the expectation.
            fields.remove("reason");
        }
        expect(case, answer);
    }
    Ok(file)
}

fn cases_of(file: &mut Value) -> impl Iterator<Item = &mut Value> {
    file.get_mut("cases").and_then(Value::as_array_mut).into_iter().flatten()
}

fn expect(case: &mut Value, expected: Value) {
    if let Some(case) = case.as_object_mut() {
        case.insert("expect".into(), expected);
    }
}
