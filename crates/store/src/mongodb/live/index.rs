use bson::{Bson, Document, doc};

use crate::mongodb::custom_data::simple_collation_document;
use crate::mongodb::naming::{filter_for, names_of};
use portcullis::auth::CustomDataSource;

/// A user id that is an ObjectId too, so that a plan for it serves both kinds.
const ANYBODY: &str = "000000000000000000000000";

/// Asks the server how it would look a user up.
pub(super) fn explain(source: &CustomDataSource) -> Document {
    let find = doc! {
        "find": &source.collection,
        "filter": filter_for(&source.user_id_field, names_of(ANYBODY)),
        "collation": simple_collation_document(),
    };
    doc! { "explain": find, "verbosity": "queryPlanner" }
}

/// Whether the plan that the server chose reads the whole collection.
pub(super) fn reads_everything(plan: &Document) -> bool {
    const LEVELS: usize = 100;
    fn has_scan(value: &Bson, levels: usize) -> bool {
        match value {
            // Deeper than any plan: not to be trusted.
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

/// The name of an index that begins with the field.
pub(super) fn begins_with(index: &Document, field: &str) -> Option<String> {
    let (first, _) = index.get_document("key").ok()?.iter().next()?;
    (first == field).then(|| index.get_str("name").unwrap_or_default().to_owned())
}

/// Whether an index lets every id stand in one document only.
pub(super) fn is_unique_on(index: &Document, field: &str) -> bool {
    let is_alone = index.get_document("key").is_ok_and(|key| key.len() == 1 && key.contains_key(field));
    // That of `_id` is unique without saying so. A collation only makes more ids equal.
    let is_unique = field == "_id" || index.get_bool("unique").unwrap_or(false);
    is_alone && is_unique && !index.contains_key("partialFilterExpression")
}
