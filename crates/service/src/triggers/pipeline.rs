//! What of the changes of a database a trigger is told.

use bson::{Bson, Document, doc};
use portcullis::store::documents::{FeedRequest, FeedScope, Namespace};
use portcullis::trigger::{DatabaseTrigger, Source};

/// The databases that MongoDB keeps for itself.
const INTERNAL: [&str; 3] = ["admin", "config", "local"];

/// The beginning of the name of databases in which App Services kept the history of device sync.
const SYNC: &str = "__realm_sync";

/// The operation by which a stream says that it ends.
pub(super) const INVALIDATE: &str = "invalidate";

/// Asks for the changes that a trigger is told. `accounts` is the database of users and triggers, of which nobody is told.
pub(super) fn request(trigger: &DatabaseTrigger, accounts: Option<&str>, after: Option<Document>) -> FeedRequest {
    let mut operations: Vec<&str> = trigger.operations.iter().copied().collect();
    operations.push(INVALIDATE);
    let mut wanted = doc! { "operationType": { "$in": operations } };
    let scope = match &trigger.source {
        Source::Collection { database, collection } => {
            // Neither is empty.
            Namespace::parse(&format!("{database}.{collection}"))
                .map_or_else(|| FeedScope::Database(database.clone()), FeedScope::Collection)
        }
        Source::Database(name) => FeedScope::Database(name.clone()),
        Source::Deployment => {
            let internal: Vec<&str> = INTERNAL.into_iter().chain(accounts).collect();
            wanted.insert("ns.db", doc! { "$nin": internal });
            FeedScope::Deployment
        }
    };
    let mut pipeline = vec![doc! { "$match": wanted }];
    if let Some(matching) = &trigger.matching {
        // The end of the stream must be told whatever is wanted.
        let end = doc! { "operationType": INVALIDATE };
        pipeline.push(doc! { "$match": { "$or": [end, matching.clone()] } });
    }
    let project: Option<Document> = trigger.project.as_ref().map(|project| {
        // The stream goes on by the `_id`: what is to be left out of it is left out afterwards.
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

/// The argument of the function; `None` for an event that is told to nobody.
pub(super) fn argument(trigger: &DatabaseTrigger, mut event: Document) -> Option<Bson> {
    let database = event.get_document("ns").ok().and_then(|ns| ns.get_str("db").ok());
    if trigger.source == Source::Deployment && database.is_some_and(|name| name.starts_with(SYNC)) {
        return None;
    }
    let is_off =
        |id: &Bson| matches!(id, Bson::Boolean(false) | Bson::Int32(0) | Bson::Int64(0)) || *id == Bson::Double(0.0);
    if trigger.project.as_ref().and_then(|project| project.get("_id")).is_some_and(is_off) {
        event.remove("_id");
    }
    Some(Bson::Document(event))
}
