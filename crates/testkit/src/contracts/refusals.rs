//! The errors of writes that fail, for different users, on any store.

use bson::{Document, doc};
use portcullis::GuardedCollection;
use portcullis::guarded::GuardedError;
use serde_json::{Value as Json, json};

use super::documents::{Given, insert};
use super::writes::{guard, write};

super::laws! { Given:
    users_who_may_read_everything_learn_why_a_write_fails
    duplicate_keys_are_reported_before_denials_to_users_who_may_read_everything
    users_with_hidden_fields_do_not_learn_why_a_write_fails
    a_denied_update_does_not_reveal_the_size_of_hidden_fields
    the_log_says_which_write_was_refused_and_why
}

fn all() -> Json {
    json!({"roles": [{"name": "all", "apply_when": {}, "read": true, "write": true}]})
}

fn hidden() -> Json {
    json!({"roles": [{"name": "some", "apply_when": {}, "fields": {"salary": {}},
                      "additional_fields": {"read": true, "write": true}}]})
}

/// The error of a refused request, as the client sees it and as the log contains it.
async fn refused((store, namespace): &Given, rules: &Json, writes: &Json) -> (GuardedError, String) {
    let guard = guard(rules, &json!({"id": "u1"}));
    let error = write(&GuardedCollection::new(&**store, namespace.clone(), &guard), writes).await.unwrap_err();
    let log = error.private().unwrap_or_default();
    (error, log)
}

async fn stored(given: &Given) {
    insert(&*given.0, &given.1, &[doc! { "_id": 1, "name": "Ada", "salary": 5 }, doc! { "_id": 2, "name": "Ben" }])
        .await;
}

async fn users_who_may_read_everything_learn_why_a_write_fails(given: Given) {
    stored(&given).await;
    let taken = json!({"insertOne": {"document": {"_id": 1}}});
    let free = json!({"insertOne": {"document": {"_id": 7}}});
    let no_number = json!({"updateMany": {"filter": {}, "update": {"$inc": {"name": 1}}}});
    let duplicate =
        "the database did not carry out the request: a document with that key exists (E11000 duplicate key error)";
    for (writes, told) in [
        (taken.clone(), duplicate),
        (json!([taken, free]), duplicate),
        (json!({"insertMany": {"documents": [{"_id": 7}, {"_id": 1}]}}), duplicate),
    ] {
        let (error, _) = refused(&given, &all(), &writes).await;
        assert_eq!(error.to_string(), told, "{writes}");
        assert!(matches!(error, GuardedError::Store(_)), "{writes}");
    }
    // As App Services writes the role that may do everything.
    let explicit = json!({"roles": [{"name": "default", "apply_when": {}, "document_filters": {"read": true, "write": true},
                                     "read": true, "write": true, "insert": true, "delete": true}]});
    for (rules, writes) in [(all(), &no_number), (all(), &json!([free, no_number])), (explicit, &no_number)] {
        let (error, log) = refused(&given, &rules, writes).await;
        assert_eq!(error.to_string(), format!("the database did not carry out the request: {log}"), "{writes}");
        assert!(matches!(error, GuardedError::Disclosed(_)), "{writes}");
        assert!(log.contains("$inc") && log.contains("string") && log.ends_with(" (code 14)"), "{log}");
    }
}

async fn duplicate_keys_are_reported_before_denials_to_users_who_may_read_everything(given: Given) {
    stored(&given).await;
    let rules = json!({"roles": [{"name": "r", "apply_when": {}, "read": true, "write": {"name": {"$ne": "Ben"}}}]});
    let taken = json!({"insertOne": {"document": {"_id": 1, "name": "x"}}});
    let denied = json!({"updateOne": {"filter": {"_id": 2}, "update": {"$set": {"n": 1}}}});
    let (error, _) = refused(&given, &rules, &json!([taken, denied])).await;
    assert!(error.to_string().contains("E11000"), "{error}");
    let (error, _) = refused(&given, &rules, &json!([{"deleteOne": {"filter": {"_id": 1}}}, denied])).await;
    assert_eq!(error.to_string(), "update not permitted");
}

async fn users_with_hidden_fields_do_not_learn_why_a_write_fails(given: Given) {
    stored(&given).await;
    let taken = json!({"insertOne": {"document": {"_id": 1}}});
    let free = json!({"insertOne": {"document": {"_id": 7}}});
    let no_number = json!({"updateMany": {"filter": {"_id": 2}, "update": {"$inc": {"name": 1}}}});
    for (writes, told, log) in [
        (taken.clone(), "the database did not carry out the request", "E11000"),
        (
            json!({"updateOne": {"filter": {"_id": 9, "salary": 5}, "update": {"$set": {"name": "x"}}, "upsert": true}}),
            "insert not permitted",
            "`salary`",
        ),
        (no_number.clone(), "update not permitted", "(code 14)"),
        (json!([free, taken]), "one of the writes is not permitted, or failed", "write 2, insert: "),
        (json!([free, no_number]), "one of the writes is not permitted, or failed", "(code 14)"),
    ] {
        let (error, private) = refused(&given, &hidden(), &writes).await;
        assert_eq!(error.to_string(), told, "{writes}");
        assert!(private.contains(log), "{writes}: {private}");
    }
}

async fn a_denied_update_does_not_reveal_the_size_of_hidden_fields((store, namespace): Given) {
    let rules = json!({"roles": [{"name": "r", "apply_when": {},
                                  "fields": {"_id": {"read": true}, "spent": {"read": true}}}]});
    let limit = 16 << 20;
    for (number, size) in [10, limit - 1000].into_iter().enumerate() {
        let id = i32::try_from(number).unwrap();
        let text = "x".repeat(size);
        insert(&*store, &namespace, &[doc! { "_id": id, "spent": "", "budget": text }]).await;
        for update in [json!({"$set": {"spent": "y".repeat(2000)}}), json!({"$set": {"spent": 1}})] {
            let writes = json!({"updateOne": {"filter": {"_id": id}, "update": update}});
            let given = (store.clone(), namespace.clone());
            let (error, _) = refused(&given, &rules, &writes).await;
            assert_eq!(error.to_string(), "update not permitted");
        }
    }
}

async fn the_log_says_which_write_was_refused_and_why(given: Given) {
    stored(&given).await;
    let writes = json!([
        {"updateOne": {"filter": {"_id": 2}, "update": {"$set": {"name": "x"}}}},
        {"deleteOne": {"filter": {"_id": 1}}}
    ]);
    let (error, log) = refused(&given, &hidden(), &writes).await;
    assert_eq!(error.to_string(), "one of the writes is not permitted, or failed");
    assert_eq!(log, "write 2, delete: the role may not write `salary` (role `some`)");
    let GuardedError::Denied { operation, reason } = error else { panic!("{error}") };
    assert_eq!((operation, reason.write.map(|(number, _)| number)), (None, Some(1)));
    let mut transaction = given.0.begin().await.unwrap();
    let all = portcullis::store::documents::Find::default();
    let found: Vec<Document> =
        transaction.find(&given.1, &all).await.unwrap().iter().map(|one| Document::try_from(one).unwrap()).collect();
    transaction.abort().await;
    assert_eq!(found, [doc! { "_id": 1, "name": "Ada", "salary": 5 }, doc! { "_id": 2, "name": "Ben" }]);
}
