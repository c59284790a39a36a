//! Triggers of two servers on one database, each of which is killed while it runs them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bson::{DateTime, Document, doc};
use mongodb::{Client, Collection, IndexModel};
use portcullis_testkit::mongodb::World;
use serde_json::json;

/// How many changes happen, where the environment does not say.
const EVENTS: i32 = 400;

/// How long nothing may happen: a lease of 30 seconds, a pause of 5, and the time that a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(150);

/// How many changes happen.
pub(crate) fn events() -> i32 {
    std::env::var("PORTCULLIS_TRIGGER_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(EVENTS)
}

/// It notes when it begins and when it ends, and which server runs it.
const NOTE: &str = r#"
exports = async ({ fullDocument, _id, ns }) => {
  const log = context.services.get("mongodb-atlas").db(ns.db).collection("log");
  const begun = { n: fullDocument._id, by: context.values.get("server"), token: typeof _id._data, began: new Date() };
  const { insertedId } = await log.insertOne(begun);
  await log.updateOne({ _id: insertedId }, { $set: { ended: new Date() } });
};
"#;

/// The application of one server: only the value `server` differs.
fn application(folder: &Path, server: &str) -> PathBuf {
    let app = folder.join(server);
    let write = |path: &str, text: String| {
        let path = app.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("realm_config.json", json!({ "app_id": "events-abcde", "name": "events" }).to_string());
    let source = json!({ "name": "mongodb-atlas", "type": "mongodb-atlas", "config": { "clusterName": "C" } });
    write("data_sources/mongodb-atlas/config.json", source.to_string());
    write("functions/config.json", json!([{ "name": "note", "private": true }]).to_string());
    write("functions/note.js", NOTE.to_owned());
    write("values/server.json", json!({ "name": "server", "value": server }).to_string());
    let config = json!({
        "service_name": "mongodb-atlas", "database": "events", "collection": "happened",
        "operation_types": ["INSERT"], "full_document": true, "unordered": false,
    });
    let trigger = json!({ "name": "t", "type": "DATABASE", "function_name": "note", "config": config });
    write("triggers/t.json", trigger.to_string());
    app
}

/// A process of ours that serves.
struct Serving {
    name: &'static str,
    arguments: Vec<String>,
    process: Child,
}

impl Serving {
    fn start(uri: &str, folder: &Path, name: &'static str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        let key = folder.join("signing.key");
        std::fs::write(&key, "only these tests have this signing key").unwrap();
        let app = application(folder, name).display().to_string();
        let arguments: Vec<String> = ["serve", "--app", &app, "--store", uri, "--mongodb-database", "portcullis"]
            .into_iter()
            .chain(["--signing-key", &key.display().to_string(), "--listen", &address.to_string()])
            .chain(["--log", "error", "--state", &folder.display().to_string()])
            .map(str::to_owned)
            .collect();
        let process = run(&arguments);
        Self { name, arguments, process }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
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
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// The last run that began.
async fn last(log: &Collection<Document>) -> Option<Document> {
    log.find_one(doc! {}).sort(doc! { "began": -1, "_id": -1 }).await.unwrap()
}

/// The number of the change that a run was told of: a new integer of a function is an int64.
fn number(run: &Document) -> i32 {
    i32::try_from(run.get_i64("n").unwrap()).unwrap()
}

/// Waits until more than this many runs have begun.
async fn wait_for_more(log: &Collection<Document>, than: u64) {
    let (mut runs, mut since) = (0, Instant::now());
    while runs <= than {
        let now = log.estimated_document_count().await.unwrap();
        if now > runs {
            (runs, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "nobody runs the trigger: {runs} runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn events_are_handled_in_order_while_each_of_two_servers_is_killed(world: World) {
    let count = events();
    let database = world.own_server().await;
    let client = Client::with_uri_str(database.uri()).await.unwrap();
    let (happened, log) = (
        client.database("events").collection::<Document>("happened"),
        client.database("events").collection::<Document>("log"),
    );
    client.database("events").create_collection("happened").await.unwrap();
    // Among a hundred thousand, the last is looked for often.
    log.create_index(IndexModel::builder().keys(doc! { "began": -1, "_id": -1 }).build()).await.unwrap();
    let folder = std::env::temp_dir().join(format!("portcullis-triggers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut servers = ["first", "second"].map(|name| Serving::start(&database.uri(), &folder, name));

    // Until the trigger listens, nothing happens that it must tell.
    let probe = Instant::now();
    let mut probes = 0;
    while log.estimated_document_count().await.unwrap() == 0 {
        assert!(probe.elapsed() < PATIENCE, "the trigger does not listen");
        probes -= 1;
        happened.insert_one(doc! { "_id": probes }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let began = Instant::now();
    let writer = tokio::spawn({
        let happened = happened.clone();
        async move {
            for from in (0..count).step_by(1000) {
                let documents = (from..count.min(from + 1000)).map(|n| doc! { "_id": n });
                happened.insert_many(documents).await.unwrap();
            }
        }
    });
    let mut takeovers = Vec::new();
    for part in 1..=2_u64 {
        wait_for_more(&log, u64::try_from(count).unwrap() * part / 4).await;
        let by = last(&log).await.unwrap().get_str("by").unwrap().to_owned();
        let server = servers.iter_mut().find(|server| server.name == by).unwrap();
        server.kill();
        let stood = log.estimated_document_count().await.unwrap();
        // What it had sent may still arrive; a run of the other shows that it has taken over.
        let gone = Instant::now();
        while last(&log).await.unwrap().get_str("by").unwrap() == by {
            assert!(gone.elapsed() < PATIENCE, "nobody has taken over since {stood} runs");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        takeovers.push((by, gone.elapsed()));
        server.process = run(&server.arguments);
    }
    writer.await.unwrap();
    loop {
        let runs = log.estimated_document_count().await.unwrap();
        if last(&log).await.is_some_and(|run| number(&run) == count - 1 && run.contains_key("ended")) {
            break;
        }
        wait_for_more(&log, runs).await;
    }
    let took = began.elapsed();

    let (mut first, mut again, mut next) = (0, 0, 0);
    let mut before: Option<(DateTime, Option<DateTime>)> = None;
    let mut longest = 0;
    let mut runs = log.find(doc! { "n": { "$gte": 0 } }).sort(doc! { "began": 1, "_id": 1 }).await.unwrap();
    while runs.advance().await.unwrap() {
        let run: Document = runs.deserialize_current().unwrap();
        let n = number(&run);
        assert_eq!(run.get_str("token").unwrap(), "string");
        // Each follows the one before it, but where a server was killed: there the next begins again at what was noted last.
        if n != next {
            assert!(n < next, "{next} is lost: {n} follows");
            again += 1;
            longest = longest.max(next - n);
        }
        if n >= first {
            first = n + 1;
        }
        next = n + 1;
        let began = *run.get_datetime("began").unwrap();
        if let Some((_, Some(ended))) = before {
            assert!(ended <= began, "{n} began at {began} before the run before it had ended at {ended}");
        }
        before = Some((began, run.get_datetime("ended").ok().copied()));
    }
    assert_eq!((first, next), (count, count));
    assert!(again <= 2, "{again} times something was run again, but two servers were killed");
    let unended = log.count_documents(doc! { "ended": { "$exists": false } }).await.unwrap();
    assert!(unended <= 2, "{unended} runs did not end");
    let killed: Vec<String> =
        takeovers.iter().map(|(by, after)| format!("{by}: {:.1} s", after.as_secs_f64())).collect();
    println!(
        "{count} events in {:.1} s; taken over after {}; run again {again} times, at most {longest} events",
        took.as_secs_f64(),
        killed.join(", "),
    );
    assert_ne!(takeovers[0].0, takeovers[1].0);
    drop(servers);
    std::fs::remove_dir_all(&folder).unwrap();
}
