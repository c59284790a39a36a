//! What a user learns of changes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::Collection;
use portcullis::Context;
use portcullis::access::Query;
use portcullis::guarded::{GuardedError, VisibleChange, WatchEvent, Watched};
use portcullis::store::documents::{Namespace, UpdateDescription, Watch, WatchScope, WatchStart};
use portcullis::{Guard, GuardedCollection, User};
use portcullis_store::mongodb::{ImagesKept, MongoDocuments};
use serde_json::{Value as Json, json};

use crate::attacks::{guard, node};
use portcullis_testkit::contracts::changes::Given;
use portcullis_testkit::mongodb::World;

fn people(world: &World) -> Namespace {
    Namespace::parse(&format!("{}.people", world.database.name())).unwrap()
}

/// Two collections, one of them for a law, of which the server keeps what documents were and became.
pub(crate) async fn given(world: &World) -> Given {
    for name in ["documents", "documents2"] {
        let create = doc! { "create": name, "changeStreamPreAndPostImages": { "enabled": true } };
        world.database.run_command(create).await.unwrap();
    }
    let store = Arc::new(MongoDocuments::new(&world.client));
    let namespace = Namespace::parse(&format!("{}.documents", world.database.name())).unwrap();
    Given { changes: Arc::clone(&store) as _, store, namespace }
}

/// A collection of which the server keeps what documents were and became.
async fn remembering(world: &World) -> Collection<Document> {
    let create = doc! { "create": "people", "changeStreamPreAndPostImages": { "enabled": true } };
    world.database.run_command(create).await.unwrap();
    world.database.collection("people")
}

fn team_a() -> Guard {
    let fields = json!({"_id": {"read": true}, "name": {"read": true}, "pay": {"fields": {"grade": {"read": true}}}});
    let rules = json!({"roles": [{"name": "r", "apply_when": {"team": "a"}, "fields": fields}]});
    guard(&rules, Context::new().with_user(User::new("u1")))
}

fn query(filter: &Json) -> Query {
    Query::compile(Some(&node(filter)), None, None).unwrap()
}

async fn next(watched: &mut Watched<'_>) -> VisibleChange {
    for _ in 0..30 {
        match watched.next().await.unwrap() {
            WatchEvent::Change(event) => return event.change,
            WatchEvent::Nothing => {}
            WatchEvent::Ended => panic!("the stream ended"),
        }
    }
    panic!("nothing happened")
}

fn inserted(document: &Document) -> VisibleChange {
    VisibleChange::Inserted(RawDocumentBuf::try_from(document).unwrap())
}

pub(crate) async fn changes_show_only_what_the_user_may_read(world: World) {
    let (people, store, guard) = (remembering(&world).await, MongoDocuments::new(&world.client), team_a());
    let collection = GuardedCollection::new(&store, self::people(&world), &guard);
    let mut watched = collection.watch(&store, &query(&json!({})), WatchStart::Now, None).await.unwrap();
    let set = async |id: i32, update: Document| {
        people.update_one(doc! { "_id": id }, update).await.unwrap();
    };

    people.insert_one(doc! { "_id": 1, "team": "b", "name": "Cy" }).await.unwrap();
    people
        .insert_one(doc! { "_id": 2, "team": "a", "name": "Ada", "salary": 1, "pay": { "grade": 1, "bonus": 2 } })
        .await
        .unwrap();
    assert_eq!(next(&mut watched).await, inserted(&doc! { "_id": 2, "name": "Ada", "pay": { "grade": 1 } }));
    // Of hidden fields and hidden documents nothing is told.
    set(2, doc! { "$set": { "salary": 2, "pay.bonus": 3 } }).await;
    set(1, doc! { "$set": { "name": "Cyd" } }).await;
    people.delete_one(doc! { "_id": 1 }).await.unwrap();
    set(2, doc! { "$set": { "name": "Ada B.", "salary": 3 }, "$unset": { "pay": 1 } }).await;
    let document = RawDocumentBuf::try_from(&doc! { "_id": 2, "name": "Ada B." }).unwrap();
    let description = UpdateDescription { updated: doc! { "name": "Ada B." }, removed: vec!["pay".to_owned()] };
    let updated = VisibleChange::Updated { document, description };
    assert_eq!(next(&mut watched).await, updated);
    // What comes into sight is new, what goes out of it is gone.
    set(2, doc! { "$set": { "team": "b" } }).await;
    assert_eq!(next(&mut watched).await, VisibleChange::Deleted { id: Some(Bson::Int32(2)) });
    people.replace_one(doc! { "_id": 2 }, doc! { "team": "a", "name": "Ada C.", "salary": 9 }).await.unwrap();
    assert_eq!(next(&mut watched).await, inserted(&doc! { "_id": 2, "name": "Ada C." }));
    let position = WatchStart::After(watched.position().unwrap());
    people.delete_one(doc! { "_id": 2 }).await.unwrap();
    assert_eq!(next(&mut watched).await, VisibleChange::Deleted { id: Some(Bson::Int32(2)) });

    let mut again = collection.watch(&store, &query(&json!({})), position, None).await.unwrap();
    assert_eq!(next(&mut again).await, VisibleChange::Deleted { id: Some(Bson::Int32(2)) });
}

