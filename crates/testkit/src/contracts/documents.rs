//! Laws for document stores.

use std::sync::Arc;

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{
    Change, Cursor, DocumentStore, DocumentsError, Find, Namespace, SingleWrite, Updated,
};

/// A store, and an empty collection in it.
pub type Given = (Arc<dyn DocumentStore>, Namespace);

super::laws! { Given:
    an_inserted_document_is_found_unchanged
    documents_are_returned_in_insertion_order
    ids_of_any_type_are_unique
    a_dropped_transaction_has_no_effect
    a_transaction_alone_sees_its_writes
    an_update_changes_the_first_match
    an_upsert_inserts_if_nothing_matches
    a_replacement_keeps_the_id_and_the_position
    a_document_is_deleted_by_its_id
    a_refused_update_leaves_the_document_unchanged
    collections_are_isolated
    common_pipeline_stages_work
    documents_that_are_too_large_are_refused
}

/// Inserts documents in one transaction; retries while a dropped transaction is still being aborted.
pub async fn insert(store: &dyn DocumentStore, namespace: &Namespace, documents: &[Document]) {
    for attempt in 0.. {
        match try_insert(store, namespace, documents).await {
            Err(DocumentsError::NoTransactions) => {
                for document in documents {
                    store.write_single(namespace, &SingleWrite::Insert(document.clone())).await.unwrap();
                }
                return;
            }
            Err(error) if error.is_transient() && attempt < 50 => store.pause(attempt).await,
            result => return result.unwrap(),
        }
    }
}

async fn try_insert(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    documents: &[Document],
) -> Result<(), DocumentsError> {
    let mut transaction = store.begin().await?;
    for document in documents {
        transaction.insert(namespace, document).await?;
    }
    transaction.commit().await
}

pub async fn all(mut cursor: Box<dyn Cursor + '_>) -> Result<Vec<Document>, DocumentsError> {
    let mut found = Vec::new();
    loop {
        let batch = cursor.batch().await?;
        if batch.is_empty() {
            return Ok(found);
        }
        found.extend(batch.iter().map(decoded));
    }
}

fn decoded(document: &RawDocumentBuf) -> Document {
    Document::try_from(document).unwrap()
}

pub async fn find(store: &dyn DocumentStore, namespace: &Namespace, filter: Document) -> Vec<Document> {
    all(store.find(namespace, &Find::by(filter)).await.unwrap()).await.unwrap()
}

fn operators(update: Document) -> Change {
    Change::Operators { update, array_filters: Vec::new() }
}

async fn update(
    (store, namespace): &Given,
    filter: Document,
    change: Change,
    upsert: bool,
) -> Result<Updated, DocumentsError> {
    let mut transaction = store.begin().await?;
    let updated = transaction.update(namespace, &filter, &change, upsert).await?;
    transaction.commit().await?;
    Ok(updated)
}

async fn an_inserted_document_is_found_unchanged(given: Given) {
    let (store, namespace) = given;
    let document = doc! { "_id": 1, "b": [1, 2.5, { "x": null }], "a": Bson::Int64(3), "": "empty", "a.b": true };
    insert(&*store, &namespace, std::slice::from_ref(&document)).await;
    assert_eq!(find(&*store, &namespace, doc! { "_id": 1 }).await, [document]);
    let mut transaction = store.begin().await.unwrap();
    let id = transaction.insert(&namespace, &doc! { "a": 1 }).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(matches!(id, Bson::ObjectId(_)), "{id}");
    assert_eq!(find(&*store, &namespace, doc! { "_id": id.clone() }).await, [doc! { "_id": id, "a": 1 }]);
    insert(&*store, &namespace, &[doc! { "a": 1, "_id": 9 }]).await;
    let first = find(&*store, &namespace, doc! { "_id": 9 }).await.remove(0);
    assert_eq!(first.keys().next().map(String::as_str), Some("_id"), "{first}");
}

async fn documents_are_returned_in_insertion_order(given: Given) {
    let (store, namespace) = given;
    let ids = [5, 3, 9, 1, 7];
    insert(&*store, &namespace, &ids.map(|id| doc! { "_id": id })).await;
    let found = find(&*store, &namespace, doc! {}).await;
    assert_eq!(found, ids.map(|id| doc! { "_id": id }));
    let sorted = Find { sort: doc! { "_id": -1 }, skip: 1, limit: Some(2), ..Find::default() };
    let found = all(store.find(&namespace, &sorted).await.unwrap()).await.unwrap();
    assert_eq!(found, [7, 5].map(|id| doc! { "_id": id }));
}

