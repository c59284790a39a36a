//! Portcullis's server, with a user who has custom data and owns documents.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bson::{Bson, doc};
use mongodb::{Client, IndexModel};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::documents::{self, COUNT};
use crate::load::Requests;
use crate::process::{Server, free_address};
use crate::requests::request;

const APP: &str = "/api/client/v2.0/app/bench-abcde";
const KEY: &str = "only these benchmarks have this key";

/// The number of evaluations in one request.
pub(crate) const BATCH: usize = 100;

/// A running server with a user.
pub(crate) struct Portcullis {
    pub(crate) server: Server,
    folder: PathBuf,
    user: String,
    token: String,
}

impl Drop for Portcullis {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The path of the command that was built together with this program.
fn command() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("portcullis")
}

impl Portcullis {
    /// Starts the server with a store: a MongoDB URI or, without one, an embedded store.
    pub(crate) async fn start(store: Option<&str>) -> Self {
        let address = free_address();
        let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", address.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        std::fs::write(path("authzen.key"), KEY).unwrap();
        std::fs::write(path("signing.key"), "only these benchmarks have this signing key").unwrap();
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("app");
        let (app, listen) = (app.to_str().unwrap(), address.to_string());
        let store = store.map_or_else(|| path("store.redb"), str::to_owned);
        let (signing, authzen, state) = (path("signing.key"), path("authzen.key"), path("state"));
        let mut arguments = vec!["serve", "--app", app, "--store", &store, "--listen", &listen, "--rate-limits", "off"];
        arguments.extend(["--signing-key", &signing, "--authzen-key", &authzen, "--state", &state]);
        let level = std::env::var("PORTCULLIS_LOG").unwrap_or_else(|_| "error".to_owned());
        arguments.extend(["--log", &level]);
        let server = Server::start(command().to_str().unwrap(), &arguments, address).await;
        let mut portcullis = Self { server, folder, user: String::new(), token: String::new() };
        portcullis.register().await;
        portcullis
    }

    async fn register(&mut self) {
        let mut connection = Connection::open(self.server.address).await.unwrap();
        let credentials = json!({ "email": "ken@example.com", "password": "a password" });
        let path = format!("{APP}/auth/providers/local-userpass/register");
        let status = connection.ask(&request("POST", &path, &[], Some(&credentials))).await.unwrap().status;
        assert_eq!(status, 201);
        let reply = connection.ask(&Self::login()[0]).await.unwrap();
        let reply: Value = serde_json::from_slice(reply.body).unwrap();
        let text = |name: &str| reply[name].as_str().unwrap().to_owned();
        (self.user, self.token) = (text("user_id"), text("access_token"));
    }

    /// Stores the documents and the custom data, and logs in again, so that the token contains them.
    pub(crate) async fn fill(&mut self, client: &Client) {
        let database = client.database("bench");
        let notes = database.collection("notes");
        let documents: Vec<_> = (0..COUNT).map(|number| documents::note(number, &self.user)).collect();
        notes.insert_many(documents).await.unwrap();
        notes.create_index(IndexModel::builder().keys(doc! { "owner": 1 }).build()).await.unwrap();
        let custom_data = doc! { "user_id": &self.user, "manages": ["team 98", "team 99"], "site": "Bremerhaven" };
        database.collection("users").insert_one(custom_data).await.unwrap();
        let mut connection = Connection::open(self.server.address).await.unwrap();
        let reply = connection.ask(&Self::login()[0]).await.unwrap();
        let reply: Value = serde_json::from_slice(reply.body).unwrap();
        self.token = reply["access_token"].as_str().unwrap().to_owned();
    }

