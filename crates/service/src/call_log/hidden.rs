//! Collects what callers send under names such as `password`, so that it can be removed if a function shows it again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::{Bson, Document};
use portcullis::value::iso_8601;
use portcullis_functions::HttpRequest;
use serde_json::Value;

use super::names::is_sensitive;
use super::patterns::{is_token, named};

/// The most values of arguments that are searched for passwords.
const MAX_SEARCHED: usize = 10_000;

/// The largest body that is searched, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The most passwords that are remembered, and their most bytes together.
const MAX_HIDDEN: usize = 64;
const MAX_HIDDEN_BYTES: usize = 8192;

/// The values under names such as `password` in the arguments and the HTTP request of a call, longest first.
///
/// Returns `None` if there is more than can be searched or remembered.
pub(super) fn hidden(arguments: &[Bson], http: Option<&HttpRequest>) -> Option<Vec<String>> {
    let mut found = HiddenTexts::default();
    found.search(arguments)?;
    if let Some(http) = http {
        for (name, value) in http.query.iter().chain(&http.headers) {
            if is_sensitive(name) {
                found.add(value)?;
            }
        }
        let body = http.body.as_deref().unwrap_or_default();
        if body.len() > MAX_BODY {
            return None;
        }
        let body = String::from_utf8_lossy(body);
        for value in named(&body) {
            found.add_written(body.get(value)?)?;
        }
    }
    found.texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    found.texts.dedup();
    Some(found.texts)
}

#[derive(Default)]
struct HiddenTexts {
    texts: Vec<String>,
    bytes: usize,
}

impl HiddenTexts {
    fn search(&mut self, arguments: &[Bson]) -> Option<()> {
        let mut left = MAX_SEARCHED;
        // Each value, with whether it is inside such a name.
        let mut todo: Vec<(&Bson, bool)> = arguments.iter().map(|argument| (argument, false)).collect();
        while let Some((value, is_below)) = todo.pop() {
            left = left.checked_sub(1)?;
            match value {
                Bson::Array(elements) => todo.extend(elements.iter().map(|element| (element, is_below))),
                Bson::Document(document) => todo.extend(fields(document, is_below)),
                Bson::JavaScriptCodeWithScope(code) => {
                    if is_below {
                        self.add(&code.code)?;
                    }
                    todo.extend(fields(&code.scope, is_below));
                }
                value if is_below => self.add_scalar(value)?,
                _ => {}
            }
        }
        Some(())
    }

    fn add_scalar(&mut self, value: &Bson) -> Option<()> {
        match value {
            Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => self.add(text),
            // In JavaScript's notation.
            Bson::Double(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Decimal128(_) | Bson::ObjectId(_) => {
                let shown = match value {
                    Bson::Double(number) => number.to_string(),
                    Bson::ObjectId(id) => id.to_hex(),
                    other => other.to_string(),
                };
                self.add(&shown)
            }
            Bson::Binary(binary) => {
                self.add(&STANDARD.encode(&binary.bytes))?;
                // Also decoded, since it may be text.
                std::str::from_utf8(&binary.bytes).map_or(Some(()), |text| self.add(text))
            }
            Bson::RegularExpression(regex) => self.add(regex.pattern.as_str()),
            Bson::DateTime(time) => self.add(&iso_8601(*time).unwrap_or_default()),
            // Values of the remaining types are not passwords.
            _ => Some(()),
        }
    }

    /// Adds the value that a body has under such a name: JSON, or form-encoded text.
    fn add_written(&mut self, written: &str) -> Option<()> {
        match serde_json::from_str::<Value>(written) {
            Ok(value) => self.add_json(&value),
            Err(_) => {
                self.add(written)?;
                // As decoded from a form.
                let form = format!("v={written}");
                form_urlencoded::parse(form.as_bytes())
                    .filter(|(_, value)| *value != *written)
                    .try_for_each(|(_, value)| self.add(&value))
            }
        }
    }

    fn add_json(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::String(text) => self.add(text),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Array(elements) => elements.iter().try_for_each(|element| self.add_json(element)),
            Value::Object(fields) => fields.values().try_for_each(|value| self.add_json(value)),
            Value::Null | Value::Bool(_) => Some(()),
        }
    }

    /// Adds a text and, if it differs, its JSON notation.
    fn add(&mut self, text: &str) -> Option<()> {
        // Tokens are recognized by their form.
        if text.is_empty() || is_token(text) {
            return Some(());
        }
        let quoted = Value::from(text).to_string();
        let inside = quoted.get(1..quoted.len().saturating_sub(1)).filter(|inside| *inside != text);
        for text in [Some(text), inside].into_iter().flatten() {
            self.bytes = self.bytes.saturating_add(text.len());
            if self.texts.len() >= MAX_HIDDEN || self.bytes > MAX_HIDDEN_BYTES {
                return None;
            }
            self.texts.push(text.to_owned());
        }
        Some(())
    }
}

fn fields(document: &Document, is_below: bool) -> impl Iterator<Item = (&Bson, bool)> {
    document.iter().map(move |(name, value)| (value, is_below || is_sensitive(name)))
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn found(value: impl Into<Bson>) -> Vec<String> {
        hidden(&[value.into()], None).unwrap()
    }

    #[test]
    fn all_scalars_below_a_secret_name_are_found() {
        let given = doc! { "password": 123_456, "n": 7, "creds": { "passwords": { "new": "s3cretnew", "old": [1.5, 77_i64, true] } } };
        assert_eq!(found(given), ["s3cretnew", "123456", "1.5", "77"]);
        assert_eq!(found(doc! { "token": "a\"b" }), ["a\\\"b", "a\"b"]);
        assert_eq!(found(doc! { "name": "ada" }), [""; 0]);
    }

    #[test]
    fn secret_names_in_a_request_are_found() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let body = |body: &str| HttpRequest { body: Some(body.into()), ..HttpRequest::default() };
        let of = |request: &HttpRequest| hidden(&[], Some(request));
        let mut request = body(r#"{"user": "ada", "password" : "body\"pass", "tokens": {"a": ["t-1", 99]}}"#);
        request.headers = vec![pair("Cookie", "sid=1"), pair("Accept", "all")];
        request.query = vec![pair("access_token", "q-1")];
        assert_eq!(of(&request).unwrap(), ["body\\\"pass", "body\"pass", "sid=1", "q-1", "t-1", "99"]);
        assert_eq!(of(&body("user=ada&password=form-1&n=2")).unwrap(), ["form-1"]);
        assert_eq!(of(&body("password=form%2D1")).unwrap(), ["form%2D1", "form-1"]);
        assert_eq!(of(&body(&"x".repeat(MAX_BODY + 1))), None);
        assert_eq!(of(&body("\u{fffd}")), Some(Vec::new()));
    }

    #[test]
    fn hidden_values_are_limited_in_number_and_size() {
        let many: Vec<Bson> = (0..100).map(|n| Bson::from(doc! { "password": format!("p{n}") })).collect();
        assert_eq!(hidden(&many, None), None);
        assert_eq!(hidden(&[Bson::from(doc! { "password": "p".repeat(10_000) })], None), None);
        let token = format!("eyJ{}.b.c", "a".repeat(10_000));
        assert_eq!(hidden(&[Bson::from(doc! { "token": token })], None), Some(Vec::new()));
    }
}
