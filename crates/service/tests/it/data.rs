//! What functions can do with data sources, on either store.

use std::sync::Arc;

use bson::{Bson, Document, bson, doc};
use portcullis::User;
use portcullis_functions::{ActionName, Backend, BackendError, DataAction, Rights};

/// The data source of the application `guild`, through the backend of its functions.
pub(crate) struct Source {
    pub(crate) backend: Arc<dyn Backend>,
    /// A collection in the database `guild` that belongs to this test only; used as the system.
    pub(crate) collection: String,
}

pub(crate) type Law = fn(Source) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! laws {
    ($($name:ident)+) => {
        /// The tests, with their names.
        pub(crate) const LAWS: &[(&str, Law)] = &[$((stringify!($name), |source| Box::pin($name(source)))),+];
    };
}

laws! {
    documents_are_inserted_found_changed_and_deleted
    a_find_supports_sort_skip_limit_and_projection
    find_one_and_actions_change_one_document
    an_update_without_operators_replaces
    an_update_cannot_mix_operators_and_fields
    updates_accept_pipelines
    aggregations_run_pipelines
    a_pipeline_joins_collections
    a_pipeline_joins_collections_by_variables
    distinct_returns_each_value_once
    ordered_bulk_writes_stop_at_the_first_failure
    unordered_bulk_writes_continue_after_failures
    a_duplicate_key_error_has_its_code_and_omits_the_value
    errors_have_the_codes_of_mongodb
    the_writes_of_a_transaction_are_atomic
    an_aborted_transaction_has_no_effect
    a_failed_transaction_can_only_be_aborted
    a_user_and_the_system_share_a_transaction
    collection_names_are_listed
    system_databases_and_collections_are_closed
    actions_of_a_user_obey_the_rules
    a_transaction_of_a_user_obeys_the_rules
    schema_validation_applies_to_users_only
}

impl Source {
    async fn act_in(
        &self,
        rights: Rights,
        collection: &str,
        name: ActionName,
        arguments: Document,
        transaction: Option<u64>,
    ) -> Result<Bson, BackendError> {
        let action = DataAction {
            rights,
            service: "mongodb-atlas".to_owned(),
            database: "guild".to_owned(),
            collection: Some(collection.to_owned()),
            name,
            arguments,
            transaction,
            request: None,
            by_rule: false,
        };
        self.backend.data(action).await
    }

    async fn act(&self, name: ActionName, arguments: Document) -> Result<Bson, BackendError> {
        self.act_in(Rights::System, &self.collection, name, arguments, None).await
    }

    async fn done(&self, name: ActionName, arguments: Document) -> Bson {
        self.act(name, arguments).await.unwrap()
    }

    async fn insert(&self, documents: Vec<Document>) {
        self.done(ActionName::InsertMany, doc! { "documents": documents }).await;
    }

    async fn all(&self) -> Bson {
        self.done(ActionName::Find, doc! { "filter": {}, "sort": { "_id": 1 }, "limit": 100_i64 }).await
    }
}

fn user(id: &str) -> Rights {
    Rights::User(Arc::new(User::new(id).without_custom_data()))
}

fn numbers() -> Vec<Document> {
    (1..=5).map(|n| doc! { "_id": n, "even": n % 2 == 0, "n": n * 10 }).collect()
}