pub(crate) async fn change_filters_do_not_see_hidden_fields(world: World) {
    let (people, store, guard) = (remembering(&world).await, MongoDocuments::new(&world.client), team_a());
    let collection = GuardedCollection::new(&store, self::people(&world), &guard);
    let mut paid =
        collection.watch(&store, &query(&json!({"salary": {"$gt": 5}})), WatchStart::Now, None).await.unwrap();
    let mut unpaid =
        collection.watch(&store, &query(&json!({"salary": {"$exists": false}})), WatchStart::Now, None).await.unwrap();
    people.insert_one(doc! { "_id": 1, "team": "a", "salary": 9 }).await.unwrap();
    assert_eq!(next(&mut unpaid).await, inserted(&doc! { "_id": 1 }));
    for _ in 0..2 {
        assert_eq!(paid.next().await.unwrap(), WatchEvent::Nothing);
    }
}

pub(crate) async fn changes_that_cannot_be_checked_are_withheld(world: World) {
    let (store, guard) = (MongoDocuments::new(&world.client), team_a());
    // Without images.
    let people = world.database.collection::<Document>("people");
    people.insert_one(doc! { "_id": 0 }).await.unwrap();
    let collection = GuardedCollection::new(&store, self::people(&world), &guard);
    let mut watched = collection.watch(&store, &query(&json!({})), WatchStart::Now, None).await.unwrap();
    people.insert_one(doc! { "_id": 1, "team": "a", "name": "Ada" }).await.unwrap();
    assert_eq!(next(&mut watched).await, inserted(&doc! { "_id": 1, "name": "Ada" }));
    people.update_one(doc! { "_id": 1 }, doc! { "$set": { "name": "Eve" } }).await.unwrap();
    people.replace_one(doc! { "_id": 1 }, doc! { "team": "a", "name": "Zoe" }).await.unwrap();
    people.delete_one(doc! { "_id": 1 }).await.unwrap();
    people.insert_one(doc! { "_id": 2, "team": "a" }).await.unwrap();
    assert_eq!(next(&mut watched).await, inserted(&doc! { "_id": 2 }));
}

pub(crate) async fn changes_without_images_are_delivered_if_nothing_can_be_hidden(world: World) {
    let rules = json!({"roles": [{"name": "r", "apply_when": {}, "read": true}]});
    let (store, all) = (MongoDocuments::new(&world.client), guard(&rules, Context::new().with_user(User::new("u1"))));
    let people = world.database.collection::<Document>("people");
    people.insert_one(doc! { "_id": 0 }).await.unwrap();
    let collection = GuardedCollection::new(&store, self::people(&world), &all);
    let mut watched = collection.watch(&store, &query(&json!({})), WatchStart::Now, None).await.unwrap();
    let one = query(&json!({"_id": {"$in": [2]}}));
    let mut one = collection.watch(&store, &one, WatchStart::Now, None).await.unwrap();
    // Whether a document was among those that are asked for by another field cannot be told.
    let named = query(&json!({"name": {"$exists": true}}));
    let mut named = collection.watch(&store, &named, WatchStart::Now, None).await.unwrap();
    let set = async |id: i32, set: Document| {
        people.update_one(doc! { "_id": id }, doc! { "$set": set, "$unset": { "gone": 1 } }).await.unwrap();
    };
    people.insert_one(doc! { "_id": 1, "name": "Ada", "gone": 1 }).await.unwrap();
    set(1, doc! { "a.b": 2 }).await;
    let raw = |document: Document| RawDocumentBuf::try_from(&document).unwrap();
    assert_eq!(next(&mut watched).await, inserted(&doc! { "_id": 1, "name": "Ada", "gone": 1 }));
    let VisibleChange::Updated { document, description } = next(&mut watched).await else { panic!() };
    assert_eq!(document, raw(doc! { "_id": 1, "name": "Ada", "a": { "b": 2 } }));
    let expected = UpdateDescription { updated: doc! { "a": { "b": 2 } }, removed: vec!["gone".to_owned()] };
    assert_eq!(description, expected);
    people.replace_one(doc! { "_id": 1 }, doc! { "name": "Zoe" }).await.unwrap();
    people.delete_one(doc! { "_id": 1 }).await.unwrap();
    people.insert_one(doc! { "_id": 2, "name": "Cy" }).await.unwrap();
    people.delete_one(doc! { "_id": 2 }).await.unwrap();
    assert_eq!(next(&mut watched).await, VisibleChange::Replaced(raw(doc! { "_id": 1, "name": "Zoe" })));
    assert_eq!(next(&mut watched).await, VisibleChange::Deleted { id: Some(Bson::Int32(1)) });
    let (there, gone) = (inserted(&doc! { "_id": 2, "name": "Cy" }), VisibleChange::Deleted { id: Some(2.into()) });
    assert_eq!((next(&mut one).await, next(&mut one).await), (there.clone(), gone));
    assert_eq!(next(&mut named).await, inserted(&doc! { "_id": 1, "name": "Ada", "gone": 1 }));
    assert_eq!(next(&mut named).await, there);
}

