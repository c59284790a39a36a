//! Two servers on one database behind any balancer: what one does, the other knows, and neither's death loses anything.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bson::doc;
use portcullis_testkit::mongodb::World;
use serde_json::{Value, json};

const APP: &str = "/api/client/v2.0/app/notes-abcde";
const SESSION: &str = "/api/client/v2.0/auth/session";

/// How many clients ask at once.
const CLIENTS: usize = 50;

/// How long a server has to start, a reply to come, and everything to recover.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process of ours that serves.
struct Serving {
    address: SocketAddr,
    arguments: Vec<String>,
    process: Child,
}

impl Serving {
    fn start(uri: &str, database: &str, folder: &std::path::Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        let key = folder.join("signing.key");
        std::fs::write(&key, "only these tests have this signing key").unwrap();
        let app = portcullis_testkit::root().join("fixtures/served/notes");
        let arguments = ["serve", "--app", &app.display().to_string(), "--store", uri, "--mongodb-database", database]
            .into_iter()
            .chain(["--signing-key", &key.display().to_string(), "--listen", &address.to_string()])
            .chain(["--rate-limits", "off", "--log", "error", "--state", &folder.display().to_string()])
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let process = run(&arguments);
        let serving = Self { address, arguments, process };
        serving.wait();
        serving
    }

