//! parse-server with the same documents: their owners may read them, except for two fields.

use std::path::Path;
use std::sync::Arc;

use bson::doc;
use mongodb::{Client, IndexModel};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::documents::{self, COUNT};
use crate::load::Requests;
use crate::process::{Server, free_address};
use crate::requests::request;

const APP: (&str, &str) = ("X-Parse-Application-Id", "bench");
const MASTER: (&str, &str) = ("X-Parse-Master-Key", "only these benchmarks have this key");

/// A running parse-server with a user.
pub(crate) struct ParseServer {
    pub(crate) server: Server,
    user: String,
    token: String,
}

impl ParseServer {
    /// Starts parse-server, if it is installed, and stores the documents.
    pub(crate) async fn start(uri: &str, client: &Client) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("parse-server");
        if !folder.join("node_modules").exists() {
            eprintln!("parse-server is not measured: `npm install` in {} installs it", folder.display());
            return None;
        }
        let address = free_address();
        let script = folder.join("server.mjs");
        let uri = uri.replacen("/?", "/bench_parse?", 1);
        let arguments = [script.to_str().unwrap(), &uri, &address.port().to_string()];
        let server = Server::start("node", &arguments, address).await;
        let mut connection = Connection::open(address).await.unwrap();
        let mut ask = async |path: &str, body: &Value| {
            let reply = connection.ask(&request("POST", path, &[APP, MASTER], Some(body))).await.unwrap();
            let status = reply.status;
            let body: Value = serde_json::from_slice(reply.body).unwrap();
            assert!(status < 300, "{path}: {status} {body}");
            body
        };
        let text = |reply: &Value, name: &str| reply[name].as_str().unwrap().to_owned();
        let user = json!({ "username": "ken@example.com", "password": "a password" });
        ask("/parse/users", &user).await;
        let user = ask("/parse/login", &user).await;
        let by_owner = json!({ "pointerFields": ["owner"] });
        let class = json!({
            "className": "Note",
            "fields": {
                "owner": { "type": "Pointer", "targetClass": "_User" },
                "team": { "type": "String" }, "status": { "type": "String" }, "pay": { "type": "Number" },
                "address": { "type": "Object" }, "note": { "type": "String" },
            },
            "classLevelPermissions": {
                "get": by_owner, "find": by_owner, "count": by_owner,
                "create": {}, "update": {}, "delete": {}, "addField": {},
                "protectedFields": { "*": ["note", "pay"] },
            },
        });
        ask("/parse/schemas/Note", &class).await;
        let (user, token) = (text(&user, "objectId"), text(&user, "sessionToken"));
        let notes = client.database("bench_parse").collection("Note");
        let documents: Vec<_> = (0..COUNT).map(|number| documents::parse_note(number, &user)).collect();
        notes.insert_many(documents).await.unwrap();
        notes.create_index(IndexModel::builder().keys(doc! { "_p_owner": 1 }).build()).await.unwrap();
        Some(Self { server, user, token })
    }

    pub(crate) fn login() -> Requests {
        let credentials = json!({ "username": "ken@example.com", "password": "a password" });
        Arc::new(vec![request("POST", "/parse/login", &[APP], Some(&credentials))])
    }

    fn get(&self, path: &str) -> Vec<u8> {
        request("GET", path, &[APP, ("X-Parse-Session-Token", &self.token)], None)
    }

    pub(crate) fn find_one(&self) -> Requests {
        let path = |number| format!("/parse/classes/Note/{}", documents::parse_id(number));
        Arc::new(documents::owned().map(|number| self.get(&path(number))).collect())
    }

    pub(crate) fn find(&self) -> Requests {
        let owner = json!({ "owner": { "__type": "Pointer", "className": "_User", "objectId": self.user } });
        let escaped: String = owner.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        Arc::new(vec![self.get(&format!("/parse/classes/Note?limit=1000&where={escaped}"))])
    }
}
