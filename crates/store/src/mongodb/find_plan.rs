use ::mongodb::Client;
use bson::{Bson, Document, doc};

use super::custom_data::simple_collation_document;
use super::deadline::patiently;
use portcullis::store::StoreError;

pub use crate::find_plan::FindPlan;

/// The maximum depth of plans that are examined; anything deeper counts as reading the whole collection.
const MAX_LEVELS: usize = 100;

/// Asks the server how it would find the documents that match a filter, without running the query.
///
/// # Errors
/// The server cannot be reached, or refuses the filter.
pub async fn explain_find(
    client: &Client,
    database: &str,
    collection: &str,
    filter: &Document,
) -> Result<FindPlan, StoreError> {
    let find = doc! { "find": collection, "filter": filter, "collation": simple_collation_document() };
    let explain = doc! { "explain": find, "verbosity": "queryPlanner" };
    let database = client.database(database);
    let answer = patiently(async { database.run_command(explain).await }).await;
    let answer = answer.map_err(|error| error.during("cannot ask how the server would find them"))?;
    let mut plan = FindPlan::default();
    match answer.get("queryPlanner") {
        Some(planner) => plan.read(planner, MAX_LEVELS),
        // A sharded collection has one plan per shard, in a different format.
        None => plan.reads_everything = true,
    }
    Ok(plan)
}

impl FindPlan {
    fn read(&mut self, value: &Bson, levels: usize) {
        let Some(levels) = levels.checked_sub(1) else {
            self.reads_everything = true;
            return;
        };
        match value {
            Bson::Document(stage) => {
                match stage.get_str("stage") {
                    Ok("COLLSCAN") => self.reads_everything = true,
                    Ok("IDHACK") => self.add("_id_"),
                    Ok(_) => stage.get_str("indexName").into_iter().for_each(|name| self.add(name)),
                    Err(_) => {}
                }
                let inner = stage.iter().filter(|(key, _)| *key != "rejectedPlans");
                inner.for_each(|(_, value)| self.read(value, levels));
            }
            Bson::Array(stages) => stages.iter().for_each(|stage| self.read(stage, levels)),
            _ => {}
        }
    }

    fn add(&mut self, index: &str) {
        if !self.indexes.iter().any(|known| known == index) {
            self.indexes.push(index.to_owned());
        }
    }
}