async fn documents_are_inserted_found_changed_and_deleted(source: Source) {
    assert_eq!(
        source.done(ActionName::InsertOne, doc! { "document": { "_id": 1, "a": 1 } }).await,
        bson!({ "insertedId": 1 })
    );
    let made = source.done(ActionName::InsertOne, doc! { "document": { "a": 2 } }).await;
    assert!(matches!(made.as_document().unwrap().get("insertedId"), Some(Bson::ObjectId(_))), "{made}");
    assert_eq!(
        source.done(ActionName::InsertMany, doc! { "documents": [{ "_id": 3 }, { "_id": 2 }] }).await,
        bson!({ "insertedIds": [3, 2] })
    );
    assert_eq!(source.done(ActionName::FindOne, doc! { "filter": { "a": 1 } }).await, bson!({ "_id": 1, "a": 1 }));
    assert_eq!(source.done(ActionName::FindOne, doc! { "filter": { "a": 9 } }).await, Bson::Null);
    assert_eq!(source.done(ActionName::Count, doc! { "filter": {} }).await, Bson::Int64(4));
    let set = doc! { "filter": { "a": { "$exists": true } }, "update": { "$set": { "b": 1 } } };
    assert_eq!(
        source.done(ActionName::UpdateMany, set.clone()).await,
        bson!({ "matchedCount": 2, "modifiedCount": 2 })
    );
    assert_eq!(source.done(ActionName::UpdateOne, set).await, bson!({ "matchedCount": 1, "modifiedCount": 0 }));
    let upsert = doc! { "filter": { "_id": 7 }, "update": { "$set": { "b": 1 } }, "upsert": true };
    assert_eq!(
        source.done(ActionName::UpdateOne, upsert).await,
        bson!({ "matchedCount": 0, "modifiedCount": 0, "upsertedId": 7 })
    );
    assert_eq!(
        source.done(ActionName::ReplaceOne, doc! { "filter": { "_id": 7 }, "replacement": { "c": 1 } }).await,
        bson!({ "matchedCount": 1, "modifiedCount": 1 })
    );
    assert_eq!(source.done(ActionName::FindOne, doc! { "filter": { "_id": 7 } }).await, bson!({ "_id": 7, "c": 1 }));
    assert_eq!(source.done(ActionName::DeleteOne, doc! { "filter": { "_id": 7 } }).await, bson!({ "deletedCount": 1 }));
    assert_eq!(source.done(ActionName::DeleteMany, doc! { "filter": {} }).await, bson!({ "deletedCount": 4 }));
}

async fn a_find_supports_sort_skip_limit_and_projection(source: Source) {
    source.insert(numbers()).await;
    let find = doc! {
        "filter": { "n": { "$gt": 10 } }, "sort": { "n": -1 }, "skip": 1, "limit": 2_i64, "projection": { "n": 1 },
    };
    assert_eq!(source.done(ActionName::Find, find).await, bson!([{ "_id": 4, "n": 40 }, { "_id": 3, "n": 30 }]));
}

async fn find_one_and_actions_change_one_document(source: Source) {
    source.insert(numbers()).await;
    let change = doc! {
        "filter": { "even": true }, "sort": { "n": -1 }, "update": { "$inc": { "n": 1 } }, "projection": { "n": 1 },
    };
    assert_eq!(source.done(ActionName::FindOneAndUpdate, change.clone()).await, bson!({ "_id": 4, "n": 40 }));
    let mut after = change;
    after.insert("returnNewDocument", true);
    assert_eq!(source.done(ActionName::FindOneAndUpdate, after).await, bson!({ "_id": 4, "n": 42 }));
    let replace = doc! { "filter": { "_id": 5 }, "replacement": { "x": 1 }, "returnNewDocument": true };
    assert_eq!(source.done(ActionName::FindOneAndReplace, replace).await, bson!({ "_id": 5, "x": 1 }));
    let upsert = doc! { "filter": { "_id": 9 }, "update": { "$set": { "x": 2 } }, "upsert": true };
    assert_eq!(source.done(ActionName::FindOneAndUpdate, upsert).await, Bson::Null);
    let delete = doc! { "filter": {}, "sort": { "_id": -1 } };
    assert_eq!(source.done(ActionName::FindOneAndDelete, delete).await, bson!({ "_id": 9, "x": 2 }));
    assert_eq!(source.done(ActionName::FindOneAndDelete, doc! { "filter": { "_id": 9 } }).await, Bson::Null);
}

async fn an_update_without_operators_replaces(source: Source) {
    source.insert(numbers()).await;
    let update = doc! { "filter": { "even": true }, "update": { "x": 1 } };
    assert_eq!(source.done(ActionName::UpdateMany, update).await, bson!({ "matchedCount": 2, "modifiedCount": 2 }));
    let update = doc! { "filter": { "_id": 1 }, "update": { "y": 1 } };
    assert_eq!(source.done(ActionName::UpdateOne, update).await, bson!({ "matchedCount": 1, "modifiedCount": 1 }));
    let few = doc! { "filter": { "_id": { "$in": [1, 2, 4] } }, "sort": { "_id": 1 }, "limit": 9_i64 };
    assert_eq!(
        source.done(ActionName::Find, few).await,
        bson!([{ "_id": 1, "y": 1 }, { "_id": 2, "x": 1 }, { "_id": 4, "x": 1 }])
    );
    let update = doc! { "filter": { "_id": 8 }, "update": { "z": 1 }, "upsert": true };
    assert_eq!(
        source.done(ActionName::UpdateMany, update).await.as_document().unwrap().get("upsertedId"),
        Some(&8.into())
    );
}

