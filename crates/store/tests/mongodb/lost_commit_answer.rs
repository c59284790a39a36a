//! Commits whose answer is lost: they happen once, or nobody says that they did or did not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::{Document, doc};
use mongodb::Client;
use portcullis::GuardedCollection;
use portcullis::guarded::GuardedError;
use portcullis::store::documents::{DocumentsError, Namespace};
use portcullis_store::mongodb::MongoDocuments;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use portcullis_testkit::contracts::writes::{guard, write};
use portcullis_testkit::mongodb::Server;
use portcullis_testkit::mongodb::World;
use portcullis_testkit::mongodb::clients::connect;

/// A server with one document, which fails as it is told to.
struct Failing {
    _server: Server,
    address: String,
    client: Client,
    store: MongoDocuments,
}

impl Failing {
    async fn start(world: &World, is_set: bool) -> Self {
        let server = Server::start_failing(world.mongod.clone(), is_set).await.unwrap();
        let client = connect(&server.uri()).await.unwrap();
        let store = MongoDocuments::new(&client);
        client.database("unknown").collection("documents").insert_one(doc! { "_id": 1, "n": 0 }).await.unwrap();
        let address = server.address();
        Self { _server: server, address, client, store }
    }

    async fn fail(&self, mode: impl Into<bson::Bson>, data: Document) {
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
        self.client.database("admin").run_command(command).await.unwrap();
    }

    async fn add_one(&self) -> Result<(), GuardedError> {
        add_one(&self.store).await
    }

    async fn count(&self) -> i32 {
        let collection = self.client.database("unknown").collection::<Document>("documents");
        collection.find_one(doc! { "_id": 1 }).await.unwrap().unwrap().get_i32("n").unwrap()
    }
}

async fn add_one(store: &MongoDocuments) -> Result<(), GuardedError> {
    send(store, json!({"updateOne": {"filter": {"_id": 1}, "update": {"$inc": {"n": 1}}}})).await
}

async fn send(store: &MongoDocuments, request: Json) -> Result<(), GuardedError> {
    let rules = json!({"roles": [{"name": "Any", "apply_when": {}, "read": true, "write": true}]});
    let (namespace, guard) = (Namespace::parse("unknown.documents").unwrap(), guard(&rules, &json!({"id": "u1"})));
    write(&GuardedCollection::new(store, namespace, &guard), &request).await.map(|_| ())
}

pub(crate) async fn a_commit_is_retried_until_its_result_is_known_and_applied_once(world: World) {
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

pub(crate) async fn a_commit_without_an_answer_is_not_reported_as_done(world: World) {
    let failing = Failing::start(&world, true).await;
    failing.fail("alwaysOn", doc! { "failCommands": ["commitTransaction"], "closeConnection": true }).await;
    let error = failing.add_one().await.unwrap_err();
    assert_eq!(error.to_string(), "outcome unknown: the database did not respond");
    failing.fail("off", doc! {}).await;
    assert_eq!(failing.count().await, 0, "it was done again");
}

pub(crate) async fn a_write_without_a_transaction_is_not_retried_if_its_answer_is_lost(world: World) {
    let failing = Failing::start(&world, false).await;
    failing.fail(doc! { "times": 1 }, doc! { "failCommands": ["update"], "closeConnection": true }).await;
    let error = failing.add_one().await.unwrap_err();
    assert!(matches!(error, GuardedError::Store(DocumentsError::OutcomeUnknown(_))), "{error:?}");
    assert_eq!(failing.count().await, 0);
    failing.add_one().await.unwrap();
    assert_eq!(failing.count().await, 1);
}

/// Stands between a client and a server, and holds back what the server answers while it is told to.
async fn between(server: &str) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (held, server) = (Arc::new(AtomicBool::new(false)), server.to_owned());
    let holds = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&server).await else { return };
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let holds = Arc::clone(&holds);
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    while holds.load(Ordering::Relaxed) {
                        sleep(Duration::from_millis(20)).await;
                    }
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, held)
}

/// The driver clears its connections when a server does not answer its heartbeat: that ends commands which have been sent.
pub(crate) async fn a_write_without_a_transaction_is_of_unknown_outcome_if_its_connection_is_cleared(world: World) {
    let failing = Failing::start(&world, false).await;
    let (address, held) = between(&failing.address).await;
    let uri = format!("mongodb://{address}/?directConnection=true&heartbeatFrequencyMS=500&connectTimeoutMS=1000");
    let store = MongoDocuments::new(&connect(&uri).await.unwrap());
    add_one(&store).await.unwrap();
    held.store(true, Ordering::Relaxed);
    // One that reads nothing beforehand.
    let error = send(&store, json!({"insertOne": {"document": {"_id": 2}}})).await.unwrap_err();
    assert!(matches!(error, GuardedError::Store(DocumentsError::OutcomeUnknown(_))), "{error:?}");
    let collection = failing.client.database("unknown").collection::<Document>("documents");
    assert_eq!(collection.count_documents(doc! {}).await.unwrap(), 2, "it did happen");
}
