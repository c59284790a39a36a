//! A MongoDB server for tests: a replica set of one, which is stopped and removed when the value is dropped.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bson::doc;
use mongodb::options::ClientOptions;
use tokio::time::{Instant, sleep};

use super::clients::with_options;

/// A shell script that stops the server when its standard input closes, which also happens if the test binary is
/// killed.
const GUARD: &str = r#"
folder=$1; shift
"$@" & server=$!
cat > /dev/null
kill -9 $server; wait $server
[ -e "$folder/keep" ] || rm -rf "$folder"
"#;

pub struct Server {
    mongod: PathBuf,
    folder: PathBuf,
    port: u16,
    is_set: bool,
    /// Whether fail points are enabled.
    fails: bool,
    guard: Option<Child>,
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Server {
    /// Starts a replica set and waits until it accepts writes.
    pub async fn start(mongod: PathBuf) -> Result<Self, String> {
        Self::start_as(mongod, true, false).await
    }

    /// Like [`start`](Self::start), without a replica set.
    pub async fn start_single(mongod: PathBuf) -> Result<Self, String> {
        Self::start_as(mongod, false, false).await
    }

    /// Starts a server that supports the command `configureFailPoint`.
    pub async fn start_failing(mongod: PathBuf, is_set: bool) -> Result<Self, String> {
        Self::start_as(mongod, is_set, true).await
    }

    async fn start_as(mongod: PathBuf, is_set: bool, fails: bool) -> Result<Self, String> {
        let mut trouble = String::new();
        // Another process may take the free port before the server uses it.
        for _ in 0..3 {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = std::env::temp_dir().join(format!("portcullis-mongod-{}-{number}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let port = port.map_err(|error| error.to_string())?.port();
            let mut server = Self { mongod: mongod.clone(), folder, port, is_set, fails, guard: None };
            match server.run().await {
                Ok(()) => return Ok(server),
                Err(error) => trouble = error,
            }
        }
        Err(format!("the MongoDB server does not start: {trouble}"))
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn uri(&self) -> String {
        let options = if self.is_set { "replicaSet=rs0" } else { "directConnection=true" };
        format!("mongodb://127.0.0.1:{}/?{options}", self.port)
    }

    /// Kills the server, like a power failure.
    pub fn stop(&mut self) {
        fs::write(self.folder.join("keep"), "").unwrap();
        self.end();
    }

    /// Restarts the server with the same data.
    pub async fn start_again(&mut self) {
        self.run().await.unwrap();
    }

    fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    async fn run(&mut self) -> Result<(), String> {
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(&self.folder)
            .arg(&self.mongod)
            .args(if self.is_set { &["--replSet", "rs0", "--oplogSize", "512"][..] } else { &[] })
            .args(if self.fails { &["--setParameter", "enableTestCommands=1"][..] } else { &[] })
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"])
            .args(["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"])
            .arg("--dbpath")
            .arg(&self.folder)
            .arg("--logpath")
            .arg(self.folder.join("log"))
            // Frequent checkpoints, since the server truncates its oplog only after one.
            .args(["--syncdelay", "2", "--port", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.guard = Some(guard.map_err(|error| error.to_string())?);
        let _ = fs::remove_file(self.folder.join("keep"));
        self.wait_for_primary().await
    }

    async fn wait_for_primary(&self) -> Result<(), String> {
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port);
        let mut options = ClientOptions::parse(uri).await.map_err(|error| error.to_string())?;
        options.server_selection_timeout = Some(Duration::from_millis(500));
        let admin = with_options(options).map_err(|error| error.to_string())?.database("admin");
        let host = format!("127.0.0.1:{}", self.port);
        let set = doc! { "_id": "rs0", "members": [{ "_id": 0, "host": host }] };
        let began = Instant::now();
        loop {
            let trouble = match admin.run_command(doc! { "hello": 1 }).await {
                Ok(hello) if hello.get_bool("isWritablePrimary").unwrap_or(false) => return Ok(()),
                // Fails if the data on disk already contains the replica set's configuration.
                Ok(_) => admin.run_command(doc! { "replSetInitiate": &set }).await.err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if began.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(3).collect();
                return Err(format!("{}; its log ends with {tail:?}", trouble.unwrap_or_default()));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join("keep"));
        self.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
