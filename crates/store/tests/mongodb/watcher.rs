//! Watching custom data.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use mongodb::{Client, Collection};
use portcullis::auth::CustomDataConfig;
use portcullis::store::{Session, Sessions};
use portcullis_store::mongodb::{CustomDataChange, CustomDataWatcher, MongoSessions, WatchStateError};
use tokio::time::timeout;

use portcullis_testkit::mongodb::clients::connect;
use portcullis_testkit::mongodb::{World, config};

const HEX: &str = "64b7f0000000000000000001";

fn object_id() -> ObjectId {
    ObjectId::parse_str(HEX).unwrap()
}

async fn open(world: &World, field: &str) -> CustomDataWatcher {
    CustomDataWatcher::open(&world.client, world.config(field).source().unwrap()).await.unwrap()
}

/// Through bytes, as a host would keep it.
fn saved(watcher: &CustomDataWatcher) -> Document {
    Document::from_reader(watcher.state().to_vec().unwrap().as_slice()).unwrap()
}

fn resume(client: &Client, config: &CustomDataConfig, state: Document) -> CustomDataWatcher {
    CustomDataWatcher::resume(client, config.source().unwrap(), state).unwrap()
}

async fn next(watcher: &mut CustomDataWatcher) -> CustomDataChange {
    let change = timeout(Duration::from_secs(40), watcher.next()).await.expect("nothing was told").unwrap();
    watcher.settle();
    change
}

/// The users of the next change, which must be told one by one.
async fn users(watcher: &mut CustomDataWatcher) -> Vec<String> {
    match next(watcher).await {
        CustomDataChange::Users(users) => users.into_iter().collect(),
        other @ CustomDataChange::Everything { .. } => panic!("{other:?}"),
    }
}

/// The known and the differing users of the next change.
async fn everything(watcher: &mut CustomDataWatcher) -> (Vec<String>, Vec<String>) {
    match next(watcher).await {
        CustomDataChange::Everything { known, differing } => {
            (known.into_iter().collect(), differing.into_iter().collect())
        }
        other @ CustomDataChange::Users(_) => panic!("{other:?}"),
    }
}

async fn insert(custom: &Collection<Document>, documents: impl IntoIterator<Item = Document>) {
    custom.insert_many(documents).await.unwrap();
}

pub(crate) async fn no_change_is_reported_only_after_all_changes_were_delivered(world: World) {
    let mut watcher = open(&world, "user_id").await;
    assert_eq!(watcher.next_if_any().await.unwrap(), None);
    insert(&world.custom(), [doc! { "user_id": "ada" }, doc! { "user_id": "bob" }]).await;
    let mut told = Vec::new();
    // `None` may come before the documents are seen, but not between them: both were inserted at once.
    let all = async {
        while told.len() < 2 {
            match watcher.next_if_any().await.unwrap() {
                Some(change) => told.extend(change.users().clone()),
                None => assert!(told.is_empty(), "{told:?}"),
            }
            watcher.settle();
        }
    };
    timeout(Duration::from_secs(40), all).await.expect("nothing was told");
    assert_eq!(told, ["ada", "bob"]);
    assert_eq!(watcher.next_if_any().await.unwrap(), None);
}

pub(crate) async fn every_write_names_the_user_of_its_document(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "user_id": "old" }]).await;
    let mut watcher = open(&world, "user_id").await;
    insert(&custom, [doc! { "_id": 2, "user_id": "ada", "n": 1 }, doc! { "_id": 3, "user_id": object_id() }]).await;
    assert_eq!(users(&mut watcher).await, ["ada"]);
    assert_eq!(users(&mut watcher).await, [HEX]);
    custom.update_one(doc! { "_id": 2 }, doc! { "$set": { "n": 2 } }).await.unwrap();
    assert_eq!(users(&mut watcher).await, ["ada"]);
    custom.update_one(doc! { "_id": 3 }, doc! { "$unset": { "x": 1 }, "$set": { "y": 1 } }).await.unwrap();
    assert_eq!(users(&mut watcher).await, [HEX]);
    custom.replace_one(doc! { "_id": 1 }, doc! { "user_id": "old", "n": 1 }).await.unwrap();
    assert_eq!(users(&mut watcher).await, ["old"]);
    custom.delete_many(doc! {}).await.unwrap();
    for user in ["old", "ada", HEX] {
        assert_eq!(users(&mut watcher).await, [user]);
    }
}

