//! Which observers the embedded store notifies of changed custom data, and when.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};

use bson::oid::ObjectId;
use bson::{Document, doc};
use portcullis::auth::CustomDataConfig;
use portcullis::json;
use portcullis::store::CustomDataObserver;
use portcullis::store::documents::{Change, DocumentStore, Namespace};
use portcullis_store::EmbeddedDocuments;

/// The notifications received, each a list of users; `*` stands for all users.
#[derive(Default)]
struct Told(Mutex<Vec<Vec<String>>>);

impl CustomDataObserver for Told {
    fn changed(&self, users: &BTreeSet<String>) {
        self.0.lock().unwrap().push(users.iter().cloned().collect());
    }

    fn changed_all(&self) {
        self.0.lock().unwrap().push(vec!["*".to_owned()]);
    }
}

impl Told {
    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn observe(store: &EmbeddedDocuments) -> Arc<Told> {
    let text = r#"{"enabled": true, "database_name": "hr", "collection_name": "users", "user_id_field": "who.id"}"#;
    let config = CustomDataConfig::compile(&json::parse(text).unwrap()).unwrap();
    let told = Arc::new(Told::default());
    let observer: Weak<dyn CustomDataObserver> = Arc::<Told>::downgrade(&told);
    store.observe_custom_data(config.source().unwrap(), observer);
    told
}

fn users() -> Namespace {
    Namespace::parse("hr.users").unwrap()
}

async fn insert(store: &EmbeddedDocuments, namespace: &Namespace, documents: &[Document]) {
    let mut transaction = store.begin().await.unwrap();
    for document in documents {
        transaction.insert(namespace, document).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn update(store: &EmbeddedDocuments, filter: Document, update: Document) {
    let mut transaction = store.begin().await.unwrap();
    let change = Change::Operators { update, array_filters: Vec::new() };
    transaction.update(&users(), &filter, &change, false).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn observers_learn_the_users_of_a_document_before_and_after() {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let told = observe(&store);
    let id = ObjectId::new();
    let documents = [
        doc! { "_id": 1, "who": { "id": "ada" } },
        doc! { "_id": 2, "who": { "id": id } },
        doc! { "_id": 3, "who": [{ "id": "eve" }] },
        doc! { "_id": 4, "who": { "id": 7 } },
    ];
    insert(&store, &users(), &documents).await;
    let both: BTreeSet<String> = ["ada".to_owned(), id.to_hex()].into();
    assert_eq!(told.take(), [both.into_iter().collect::<Vec<_>>()]);
    update(&store, doc! { "_id": 1 }, doc! { "$set": { "level": 1 } }).await;
    assert_eq!(told.take(), [["ada"]]);
    update(&store, doc! { "_id": 1 }, doc! { "$set": { "who.id": "bob" } }).await;
    assert_eq!(told.take(), [["ada", "bob"]]);
    // Neither updates without effect nor documents that belong to no user are reported.
    update(&store, doc! { "_id": 1 }, doc! { "$set": { "who.id": "bob" } }).await;
    update(&store, doc! { "_id": 3 }, doc! { "$set": { "level": 1 } }).await;
    insert(&store, &Namespace::parse("hr.others").unwrap(), &[doc! { "who": { "id": "ada" } }]).await;
    insert(&store, &Namespace::parse("rh.users").unwrap(), &[doc! { "who": { "id": "ada" } }]).await;
    assert!(told.take().is_empty());
    let mut transaction = store.begin().await.unwrap();
    transaction.delete(&users(), &1.into()).await.unwrap();
    assert!(told.take().is_empty(), "nothing is told before the commit");
    transaction.commit().await.unwrap();
    assert_eq!(told.take(), [["bob"]]);
    let mut transaction = store.begin().await.unwrap();
    transaction.delete(&users(), &2.into()).await.unwrap();
    drop(transaction);
    assert!(told.take().is_empty(), "nothing is told of what did not happen");
}

#[tokio::test]
async fn an_observer_added_during_a_transaction_learns_that_any_user_may_be_affected() {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let first = observe(&store);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(&users(), &doc! { "_id": 1, "who": { "id": "ada" } }).await.unwrap();
    let late = observe(&store);
    transaction.commit().await.unwrap();
    assert_eq!((first.take(), late.take()), (vec![vec!["ada".to_owned()]], vec![vec!["*".to_owned()]]));
    drop(first);
    update(&store, doc! { "_id": 1 }, doc! { "$set": { "level": 1 } }).await;
    assert_eq!(late.take(), [["ada"]]);
}

#[tokio::test]
async fn above_a_limit_observers_learn_that_any_user_may_be_affected() {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let told = observe(&store);
    let documents: Vec<Document> = (0..10_001).map(|n| doc! { "_id": n, "who": { "id": n.to_string() } }).collect();
    insert(&store, &users(), &documents[..10_000]).await;
    assert_eq!(told.take()[0].len(), 10_000);
    let mut transaction = store.begin().await.unwrap();
    for document in &documents[..10_000] {
        transaction.delete(&users(), document.get("_id").unwrap()).await.unwrap();
    }
    for document in &documents {
        transaction.insert(&users(), document).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(told.take(), [["*"]]);
}
