//! What a test gets: a server, a database of its own, and helpers for configurations and clients.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::command::{CommandEvent, CommandStartedEvent};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use portcullis::auth::CustomDataConfig;
use portcullis_store::mongodb::MongoCustomData;

use super::clients::{connect, with_options};
use super::server::Server;

pub type Finished = Pin<Box<dyn Future<Output = ()> + Send>>;

pub type Run = Box<dyn FnOnce(World) -> Finished + Send>;

pub struct World {
    pub mongod: PathBuf,
    pub uri: String,
    pub client: Client,
    pub database: Database,
}

/// The commands that a client has sent, in order.
#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Vec<CommandStartedEvent>>>);

impl World {
    pub async fn new(mongod: PathBuf, uri: String, database: &str) -> Self {
        let client = connect(&uri).await.unwrap();
        let database = client.database(database);
        Self { mongod, uri, client, database }
    }

    /// Starts a server for this test alone, for tests that stop it.
    pub async fn own_server(&self) -> Server {
        Server::start(self.mongod.clone()).await.unwrap()
    }

    /// A configuration of custom data in the collection `custom` of the test's database.
    pub fn config(&self, user_id_field: &str) -> CustomDataConfig {
        config(self.database.name(), user_id_field)
    }

    pub fn custom(&self) -> Collection<Document> {
        self.database.collection("custom")
    }

    pub fn look_up(&self, user_id_field: &str) -> MongoCustomData {
        MongoCustomData::new(&self.client, &self.config(user_id_field)).unwrap()
    }

    /// A client that records the commands it sends; `options` are appended to the connection string.
    pub async fn listening(&self, options: &str) -> (Client, Sent) {
        let sent = Sent::default();
        let mut parsed = ClientOptions::parse(format!("{}{options}", self.uri)).await.unwrap();
        let list = Arc::clone(&sent.0);
        parsed.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(event) = event {
                list.lock().unwrap().push(event);
            }
        }));
        (with_options(parsed).unwrap(), sent)
    }
}

impl Sent {
    pub fn take(&self) -> Vec<CommandStartedEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub fn config(database: &str, user_id_field: &str) -> CustomDataConfig {
    let text = serde_json::json!({
        "enabled": true, "database_name": database, "collection_name": "custom", "user_id_field": user_id_field,
    });
    CustomDataConfig::compile(&portcullis::json::parse(&text.to_string()).unwrap()).unwrap()
}
