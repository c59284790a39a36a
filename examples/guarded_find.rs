//! A guarded collection in an in-memory store: a query sees only what its user may read.

use bson::doc;
use portcullis::guarded::FindRequest;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Context, GuardedCollection, Policy, User, json};
use portcullis_store::EmbeddedDocuments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = EmbeddedDocuments::in_memory()?;
    let namespace = Namespace::parse("hr.employees").ok_or("a namespace")?;
    let mut transaction = store.begin().await?;
    for document in [
        doc! { "_id": 1, "name": "Ada", "manager": "ken", "salary": 5000 },
        doc! { "_id": 2, "name": "Tom", "manager": "eva", "salary": 9000 },
    ] {
        transaction.insert(&namespace, &document).await?;
    }
    transaction.commit().await?;

    let policy = Policy::parse(
        r#"{"roles": [
            {"name": "Manager", "apply_when": {"manager": "%%user.id"}, "read": true},
            {"name": "Colleague", "apply_when": {}, "fields": {"name": {"read": true}}}
        ]}"#,
    )?;
    let guard = policy.guard(Context::new().with_user(User::new("ken")));
    let collection = GuardedCollection::new(&store, namespace, &guard);

    // Tom's salary is hidden from Ken, so a filter on the salary does not match Tom.
    let request = FindRequest::parse(&json::parse(r#"{"filter": {"salary": {"$gt": 1000}}}"#)?)?;
    for document in collection.find(&request).await?.all().await? {
        println!("{document:?}");
    }
    Ok(())
}
