use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

pub(super) use crate::user_named::{user_named_below, user_named_by};
use portcullis::path::FieldPath;

/// The values that name a user: the ID as a string and, if it has that form, as an ObjectId. Hexadecimal digits in
/// another case are another ID.
pub(super) fn names_of(user_id: &str) -> Vec<Bson> {
    let object_id = ObjectId::parse_str(user_id).ok().filter(|id| id.to_hex() == user_id);
    std::iter::once(Bson::from(user_id)).chain(object_id.map(Bson::from)).collect()
}

/// The filter for documents whose field has one of these values. Documents with an array anywhere on the path are
/// excluded: otherwise anyone who can write an array could claim any number of IDs.
pub(super) fn filter_for(field: &FieldPath, names: Vec<Bson>) -> Document {
    let mut conditions = vec![Bson::from(doc! { field.to_string(): { "$in": names } })];
    conditions.extend(without_arrays(field));
    doc! { "$and": conditions }
}

/// Conditions that hold if there is no array on the path.
pub(super) fn without_arrays(field: &FieldPath) -> impl Iterator<Item = Bson> {
    prefixes(field).map(|prefix| Bson::from(doc! { prefix: { "$not": { "$type": "array" } } }))
}

/// The prefixes of the path, including itself: `a`, `a.b`, `a.b.c`.
pub(super) fn prefixes(field: &FieldPath) -> impl Iterator<Item = String> {
    field.segments().iter().scan(String::new(), |prefix, segment| {
        if !prefix.is_empty() {
            prefix.push('.');
        }
        prefix.push_str(segment.name());
        Some(prefix.clone())
    })
}