pub(crate) async fn a_collection_is_configured_to_keep_images(world: World) {
    let store = MongoDocuments::new(&world.client);
    let (old, new) = (people(&world), Namespace::parse(&format!("{}.new", world.database.name())).unwrap());
    let collection = world.database.collection::<Document>("people");
    collection.insert_one(doc! { "_id": 1, "n": 1 }).await.unwrap();
    assert_eq!(store.keep_images(&old).await.unwrap(), ImagesKept::Enabled);
    assert_eq!(store.keep_images(&new).await.unwrap(), ImagesKept::Created);
    for namespace in [&old, &new] {
        assert_eq!(store.keep_images(namespace).await.unwrap(), ImagesKept::Already);
    }
    let mut events = store.watch(&WatchScope::Collection(old), WatchStart::Now).await.unwrap();
    collection.update_one(doc! { "_id": 1 }, doc! { "$set": { "n": 2 } }).await.unwrap();
    let change = portcullis_testkit::contracts::changes::next(&mut *events).await;
    assert!(change.before.is_some() && change.after.is_some(), "{change:?}");
    let view = doc! { "create": "view", "viewOn": "people", "pipeline": [] };
    world.database.run_command(view).await.unwrap();
    let view = Namespace::parse(&format!("{}.view", world.database.name())).unwrap();
    assert!(store.keep_images(&view).await.is_err());
}

pub(crate) async fn change_streams_end(world: World) {
    let (people, store, guard) = (remembering(&world).await, MongoDocuments::new(&world.client), team_a());
    let collection = GuardedCollection::new(&store, self::people(&world), &guard);
    let everything = query(&json!({}));
    // With the token.
    let until = SystemTime::now() + Duration::from_millis(1500);
    let mut expiring = collection.watch(&store, &everything, WatchStart::Now, Some(until)).await.unwrap();
    let mut ended = collection.watch(&store, &everything, WatchStart::Now, None).await.unwrap();
    let mut dropped = collection.watch(&store, &everything, WatchStart::Now, None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    people.insert_one(doc! { "_id": 1, "team": "a" }).await.unwrap();
    assert_eq!(expiring.next().await.unwrap(), WatchEvent::Ended);
    // When the user's data changes.
    ended.end().end();
    assert_eq!(ended.next().await.unwrap(), WatchEvent::Ended);
    // With the collection.
    assert_eq!(next(&mut dropped).await, inserted(&doc! { "_id": 1 }));
    people.drop().await.unwrap();
    let mut last = WatchEvent::Nothing;
    for _ in 0..10 {
        last = dropped.next().await.unwrap();
        if last == WatchEvent::Ended {
            break;
        }
    }
    assert_eq!(last, WatchEvent::Ended);
    assert_eq!(dropped.next().await.unwrap(), WatchEvent::Ended);
    let closed = Guard::without_rules("a.b", Context::new());
    let closed = GuardedCollection::new(&store, self::people(&world), &closed);
    assert!(matches!(closed.watch(&store, &everything, WatchStart::Now, None).await, Err(GuardedError::NoRule(_))));
}
