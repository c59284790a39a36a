//! Redaction of the log.

use bson::{Bson, Document};
use portcullis::app::Secrets;
use serde_json::Value;

/// The replacement for a password or a token.
const REDACTED: &str = "<redacted>";

/// Keys whose values are not logged, by a part of their names, ignoring case, `_` and `-`.
const KEYS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "apikey",
    "privatekey",
    "credential",
    "cookie",
    "jwt",
];

/// The most values of arguments that are searched for passwords.
const MAX_SEARCHED: usize = 10_000;

/// The length in bytes from which a text may have been truncated within a secret, as console lines are.
const MAYBE_CUT: usize = 500;

/// The shortest prefix of a secret at the end of such a text that is treated as the secret.
const MIN_PART: usize = 4;

/// The secrets of an application.
pub(super) struct Redaction {
    /// Each with its replacement, longest first, since one may contain another.
    secrets: Vec<(String, String)>,
}

impl Redaction {
    pub(super) fn new(secrets: &Secrets) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for name in secrets.names() {
            let Some(value) = secrets.get(name).filter(|value| !value.is_empty()) else { continue };
            let place = format!("<secret {name}>");
            // In its JSON form, if that differs.
            let quoted = Value::from(value).to_string();
            let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
            if inside != value {
                all.push((inside, place.clone()));
            }
            all.push((value.to_owned(), place));
        }
        all.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { secrets: all }
    }

    /// Redacts a text: removes secrets, hidden values from the call's arguments, and tokens.
    pub(super) fn text(&self, text: &str, hidden: &[String]) -> String {
        let known = self.secrets.iter().map(|(value, place)| (value.as_str(), place.as_str()));
        let known: Vec<(&str, &str)> = known.chain(hidden.iter().map(|value| (value.as_str(), REDACTED))).collect();
        let mut clean = text.to_owned();
        for (value, place) in &known {
            if clean.contains(value) {
                clean = clean.replace(value, place);
            }
        }
        if text.len() >= MAYBE_CUT {
            for (value, place) in &known {
                let cut = (MIN_PART..value.len()).rev().filter_map(|length| value.get(..length));
                if let Some(rest) = cut.into_iter().find_map(|part| clean.strip_suffix(part)) {
                    clean = format!("{rest}{place}");
                }
            }
        }
        without_tokens(&clean)
    }

    /// Redacts all strings of a value, and removes values under names such as `password`.
    pub(super) fn value(&self, value: &mut Value, hidden: &[String]) {
        match value {
            Value::String(text) => *text = self.text(text, hidden),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.value(element, hidden)),
            Value::Object(fields) => {
                for (key, value) in fields.iter_mut() {
                    if is_sensitive(key) { *value = REDACTED.into() } else { self.value(value, hidden) }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The strings in arguments under names such as `password`.
pub(super) fn hidden(arguments: &[Bson]) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = MAX_SEARCHED;
    let mut todo: Vec<&Bson> = arguments.iter().collect();
    while let (Some(value), Some(rest)) = (todo.pop(), left.checked_sub(1)) {
        left = rest;
        match value {
            Bson::Array(elements) => todo.extend(elements),
            Bson::Document(document) => search(document, &mut todo, &mut found),
            _ => {}
        }
    }
    found.sort_by_key(|text: &String| std::cmp::Reverse(text.len()));
    found
}

fn search<'b>(document: &'b Document, todo: &mut Vec<&'b Bson>, found: &mut Vec<String>) {
    for (key, value) in document {
        match value {
            Bson::String(text) if is_sensitive(key) && !text.is_empty() => found.push(text.clone()),
            value => todo.push(value),
        }
    }
}

fn is_sensitive(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    KEYS.iter().any(|known| plain.contains(known))
}

/// Removes JSON Web Tokens, and whatever follows `Bearer`, from a text.
fn without_tokens(text: &str) -> String {
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '=' | '+' | '/' | '~');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let token = rest.find("eyJ").map(|at| (at, 0));
        let bearer = rest.find("Bearer ").map(|at| (at, "Bearer ".len()));
        let Some((at, skipped)) = [token, bearer].into_iter().flatten().min() else { break };
        let (before, from) = rest.split_at(at.saturating_add(skipped));
        clean.push_str(before);
        let end = from.find(|letter| !is_part(letter)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_token = skipped > 0 && !word.is_empty() || word.matches('.').count() >= 2;
        clean.push_str(if is_token { REDACTED } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::json;

    use super::*;

    fn redaction() -> Redaction {
        let mut secrets = Secrets::default();
        secrets.insert("signingKey", "hunter2-hunter2");
        secrets.insert("short", "hunter2");
        secrets.insert("lines", "a\nb-c-d-e");
        Redaction::new(&secrets)
    }

    #[test]
    fn secrets_are_replaced_by_their_names_the_longer_one_first() {
        let clean = redaction().text("k=hunter2-hunter2, s=hunter2, j={\"l\":\"a\\nb-c-d-e\"}", &[]);
        assert_eq!(clean, "k=<secret signingKey>, s=<secret short>, j={\"l\":\"<secret lines>\"}");
    }

    #[test]
    fn a_secret_that_a_line_was_cut_off_in_is_not_kept_either() {
        let text = format!("{}hunter2-hun", "x".repeat(501));
        let clean = redaction().text(&text, &[]);
        assert!(!clean.contains("hunt"), "{clean}");
        let cut = format!("{}hunt", "x".repeat(508));
        assert!(!redaction().text(&cut, &[]).contains("hunt"));
    }

    #[test]
    fn tokens_are_left_out_wherever_they_stand() {
        let clean = redaction().text("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln, Bearer abc and eyJ alone", &[]);
        assert_eq!(clean, "got <redacted>, Bearer <redacted> and eyJ alone");
    }

    #[test]
    fn what_stands_under_the_name_of_a_password_is_found_and_left_out() {
        let arguments =
            [Bson::from(doc! { "user": { "newPassword": "s3cr3t", "name": "ada" }, "list": [{ "api_key": "k-1" }] })];
        let hidden = hidden(&arguments);
        let mut value = json!([{ "user": { "newPassword": "s3cr3t", "name": "ada" }, "list": [{ "api_key": "k-1" }] }]);
        redaction().value(&mut value, &hidden);
        let expected =
            json!([{ "user": { "newPassword": REDACTED, "name": "ada" }, "list": [{ "api_key": REDACTED }] }]);
        assert_eq!(value, expected);
        assert_eq!(redaction().text("he wrote s3cr3t and k-1", &hidden), "he wrote <redacted> and <redacted>");
    }
}
