use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use portcullis::path::{FieldPath, Segment};
use portcullis::value::{DocumentRef, Malformed, ValueRef};

/// The values that name a user: the id as a string and, if it is one, as an ObjectId. Another spelling of the hexadecimal
/// digits is another id.
pub(super) fn names_of(user_id: &str) -> Vec<Bson> {
    let object_id = ObjectId::parse_str(user_id).ok().filter(|id| id.to_hex() == user_id);
    std::iter::once(Bson::from(user_id)).chain(object_id.map(Bson::from)).collect()
}

/// The filter for documents whose field is one of these names. Arrays are left out, wherever on the path they stand:
/// anybody could claim any id in one.
pub(super) fn filter_for(field: &FieldPath, names: Vec<Bson>) -> Document {
    let mut conditions = vec![Bson::from(doc! { field.to_string(): { "$in": names } })];
    conditions.extend(without_arrays(field));
    doc! { "$and": conditions }
}

/// Conditions that hold where no array stands on the path.
pub(super) fn without_arrays(field: &FieldPath) -> impl Iterator<Item = Bson> {
    prefixes(field).map(|prefix| Bson::from(doc! { prefix: { "$not": { "$type": "array" } } }))
}

/// The path's beginnings, from the first name to the whole: `a`, `a.b`, `a.b.c`.
pub(super) fn prefixes(field: &FieldPath) -> impl Iterator<Item = String> {
    field.segments().iter().scan(String::new(), |prefix, segment| {
        if !prefix.is_empty() {
            prefix.push('.');
        }
        prefix.push_str(segment.name());
        Some(prefix.clone())
    })
}

/// The id of the user whom a document names, none if its field is missing or anything but a string or an ObjectId.
pub(super) fn user_named_by(document: DocumentRef<'_>, field: &FieldPath) -> Result<Option<String>, Malformed> {
    user_named_below(ValueRef::Document(document), field.segments().iter().map(Segment::name))
}

/// The same for a value and the names that lead on from it.
pub(super) fn user_named_below<'n>(
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
