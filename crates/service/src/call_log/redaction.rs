//! Removes secrets, passwords and tokens from log entries.

use portcullis::app::Secrets;
use serde_json::Value;

use super::names::is_sensitive;
use super::patterns::marked;

/// The replacement for a password or a token.
const REDACTED: &str = "<redacted>";

/// The minimum length of a text that may have been truncated in the middle of a secret, as console lines are.
const MAYBE_CUT: usize = 500;

/// The shortest prefix of a secret at the end of such a text that is treated as the secret.
const MIN_PART: usize = 4;

/// Replaces the secrets of an application.
pub(super) struct Redaction {
    /// The secrets and their replacements, longest first, since one may contain another.
    secrets: Vec<(String, String)>,
}

/// The text in place of one that cannot be redacted.
const NOT_KEPT: &str = "<left out: the request is too large to be searched for passwords>";

impl Redaction {
    pub(super) fn new(secrets: &Secrets) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for name in secrets.names() {
            let Some(value) = secrets.get(name).filter(|value| !value.is_empty()) else { continue };
            let place = format!("<secret {name}>");
            // Also in JSON notation, if that differs.
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

    /// Redacts a text that may repeat the arguments of a call; `hidden` is what [`hidden`](super::hidden::hidden) found in
    /// them.
    pub(super) fn told(&self, text: &str, hidden: Option<&[String]>) -> String {
        hidden.map_or_else(|| NOT_KEPT.to_owned(), |hidden| self.text(text, hidden))
    }

    /// Redacts a text: removes secrets, hidden values from the call's arguments, tokens, and values under names such as
    /// `password`.
    pub(super) fn text(&self, text: &str, hidden: &[String]) -> String {
        let known = self.secrets.iter().map(|(value, place)| (value.as_str(), place.as_str()));
        let known: Vec<(&str, &str)> = known.chain(hidden.iter().map(|value| (value.as_str(), REDACTED))).collect();
        let mut marked = marked(text).into_iter().peekable();
        // A single pass, so that replacements are not searched again.
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        while let Some((rest, letter)) = text.get(at..).and_then(|rest| Some((rest, rest.chars().next()?))) {
            let mut put = |place: &str| {
                if !clean.ends_with(place) {
                    clean.push_str(place);
                }
            };
            while marked.next_if(|range| range.end <= at).is_some() {}
            // The range may have begun inside a secret that was just replaced.
            if let Some(range) = marked.next_if(|range| range.start <= at) {
                put(REDACTED);
                at = range.end;
                continue;
            }
            let found = known.iter().find(|(value, _)| rest.starts_with(value));
            let found = found.map(|(value, place)| (value.len(), place));
            let cut =
                || known.iter().find(|(value, _)| is_cut_off(text, rest, value)).map(|(_, place)| (rest.len(), place));
            match found.or_else(cut) {
                Some((length, place)) => {
                    put(place);
                    at = at.saturating_add(length);
                }
                None => {
                    clean.push(letter);
                    at = at.saturating_add(letter.len_utf8());
                }
            }
        }
        clean
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

/// Whether a text ends with the beginning of a secret because it was truncated.
fn is_cut_off(text: &str, rest: &str, value: &str) -> bool {
    text.len() >= MAYBE_CUT && rest.len() >= MIN_PART && rest.len() < value.len() && value.starts_with(rest)
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::json;

    use bson::Bson;

    use super::super::hidden::hidden;
    use super::*;

    fn redaction() -> Redaction {
        let mut secrets = Secrets::default();
        secrets.insert("signingKey", "hunter2-hunter2");
        secrets.insert("short", "hunter2");
        secrets.insert("lines", "a\nb-c-d-e");
        Redaction::new(&secrets)
    }

    #[test]
    fn longer_secrets_are_replaced_by_their_names_first() {
        let clean = redaction().text("k=hunter2-hunter2, s=hunter2, j={\"l\":\"a\\nb-c-d-e\"}", &[]);
        assert_eq!(clean, "k=<secret signingKey>, s=<secret short>, j={\"l\":\"<secret lines>\"}");
    }

    #[test]
    fn a_truncated_secret_at_the_end_of_a_line_is_redacted() {
        let text = format!("{}hunter2-hun", "x".repeat(501));
        let clean = redaction().text(&text, &[]);
        assert!(!clean.contains("hunt"), "{clean}");
        let cut = format!("{}hunt", "x".repeat(508));
        assert!(!redaction().text(&cut, &[]).contains("hunt"));
    }

    #[test]
    fn tokens_are_redacted_everywhere() {
        let clean = redaction().text("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln, Bearer abc and eyJ alone", &[]);
        assert_eq!(clean, "got <redacted>, Bearer <redacted> and eyJ alone");
    }

    #[test]
    fn values_of_password_fields_are_redacted() {
        let arguments =
            [Bson::from(doc! { "user": { "newPassword": "s3cr3t", "name": "ada" }, "list": [{ "api_key": "k-1" }] })];
        let hidden = hidden(&arguments, None).unwrap();
        let mut value = json!([{ "user": { "newPassword": "s3cr3t", "name": "ada" }, "list": [{ "api_key": "k-1" }] }]);
        redaction().value(&mut value, &hidden);
        let expected =
            json!([{ "user": { "newPassword": REDACTED, "name": "ada" }, "list": [{ "api_key": REDACTED }] }]);
        assert_eq!(value, expected);
        assert_eq!(redaction().text("he wrote s3cr3t and k-1", &hidden), "he wrote <redacted> and <redacted>");
    }

    #[test]
    fn overlapping_secrets_are_redacted_completely() {
        let clean = redaction().text(r#"{"password":"of-ada"}"#, &["password".to_owned(), "word\":\"of-a".to_owned()]);
        assert_eq!(clean, r#"{"<redacted>":<redacted>}"#);
        let clean = redaction().text(r#"{"password":"of-ada"} k"#, &["word\":\"of-a".to_owned()]);
        assert_eq!(clean, r#"{"pass<redacted>} k"#);
    }

    #[test]
    fn passwords_cannot_make_a_line_grow_without_bound() {
        let letters: Vec<String> = "<redact>".chars().map(String::from).collect();
        let clean = redaction().text(&"a e d r ".repeat(1000), &letters);
        assert!(clean.len() <= 8000 * REDACTED.len(), "{}", clean.len());
        assert_eq!(redaction().text(&"a".repeat(1000), &letters), REDACTED);
    }
}