async fn an_update_cannot_mix_operators_and_fields(source: Source) {
    source.insert(numbers()).await;
    for (name, key, update) in [
        (ActionName::UpdateOne, "update", bson!({ "a": 1, "$set": { "b": 1 } })),
        (ActionName::UpdateOne, "update", bson!({ "$set": { "b": 1 }, "a": 1 })),
        (ActionName::UpdateMany, "update", bson!({ "a": 1, "$set": { "b": 1 } })),
        (ActionName::FindOneAndUpdate, "update", bson!({ "a": 1, "$set": { "b": 1 } })),
        (ActionName::ReplaceOne, "replacement", bson!({ "$set": { "b": 1 } })),
        (ActionName::FindOneAndReplace, "replacement", bson!({ "$set": { "b": 1 } })),
    ] {
        assert!(source.act(name, doc! { "filter": {}, key: update.clone() }).await.is_err(), "{name:?} {update}");
    }
    assert_eq!(source.all().await, Bson::from(numbers()));
}

async fn updates_accept_pipelines(source: Source) {
    source.insert(numbers()).await;
    let update = doc! { "filter": { "even": true }, "update": [{ "$set": { "twice": { "$add": ["$n", "$n"] } } }] };
    assert_eq!(source.done(ActionName::UpdateMany, update).await, bson!({ "matchedCount": 2, "modifiedCount": 2 }));
    let found = source.done(ActionName::FindOne, doc! { "filter": { "_id": 2 } }).await;
    assert_eq!(found, bson!({ "_id": 2, "even": true, "n": 20, "twice": 40 }));
}

async fn aggregations_run_pipelines(source: Source) {
    source.insert(numbers()).await;
    let pipeline = bson!([
        { "$match": { "n": { "$gt": 10 } } },
        { "$group": { "_id": "$even", "n": { "$sum": "$n" } } },
        { "$sort": { "_id": 1 } }
    ]);
    assert_eq!(
        source.done(ActionName::Aggregate, doc! { "pipeline": pipeline }).await,
        bson!([{ "_id": false, "n": 80 }, { "_id": true, "n": 60 }])
    );
}

async fn a_pipeline_joins_collections(source: Source) {
    source.insert(numbers()).await;
    let other = format!("{} others", source.collection);
    let others =
        bson!([{ "_id": 1, "of": 2 }, { "_id": 2, "of": [2, 3] }, { "_id": 3 }, { "_id": 4, "of": Bson::Null }]);
    let insert = doc! { "documents": others };
    source.act_in(Rights::System, &other, ActionName::InsertMany, insert, None).await.unwrap();
    let read = |pipeline: Bson| source.done(ActionName::Aggregate, doc! { "pipeline": pipeline });
    let lookup = |local: &str, pipeline: Bson| bson!({ "$lookup": { "from": &other, "localField": local, "foreignField": "of", "pipeline": pipeline, "as": "found" } });
    let names = bson!({ "$project": { "found": "$found._id" } });
    let few = bson!({ "$match": { "_id": { "$in": [2, 3, 5] } } });
    let order = bson!({ "$sort": { "_id": 1 } });
    assert_eq!(
        read(bson!([few.clone(), order.clone(), lookup("_id", bson!([])), names.clone()])).await,
        bson!([{ "_id": 2, "found": [1, 2] }, { "_id": 3, "found": [2] }, { "_id": 5, "found": [] }])
    );
    let first = bson!([{ "$sort": { "_id": -1 } }, { "$limit": 1 }]);
    assert_eq!(
        read(bson!([few.clone(), order.clone(), lookup("gone", first), names])).await,
        bson!([{ "_id": 2, "found": [4] }, { "_id": 3, "found": [4] }, { "_id": 5, "found": [4] }])
    );
    let union = bson!({ "$unionWith": { "coll": &other, "pipeline": [{ "$match": { "_id": 4 } }] } });
    assert_eq!(
        read(bson!([{ "$match": { "_id": 1 } }, union, { "$project": { "_id": 1 } }])).await,
        bson!([{ "_id": 1 }, { "_id": 4 }])
    );
}

