use bson::{Bson, Document};

use super::ejson::{document, number};
use super::{EjsonError, EjsonErrorKind, Kind, Node};

/// Converts plain JSON: every object becomes a document, whatever its keys. Numbers are converted as by
/// [`to_bson`](super::to_bson).
///
/// This is meant for untrusted text, whose authors must not be able to choose types by writing `{"$oid": …}`.
///
/// # Errors
/// [`EjsonErrorKind::KeyNul`] if a key contains NUL.
pub fn to_plain_bson(node: &Node) -> Result<Bson, EjsonError> {
    Ok(match &node.kind {
        Kind::Null => Bson::Null,
        Kind::Boolean(value) => Bson::Boolean(*value),
        Kind::String(text) => Bson::String(text.clone()),
        Kind::Number(text) => number(text),
        Kind::Array(elements) => Bson::Array(elements.iter().map(to_plain_bson).collect::<Result<_, _>>()?),
        Kind::Object(members) => Bson::Document(document(members, to_plain_bson)?),
    })
}

/// Like [`to_plain_bson`], for a value that must be a document.
///
/// # Errors
/// Same as [`to_plain_bson`], or [`EjsonErrorKind::NotDocument`].
///
/// ```
/// use bson::doc;
/// let node = portcullis::json::parse(r#"{ "id": { "$oid": "65a0000000000000000000a1" } }"#).unwrap();
/// let document = portcullis::json::to_plain_document(&node).unwrap();
/// assert_eq!(document, doc! { "id": { "$oid": "65a0000000000000000000a1" } });
/// ```
pub fn to_plain_document(node: &Node) -> Result<Document, EjsonError> {
    match node.as_object() {
        Some(members) => document(members, to_plain_bson),
        None => Err(EjsonError::new(EjsonErrorKind::NotDocument(node.describe()), node.span)),
    }
}