pub(crate) async fn a_document_that_changes_its_user_names_both(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "user_id": "ada" }]).await;
    let mut watcher = open(&world, "user_id").await;
    let set = async |id: Bson| custom.update_one(doc! { "_id": 1 }, doc! { "$set": { "user_id": id } }).await.unwrap();
    // All before the first is told: each must be told as it was.
    set("bob".into()).await;
    set(object_id().into()).await;
    custom.replace_one(doc! { "_id": 1 }, doc! { "user_id": "eve" }).await.unwrap();
    set(Bson::Array(vec!["fay".into()])).await;
    custom.update_one(doc! { "_id": 1 }, doc! { "$push": { "user_id": "gil" } }).await.unwrap();
    set("gil".into()).await;
    custom.update_one(doc! { "_id": 1 }, doc! { "$unset": { "user_id": 1 } }).await.unwrap();
    custom.update_one(doc! { "_id": 1 }, [doc! { "$set": { "user_id": "hal" } }].to_vec()).await.unwrap();
    custom.delete_one(doc! { "_id": 1 }).await.unwrap();
    let told: [&[&str]; 8] =
        [&["ada", "bob"], &[HEX, "bob"], &[HEX, "eve"], &["eve"], &["gil"], &["gil"], &["hal"], &["hal"]];
    for expected in told {
        assert_eq!(users(&mut watcher).await, expected);
    }
}

pub(crate) async fn changes_of_documents_without_a_user_are_not_delivered(world: World) {
    let custom = world.custom();
    let mut watcher = open(&world, "user_id").await;
    let nobodies = [
        doc! { "_id": 1, "user_id": ["ada"] },
        doc! { "_id": 2, "user_id": 7 },
        doc! { "_id": 3 },
        doc! { "_id": 4, "user_id": { "user_id": "ada" } },
        doc! { "_id": 5, "user_id": Bson::Null },
    ];
    insert(&custom, nobodies).await;
    custom.update_many(doc! {}, doc! { "$set": { "n": 1 } }).await.unwrap();
    custom.update_one(doc! { "_id": 4 }, doc! { "$set": { "user_id.user_id": "eve" } }).await.unwrap();
    custom.delete_many(doc! {}).await.unwrap();
    insert(&custom, [doc! { "user_id": "end" }]).await;
    assert_eq!(users(&mut watcher).await, ["end"]);
}

pub(crate) async fn a_dotted_field_is_followed(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "who": { "id": "ada" } }]).await;
    let mut watcher = open(&world, "who.id").await;
    let update = async |update: Document| custom.update_one(doc! { "_id": 1 }, update).await.unwrap();
    update(doc! { "$set": { "who.id": "bob" } }).await;
    update(doc! { "$set": { "who": { "id": "eve", "n": 1 } } }).await;
    update(doc! { "$set": { "who.n": 2 } }).await;
    update(doc! { "$unset": { "who": 1 } }).await;
    update(doc! { "$set": { "who": [{ "id": "fay" }] } }).await;
    // The document is looked at when it is told, so its last user may be named early, but nobody is left out.
    for expected in [&["ada", "bob"][..], &["bob", "eve"], &["eve"], &["eve"]] {
        let told = users(&mut watcher).await;
        assert!(expected.iter().all(|user| told.iter().any(|told| told == user)), "{told:?} lacks one of {expected:?}");
        assert!(told.iter().all(|user| user != "fay"), "{told:?}");
    }
    insert(&custom, [doc! { "who": { "id": "end" } }]).await;
    assert_eq!(users(&mut watcher).await, ["end"]);
}