async fn a_pipeline_joins_collections_by_variables(source: Source) {
    source.insert(numbers()).await;
    let other = format!("{} others", source.collection);
    let others = bson!([{ "_id": 1, "of": 2, "t": "$$n" }, { "_id": 2, "of": 3 }, { "_id": 3 }, { "_id": 4, "of": 5 }]);
    let insert = doc! { "documents": others };
    source.act_in(Rights::System, &other, ActionName::InsertMany, insert, None).await.unwrap();
    let read = |pipeline: Bson| source.done(ActionName::Aggregate, doc! { "pipeline": pipeline });
    let few = bson!({ "$match": { "_id": { "$in": [2, 3] } } });
    let order = bson!({ "$sort": { "_id": 1 } });
    let shown = bson!({ "$project": { "found": 1 } });
    let joined = |vars: Bson, stages: Bson| {
        let lookup = bson!({ "$lookup": { "from": &other, "let": vars, "pipeline": stages, "as": "found" } });
        read(bson!([few.clone(), order.clone(), lookup, shown.clone()]))
    };
    // In `$expr`, wherever a filter contains it, and in each stage that has expressions.
    let equal = bson!({ "$match": { "$or": [{ "$and": [{ "$expr": { "$eq": ["$of", "$$id"] } }] }] } });
    let made = bson!([
        equal.clone(),
        { "$set": { "sum": { "$add": ["$$n", "$_id"] }, "in": { "name": "$$id" } } },
        { "$project": { "of": 1, "sum": 1, "in": 1, "text": { "$literal": "$$id" }, "n": "$$n" } }
    ]);
    let first = bson!({ "_id": 1, "of": 2, "sum": 21, "in": { "name": 2 }, "text": "$$id", "n": 20 });
    let second = bson!({ "_id": 2, "of": 3, "sum": 32, "in": { "name": 3 }, "text": "$$id", "n": 30 });
    assert_eq!(
        joined(bson!({ "id": "$_id", "n": "$n" }), made).await,
        bson!([{ "_id": 2, "found": [first] }, { "_id": 3, "found": [second] }])
    );
    let grouped = bson!([
        { "$group": { "_id": "$$id", "count": { "$sum": "$$id" }, "most": { "$max": { "$add": ["$_id", "$$id"] } } } },
        { "$replaceWith": { "id": "$$id", "count": "$count", "most": "$most" } }
    ]);
    assert_eq!(
        joined(bson!({ "id": "$_id" }), grouped).await,
        bson!([
            { "_id": 2, "found": [{ "id": 2, "count": 8, "most": 6 }] },
            { "_id": 3, "found": [{ "id": 3, "count": 12, "most": 7 }] }
        ])
    );
    // Outside of expressions a string is just a string, and a field that the document lacks is missing.
    let text = bson!([{ "$match": { "t": "$$n" } }, { "$project": { "gone": "$$gone" } }]);
    assert_eq!(
        joined(bson!({ "gone": "$nothing" }), text).await,
        bson!([{ "_id": 2, "found": [{ "_id": 1 }] }, { "_id": 3, "found": [{ "_id": 1 }] }])
    );
    // Inner pipelines see the variables of outer ones, and a stage may have both fields and variables.
    let inner = bson!({ "$lookup": {
        "from": &other, "let": { "mine": { "$add": ["$_id", 0] } }, "as": "inner",
        "pipeline": [
            { "$match": { "$expr": { "$and": [{ "$lt": ["$_id", "$$id"] }, { "$lte": ["$_id", "$$mine"] }] } } },
            { "$project": { "sum": { "$add": ["$$id", "$$mine"] } } }
        ]
    } });
    let lookup = bson!({ "$lookup": {
        "from": &other, "localField": "_id", "foreignField": "of", "let": { "id": "$_id" },
        "pipeline": [inner, { "$project": { "inner": 1 } }], "as": "found"
    } });
    assert_eq!(
        read(bson!([few.clone(), order.clone(), lookup, shown.clone()])).await,
        bson!([
            { "_id": 2, "found": [{ "_id": 1, "inner": [{ "_id": 1, "sum": 3 }] }] },
            { "_id": 3, "found": [{ "_id": 2, "inner": [{ "_id": 1, "sum": 5 }, { "_id": 2, "sum": 5 }] }] }
        ])
    );
    let lookup = bson!({ "$lookup": { "from": &other, "let": { "id": "$_id" }, "pipeline": [{ "$project": { "x": "$$other" } }], "as": "found" } });
    assert!(source.act(ActionName::Aggregate, doc! { "pipeline": [lookup] }).await.is_err());
    for name in ["K", "ROOT", "_k", "1k", "a b", "$k", ""] {
        let lookup =
            bson!({ "$lookup": { "from": &other, "let": { name: 1, "fits": 1 }, "pipeline": [], "as": "found" } });
        assert!(source.act(ActionName::Aggregate, doc! { "pipeline": [lookup] }).await.is_err(), "{name}");
    }
}