    /// The access token of a new anonymous user.
    pub(crate) async fn anonymous(&self, connection: &mut Connection) -> String {
        let path = format!("{APP}/auth/providers/anon-user/login");
        let reply = connection.ask(&request("POST", &path, &[], Some(&json!({})))).await.unwrap();
        let reply: Value = serde_json::from_slice(reply.body).unwrap();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    /// The request that opens a change stream of the notes, with this access token.
    pub(crate) fn stream(token: &str) -> Vec<u8> {
        let call = json!({ "name": "watch", "service": "mongodb-atlas", "arguments": [
            { "database": "bench", "collection": "notes" }
        ] });
        let call = base64(call.to_string().as_bytes());
        request("GET", &format!("{APP}/functions/call?baas_request={call}&baas_at={token}"), &[], None)
    }

    pub(crate) fn login() -> Requests {
        let credentials = json!({ "username": "ken@example.com", "password": "a password" });
        let path = format!("{APP}/auth/providers/local-userpass/login");
        Arc::new(vec![request("POST", &path, &[], Some(&credentials))])
    }

    fn call(&self, path: &str, name: &str, query: &Value) -> Vec<u8> {
        let argument = json!({ "database": "bench", "collection": "notes", "query": query });
        let call = json!({ "name": name, "arguments": [argument], "service": "mongodb-atlas" });
        let bearer = format!("Bearer {}", self.token);
        request("POST", path, &[("Authorization", &bearer), ("Accept", "application/json")], Some(&call))
    }

    /// Requests for `findOne` by `_id`, at the path of client calls or of the bare handler.
    pub(crate) fn find_one(&self, path: Option<&str>) -> Requests {
        let calls = format!("{APP}/functions/call");
        let path = path.unwrap_or(&calls);
        let query = |number| json!({ "_id": { "$oid": documents::id(number).to_hex() } });
        Arc::new(documents::owned().map(|number| self.call(path, "findOne", &query(number))).collect())
    }

    /// Requests for all of the user's documents.
    pub(crate) fn find(&self) -> Requests {
        let path = format!("{APP}/functions/call");
        Arc::new(vec![self.call(&path, "find", &json!({ "owner": self.user }))])
    }

    fn resource(&self, number: u32) -> Value {
        let note = Bson::Document(documents::note(number, &self.user)).into_relaxed_extjson();
        json!({ "type": "bench.notes", "id": documents::id(number).to_hex(), "properties": note })
    }

    /// Requests with one evaluation each, at the AuthZEN path or that of the bare handler.
    pub(crate) fn evaluation(&self, path: Option<&str>) -> Requests {
        let path = path.unwrap_or("/access/v1/evaluation");
        let question = |number| {
            json!({
                "subject": { "type": "user", "id": self.user },
                "action": { "name": "read" },
                "resource": self.resource(number),
            })
        };
        let bearer = format!("Bearer {KEY}");
        let headers = [("Authorization", bearer.as_str())];
        Arc::new(documents::owned().map(|number| request("POST", path, &headers, Some(&question(number)))).collect())
    }

    /// Requests with many evaluations for one user, at the AuthZEN path or that of the bare handler.
    pub(crate) fn batch(&self, path: Option<&str>) -> Requests {
        let path = path.unwrap_or("/access/v1/evaluations");
        let evaluations: Vec<_> =
            documents::owned().take(BATCH).map(|number| json!({ "resource": self.resource(number) })).collect();
        let questions = json!({
            "subject": { "type": "user", "id": self.user },
            "action": { "name": "read" },
            "evaluations": evaluations,
        });
        let bearer = format!("Bearer {KEY}");
        Arc::new(vec![request("POST", path, &[("Authorization", &bearer)], Some(&questions))])
    }
}

/// Encodes base64 with the alphabet that needs no escapes in a query string, except for the padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([&0; 2]).take(3).fold(0_usize, |group, byte| (group << 8) | usize::from(*byte));
        for place in 0..4 {
            match LETTERS[(group >> (18 - 6 * place)) & 63] {
                _ if place > chunk.len() => text.push_str("%3D"),
                b'+' => text.push_str("%2B"),
                b'/' => text.push_str("%2F"),
                letter => text.push(char::from(letter)),
            }
        }
    }
    text
}
