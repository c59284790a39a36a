//! Change streams that many readers share.

use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use portcullis::store::documents::{DocumentStore, Event, Events, Find, Namespace, Watch, WatchScope, WatchStart};
use portcullis_store::mongodb::MongoDocuments;
use portcullis_testkit::mongodb::World;
use portcullis_testkit::mongodb::clients::{connect, with_options};

fn scope(world: &World, collection: &str) -> WatchScope {
    WatchScope::Collection(Namespace::parse(&format!("{}.{collection}", world.database.name())).unwrap())
}

async fn watch<'s>(store: &'s MongoDocuments, scope: &'s WatchScope) -> Box<dyn Events + 's> {
    store.watch(scope, WatchStart::Now).await.unwrap()
}

/// The `_id` of the next document that is changed.
async fn next(events: &mut dyn Events) -> Bson {
    let next = async {
        loop {
            match events.next().await.unwrap() {
                Some(Event::Change(change)) => return change.id,
                Some(Event::Ended) => panic!("the stream ended"),
                None => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), next).await.expect("nothing is told")
}

/// The number of commands that open a change stream.
fn opened(commands: &[mongodb::event::command::CommandStartedEvent]) -> usize {
    commands.iter().filter(|sent| sent.command.to_string().contains("$changeStream")).count()
}

pub(crate) async fn all_watchers_of_a_collection_share_a_stream(world: World) {
    let (client, sent) = world.listening("").await;
    let store = MongoDocuments::new(&client);
    let clone = store.clone();
    let (people, others) = (scope(&world, "people"), scope(&world, "others"));
    let mut readers = Vec::new();
    for _ in 0..50 {
        readers.push(watch(&store, &people).await);
    }
    readers.push(watch(&clone, &people).await);
    let mut other = watch(&store, &others).await;
    assert_eq!(opened(&sent.take()), 2);
    for id in 0..3 {
        world.database.collection::<Document>("people").insert_one(doc! { "_id": id }).await.unwrap();
    }
    for reader in &mut readers {
        for id in 0..3 {
            assert_eq!(next(&mut **reader).await, Bson::Int32(id));
        }
    }
    world.database.collection::<Document>("others").insert_one(doc! { "_id": "o" }).await.unwrap();
    assert_eq!(next(&mut *other).await, Bson::from("o"));
    drop(readers);
    // When its last reader is dropped, the stream ends and its cursor is closed.
    let killed = async {
        while !sent.take().iter().any(|sent| sent.command_name == "killCursors") {
            other.next().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), killed).await.expect("the cursor is still open");
    let _again = watch(&store, &people).await;
    assert_eq!(opened(&sent.take()), 1);
}

pub(crate) async fn earlier_changes_are_not_delivered(world: World) {
    let store = MongoDocuments::new(&world.client);
    let (scope, people) = (scope(&world, "people"), world.database.collection::<Document>("people"));
    let mut first = watch(&store, &scope).await;
    for round in 0..20 {
        people.insert_many((0..20).map(|_| doc! {})).await.unwrap();
        // These changes may not have arrived in the shared stream yet.
        let mut late = watch(&store, &scope).await;
        people.insert_one(doc! { "_id": round }).await.unwrap();
        assert_eq!(next(&mut *late).await, Bson::Int32(round));
    }
    for _ in 0..20 * 21 {
        next(&mut *first).await;
    }
}

pub(crate) async fn a_slow_reader_loses_no_change(world: World) {
    let (client, sent) = world.listening("").await;
    let store = MongoDocuments::new(&client);
    let (scope, people) = (scope(&world, "people"), world.database.collection::<Document>("people"));
    let (mut fast, mut slow) = (watch(&store, &scope).await, watch(&store, &scope).await);
    people.insert_one(doc! { "_id": 0 }).await.unwrap();
    assert_eq!((next(&mut *fast).await, next(&mut *slow).await), (Bson::Int32(0), Bson::Int32(0)));
    // More changes than are kept for slow readers.
    let count = 10_100;
    people.insert_many((1..=count).map(|id| doc! { "_id": id })).await.unwrap();
    for id in 1..=count {
        assert_eq!(next(&mut *fast).await, Bson::Int32(id));
    }
    sent.take();
    for id in 1..=count {
        assert_eq!(next(&mut *slow).await, Bson::Int32(id));
    }
    assert_eq!(opened(&sent.take()), 1, "the slow reader goes on by a stream of its own");
    people.insert_one(doc! { "_id": -1 }).await.unwrap();
    assert_eq!((next(&mut *fast).await, next(&mut *slow).await), (Bson::Int32(-1), Bson::Int32(-1)));
}

pub(crate) async fn a_stream_that_has_ended_is_reopened(world: World) {
    let store = MongoDocuments::new(&world.client);
    let (scope, people) = (scope(&world, "people"), world.database.collection::<Document>("people"));
    people.insert_one(doc! { "_id": 0 }).await.unwrap();
    let mut readers = [watch(&store, &scope).await, watch(&store, &scope).await];
    people.drop().await.unwrap();
    for reader in &mut readers {
        let ended = async { while reader.next().await.unwrap() != Some(Event::Ended) {} };
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the stream has no end");
    }
    // The ended stream is not reused, although its readers still exist.
    let mut again = watch(&store, &scope).await;
    people.insert_one(doc! { "_id": 1 }).await.unwrap();
    assert_eq!(next(&mut *again).await, Bson::Int32(1));
}

pub(crate) async fn streams_leave_connections_for_requests(world: World) {
    const STREAMS: usize = 30;
    let client = connect(&format!("{}&maxPoolSize=2", world.uri)).await.unwrap();
    let mut options = ClientOptions::parse(&world.uri).await.unwrap();
    options.max_pool_size = Some(100);
    let (waiting, mut waits) = tokio::sync::watch::channel(0);
    let waiting = Arc::new(waiting);
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        let change = match event {
            CommandEvent::Started(event) if event.command_name == "getMore" => 1,
            CommandEvent::Succeeded(event) if event.command_name == "getMore" => -1,
            CommandEvent::Failed(event) if event.command_name == "getMore" => -1,
            _ => 0,
        };
        waiting.send_modify(|count| *count += change);
    }));
    let store = MongoDocuments::new(&client).with_streams(&with_options(options).unwrap());
    let mut readers = tokio::task::JoinSet::new();
    let place = |number: usize| scope(&world, &format!("place{number}"));
    for number in 0..STREAMS {
        let (store, scope) = (store.clone(), place(number));
        readers.spawn(async move {
            let mut events = watch(&store, &scope).await;
            next(&mut *events).await
        });
    }
    let all_wait = waits.wait_for(|count| *count == i32::try_from(STREAMS).unwrap());
    tokio::time::timeout(Duration::from_secs(60), all_wait).await.expect("streams wait for each other").unwrap();
    // No stream returns anything before its collection changes.
    for number in 0..STREAMS {
        let WatchScope::Collection(namespace) = place(number) else { panic!("it is a collection") };
        let mut cursor = store.find(&namespace, &Find::default()).await.unwrap();
        assert!(cursor.batch().await.unwrap().is_empty());
    }
    assert!(readers.try_join_next().is_none());
    for number in 0..STREAMS {
        let place = world.database.collection::<Document>(&format!("place{number}"));
        place.insert_one(doc! { "_id": "first" }).await.unwrap();
    }
    assert_eq!(readers.join_all().await, vec![Bson::from("first"); STREAMS]);
}