async fn distinct_returns_each_value_once(source: Source) {
    source.insert(numbers()).await;
    let distinct = doc! { "key": "even", "filter": { "_id": { "$gt": 1 } } };
    assert_eq!(source.done(ActionName::Distinct, distinct).await, bson!([false, true]));
}

fn bulk() -> Vec<Bson> {
    vec![
        bson!({ "insertOne": { "document": { "_id": 1 } } }),
        bson!({ "insertOne": { "_id": 2, "a": 1 } }),
        bson!({ "updateOne": { "filter": { "_id": 2 }, "update": { "$set": { "a": 2 } } } }),
        bson!({ "updateOne": { "filter": { "_id": 1 }, "update": { "plain": 1 } } }),
        bson!({ "updateMany": { "filter": {}, "update": { "$set": { "all": 1 } } } }),
        bson!({ "replaceOne": { "filter": { "_id": 5 }, "replacement": { "b": 1 }, "upsert": true } }),
        bson!({ "insertOne": { "document": { "_id": 6 } } }),
        bson!({ "deleteOne": { "filter": { "_id": 6 } } }),
    ]
}

async fn ordered_bulk_writes_stop_at_the_first_failure(source: Source) {
    assert_eq!(source.done(ActionName::BulkWrite, doc! { "operations": bulk() }).await, Bson::Null);
    let expected = bson!([{ "_id": 1, "plain": 1, "all": 1 }, { "_id": 2, "a": 2, "all": 1 }, { "_id": 5, "b": 1 }]);
    assert_eq!(source.all().await, expected);
    let operations = bson!([
        { "deleteMany": { "filter": { "_id": 5 } } },
        { "insertOne": { "document": { "_id": 1 } } },
        { "insertOne": { "document": { "_id": 7 } } }
    ]);
    assert_eq!(
        source.act(ActionName::BulkWrite, doc! { "operations": operations }).await.unwrap_err().code,
        Some(11000)
    );
    let expected = bson!([{ "_id": 1, "plain": 1, "all": 1 }, { "_id": 2, "a": 2, "all": 1 }]);
    assert_eq!(source.all().await, expected);
    for wrong in [
        bson!([]),
        bson!([{ "deleteMany": {} }]),
        bson!([{ "updateOne": { "update": { "$set": { "a": 1 } } } }]),
        bson!([{ "drop": {} }]),
        bson!([{ "deleteOne": { "filter": {} }, "insertOne": {} }]),
    ] {
        assert!(source.act(ActionName::BulkWrite, doc! { "operations": wrong.clone() }).await.is_err(), "{wrong}");
    }
    assert_eq!(source.all().await, expected);
}

async fn unordered_bulk_writes_continue_after_failures(source: Source) {
    source.insert(vec![doc! { "_id": 2 }]).await;
    let documents = bson!([{ "_id": 1 }, { "_id": 2 }, { "_id": 3 }]);
    let insert = doc! { "documents": documents, "ordered": false };
    assert_eq!(source.act(ActionName::InsertMany, insert).await.unwrap_err().code, Some(11000));
    assert_eq!(source.all().await, bson!([{ "_id": 1 }, { "_id": 2 }, { "_id": 3 }]));
    let operations = bson!([
        { "insertOne": { "document": { "_id": 1 } } },
        { "insertOne": { "document": { "_id": 4 } } },
        { "updateOne": { "filter": { "_id": 3 }, "update": { "$set": { "a": 1 } } } }
    ]);
    let write = doc! { "operations": operations, "ordered": false };
    assert_eq!(source.act(ActionName::BulkWrite, write).await.unwrap_err().code, Some(11000));
    assert_eq!(source.all().await, bson!([{ "_id": 1 }, { "_id": 2 }, { "_id": 3, "a": 1 }, { "_id": 4 }]));
}