async fn ids_of_any_type_are_unique(given: Given) {
    let (store, namespace) = given;
    insert(&*store, &namespace, &[doc! { "_id": 1 }, doc! { "_id": "1" }, doc! { "_id": { "a": 1 } }]).await;
    for id in [Bson::Int32(1), Bson::Double(1.0), Bson::Int64(1), "1".into(), doc! { "a": 1.0 }.into()] {
        let mut transaction = store.begin().await.unwrap();
        let refused = transaction.insert(&namespace, &doc! { "_id": id.clone() }).await.unwrap_err();
        assert!(matches!(refused, DocumentsError::DuplicateKey), "{id}: {refused}");
        assert!(!refused.to_string().contains("_id: "), "{refused}");
    }
    for id in [Bson::Array(vec![1.into()]), Bson::Document(doc! { "$a": 1 })] {
        let mut transaction = store.begin().await.unwrap();
        assert!(transaction.insert(&namespace, &doc! { "_id": id.clone() }).await.is_err(), "{id}");
    }
    assert_eq!(find(&*store, &namespace, doc! {}).await.len(), 3);
}

async fn a_dropped_transaction_has_no_effect(given: Given) {
    let (store, namespace) = given;
    insert(&*store, &namespace, &[doc! { "_id": 1, "n": 1 }]).await;
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(&namespace, &doc! { "_id": 2 }).await.unwrap();
    transaction.delete(&namespace, &1.into()).await.unwrap();
    drop(transaction);
    assert_eq!(find(&*store, &namespace, doc! {}).await, [doc! { "_id": 1, "n": 1 }]);
    insert(&*store, &namespace, &[doc! { "_id": 2 }]).await;
}

async fn a_transaction_alone_sees_its_writes(given: Given) {
    let (store, namespace) = given;
    insert(&*store, &namespace, &[doc! { "_id": 1, "n": 1 }]).await;
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(&namespace, &doc! { "_id": 2, "n": 2 }).await.unwrap();
    let change = operators(doc! { "$inc": { "n": 10 } });
    transaction.update(&namespace, &doc! { "_id": 1 }, &change, false).await.unwrap();
    let inside = transaction.find(&namespace, &Find::by(doc! { "n": { "$gt": 1 } })).await.unwrap();
    let inside: Vec<Document> = inside.iter().map(decoded).collect();
    assert_eq!(inside, [doc! { "_id": 1, "n": 11 }, doc! { "_id": 2, "n": 2 }]);
    assert_eq!(find(&*store, &namespace, doc! {}).await, [doc! { "_id": 1, "n": 1 }]);
    transaction.commit().await.unwrap();
    assert_eq!(find(&*store, &namespace, doc! {}).await, inside);
}

async fn an_update_changes_the_first_match(given: Given) {
    let (store, namespace) = &given;
    insert(&**store, namespace, &[doc! { "_id": 2, "n": 1 }, doc! { "_id": 1, "n": 1 }]).await;
    let updated = update(&given, doc! { "n": 1 }, operators(doc! { "$set": { "n": 5 } }), false).await.unwrap();
    assert_eq!(updated, Updated { matched: true, modified: true, upserted: None });
    assert_eq!(find(&**store, namespace, doc! {}).await, [doc! { "_id": 2, "n": 5 }, doc! { "_id": 1, "n": 1 }]);
    let same = update(&given, doc! { "n": 5 }, operators(doc! { "$set": { "n": 5 } }), false).await.unwrap();
    assert_eq!(same, Updated { matched: true, modified: false, upserted: None });
    let none = update(&given, doc! { "n": 6 }, operators(doc! { "$set": { "n": 5 } }), false).await.unwrap();
    assert_eq!(none, Updated::default());
}

async fn an_upsert_inserts_if_nothing_matches(given: Given) {
    let (store, namespace) = &given;
    let change = operators(doc! { "$inc": { "n": 1 }, "$setOnInsert": { "new": true } });
    let first = update(&given, doc! { "_id": 1, "kind": "x" }, change.clone(), true).await.unwrap();
    assert_eq!(first, Updated { upserted: Some(1.into()), ..Updated::default() });
    let second = update(&given, doc! { "_id": 1, "kind": "x" }, change, true).await.unwrap();
    assert_eq!(second, Updated { matched: true, modified: true, upserted: None });
    let expected = doc! { "_id": 1, "kind": "x", "n": 2, "new": true };
    assert_eq!(find(&**store, namespace, doc! {}).await, [expected]);
    let taken = operators(doc! { "$set": { "_id": 1 } });
    let refused = update(&given, doc! { "kind": "y" }, taken, true).await.unwrap_err();
    assert!(matches!(refused, DocumentsError::DuplicateKey), "{refused}");
}

