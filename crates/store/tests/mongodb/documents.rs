//! The documents of a server, without rules: reads with their guarantees, and transactions.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{Change, DocumentStore, DocumentsError, Find, Namespace, SingleWrite, Updated};
use portcullis_store::mongodb::MongoDocuments;

use portcullis_testkit::mongodb::World;

fn things(world: &World) -> Namespace {
    Namespace::parse(&format!("{}.things", world.database.name())).unwrap()
}

async fn found(store: &MongoDocuments, namespace: &Namespace, find: &Find) -> Vec<Document> {
    let mut cursor = store.find(namespace, find).await.unwrap();
    let mut all = Vec::new();
    loop {
        let batch = cursor.batch().await.unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch.iter().map(|one| Document::try_from(one).unwrap()));
    }
}

pub(crate) async fn a_query_returns_documents_in_order_and_in_batches(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    let collection = world.database.collection::<Document>("things");
    collection.insert_many((0..2500).map(|n| doc! { "_id": n, "even": n % 2 == 0 })).await.unwrap();
    let all = found(&store, &namespace, &Find::by(doc! {})).await;
    assert_eq!(all.len(), 2500);
    let find = Find {
        projection: doc! { "even": 0 },
        sort: doc! { "_id": -1 },
        skip: 1,
        limit: Some(2),
        ..Find::by(doc! { "even": true })
    };
    assert_eq!(found(&store, &namespace, &find).await, [doc! { "_id": 2496 }, doc! { "_id": 2494 }]);
    let elsewhere = Namespace::parse("nowhere.nothing").unwrap();
    assert!(found(&store, &elsewhere, &Find::by(doc! {})).await.is_empty());
}

pub(crate) async fn every_read_sets_read_concern_collation_and_time_limit(world: World) {
    let (client, sent) = world.listening("&readPreference=secondaryPreferred").await;
    let (store, namespace) = (MongoDocuments::new(&client), things(&world));
    found(&store, &namespace, &Find::by(doc! {})).await;
    store.aggregate(&namespace, &[doc! { "$match": {} }]).await.unwrap();
    let given = vec![RawDocumentBuf::try_from(&doc! { "a": "$b" }).unwrap()];
    store.aggregate_documents(namespace.database(), given, &[doc! { "$limit": 1 }]).await.unwrap();
    let commands: Vec<_> = sent.take().into_iter().filter(|event| event.command_name != "hello").collect();
    assert_eq!(commands.len(), 3);
    for event in commands {
        let command = event.command;
        assert_eq!(command.get_document("readConcern").unwrap().get_str("level").unwrap(), "majority", "{command}");
        assert_eq!(command.get_document("collation").unwrap().get_str("locale").unwrap(), "simple", "{command}");
        assert!(command.contains_key("maxTimeMS"), "{command}");
        let preference = command.get_document("$readPreference").ok().and_then(|wish| wish.get_str("mode").ok());
        assert!(preference.is_none_or(|mode| mode == "primary"), "{command}");
    }
}

pub(crate) async fn given_documents_are_literals_and_not_expressions(world: World) {
    let store = MongoDocuments::new(&world.client);
    let given = [
        doc! { "a": "$b", "b": 1, "c": { "$add": [1, 2] }, "d.e": "$$ROOT", "$f": { "$literal": 1 } },
        doc! { "_id": 1, "a": { "$gt": "" } },
        doc! { "_id": 1 },
    ];
    let documents = given.iter().map(|one| RawDocumentBuf::try_from(one).unwrap()).collect();
    let stages = [doc! { "$match": {} }];
    let mut cursor = store.aggregate_documents(world.database.name(), documents, &stages).await.unwrap();
    let back: Vec<_> = cursor.batch().await.unwrap().iter().map(|one| Document::try_from(one).unwrap()).collect();
    assert_eq!(back, given);
}

pub(crate) async fn a_transaction_is_atomic(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    let mut transaction = store.begin().await.unwrap();
    let id = transaction.insert(&namespace, &doc! { "_id": 1, "n": 1 }).await.unwrap();
    assert_eq!(id, Bson::Int32(1));
    let inside = transaction.find(&namespace, &Find::by(doc! {})).await.unwrap();
    assert_eq!(inside.len(), 1);
    assert!(found(&store, &namespace, &Find::by(doc! {})).await.is_empty());
    drop(transaction);
    assert!(found(&store, &namespace, &Find::by(doc! {})).await.is_empty());

    let mut transaction = store.begin().await.unwrap();
    transaction.insert(&namespace, &doc! { "_id": 1, "n": 1, "list": [1, 5] }).await.unwrap();
    let change = Change::Operators {
        update: doc! { "$inc": { "n": 1 }, "$set": { "list.$[big]": 0 } },
        array_filters: vec![doc! { "big": { "$gt": 2 } }],
    };
    let updated = transaction.update(&namespace, &doc! { "_id": 1 }, &change, false).await.unwrap();
    assert_eq!(updated, Updated { matched: true, modified: true, upserted: None });
    let change = Change::Pipeline(vec![doc! { "$set": { "m": { "$add": ["$n", 40] } } }]);
    transaction.update(&namespace, &doc! { "_id": 1 }, &change, false).await.unwrap();
    let change = Change::Replacement(doc! { "a": 1 });
    let updated = transaction.update(&namespace, &doc! { "_id": 2 }, &change, true).await.unwrap();
    assert_eq!(updated, Updated { matched: false, modified: false, upserted: Some(Bson::Int32(2)) });
    transaction.insert(&namespace, &doc! { "_id": 3 }).await.unwrap();
    assert!(transaction.delete(&namespace, &Bson::Int32(3)).await.unwrap());
    assert!(!transaction.delete(&namespace, &Bson::Int32(4)).await.unwrap());
    transaction.commit().await.unwrap();
    let stored = [doc! { "_id": 1, "n": 2, "list": [1, 0], "m": 42 }, doc! { "_id": 2, "a": 1 }];
    assert_eq!(found(&store, &namespace, &Find::by(doc! {})).await, stored);
}