async fn a_duplicate_key_error_has_its_code_and_omits_the_value(source: Source) {
    source.insert(vec![doc! { "_id": "hunter2" }]).await;
    let error = source.act(ActionName::InsertOne, doc! { "document": { "_id": "hunter2" } }).await.unwrap_err();
    assert_eq!((error.name.as_str(), error.code), ("MongoError", Some(11000)));
    assert!(error.message.contains("E11000") && !error.message.contains("hunter2"), "{error}");
}

async fn errors_have_the_codes_of_mongodb(source: Source) {
    source.insert(vec![doc! { "_id": 1, "name": "ada" }]).await;
    // Bad value, type mismatch, failed to parse.
    for (code, action, arguments) in [
        (2, ActionName::Find, doc! { "filter": { "a": { "$E11000": 1 } } }),
        (14, ActionName::UpdateOne, doc! { "filter": {}, "update": { "$inc": { "name": 1 } } }),
        (9, ActionName::UpdateOne, doc! { "filter": {}, "update": { "$E11000": { "a": 1 } } }),
    ] {
        let error = source.act(action, arguments.clone()).await.unwrap_err();
        assert_eq!(error.code, Some(code), "{arguments}: {error}");
    }
    // No such transaction.
    let number = begun(&source).await;
    source.backend.abort(number).await.unwrap();
    let error = source.act_within(number, ActionName::Count, doc! { "filter": {} }).await.unwrap_err();
    assert_eq!(error.code, Some(251));
}

async fn begun(source: &Source) -> u64 {
    source.backend.begin("mongodb-atlas", &Rights::System).await.unwrap()
}

impl Source {
    async fn act_within(&self, number: u64, name: ActionName, arguments: Document) -> Result<Bson, BackendError> {
        self.act_in(Rights::System, &self.collection, name, arguments, Some(number)).await
    }
}

async fn the_writes_of_a_transaction_are_atomic(source: Source) {
    source.insert(numbers()).await;
    let number = begun(&source).await;
    let insert = doc! { "document": { "_id": 6, "even": true, "n": 60 } };
    source.act_within(number, ActionName::InsertOne, insert).await.unwrap();
    let update = doc! { "filter": { "even": true }, "update": { "$inc": { "n": 1 } } };
    let updated = source.act_within(number, ActionName::UpdateMany, update).await.unwrap();
    assert_eq!(updated, bson!({ "matchedCount": 3, "modifiedCount": 3 }));
    let counted = source.act_within(number, ActionName::Count, doc! { "filter": { "even": true } }).await;
    assert_eq!(counted.unwrap(), Bson::Int64(3));
    let pipeline = bson!([{ "$match": { "even": true } }, { "$group": { "_id": Bson::Null, "n": { "$sum": "$n" } } }]);
    let summed = source.act_within(number, ActionName::Aggregate, doc! { "pipeline": pipeline }).await.unwrap();
    assert_eq!(summed, bson!([{ "_id": Bson::Null, "n": 123 }]));
    assert_eq!(source.done(ActionName::Count, doc! { "filter": {} }).await, Bson::Int64(5));
    source.backend.commit(number).await.unwrap();
    assert_eq!(source.done(ActionName::Count, doc! { "filter": {} }).await, Bson::Int64(6));
    assert!(source.backend.commit(number).await.is_err());
    assert!(source.act_within(number, ActionName::Count, doc! { "filter": {} }).await.is_err());
}

async fn an_aborted_transaction_has_no_effect(source: Source) {
    let number = begun(&source).await;
    source.act_within(number, ActionName::InsertOne, doc! { "document": { "_id": 6 } }).await.unwrap();
    source.backend.abort(number).await.unwrap();
    source.backend.abort(number).await.unwrap();
    assert_eq!(source.all().await, bson!([]));
    assert!(source.act_within(number, ActionName::InsertOne, doc! { "document": { "_id": 6 } }).await.is_err());
}