pub(crate) async fn a_field_name_with_a_dot_does_not_hide_a_user(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "who": { "id": "eve" } }]).await;
    let mut watcher = open(&world, "who.id").await;
    // To the change stream this looks as if the document were Ada's from now on.
    let literal = doc! { "$setField": { "field": "who.id", "input": "$$ROOT", "value": "ada" } };
    custom.update_one(doc! { "_id": 1 }, [doc! { "$replaceWith": literal }].to_vec()).await.unwrap();
    assert!(users(&mut watcher).await.contains(&"eve".to_owned()));
    custom.update_one(doc! { "_id": 1 }, doc! { "$set": { "n": 1 } }).await.unwrap();
    assert!(users(&mut watcher).await.contains(&"eve".to_owned()));
    custom.delete_one(doc! { "_id": 1 }).await.unwrap();
    assert!(users(&mut watcher).await.contains(&"eve".to_owned()));
}

pub(crate) async fn the_document_id_may_be_the_field(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": "old" }, doc! { "_id": object_id() }]).await;
    let mut watcher = open(&world, "_id").await;
    insert(&custom, [doc! { "_id": "ada" }]).await;
    custom.update_one(doc! { "_id": "ada" }, doc! { "$set": { "n": 1 } }).await.unwrap();
    custom.delete_many(doc! { "_id": { "$in": ["old", object_id()] } }).await.unwrap();
    for expected in ["ada", "ada", "old", HEX] {
        assert_eq!(users(&mut watcher).await, [expected]);
    }
}

pub(crate) async fn an_abandoned_call_loses_no_change(world: World) {
    let custom = world.custom();
    let mut watcher = open(&world, "user_id").await;
    for n in 0..8 {
        insert(&custom, [doc! { "user_id": format!("user {n}") }]).await;
        // Abandoned at another moment each time.
        let _ = timeout(Duration::from_millis(n * 3), watcher.next()).await;
    }
    let mut told = Vec::new();
    while told.len() < 8 {
        told.extend(users(&mut watcher).await);
    }
    let expected: Vec<_> = (0..8).map(|n| format!("user {n}")).collect();
    assert_eq!(told, expected);
}

pub(crate) async fn a_change_is_redelivered_until_it_is_acknowledged(world: World) {
    let custom = world.custom();
    let mut watcher = open(&world, "user_id").await;
    insert(&custom, [doc! { "user_id": "ada" }, doc! { "user_id": "bob" }]).await;
    let first = watcher.next().await.unwrap();
    assert_eq!(watcher.next().await.unwrap(), first);
    let mut watcher = resume(&world.client, &world.config("user_id"), saved(&watcher));
    assert_eq!(watcher.next().await.unwrap(), first);
    watcher.settle();
    assert_eq!(users(&mut watcher).await, ["bob"]);
}

pub(crate) async fn a_saved_state_resumes_at_its_position(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "user_id": "ada" }, doc! { "_id": 2, "user_id": "bob" }]).await;
    let mut watcher = open(&world, "user_id").await;
    insert(&custom, [doc! { "_id": 3, "user_id": "eve" }]).await;
    assert_eq!(users(&mut watcher).await, ["eve"]);
    let state = saved(&watcher);
    drop(watcher);
    custom.delete_one(doc! { "_id": 3 }).await.unwrap();
    custom.update_one(doc! { "_id": 1 }, doc! { "$set": { "user_id": "fay" } }).await.unwrap();
    custom.delete_one(doc! { "_id": 1 }).await.unwrap();
    insert(&custom, [doc! { "user_id": "gil" }]).await;
    custom.delete_one(doc! { "_id": 2 }).await.unwrap();
    let mut watcher = resume(&world.client, &world.config("user_id"), state);
    for expected in [&["eve"][..], &["ada", "fay"], &["fay"], &["gil"], &["bob"]] {
        assert_eq!(users(&mut watcher).await, expected);
    }
}

pub(crate) async fn an_invalid_state_is_refused(world: World) {
    insert(&world.custom(), [doc! { "user_id": "ada" }]).await;
    let state = saved(&open(&world, "user_id").await);
    let refused = |state: Document, field: &str| {
        CustomDataWatcher::resume(&world.client, world.config(field).source().unwrap(), state).unwrap_err()
    };
    assert_eq!(refused(state.clone(), "owner"), WatchStateError::OtherSource);
    for key in ["version", "source", "token", "rescan", "unsettled", "owners"] {
        let mut lacking = state.clone();
        lacking.remove(key);
        assert_eq!(refused(lacking, "user_id"), WatchStateError::Malformed(key));
        let mut wrong = state.clone();
        wrong.insert(key, "wrong");
        refused(wrong, "user_id");
    }
    let mut wrong = state.clone();
    wrong.insert("owners", [Bson::from(1)].to_vec());
    assert_eq!(refused(wrong, "user_id"), WatchStateError::Malformed("owners"));
}