pub(crate) async fn one_of_two_conflicting_writers_gets_a_retryable_error(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    world.database.collection::<Document>("things").insert_one(doc! { "_id": 1, "n": 0 }).await.unwrap();
    let change = Change::Operators { update: doc! { "$inc": { "n": 1 } }, array_filters: Vec::new() };
    let (mut one, mut other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    one.update(&namespace, &doc! { "_id": 1 }, &change, false).await.unwrap();
    let error = other.update(&namespace, &doc! { "_id": 1 }, &change, false).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    one.commit().await.unwrap();
    assert_eq!(found(&store, &namespace, &Find::by(doc! {})).await, [doc! { "_id": 1, "n": 1 }]);
}

pub(crate) async fn a_duplicate_key_error_omits_the_value(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    world.database.collection::<Document>("things").insert_one(doc! { "_id": "geheim" }).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let error = transaction.insert(&namespace, &doc! { "_id": "geheim" }).await.unwrap_err();
    assert!(matches!(error, DocumentsError::DuplicateKey), "{error:?}");
    assert!(!error.to_string().contains("geheim"));
}

pub(crate) async fn errors_of_the_server_keep_their_code(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    let Err(error) = store.find(&namespace, &Find::by(doc! { "a": { "$nope": 1 } })).await else { panic!() };
    assert!(matches!(error, DocumentsError::Refused { code: Some(2), .. }), "{error:?}");
    let Err(error) = store.find(&namespace, &Find { limit: Some(0), ..Find::default() }).await else { panic!() };
    assert!(matches!(error, DocumentsError::Refused { code: None, .. }), "{error:?}");
}

pub(crate) async fn a_standalone_server_has_no_transactions(world: World) {
    let server = portcullis_testkit::mongodb::Server::start_single(world.mongod.clone()).await.unwrap();
    let client = portcullis_testkit::mongodb::clients::connect(&server.uri()).await.unwrap();
    let store = MongoDocuments::new(&client);
    assert!(matches!(store.begin().await, Err(DocumentsError::NoTransactions)));
    // It can be read all the same.
    assert!(found(&store, &things(&world), &Find::by(doc! {})).await.is_empty());
}

pub(crate) async fn errors_of_an_unreachable_server_show_no_password(_: World) {
    let uri = "mongodb://ada:s3cr3t@127.0.0.1:1/?serverSelectionTimeoutMS=200";
    let client = portcullis_testkit::mongodb::clients::connect(uri).await.unwrap();
    let store = MongoDocuments::new(&client);
    let namespace = Namespace::parse("a.b").unwrap();
    let Err(error) = store.find(&namespace, &Find::by(doc! {})).await else { panic!() };
    assert!(matches!(error, DocumentsError::Store(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    let Err(error) = store.begin().await else { panic!() };
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
}

pub(crate) async fn errors_of_the_driver_are_errors_of_the_request(world: World) {
    let (store, namespace) = (MongoDocuments::new(&world.client), things(&world));
    let large = doc! { "_id": 1, "a": "x".repeat(16 << 20) };
    let is_refused = |error: DocumentsError| matches!(error, DocumentsError::Refused { code: Some(_), .. });
    let mut transaction = store.begin().await.unwrap();
    assert!(is_refused(transaction.insert(&namespace, &large).await.unwrap_err()));
    let mut transaction = store.begin().await.unwrap();
    assert!(is_refused(transaction.insert_many(&namespace, &[&doc! { "_id": 0 }, &large]).await.unwrap_err()));
    for change in [
        Change::Replacement(large.clone()),
        Change::Operators { update: doc! { "$set": { "a": "x".repeat(16 << 20) } }, array_filters: Vec::new() },
    ] {
        let mut transaction = store.begin().await.unwrap();
        let upserted = transaction.update(&namespace, &doc! { "_id": 1 }, &change, true).await;
        assert!(is_refused(upserted.unwrap_err()));
    }
    assert!(is_refused(store.write_single(&namespace, &SingleWrite::Insert(large)).await.unwrap_err()));
    assert!(found(&store, &namespace, &Find::by(doc! {})).await.is_empty());
}