async fn a_failed_transaction_can_only_be_aborted(source: Source) {
    source.insert(vec![doc! { "_id": 1 }]).await;
    let number = begun(&source).await;
    source.act_within(number, ActionName::InsertOne, doc! { "document": { "_id": 2 } }).await.unwrap();
    let twice = source.act_within(number, ActionName::InsertOne, doc! { "document": { "_id": 1 } }).await;
    assert_eq!(twice.unwrap_err().code, Some(11000));
    assert!(source.act_within(number, ActionName::InsertOne, doc! { "document": { "_id": 3 } }).await.is_err());
    assert!(source.backend.commit(number).await.is_err());
    assert_eq!(source.all().await, bson!([{ "_id": 1 }]));
}

async fn a_user_and_the_system_share_a_transaction(source: Source) {
    let id = format!("shared {}", source.collection);
    let number = begun(&source).await;
    let chest = |rights, name, arguments| source.act_in(rights, "chest", name, arguments, Some(number));
    let document = doc! { "document": { "_id": &id, "owner": "ada", "gold": 1 } };
    chest(Rights::System, ActionName::InsertOne, document).await.unwrap();
    let by_id = doc! { "filter": { "_id": &id } };
    assert_eq!(chest(user("eve"), ActionName::Count, by_id.clone()).await.unwrap(), Bson::Int64(0));
    assert_eq!(chest(user("ada"), ActionName::Count, by_id.clone()).await.unwrap(), Bson::Int64(1));
    let pipeline = bson!([{ "$match": { "_id": &id } }, { "$project": { "_id": 0, "gold": 1 } }]);
    let read = chest(user("ada"), ActionName::Aggregate, doc! { "pipeline": pipeline }).await.unwrap();
    assert_eq!(read, bson!([{ "gold": 1 }]));
    let found = source.act_in(user("ada"), "chest", ActionName::Count, by_id, None).await.unwrap();
    assert_eq!(found, Bson::Int64(0));
    source.backend.abort(number).await.unwrap();
}

async fn collection_names_are_listed(source: Source) {
    source.insert(numbers()).await;
    let names = |name, database: &str| {
        let action = DataAction {
            rights: Rights::System,
            service: "mongodb-atlas".to_owned(),
            database: database.to_owned(),
            collection: None,
            name,
            arguments: Document::new(),
            transaction: None,
            request: None,
            by_rule: false,
        };
        source.backend.data(action)
    };
    let collections = names(ActionName::GetCollectionNames, "guild").await.unwrap();
    assert!(collections.as_array().unwrap().contains(&Bson::from(&source.collection)), "{collections}");
    assert_eq!(names(ActionName::GetCollectionNames, "nowhere").await.unwrap(), bson!([]));
    let databases = names(ActionName::GetDatabaseNames, "").await.unwrap();
    let databases = databases.as_array().unwrap();
    assert!(databases.contains(&"guild".into()), "{databases:?}");
    assert!(["admin", "config", "local", "accounts"].iter().all(|hidden| !databases.contains(&(*hidden).into())));
    for rights in [user("ada")] {
        let action = DataAction {
            rights,
            service: "mongodb-atlas".to_owned(),
            database: "guild".to_owned(),
            collection: None,
            name: ActionName::GetCollectionNames,
            arguments: Document::new(),
            transaction: None,
            request: None,
            by_rule: false,
        };
        assert!(source.backend.data(action).await.is_err());
    }
}

async fn system_databases_and_collections_are_closed(source: Source) {
    for (database, collection) in [("guild", "system.views"), ("admin", "users"), ("config", "transactions")] {
        for rights in [Rights::System, user("ada")] {
            let action = DataAction {
                rights,
                service: "mongodb-atlas".to_owned(),
                database: database.to_owned(),
                collection: Some(collection.to_owned()),
                name: ActionName::FindOne,
                arguments: doc! { "filter": {} },
                transaction: None,
                request: None,
                by_rule: false,
            };
            assert!(source.backend.data(action).await.is_err(), "{database}.{collection}");
        }
    }
    let pipeline = bson!([{ "$unionWith": { "coll": "system.views" } }]);
    assert!(source.act(ActionName::Aggregate, doc! { "pipeline": pipeline }).await.is_err());
}

