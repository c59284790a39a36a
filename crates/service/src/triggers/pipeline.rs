//! Translates the configuration of a database trigger into a request for a change stream.

use bson::{Bson, Document, doc};
use portcullis::store::documents::{FeedRequest, FeedScope, Namespace};
use portcullis::trigger::{DatabaseTrigger, Source};

/// MongoDB's internal databases.
const INTERNAL: [&str; 3] = ["admin", "config", "local"];

/// Matches the names of the databases in which App Services kept the history of Device Sync.
const SYNC: &str = "^__realm_sync";

/// The `operationType` of the last event of a stream.
pub(super) const INVALIDATE: &str = "invalidate";

/// The change stream of a trigger. `accounts` is the database of users and triggers, whose changes no trigger receives.
pub(super) fn request(trigger: &DatabaseTrigger, accounts: Option<&str>, after: Option<Document>) -> FeedRequest {
    let mut operations: Vec<&str> = trigger.operations.iter().copied().collect();
    operations.push(INVALIDATE);
    let mut wanted = doc! { "operationType": { "$in": operations } };
    let scope = match &trigger.source {
        Source::Collection { database, collection } => {
            // Parsing fails only for empty names, which the configuration does not permit.
            Namespace::parse(&format!("{database}.{collection}"))
                .map_or_else(|| FeedScope::Database(database.clone()), FeedScope::Collection)
        }
        Source::Database(name) => FeedScope::Database(name.clone()),
        Source::Deployment => {
            let internal: Vec<&str> = INTERNAL.into_iter().chain(accounts).collect();
            wanted.insert("ns.db", doc! { "$nin": internal, "$not": { "$regex": SYNC } });
            FeedScope::Deployment
        }
    };
    let mut pipeline = vec![doc! { "$match": wanted }];
    if let Some(matching) = &trigger.matching {
        // The last event of the stream must pass any filter.
        let end = doc! { "operationType": INVALIDATE };
        pipeline.push(doc! { "$match": { "$or": [end, matching.clone()] } });
    }
    let project: Option<Document> = trigger.project.as_ref().map(|project| {
        // `_id` is the resume token, so the stream must contain it; it is removed afterwards if the projection excludes
        // it.
        project.iter().filter(|(key, _)| *key != "_id").map(|(key, value)| (key.clone(), value.clone())).collect()
    });
    if let Some(project) = project.filter(|project| !project.is_empty()) {
        pipeline.push(doc! { "$project": project });
    }
    FeedRequest {
        scope,
        pipeline,
        full_document: trigger.full_document,
        full_document_before_change: trigger.full_document_before_change,
        expanded: trigger.is_expanded(),
        after,
    }
}

/// The argument of the function.
pub(super) fn argument(trigger: &DatabaseTrigger, mut event: Document) -> Bson {
    let is_off =
        |id: &Bson| matches!(id, Bson::Boolean(false) | Bson::Int32(0) | Bson::Int64(0)) || *id == Bson::Double(0.0);
    if trigger.project.as_ref().and_then(|project| project.get("_id")).is_some_and(is_off) {
        event.remove("_id");
    }
    Bson::Document(event)
}
