//! Requests with several writes, which are repeated until a process is killed. Each moves one unit from one document
//! to another, records the move in a third, and deletes an old record.

use bson::{Document, doc};
use portcullis::Context;
use portcullis::guarded::{GuardedError, Write, Written, parse_writes};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Guard, GuardedCollection, User, json};
use serde_json::json;

use super::documents::find;

/// The number of moves whose records are kept.
const REMEMBERED: i64 = 10;

/// Lets only the owner write, and only records of moves and updates that increase `last`.
pub fn guard() -> Guard {
    let rules = json!({"roles": [{
        "name": "owner",
        "apply_when": {"owner": "%%user.id"},
        "read": true,
        "write": {"%or": [
            {"%%prevRoot": {"$exists": false}},
            {"%%root.move": {"$exists": true}},
            {"%%root.last": {"$gt": "%%prevRoot.last"}}
        ]}
    }]});
    let rules = policy::compile(&json::parse(&rules.to_string()).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("ada")))
}

pub fn request(number: i64) -> Vec<Write> {
    let moved = |id: &str, by: i64| {
        let update = json!({"$inc": {"sum": by}, "$set": {"last": number}, "$setOnInsert": {"owner": "ada"}});
        json!({"updateOne": {"filter": {"_id": id}, "update": update, "upsert": true}})
    };
    let note = json!({"insertOne": {"document": {"_id": number, "move": number, "owner": "ada"}}});
    let old = json!({"deleteMany": {"filter": {"move": {"$lte": number - REMEMBERED}}}});
    let writes = json!([moved("a", 1), note, moved("b", -1), old]);
    parse_writes(&json::parse(&writes.to_string()).unwrap()).unwrap()
}

pub async fn perform(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    number: i64,
) -> Result<Vec<Written>, GuardedError> {
    GuardedCollection::new(store, namespace.clone(), &guard()).write(&request(number)).await
}

/// Reads the stored documents and returns the number of moves; asserts that none was performed in part.
pub async fn happened(store: &dyn DocumentStore, namespace: &Namespace) -> i64 {
    whole(&find(store, namespace, doc! {}).await)
}

/// The number of moves according to these documents; asserts that none was performed in part.
pub fn whole(stored: &[Document]) -> i64 {
    let number = |document: &Document, name: &str| super::racing::number(document, name);
    let sums = |id: &str| stored.iter().find(|one| one.get_str("_id").ok() == Some(id));
    let (Some(a), Some(b)) = (sums("a"), sums("b")) else {
        assert!(stored.is_empty(), "half of the first move: {stored:?}");
        return 0;
    };
    let count = number(a, "last");
    let moves = stored.iter().filter(|one| one.contains_key("move"));
    let mut moves: Vec<i64> = moves.map(|one| number(one, "move")).collect();
    moves.sort_unstable();
    assert_eq!((number(a, "sum"), number(b, "sum"), number(b, "last")), (count, -count, count), "{stored:?}");
    assert_eq!(moves, ((count - REMEMBERED + 1).max(1)..=count).collect::<Vec<_>>(), "{stored:?}");
    count
}

/// Performs moves and prints each completed one until the process is killed.
pub async fn until_killed(store: &dyn DocumentStore, namespace: &Namespace) {
    let mut number = happened(store, namespace).await;
    loop {
        number += 1;
        perform(store, namespace, number).await.unwrap();
        println!("done {number}");
    }
}