pub(crate) async fn a_collection_that_is_dropped_or_renamed_may_change_everyone(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "user_id": "ada" }, doc! { "user_id": "bob" }]).await;
    let mut watcher = open(&world, "user_id").await;
    custom.drop().await.unwrap();
    insert(&custom, [doc! { "_id": 9, "user_id": "eve" }]).await;
    let (known, differing) = everything(&mut watcher).await;
    assert!(["ada", "bob"].iter().all(|user| known.iter().any(|known| known == user)), "{known:?}");
    assert!(["ada", "bob"].iter().all(|user| differing.iter().any(|user_| user_ == user)), "{differing:?}");
    assert_eq!(users(&mut watcher).await, ["eve"]);

    let admin = world.client.database("admin");
    let name = |collection: &str| format!("{}.{collection}", world.database.name());
    let rename = async |from: &str, to: &str| {
        let rename = doc! { "renameCollection": name(from), "to": name(to), "dropTarget": true };
        admin.run_command(rename).await.unwrap();
    };
    // Another collection takes the name.
    insert(&world.database.collection("other"), [doc! { "user_id": "fay" }]).await;
    rename("other", "custom").await;
    assert_eq!(everything(&mut watcher).await.1, ["eve", "fay"]);
    insert(&custom, [doc! { "user_id": "gil" }]).await;
    assert_eq!(users(&mut watcher).await, ["gil"]);

    // The collection goes, and comes back.
    rename("custom", "away").await;
    assert_eq!(everything(&mut watcher).await.1, ["fay", "gil"]);
    rename("away", "custom").await;
    assert_eq!(everything(&mut watcher).await.1, ["fay", "gil"]);

    world.database.drop().await.unwrap();
    assert_eq!(everything(&mut watcher).await.0, ["fay", "gil"]);
    insert(&custom, [doc! { "user_id": "end" }]).await;
    assert_eq!(users(&mut watcher).await, ["end"]);
}

pub(crate) async fn a_state_saved_after_a_collection_was_dropped_reports_it(world: World) {
    let custom = world.custom();
    insert(&custom, [doc! { "user_id": "ada" }]).await;
    let watcher = open(&world, "user_id").await;
    let state = saved(&watcher);
    custom.drop().await.unwrap();
    insert(&custom, [doc! { "user_id": "eve" }]).await;
    let mut watcher = resume(&world.client, &world.config("user_id"), state);
    assert_eq!(everything(&mut watcher).await.1, ["ada", "eve"]);
}

