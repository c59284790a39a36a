//! Commits whose answer is lost: they happen once, or nobody says that they did or did not.

use bson::{Document, doc};
use mongodb::Client;
use portcullis::guarded::{GuardedCollection, GuardedError};
use portcullis::store::documents::{DocumentsError, Namespace};
use portcullis::store::mongodb::{MongoDocuments, connect};
use serde_json::json;

use crate::contracts::writes::{guard, write};
use crate::server::Server;
use crate::world::World;

/// A server with one document, which fails as it is told to.
struct Failing {
    _server: Server,
    client: Client,
    store: MongoDocuments,
}

impl Failing {
    async fn start(world: &World, is_set: bool) -> Self {
        let server = Server::start_failing(world.mongod.clone(), is_set).await.unwrap();
        let client = connect(&server.uri()).await.unwrap();
        let store = MongoDocuments::new(&client);
        client.database("unknown").collection("documents").insert_one(doc! { "_id": 1, "n": 0 }).await.unwrap();
        Self { _server: server, client, store }
    }

    async fn fail(&self, mode: impl Into<bson::Bson>, data: Document) {
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
        self.client.database("admin").run_command(command).await.unwrap();
    }

    async fn add_one(&self) -> Result<(), GuardedError> {
        let rules = json!({"roles": [{"name": "Any", "apply_when": {}, "read": true, "write": true}]});
        let (namespace, guard) = (Namespace::parse("unknown.documents").unwrap(), guard(&rules, &json!({"id": "u1"})));
        let collection = GuardedCollection::new(&self.store, namespace, &guard);
        let request = json!({"updateOne": {"filter": {"_id": 1}, "update": {"$inc": {"n": 1}}}});
        write(&collection, &request).await.map(|_| ())
    }

    async fn count(&self) -> i32 {
        let collection = self.client.database("unknown").collection::<Document>("documents");
        collection.find_one(doc! { "_id": 1 }).await.unwrap().unwrap().get_i32("n").unwrap()
    }
}

pub(crate) async fn a_commit_is_asked_for_again_until_it_is_known_and_happens_once(world: World) {
    let failing = Failing::start(&world, true).await;
    // The driver itself asks once more.
    failing.fail(doc! { "times": 3 }, doc! { "failCommands": ["commitTransaction"], "closeConnection": true }).await;
    failing.add_one().await.unwrap();
    assert_eq!(failing.count().await, 1);
    // It has happened, and its answer says that nobody knows for how long.
    let lost = doc! { "code": 64, "errmsg": "no answer of a majority" };
    failing.fail(doc! { "times": 3 }, doc! { "failCommands": ["commitTransaction"], "writeConcernError": lost }).await;
    failing.add_one().await.unwrap();
    assert_eq!(failing.count().await, 2);
}

pub(crate) async fn of_a_commit_that_is_never_answered_nobody_says_that_it_happened(world: World) {
    let failing = Failing::start(&world, true).await;
    failing.fail("alwaysOn", doc! { "failCommands": ["commitTransaction"], "closeConnection": true }).await;
    let error = failing.add_one().await.unwrap_err();
    assert_eq!(error.to_string(), "nobody can tell whether the request was carried out: the database does not answer");
    failing.fail("off", doc! {}).await;
    assert_eq!(failing.count().await, 0, "it was done again");
}

pub(crate) async fn a_write_without_a_transaction_whose_answer_is_lost_is_not_done_again(world: World) {
    let failing = Failing::start(&world, false).await;
    failing.fail(doc! { "times": 1 }, doc! { "failCommands": ["update"], "closeConnection": true }).await;
    let error = failing.add_one().await.unwrap_err();
    assert!(matches!(error, GuardedError::Store(DocumentsError::OutcomeUnknown(_))), "{error:?}");
    assert_eq!(failing.count().await, 0);
    failing.add_one().await.unwrap();
    assert_eq!(failing.count().await, 1);
}
