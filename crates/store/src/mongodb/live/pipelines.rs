//! The pipelines that find problematic documents.

use bson::{Bson, Document, doc};

use crate::live_finding::{Examples, LiveCheck};
use crate::mongodb::naming::{prefixes, without_arrays};
use portcullis::auth::{LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA};
use portcullis::path::FieldPath;

impl LiveCheck {
    pub(super) const ALL: [Self; 6] =
        [Self::IdTwice, Self::IdInArray, Self::IdOfOtherType, Self::IdMissing, Self::Large, Self::TooLarge];

    /// A pipeline that returns examples in the field `example`, at most one more than are shown.
    pub(super) fn pipeline(self, field: &FieldPath) -> Vec<Document> {
        let path = field.to_string();
        let mut stages = match self {
            Self::IdTwice => vec![
                named_with(field, doc! { &path: { "$type": ["string", "objectId"] } }),
                doc! { "$group": { "_id": { "$toString": format!("${path}") }, "documents": { "$sum": 1 } } },
                doc! { "$match": { "documents": { "$gt": 1 } } },
            ],
            Self::IdInArray => {
                let arrays: Vec<Bson> =
                    prefixes(field).map(|prefix| doc! { prefix: { "$type": "array" } }.into()).collect();
                vec![doc! { "$match": { "$or": arrays } }]
            }
            Self::IdOfOtherType => {
                let other = doc! { &path: { "$exists": true, "$not": { "$type": ["string", "objectId", "null"] } } };
                vec![named_with(field, other)]
            }
            Self::IdMissing => vec![named_with(field, doc! { &path: Bson::Null })],
            Self::Large => vec![larger(LARGE_CUSTOM_DATA), not_larger(MAX_CUSTOM_DATA)],
            Self::TooLarge => vec![larger(MAX_CUSTOM_DATA)],
        };
        stages.push(doc! { "$limit": i64::try_from(Examples::SHOWN.saturating_add(1)).unwrap_or(i64::MAX) });
        stages.push(doc! { "$project": { "_id": 0, "example": "$_id" } });
        stages
    }
}

/// Matches documents that fulfil a condition and have no array on the path.
fn named_with(field: &FieldPath, condition: Document) -> Document {
    let mut conditions = vec![Bson::from(condition)];
    conditions.extend(without_arrays(field));
    doc! { "$match": { "$and": conditions } }
}

fn larger(bytes: usize) -> Document {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    doc! { "$match": { "$expr": { "$gt": [{ "$bsonSize": "$$ROOT" }, bytes] } } }
}

fn not_larger(bytes: usize) -> Document {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    doc! { "$match": { "$expr": { "$lte": [{ "$bsonSize": "$$ROOT" }, bytes] } } }
}
