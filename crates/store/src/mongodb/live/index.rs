use bson::{Bson, Document, doc};

use crate::mongodb::custom_data::simple_collation_document;
use crate::mongodb::naming::{filter_for, names_of};
use portcullis::auth::CustomDataSource;

/// A user ID that has the form of an ObjectId, so that the query plan covers both representations.
const ANYBODY: &str = "000000000000000000000000";

/// The command that asks the server how it would look up a user.
pub(super) fn explain(source: &CustomDataSource) -> Document {
    let find = doc! {
        "find": &source.collection,
        "filter": filter_for(&source.user_id_field, names_of(ANYBODY)),
        "collation": simple_collation_document(),
    };
    doc! { "explain": find, "verbosity": "queryPlanner" }
}

/// Whether the server's winning plan scans the whole collection.
pub(super) fn reads_everything(plan: &Document) -> bool {
    const LEVELS: usize = 100;
    fn has_scan(value: &Bson, levels: usize) -> bool {
        match value {
            // Deeper than any real plan, so assume the worst.
            _ if levels == 0 => true,
            Bson::Document(stage) => {
                stage.get_str("stage").is_ok_and(|name| name == "COLLSCAN")
                    || stage.iter().any(|(key, value)| key != "rejectedPlans" && has_scan(value, levels - 1))
            }
            Bson::Array(stages) => stages.iter().any(|stage| has_scan(stage, levels - 1)),
            _ => false,
        }
    }
    plan.get("queryPlanner").is_none_or(|planner| has_scan(planner, LEVELS))
}

/// The name of the index, if it begins with the field.
pub(super) fn begins_with(index: &Document, field: &str) -> Option<String> {
    let (first, _) = index.get_document("key").ok()?.iter().next()?;
    (first == field).then(|| index.get_str("name").unwrap_or_default().to_owned())
}

/// Whether an index ensures that each ID occurs in only one document.
pub(super) fn is_unique_on(index: &Document, field: &str) -> bool {
    let is_alone = index.get_document("key").is_ok_and(|key| key.len() == 1 && key.contains_key(field));
    // The `_id` index is unique without saying so. A collation only makes more IDs equal.
    let is_unique = field == "_id" || index.get_bool("unique").unwrap_or(false);
    is_alone && is_unique && !index.contains_key("partialFilterExpression")
}