async fn a_replacement_keeps_the_id_and_the_position(given: Given) {
    let (store, namespace) = &given;
    insert(&**store, namespace, &[doc! { "_id": 1, "n": 1 }, doc! { "_id": 2 }]).await;
    let change = Change::Replacement(doc! { "m": 2 });
    assert!(update(&given, doc! { "_id": 1 }, change, false).await.unwrap().modified);
    assert_eq!(find(&**store, namespace, doc! {}).await, [doc! { "_id": 1, "m": 2 }, doc! { "_id": 2 }]);
    let other = Change::Replacement(doc! { "_id": 3 });
    assert!(matches!(update(&given, doc! { "_id": 1 }, other, false).await, Err(DocumentsError::Refused { .. })));
}

async fn a_document_is_deleted_by_its_id(given: Given) {
    let (store, namespace) = &given;
    insert(&**store, namespace, &[doc! { "_id": 1 }, doc! { "_id": "1" }]).await;
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.delete(namespace, &Bson::Double(1.0)).await.unwrap());
    assert!(!transaction.delete(namespace, &Bson::Int32(1)).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(find(&**store, namespace, doc! {}).await, [doc! { "_id": "1" }]);
    insert(&**store, namespace, &[doc! { "_id": 1 }]).await;
    assert_eq!(find(&**store, namespace, doc! { "_id": 1 }).await.len(), 1);
}

async fn a_refused_update_leaves_the_document_unchanged(given: Given) {
    let (store, namespace) = &given;
    let document = doc! { "_id": 1, "a": "x", "l": [1, "x"] };
    insert(&**store, namespace, std::slice::from_ref(&document)).await;
    for change in [
        doc! { "$set": { "b": 1 }, "$inc": { "a": 1 } },
        doc! { "$inc": { "l.$[]": 1 } },
        doc! { "$set": { "_id": 2 } },
        doc! { "$set": { "b": 1, "b.c": 2 } },
        doc! { "$frob": { "a": 1 } },
    ] {
        let refused = update(&given, doc! { "_id": 1 }, operators(change.clone()), false).await.unwrap_err();
        assert!(matches!(refused, DocumentsError::Refused { code: Some(_), .. }), "{change}: {refused:?}");
    }
    assert_eq!(find(&**store, namespace, doc! {}).await, [document]);
}

async fn collections_are_isolated(given: Given) {
    let (store, namespace) = &given;
    insert(&**store, namespace, &[doc! { "_id": 1 }]).await;
    for name in ["documents2", "document", "documents.1"] {
        let other = Namespace::parse(&format!("{}.{name}", namespace.database())).unwrap();
        assert_eq!(find(&**store, &other, doc! {}).await, [] as [Document; 0]);
        insert(&**store, &other, &[doc! { "_id": 1, "in": name }]).await;
        assert_eq!(find(&**store, &other, doc! { "_id": 1 }).await, [doc! { "_id": 1, "in": name }]);
    }
    assert_eq!(find(&**store, namespace, doc! {}).await, [doc! { "_id": 1 }]);
}

async fn common_pipeline_stages_work(given: Given) {
    let (store, namespace) = &given;
    let documents: Vec<Document> = (0..20).map(|n| doc! { "_id": n, "n": n % 5, "x": { "y": 1, "z": 2 } }).collect();
    insert(&**store, namespace, &documents).await;
    let stages = [
        doc! { "$match": { "n": { "$gt": 1 } } },
        doc! { "$sort": { "n": -1, "_id": 1 } },
        doc! { "$skip": 1 },
        doc! { "$limit": 2 },
        doc! { "$project": { "x.y": 1 } },
    ];
    let found = all(store.aggregate(namespace, &stages).await.unwrap()).await.unwrap();
    assert_eq!(found, [9, 14].map(|id| doc! { "_id": id, "x": { "y": 1 } }));
    let stages = [doc! { "$match": { "n": 3 } }, doc! { "$unset": ["x"] }, doc! { "$count": "all" }];
    assert_eq!(all(store.aggregate(namespace, &stages).await.unwrap()).await.unwrap(), [doc! { "all": 4 }]);
    let stages = [doc! { "$match": { "n": 33 } }, doc! { "$count": "all" }];
    assert_eq!(all(store.aggregate(namespace, &stages).await.unwrap()).await.unwrap(), [] as [Document; 0]);
    let found = all(store.aggregate(namespace, &[]).await.unwrap()).await.unwrap();
    assert_eq!(found, documents);
}

async fn documents_that_are_too_large_are_refused(given: Given) {
    let (store, namespace) = given;
    let document = doc! { "_id": 1, "text": "x".repeat(16 * 1024 * 1024) };
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.insert(&namespace, &document).await.is_err());
    drop(transaction);
    let mut deep = doc! { "a": 1 };
    for _ in 0..190 {
        deep = doc! { "a": deep };
    }
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.insert(&namespace, &deep).await.is_err());
}
