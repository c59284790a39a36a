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

/// How many of these are remembered, and how many bytes they may have together.
const MAX_HIDDEN: usize = 64;
const MAX_HIDDEN_BYTES: usize = 8192;

/// How many bytes a text has at least that may have been cut off in the midst of a secret: the lines of a console are.
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
        // In one pass: what stands in the place of one is not searched for another.
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let found = known.iter().find_map(|(value, place)| Some((rest.strip_prefix(value)?, place)));
            let cut = || known.iter().find(|(value, _)| is_cut_off(text, rest, value)).map(|(_, place)| ("", place));
            match found.or_else(cut) {
                Some((after, place)) => {
                    if !clean.ends_with(place) {
                        clean.push_str(place);
                    }
                    rest = after;
                }
                None => {
                    clean.push(letter);
                    rest = rest.get(letter.len_utf8()..).unwrap_or_default();
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

/// Whether the end of a text is the beginning of a secret, in the midst of which the text was cut off.
fn is_cut_off(text: &str, rest: &str, value: &str) -> bool {
    text.len() >= MAYBE_CUT && rest.len() >= MIN_PART && rest.len() < value.len() && value.starts_with(rest)
}

/// The texts in arguments that stand under the names of passwords and the like.
///
/// `None`: there is more of it than can be searched and kept.
pub(super) fn hidden(arguments: &[Bson]) -> Option<Vec<String>> {
    let mut found: Vec<&str> = Vec::new();
    let mut left = MAX_SEARCHED;
    let mut todo: Vec<&Bson> = arguments.iter().collect();
    while let Some(value) = todo.pop() {
        left = left.checked_sub(1)?;
        match value {
            Bson::Array(elements) => todo.extend(elements),
            Bson::Document(document) => search(document, &mut todo, &mut found),
            _ => {}
        }
    }
    let bytes = found.iter().map(|text| text.len()).fold(0, usize::saturating_add);
    if found.len() > MAX_HIDDEN || bytes > MAX_HIDDEN_BYTES {
        return None;
    }
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    Some(found.into_iter().map(str::to_owned).collect())
}

fn search<'b>(document: &'b Document, todo: &mut Vec<&'b Bson>, found: &mut Vec<&'b str>) {
    for (key, value) in document {
        match value {
            // Tokens are known by their form.
            Bson::String(text) if is_sensitive(key) && !text.is_empty() && !is_token(text) => found.push(text),
            value => todo.push(value),
        }
    }
}

fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() >= 2 && text.chars().all(is_part_of_token)
}

const fn is_part_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '=' | '+' | '/' | '~')
}

fn is_sensitive(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    KEYS.iter().any(|known| plain.contains(known))
}

/// Removes JSON Web Tokens, and whatever follows `Bearer`, from a text.
fn without_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let token = rest.find("eyJ").map(|at| (at, 0));
        let bearer = rest.find("Bearer ").map(|at| (at, "Bearer ".len()));
        let Some((at, skipped)) = [token, bearer].into_iter().flatten().min() else { break };
        let (before, from) = rest.split_at(at.saturating_add(skipped));
        clean.push_str(before);
        let end = from.find(|letter| !is_part_of_token(letter)).unwrap_or(from.len());
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
        let hidden = hidden(&arguments).unwrap();
        let mut value = json!([{ "user": { "newPassword": "s3cr3t", "name": "ada" }, "list": [{ "api_key": "k-1" }] }]);
        redaction().value(&mut value, &hidden);
        let expected =
            json!([{ "user": { "newPassword": REDACTED, "name": "ada" }, "list": [{ "api_key": REDACTED }] }]);
        assert_eq!(value, expected);
        assert_eq!(redaction().text("he wrote s3cr3t and k-1", &hidden), "he wrote <redacted> and <redacted>");
    }

    #[test]
    fn no_choice_of_passwords_makes_a_line_grow_beyond_bounds() {
        let letters: Vec<String> = "<redact>".chars().map(String::from).collect();
        let clean = redaction().text(&"a e d r ".repeat(1000), &letters);
        assert!(clean.len() <= 8000 * REDACTED.len(), "{}", clean.len());
        assert_eq!(redaction().text(&"a".repeat(1000), &letters), REDACTED);
        let many: Vec<Bson> = (0..100).map(|n| Bson::from(doc! { "password": format!("p{n}") })).collect();
        assert_eq!(hidden(&many), None);
        assert_eq!(hidden(&[Bson::from(doc! { "password": "p".repeat(10_000) })]), None);
        assert_eq!(hidden(&[Bson::from(doc! { "token": format!("eyJ{}.b.c", "a".repeat(10_000)) })]), Some(Vec::new()));
    }
}
