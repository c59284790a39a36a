//! A MongoDB server for benchmarks: a replica set of one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bson::doc;
use mongodb::Client;

use crate::process::free_address;

/// The server, which is stopped when the value is dropped.
pub(crate) struct Mongod {
    address: SocketAddr,
    folder: PathBuf,
    process: Child,
}

impl Mongod {
    /// Starts the server that the tests use, or the one that `PORTCULLIS_MONGOD` names.
    pub(crate) async fn start() -> Self {
        let of_tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/mongod/fiftyone/db/bin/mongod");
        let path = std::env::var("PORTCULLIS_MONGOD").unwrap_or_else(|_| of_tests.to_owned());
        let folder = std::env::temp_dir().join(format!("portcullis-server-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let address = free_address();
        let process = Command::new(&path)
            .args(["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--oplogSize", "512"])
            .args(["--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false"])
            .arg("--dbpath")
            .arg(&folder)
            .arg("--logpath")
            .arg(folder.join("log"))
            .args(["--port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("a mongod: run the tests on MongoDB once, or name one in PORTCULLIS_MONGOD");
        let mongod = Self { address, folder, process };
        mongod.initiate().await;
        mongod
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://{}/?replicaSet=rs0", self.address)
    }

    pub(crate) async fn client(&self) -> Client {
        Client::with_uri_str(self.uri()).await.unwrap()
    }

    /// The number of open change streams on collections.
    pub(crate) async fn change_streams(&self) -> usize {
        let all = doc! { "$currentOp": { "allUsers": true, "idleCursors": true } };
        let mut open = self.client().await.database("admin").aggregate([all]).await.unwrap();
        let mut count = 0;
        while open.advance().await.unwrap() {
            let operation = open.deserialize_current().unwrap();
            let command = operation.get_document("cursor").and_then(|cursor| cursor.get_document("originatingCommand"));
            count += usize::from(command.is_ok_and(|command| command.to_string().contains("$changeStream")));
        }
        count
    }

    async fn initiate(&self) {
        let uri = format!("mongodb://{}/?directConnection=true", self.address);
        let admin = Client::with_uri_str(uri).await.unwrap().database("admin");
        let set = doc! { "_id": "rs0", "members": [{ "_id": 0, "host": self.address.to_string() }] };
        admin.run_command(doc! { "replSetInitiate": set }).await.unwrap();
        while !admin.run_command(doc! { "hello": 1 }).await.unwrap().get_bool("isWritablePrimary").unwrap() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