pub(crate) async fn a_broken_connection_is_resumed(world: World) {
    let mut server = world.own_server().await;
    let client = connect(&server.uri()).await.unwrap();
    let custom = client.database("hr").collection("custom");
    insert(&custom, [doc! { "_id": 1, "user_id": "old" }]).await;
    let config = config("hr", "user_id");
    let mut watcher = CustomDataWatcher::open(&client, config.source().unwrap()).await.unwrap();
    insert(&custom, [doc! { "user_id": "ada" }]).await;
    assert_eq!(users(&mut watcher).await, ["ada"]);
    insert(&custom, [doc! { "user_id": "before" }]).await;
    server.stop();
    // Nobody answers; the caller learns it, and loses nothing by it.
    let mut watcher = watcher.with_patience(Duration::from_secs(1));
    let error = watcher.next().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot watch the custom data: "), "{error}");
    server.start_again().await;
    custom.delete_one(doc! { "_id": 1 }).await.unwrap();
    assert_eq!(users(&mut watcher).await, ["before"]);
    assert_eq!(users(&mut watcher).await, ["old"]);

    // The same while it waits.
    let mut watcher = watcher.with_patience(Duration::from_secs(60));
    let waiting = tokio::spawn(async move { (users(&mut watcher).await, watcher) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.stop();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.start_again().await;
    insert(&custom, [doc! { "user_id": "after" }]).await;
    assert_eq!(waiting.await.unwrap().0, ["after"]);
}

pub(crate) async fn a_lost_history_may_have_changed_everyone(world: World) {
    let server = world.own_server().await;
    let client = connect(&server.uri()).await.unwrap();
    let custom = client.database("hr").collection("custom");
    let config = config("hr", "user_id");
    insert(&custom, [doc! { "_id": 1, "user_id": "ada" }, doc! { "_id": 2, "user_id": "bob" }]).await;
    let watcher = CustomDataWatcher::open(&client, config.source().unwrap()).await.unwrap();
    let state = saved(&watcher);
    drop(watcher);
    custom.delete_one(doc! { "_id": 1 }).await.unwrap();
    insert(&custom, [doc! { "_id": 3, "user_id": "eve" }]).await;

    // Writes until the server has forgotten its beginning.
    let oplog = client.database("local").collection::<Document>("oplog.rs");
    let first = async || oplog.find_one(doc! {}).sort(doc! { "$natural": 1 }).await.unwrap().unwrap();
    let (beginning, other) = (first().await, client.database("hr").collection("other"));
    let began = Instant::now();
    while first().await == beginning {
        assert!(began.elapsed() < Duration::from_secs(90), "the server forgets nothing");
        insert(&other, [doc! { "text": "x".repeat(15_000_000) }]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut watcher = resume(&client, &config, state);
    let (known, differing) = everything(&mut watcher).await;
    assert_eq!(known, ["ada", "bob", "eve"]);
    assert_eq!(differing, ["ada", "eve"]);
    custom.delete_one(doc! { "_id": 3 }).await.unwrap();
    assert_eq!(users(&mut watcher).await, ["eve"]);
}

pub(crate) async fn an_invalid_resume_token_may_have_changed_everyone(world: World) {
    insert(&world.custom(), [doc! { "user_id": "ada" }, doc! { "user_id": "bob" }]).await;
    let state = saved(&open(&world, "user_id").await);
    for token in [Bson::from(doc! { "_data": "8200" }), doc! {}.into(), Bson::Null] {
        let mut broken = state.clone();
        broken.insert("token", token);
        let mut watcher = resume(&world.client, &world.config("user_id"), broken);
        assert_eq!(everything(&mut watcher).await.0, ["ada", "bob"]);
    }
}

pub(crate) async fn a_change_ends_the_sessions_of_its_users(world: World) {
    let sessions = MongoSessions::new(&world.database, "app");
    for (id, user) in [("1", "ada"), ("2", "ada"), ("3", "bob"), ("4", "eve")] {
        let session = Session {
            id: id.to_owned(),
            user_id: user.to_owned(),
            device_id: "device".to_owned(),
            started_at: DateTime::now(),
            expires_at: None,
            key_id: None,
        };
        sessions.start(&session).await.unwrap();
    }
    let custom = world.custom();
    insert(&custom, [doc! { "_id": 1, "user_id": "ada" }]).await;
    let mut watcher = open(&world, "user_id").await;
    custom.update_one(doc! { "_id": 1 }, doc! { "$set": { "user_id": "bob" } }).await.unwrap();
    let change = next(&mut watcher).await;
    assert_eq!(change.end_sessions(&sessions).await.unwrap(), 3);
    for (id, stays) in [("1", false), ("2", false), ("3", false), ("4", true)] {
        assert_eq!(sessions.find(id).await.unwrap().is_some(), stays, "{id}");
    }
}

pub(crate) async fn a_large_update_is_delivered(world: World) {
    let custom = world.custom();
    let mut watcher = open(&world, "who.id").await;
    insert(&custom, [doc! { "_id": 1, "who": { "id": "ada" }, "text": "x".repeat(8_000_000) }]).await;
    assert_eq!(users(&mut watcher).await, ["ada"]);
    // Event and document together are more than one message can hold.
    custom.update_one(doc! { "_id": 1 }, doc! { "$set": { "more": "y".repeat(8_000_000) } }).await.unwrap();
    assert_eq!(users(&mut watcher).await, ["ada"]);
}
