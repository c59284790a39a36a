use bson::{Bson, Document};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Kind, Member, Node};
use crate::text::{Code, Located};
use crate::value::{ValueRef, iso_8601};

/// Why a JSON value is not valid extended JSON, and where.
pub type EjsonError = Located<EjsonErrorKind>;

/// The kinds of [`EjsonError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EjsonErrorKind {
    /// A malformed literal: `{"$oid": "xyz"}`
    #[error("`{key}` is not a valid extended JSON value here: {reason}")]
    Invalid {
        /// The key that identifies its type.
        key: String,
        /// The reason.
        reason: String,
    },
    /// A value of this type, where a document is required.
    #[error("expected a document, found {0}")]
    NotDocument(&'static str),
    /// A key that contains NUL, which BSON does not allow.
    #[error("a key must not contain the character U+0000")]
    KeyNul,
}

impl Code for EjsonErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "ejson-invalid",
            Self::NotDocument(_) => "ejson-not-document",
            Self::KeyNul => "ejson-key-nul",
        }
    }
}

/// The keys that make an object a literal of a type that JSON lacks ([extended JSON
/// v2](https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/)).
const LITERALS: [&str; 16] = [
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$uuid",
    "$timestamp",
    "$regularExpression",
    "$minKey",
    "$maxKey",
    "$undefined",
    "$code",
    "$symbol",
    "$dbPointer",
];

/// Whether an object is an extended JSON literal, such as `{"$oid": "…"}`.
#[must_use]
pub fn is_literal(members: &[Member]) -> bool {
    members.iter().any(|member| is_literal_key(&member.key))
}

/// Whether a key makes an object an extended JSON literal.
pub(crate) fn is_literal_key(key: &str) -> bool {
    key.starts_with('$') && LITERALS.contains(&key)
}

/// Converts canonical or relaxed extended JSON. An integer becomes an int32 if it fits, otherwise an int64 if it fits,
/// otherwise a double.
///
/// # Errors
/// The first malformed literal.
pub fn to_bson(node: &Node) -> Result<Bson, EjsonError> {
    Ok(match &node.kind {
        Kind::Null => Bson::Null,
        Kind::Boolean(value) => Bson::Boolean(*value),
        Kind::String(text) => Bson::String(text.clone()),
        Kind::Number(text) => number(text),
        Kind::Array(elements) => Bson::Array(elements.iter().map(to_bson).collect::<Result<_, _>>()?),
        Kind::Object(members) if is_literal(members) => literal(node, members)?,
        Kind::Object(members) => Bson::Document(document(members, to_bson)?),
    })
}

/// Like [`to_bson`], for a value that must be a document.
///
/// # Errors
/// Same as [`to_bson`], or [`EjsonErrorKind::NotDocument`].
pub fn to_document(node: &Node) -> Result<Document, EjsonError> {
    match to_bson(node)? {
        Bson::Document(document) => Ok(document),
        other => {
            let found =
                if node.as_object().is_some() { ValueRef::from(&other).kind().alias() } else { node.describe() };
            Err(EjsonError::new(EjsonErrorKind::NotDocument(found), node.span))
        }
    }
}

/// The conversion of a value.
type Read = fn(&Node) -> Result<Bson, EjsonError>;

/// Creates a document from the members of an object, converting values with `read`.
pub(super) fn document(members: &[Member], read: Read) -> Result<Document, EjsonError> {
    members
        .iter()
        .map(|member| {
            if member.key.contains('\0') {
                return Err(EjsonError::new(EjsonErrorKind::KeyNul, member.key_span));
            }
            Ok((member.key.clone(), read(&member.value)?))
        })
        .collect()
}

pub(super) fn number(text: &str) -> Bson {
    match text.parse::<i64>() {
        // `-0` is an integer in JSON, but only a double can represent it.
        Ok(0) if text.starts_with('-') => Bson::Double(-0.0),
        Ok(value) => i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32),
        Err(_) => Bson::Double(text.parse().unwrap_or(f64::NAN)),
    }
}

fn literal(node: &Node, members: &[Member]) -> Result<Bson, EjsonError> {
    let key = members.iter().find(|m| LITERALS.contains(&m.key.as_str())).map_or("", |m| m.key.as_str());
    let invalid = |reason: String| EjsonError::new(EjsonErrorKind::Invalid { key: key.to_owned(), reason }, node.span);
    if let Some(other) = members.iter().find(|m| m.key != key && !(key == "$code" && m.key == "$scope")) {
        return Err(invalid(format!("`{}` cannot stand beside it", other.key)));
    }
    // The scope is converted here, so that errors in it have positions.
    let read = match (key, node.get("$code"), node.get("$scope")) {
        ("$code", Some(code), Some(scope)) => Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
            code: code.as_str().ok_or_else(|| invalid("the code must be a string".to_owned()))?.to_owned(),
            scope: to_document(scope)?,
        }),
        _ => Bson::try_from(normalized(key, node.to_json()))
            .map_err(|error| invalid(form(key).map_or_else(|| reason(&error), str::to_owned)))?,
    };
    match read {
        // `bson` returns a document for literals that it does not recognise.
        Bson::Document(_) => Err(invalid("its value has the wrong form".to_owned())),
        read => Ok(read),
    }
}