async fn actions_of_a_user_obey_the_rules(source: Source) {
    let id = |name: &str| format!("{name} {}", source.collection);
    let chest = |rights, name, arguments| source.act_in(rights, "chest", name, arguments, None);
    let documents = bson!([
        { "_id": id("a"), "owner": "ada", "gold": 1, "seal": "red" },
        { "_id": id("e"), "owner": "eve", "gold": 2, "seal": "blue" }
    ]);
    chest(Rights::System, ActionName::InsertMany, doc! { "documents": documents }).await.unwrap();
    let both = doc! { "_id": { "$in": [id("a"), id("e")] } };
    let found = chest(user("ada"), ActionName::Find, doc! { "filter": both.clone(), "limit": 9_i64 }).await.unwrap();
    assert_eq!(found, bson!([{ "_id": id("a"), "owner": "ada", "gold": 1 }]));
    let update = doc! { "filter": both.clone(), "update": { "$inc": { "gold": 1 } } };
    let updated = chest(user("ada"), ActionName::UpdateMany, update).await.unwrap();
    assert_eq!(updated, bson!({ "matchedCount": 1, "modifiedCount": 1 }));
    let distinct = doc! { "filter": both.clone(), "key": "gold" };
    assert_eq!(chest(user("ada"), ActionName::Distinct, distinct).await.unwrap(), bson!([2]));
    let operations = bson!([
        { "insertOne": { "document": { "_id": id("n"), "owner": "ada", "gold": 0 } } },
        { "insertOne": { "document": { "_id": id("x"), "owner": "eve", "gold": 0 } } }
    ]);
    let error = chest(user("ada"), ActionName::BulkWrite, doc! { "operations": operations }).await.unwrap_err();
    assert_eq!(error.name, "MongoError");
    let both_new = doc! { "filter": { "_id": { "$in": [id("n"), id("x")] } } };
    assert_eq!(chest(Rights::System, ActionName::Count, both_new).await.unwrap(), Bson::Int64(0));
    let seal = doc! { "filter": { "_id": id("a") }, "update": { "$set": { "seal": "none" } } };
    assert!(chest(user("ada"), ActionName::UpdateOne, seal).await.is_err());
    let sealed = chest(Rights::System, ActionName::FindOne, doc! { "filter": { "_id": id("a") } }).await.unwrap();
    assert_eq!(sealed.as_document().unwrap().get("seal"), Some(&"red".into()));
    let elsewhere = source.act_in(user("ada"), "unruled", ActionName::Find, doc! { "filter": {} }, None).await;
    assert_eq!(elsewhere.unwrap_err().message, "no rule exists for namespace 'guild.unruled'");
}

async fn a_transaction_of_a_user_obeys_the_rules(source: Source) {
    let id = |name: &str| format!("{name} {}", source.collection);
    let mine = doc! { "document": { "_id": id("m"), "owner": "ada", "gold": 1 } };
    let theirs = doc! { "document": { "_id": id("t"), "owner": "eve", "gold": 1 } };
    let ids = doc! { "filter": { "_id": { "$in": [id("m"), id("t")] } } };
    let number = begun(&source).await;
    let within = |rights, name, arguments| source.act_in(rights, "chest", name, arguments, Some(number));
    within(user("ada"), ActionName::InsertOne, mine.clone()).await.unwrap();
    assert!(within(user("ada"), ActionName::InsertOne, theirs).await.is_err());
    source.backend.abort(number).await.unwrap();
    let counted = source.act_in(Rights::System, "chest", ActionName::Count, ids.clone(), None).await.unwrap();
    assert_eq!(counted, Bson::Int64(0));
    let number = begun(&source).await;
    source.act_in(user("ada"), "chest", ActionName::InsertOne, mine, Some(number)).await.unwrap();
    let pay = doc! { "filter": { "_id": id("m") }, "update": { "$inc": { "gold": 5 } } };
    source.act_in(user("ada"), "chest", ActionName::UpdateOne, pay, Some(number)).await.unwrap();
    source.backend.commit(number).await.unwrap();
    let found = source.act_in(Rights::System, "chest", ActionName::FindOne, ids, None).await.unwrap();
    assert_eq!(found, bson!({ "_id": id("m"), "owner": "ada", "gold": 6 }));
}

async fn schema_validation_applies_to_users_only(source: Source) {
    let id = |name: &str| format!("{name} {}", source.collection);
    let document = |name: &str| doc! { "document": { "_id": id(name), "owner": "ada", "gold": "much" } };
    let refused = source.act_in(user("ada"), "chest", ActionName::InsertOne, document("u"), None).await;
    assert!(refused.is_err());
    source.act_in(Rights::System, "chest", ActionName::InsertOne, document("s"), None).await.unwrap();
}
