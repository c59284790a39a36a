//! The recorded updates in `fixtures/updates` are what a server does.

use bson::{Bson, Document, doc};

use portcullis_testkit::contracts::query_cases::query_cases;
use portcullis_testkit::contracts::update_cases::cases;
use portcullis_testkit::mongodb::{Finished, World};

pub(crate) fn recorded_updates_match_the_server(world: World) -> Finished {
    Box::pin(async move {
        let collection = world.database.collection::<Document>("recorded");
        for case in cases() {
            collection.delete_many(doc! {}).await.unwrap();
            if let Some(document) = &case.document {
                collection.insert_one(document).await.unwrap();
            }
            let filters: Vec<Bson> = case.array_filters.iter().cloned().map(Bson::Document).collect();
            let mut statement = doc! { "q": &case.filter, "u": &case.update, "upsert": case.document.is_none() };
            if !case.is_replacement() {
                statement.insert("arrayFilters", filters);
            }
            let command = doc! { "update": "recorded", "updates": [statement] };
            let answer = world.database.run_command(command).await.unwrap();
            let got = match answer.get_array("writeErrors") {
                Ok(errors) => doc! { "refused": errors[0].as_document().unwrap().get_i32("code").unwrap() },
                Err(_) => {
                    let mut stored = collection.find_one(doc! {}).await.unwrap().unwrap();
                    if case.document.is_some() {
                        doc! { "document": stored, "modified": answer.get_i32("nModified").unwrap() == 1 }
                    } else {
                        if matches!(stored.get("_id"), Some(Bson::ObjectId(_))) {
                            stored.remove("_id");
                        }
                        doc! { "inserted": stored }
                    }
                }
            };
            // As texts, in which NaN is equal to itself.
            assert_eq!(got.to_string(), case.expect.to_string(), "{}: {}", case.place, case.update);
        }
    })
}

/// The recorded pipelines in `fixtures/queries`, too.
pub(crate) fn recorded_queries_match_the_server(world: World) -> Finished {
    Box::pin(async move {
        let collection = world.database.collection::<Document>("recorded");
        let mut stored: Vec<Document> = Vec::new();
        for case in query_cases() {
            // As texts, in which NaN is equal to itself.
            if format!("{stored:?}") != format!("{:?}", case.documents) {
                collection.delete_many(doc! {}).await.unwrap();
                collection.insert_many(&case.documents).await.unwrap();
                stored.clone_from(&case.documents);
            }
            let command = doc! {
                "aggregate": "recorded", "pipeline": &case.pipeline, "cursor": { "batchSize": 1000 }, "hint": { "$natural": 1 },
            };
            let answer = world.database.run_command(command).await.ok().map(|answer| {
                let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
                batch.iter().map(|made| made.as_document().unwrap().clone()).collect::<Vec<_>>()
            });
            assert_eq!(format!("{answer:?}"), format!("{:?}", case.answer), "{}: {:?}", case.place, case.pipeline);
        }
    })
}