/// Normalizes what `bson` does not accept. Replaces numbers in a literal that are themselves literals. realm-web sends these, because it serializes arguments
/// twice: `{"$timestamp": {"t": {"$numberInt": "4"}, "i": {"$numberInt": "2"}}}`.
fn normalized(key: &str, mut literal: Value) -> Value {
    let plain = |value: &mut Value| {
        let number =
            ["$numberInt", "$numberLong"].iter().find_map(|name| value.get(name)?.as_str()?.parse::<i64>().ok());
        if let (Some(number), Some(1)) = (number, value.as_object().map(serde_json::Map::len)) {
            *value = json!(number);
        }
    };
    // The specification permits a single digit, which `bson` does not.
    if let ("$binary", Some(Value::String(subtype))) = (key, literal.pointer_mut("/$binary/subType"))
        && subtype.len() == 1
    {
        subtype.insert(0, '0');
    }
    if let ("$timestamp" | "$minKey" | "$maxKey", Some(value)) = (key, literal.get_mut(key)) {
        plain(value);
        for part in value.as_object_mut().into_iter().flatten() {
            plain(part.1);
        }
    }
    literal
}

/// The form required of a literal, for those that the error messages of `bson` do not explain well.
fn form(key: &str) -> Option<&'static str> {
    Some(match key {
        "$oid" => "it takes a string of 24 hexadecimal digits",
        "$uuid" => "it takes a string of 36 characters, such as `01234567-89ab-cdef-0123-456789abcdef`",
        _ => return None,
    })
}

/// The error message of `bson`, in short and on one line.
fn reason(error: &bson::error::Error) -> String {
    let text = error.to_string().replace('\n', " ");
    // The part before it is the name of an internal error kind.
    let text = text.split_once("Message: ").map_or(text.as_str(), |(_, message)| message);
    let text = text.trim_end_matches('.').to_owned();
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Converts a value to the shortest extended JSON from which [`to_bson`] restores the identical value: plain JSON if
/// possible, otherwise canonical literals.
#[must_use]
pub fn from_bson(value: &Bson) -> Value {
    match value {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => json!(value),
        Bson::String(text) => json!(text),
        Bson::Int32(value) => json!(value),
        Bson::Int64(value) if i32::try_from(*value).is_err() => json!(value),
        Bson::Double(value) if value.is_finite() => json!(value),
        Bson::Array(elements) => elements.iter().map(from_bson).collect(),
        Bson::Document(document) => {
            Value::Object(document.iter().map(|(key, value)| (key.clone(), from_bson(value))).collect())
        }
        Bson::JavaScriptCodeWithScope(code) => {
            json!({ "$code": code.code, "$scope": from_bson(&Bson::Document(code.scope.clone())) })
        }
        Bson::DateTime(date) => date_to_json(*date),
        other => other.clone().into_canonical_extjson(),
    }
}

/// As in relaxed extended JSON, dates from 1970 to 9999 are in ISO 8601; others are in milliseconds.
fn date_to_json(date: bson::DateTime) -> Value {
    let millis = date.timestamp_millis();
    match iso_8601(date) {
        Some(text) if millis >= 0 => json!({ "$date": text }),
        _ => json!({ "$date": { "$numberLong": millis.to_string() } }),
    }
}

#[cfg(test)]
mod tests {
    use bson::spec::BinarySubtype;

    use super::*;
    use crate::json;

    #[test]
    fn literals_that_bson_does_not_accept_are_normalized() {
        let read = |text: &str| to_bson(&json::parse(text).unwrap()).ok();
        let timestamp = Some(Bson::Timestamp(bson::Timestamp { time: 4, increment: 2 }));
        let cases = [
            (r#"{"$timestamp": {"t": {"$numberInt": "4"}, "i": {"$numberLong": "2"}}}"#, timestamp.clone()),
            (r#"{"$timestamp": {"t": 4, "i": 2}}"#, timestamp),
            (r#"{"$minKey": {"$numberInt": "1"}}"#, Some(Bson::MinKey)),
            (r#"{"$maxKey": {"$numberInt": "1"}}"#, Some(Bson::MaxKey)),
            (
                r#"{"$binary": {"base64": "AQID", "subType": "0"}}"#,
                Some(Bson::Binary(bson::Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2, 3] })),
            ),
            (r#"{"$binary": {"base64": "AQID", "subType": ""}}"#, None),
            (r#"{"$binary": {"base64": "AQID", "subType": "x"}}"#, None),
            (r#"{"$timestamp": {"t": {"$numberInt": "x"}, "i": 2}}"#, None),
            (r#"{"$timestamp": {"t": {"$numberInt": "4", "a": 1}, "i": 2}}"#, None),
            (r#"{"$minKey": {"$oid": "1"}}"#, None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
