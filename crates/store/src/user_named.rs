//! Determines to which user a custom-data document belongs.

use bson::oid::ObjectId;

use portcullis::path::{FieldPath, Segment};
use portcullis::value::{DocumentRef, Malformed, ValueRef};

/// The ID of the user to whom a document belongs; `None` if the field is missing or neither a string nor an `ObjectId`.
pub(crate) fn user_named_by(document: DocumentRef<'_>, field: &FieldPath) -> Result<Option<String>, Malformed> {
    user_named_below(ValueRef::Document(document), field.segments().iter().map(Segment::name))
}

/// Like [`user_named_by`] for the rest of the path, beginning at this value.
pub(crate) fn user_named_below<'n>(
    value: ValueRef<'_>,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<String>, Malformed> {
    let mut value = value;
    for name in names {
        let ValueRef::Document(document) = value else { return Ok(None) };
        let Some(next) = document.get(name)? else { return Ok(None) };
        value = next;
    }
    Ok(match value {
        ValueRef::String(id) => Some(id.to_owned()),
        ValueRef::ObjectId(id) => Some(ObjectId::from_bytes(id).to_hex()),
        _ => None,
    })
}