    fn wait(&self) {
        let begun = Instant::now();
        while ask(self.address, "GET", "/healthz", None, None).is_none_or(|(status, _)| status != 200) {
            assert!(begun.elapsed() < PATIENCE, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the process and starts it again at the same address.
    fn kill_and_start(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = run(&self.arguments);
        self.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(arguments: &[String]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Asks a server; `None` if no reply comes, so that nobody knows what was done.
fn ask(
    server: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(40))).ok()?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{token}");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    if body.is_empty() {
        return Some((status, Value::Null));
    }
    Some((status, serde_json::from_str(body).ok()?))
}

fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("portcullis-servers-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A user at two servers, who asks the other one if one does not answer.
struct Client {
    servers: [SocketAddr; 2],
    turn: usize,
    email: String,
    access: String,
    refresh: String,
    user_id: String,
}

impl Client {
    fn new(servers: [SocketAddr; 2], number: usize) -> Self {
        let email = format!("{number}@example.com");
        let mut client = Self {
            servers,
            turn: number,
            email,
            access: String::new(),
            refresh: String::new(),
            user_id: String::new(),
        };
        let credentials = json!({ "email": client.email, "password": "password" });
        let register = format!("{APP}/auth/providers/local-userpass/register");
        // A registration that was answered by nobody may have happened.
        client.insist(|client| client.ask("POST", &register, None, Some(&credentials)), &[201, 409]);
        client.log_in();
        client
    }

    fn log_in(&mut self) {
        let credentials = json!({ "username": self.email, "password": "password" });
        let path = format!("{APP}/auth/providers/local-userpass/login");
        let reply = self.insist(|client| client.ask("POST", &path, None, Some(&credentials)), &[200]);
        let text = |name: &str| reply[name].as_str().unwrap().to_owned();
        (self.access, self.refresh, self.user_id) = (text("access_token"), text("refresh_token"), text("user_id"));
    }

    fn ask(&mut self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Option<(u16, Value)> {
        self.turn += 1;
        ask(self.servers[self.turn % 2], method, path, token, body)
    }

    /// Asks until one of these statuses comes; a server that fails, or none, is asked again.
    fn insist(&mut self, mut ask: impl FnMut(&mut Self) -> Option<(u16, Value)>, statuses: &[u16]) -> Value {
        let begun = Instant::now();
        loop {
            match ask(self) {
                Some((status, reply)) if statuses.contains(&status) => return reply,
                Some((status, reply)) if status < 500 => panic!("{status} {reply}"),
                _ => assert!(begun.elapsed() < PATIENCE, "no server answers"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The session must last, whatever happens to the servers.
    fn renew(&mut self) {
        let refresh = self.refresh.clone();
        let reply = self.insist(|client| client.ask("POST", SESSION, Some(&refresh), None), &[201]);
        self.access = reply["access_token"].as_str().unwrap().to_owned();
    }

    fn call(&mut self, name: &str, options: &Value) -> Option<(u16, Value)> {
        let mut argument = json!({ "database": "notes", "collection": "notes" });
        argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({ "name": name, "arguments": [argument], "service": "mongodb-atlas" });
        let access = self.access.clone();
        self.ask("POST", &format!("{APP}/functions/call"), Some(&access), Some(&body))
    }

    /// The status of a query at one of the servers.
    fn call_at(&self, server: usize) -> u16 {
        let argument = json!({ "database": "notes", "collection": "notes", "query": {} });
        let body = json!({ "name": "findOne", "arguments": [argument], "service": "mongodb-atlas" });
        ask(self.servers[server], "POST", &format!("{APP}/functions/call"), Some(&self.access), Some(&body)).unwrap().0
    }

    /// Inserts a note; returns once it is known to be there.
    fn insert(&mut self, id: &str) {
        let note = json!({ "document": { "_id": id, "owner": self.user_id, "text": "note" } });
        // A note that an unanswered request has inserted is a duplicate then.
        let is_there = |reply: &Value| reply["error"].as_str().is_some_and(|error| error.starts_with("Duplicate key"));
        let reply = self.insist(|client| client.call("insertOne", &note), &[200, 400]);
        assert!(reply.get("insertedId").is_some() || is_there(&reply), "{reply}");
    }
}

/// What a client knows to have been done.
#[derive(Default)]
struct Done {
    notes: BTreeSet<String>,
    counted: i64,
    /// Increments that nobody answered.
    unknown: i64,
}

/// Inserts and counts until it is over, and then says what was done.
fn work(client: &mut Client, is_over: &AtomicBool) -> Done {
    let counter = format!("counter of {}", client.email);
    client.insert(&counter);
    let mut done = Done::default();
    done.notes.insert(counter.clone());
    let count = json!({ "query": { "_id": counter }, "update": { "$inc": { "n": 1 } } });
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("note {number} of {}", client.email);
        client.insert(&id);
        done.notes.insert(id);
        match client.call("updateOne", &count) {
            Some((200, reply)) => {
                assert_eq!(reply["modifiedCount"]["$numberInt"], "1", "{reply}");
                done.counted += 1;
            }
            Some((status, reply)) if status < 500 => panic!("{status} {reply}"),
            _ => done.unknown += 1,
        }
        if number % 5 == 0 {
            client.renew();
        }
    }
    done
}

/// The documents of a transaction whose process was killed are held for a minute by default.
async fn release_soon(uri: &str) {
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    let lifetime = doc! { "setParameter": 1, "transactionLifetimeLimitSeconds": 1 };
    client.database("admin").run_command(lifetime).await.unwrap();
}

/// How long the clients ask two servers that are killed: `PORTCULLIS_SERVERS_SECONDS`.
pub(crate) fn lasts() -> Duration {
    let seconds = std::env::var("PORTCULLIS_SERVERS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(12))
}

pub(crate) async fn killing_servers_and_the_database_loses_nothing(world: World) {
    let mut database = world.own_server().await;
    release_soon(&database.uri()).await;
    let folder = folder();
    let [mut first, mut second] = [(), ()].map(|()| Serving::start(&database.uri(), "portcullis", &folder));
    let servers = [first.address, second.address];
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let mut client = Client::new(servers, number);
                let done = work(&mut client, &is_over);
                (client, done)
            })
        })
        .collect();
    let phase = lasts() / 4;
    tokio::time::sleep(phase).await;
    first.kill_and_start();
    tokio::time::sleep(phase).await;
    database.stop();
    database.start_again().await;
    release_soon(&database.uri()).await;
    tokio::time::sleep(phase).await;
    second.kill_and_start();
    tokio::time::sleep(phase).await;
    is_over.store(true, Ordering::Relaxed);

    let (mut notes, mut all, mut unknown) = (0, 0, 0);
    for client in clients {
        let (mut client, done) = client.join().unwrap();
        client.renew();
        let find = json!({ "query": {}, "project": { "n": 1 } });
        let found = client.insist(|client| client.call("find", &find), &[200]);
        let found = found.as_array().unwrap();
        let ids: BTreeSet<_> = found.iter().map(|note| note["_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((found.len(), &ids), (done.notes.len(), &done.notes));
        let counter = found.iter().find_map(|note| note.get("n"));
        let counted = counter.map_or(0, |n| n["$numberInt"].as_str().unwrap().parse::<i64>().unwrap());
        assert!((done.counted..=done.counted + done.unknown).contains(&counted), "{counted} {}", done.counted);
        all += done.counted;
        notes += done.notes.len();
        unknown += done.unknown;
    }
    eprintln!("{notes} notes and {all} updates were answered, {unknown} updates were not; none is lost or doubled");
    assert!(all > i64::try_from(CLIENTS).unwrap(), "only {all} updates were answered");
    std::fs::remove_dir_all(&folder).unwrap();
}

pub(crate) async fn changes_made_by_one_server_are_known_to_the_other(world: World) {
    let folder = folder();
    let [first, second] = [(), ()].map(|()| Serving::start(&world.uri, world.database.name(), &folder));
    let mut client = Client::new([first.address, second.address], 0);
    // The login at one is a session at the other, with its documents.
    client.insert("here");
    for server in [first.address, second.address] {
        let profile = ask(server, "GET", "/api/client/v2.0/auth/profile", Some(&client.access), None);
        let (status, profile) = profile.unwrap();
        assert_eq!((status, profile["user_id"].as_str().unwrap()), (200, client.user_id.as_str()));
    }
    // A session that ends at one has ended there at once, and at the other within a second.
    let status = |server| ask(server, "POST", SESSION, Some(&client.refresh), None).unwrap().0;
    let profile = |server| ask(server, "GET", "/api/client/v2.0/auth/profile", Some(&client.access), None).unwrap().0;
    assert_eq!((status(first.address), status(second.address)), (201, 201));
    // Both have seen the session just now.
    assert_eq!([0, 1].map(|server| client.call_at(server)), [200, 200]);
    assert_eq!(ask(first.address, "DELETE", SESSION, Some(&client.refresh), None).unwrap().0, 204);
    let ended = Instant::now();
    assert_eq!((status(first.address), profile(first.address), client.call_at(0)), (401, 401, 401));
    let mut asked = Instant::now();
    while profile(second.address) != 401 || status(second.address) != 401 || client.call_at(1) != 401 {
        assert!(asked.duration_since(ended) < Duration::from_secs(1), "the session still lasts at the other server");
        asked = Instant::now();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
