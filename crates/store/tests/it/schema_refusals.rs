//! Updates that the schema refuses.

use bson::{Document, doc};
use portcullis::Context;
use portcullis::guarded::{GuardedError, parse_writes};
use portcullis::policy::{self, RulesFile};
use portcullis::schema::Schema;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Guard, GuardedCollection, User, json};
use portcullis_store::EmbeddedDocuments;

/// What is said to a user of such rules who writes what the schema refuses: whether it was the schema alone.
async fn is_schema_alone(roles: &str, stored: Document) -> bool {
    let namespace = Namespace::parse("db.c").unwrap();
    let store = EmbeddedDocuments::in_memory().unwrap();
    let mut writing = store.begin().await.unwrap();
    writing.insert(&namespace, &stored).await.unwrap();
    writing.commit().await.unwrap();
    let mut rules = policy::compile(&json::parse(&format!(r#"{{"roles": {roles}}}"#)).unwrap()).unwrap();
    let schema = json::parse(r#"{"bsonType": "object", "properties": {"n": {"bsonType": "int"}}}"#).unwrap();
    rules.schema = Some(Schema::compile(&schema).unwrap());
    let context = Context::new().with_user(User::new("u1"));
    let guard = Guard::new(RulesFile::effective(Some(&rules), None), context);
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let update = r#"{"updateOne": {"filter": {"_id": 1}, "update": {"$set": {"n": "x"}}}}"#;
    let refused = collection.write(&parse_writes(&json::parse(update).unwrap()).unwrap()).await.unwrap_err();
    assert_eq!(refused.to_string(), "update not permitted");
    match refused {
        GuardedError::Denied { reason, .. } => reason.is_schema_alone,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn schema_errors_are_reported_to_readers_of_whole_documents() {
    for rules in [
        r#"[{"name": "r", "apply_when": {}, "read": true, "write": true}]"#,
        r#"[{"name": "r", "apply_when": {"owner": "%%user.id"}, "write": true}]"#,
        r#"[{"name": "r", "apply_when": {"owner": "%%user.id"}, "read": true, "fields": {"n": {"write": true}}}]"#,
    ] {
        assert!(is_schema_alone(rules, doc! { "_id": 1, "owner": "u1", "n": 1 }).await, "{rules}");
    }
}

#[tokio::test]
async fn errors_for_other_users_do_not_depend_on_hidden_fields() {
    let rules = r#"[{"name": "r", "apply_when": {}, "fields": {"_id": {"read": true}, "n": {"write": true}}}]"#;
    assert!(!is_schema_alone(rules, doc! { "_id": 1, "n": 1, "secret": 5 }).await);
    assert!(!is_schema_alone(rules, doc! { "_id": 1, "n": 1 }).await);
}
