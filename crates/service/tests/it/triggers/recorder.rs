//! An application with triggers, whose functions are implemented in Rust.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::{Bson, Document};
use portcullis::{App, BoxFuture};
use portcullis_service::triggers::{RunnerOptions, TriggerFunctions};
use tokio::sync::Notify;

/// Short intervals, so that tests do not wait for long.
pub(crate) fn options() -> RunnerOptions {
    RunnerOptions {
        lease: Duration::from_millis(600),
        pause: Duration::from_millis(20),
        limit: Duration::from_secs(20),
        grace: Duration::from_secs(5),
        noting: Duration::from_millis(50),
        at_once: 8,
    }
}

/// An application with triggers, in a directory that is removed on drop.
pub(crate) struct Application {
    directory: PathBuf,
    pub(crate) app: Arc<App>,
}

impl Application {
    /// Creates an application with these triggers, each given by its name and the rest of its JSON.
    pub(crate) fn new(triggers: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("portcullis-service-{}-{number}", std::process::id()));
        for folder in ["functions", "triggers"] {
            std::fs::create_dir_all(directory.join(folder)).unwrap();
        }
        std::fs::write(directory.join("realm_config.json"), r#"{"name": "app", "app_id": "app-abcde"}"#).unwrap();
        std::fs::write(directory.join("functions/f.js"), "exports = () => null;").unwrap();
        std::fs::write(directory.join("functions/config.json"), r#"[{"name": "f", "private": true}]"#).unwrap();
        for (name, rest) in triggers {
            let text = format!(r#"{{"name": "{name}", "function_name": "f", {rest}}}"#);
            std::fs::write(directory.join(format!("triggers/{name}.json")), text).unwrap();
        }
        let app = App::load(&directory).unwrap();
        assert!(app.findings.is_empty() && app.check().is_empty(), "{:?} {:?}", app.findings, app.check());
        Self { directory, app: Arc::new(app) }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The body of a function.
type Handler = Box<dyn Fn(Option<Bson>) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Functions that record their arguments and how many of them run concurrently.
pub(crate) struct Recorder {
    told: Mutex<Vec<Option<Bson>>>,
    /// The number of calls in progress.
    pub(crate) running: AtomicUsize,
    /// The most calls that were in progress at once.
    pub(crate) most: AtomicUsize,
    ended: Notify,
    handler: Handler,
}

impl Recorder {
    pub(crate) fn new(
        handler: impl Fn(Option<Bson>) -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            ended: Notify::new(),
            handler: Box::new(handler),
        })
    }

    pub(crate) fn quiet() -> Arc<Self> {
        Self::new(|_| Box::pin(async { Ok(()) }))
    }

    /// The arguments of the calls that have ended, in order.
    pub(crate) fn told(&self) -> Vec<Option<Bson>> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Document> {
        self.told().into_iter().map(|told| told.unwrap().as_document().unwrap().clone()).collect()
    }

    /// Waits until this many calls have ended.
    pub(crate) async fn wait(&self, count: usize) {
        let wait = async {
            loop {
                let ended = self.ended.notified();
                if self.told.lock().unwrap().len() >= count {
                    return;
                }
                ended.await;
            }
        };
        // A busy machine handles a few dozen calls a second.
        let patience = Duration::from_secs(60 + u64::try_from(count / 50).unwrap());
        if tokio::time::timeout(patience, wait).await.is_err() {
            panic!("only {}: {:?}", self.told().len(), self.told().last());
        }
    }
}

/// Counts a call as in progress until it is dropped, whatever ends it.
struct Running<'r>(&'r Recorder);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TriggerFunctions for Recorder {
    fn run<'a>(&'a self, function: &'a str, argument: Option<Bson>) -> BoxFuture<'a, Result<(), String>> {
        assert_eq!(function, "f");
        Box::pin(async move {
            let running = Running(self);
            let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let ran = (self.handler)(argument.clone()).await;
            drop(running);
            self.told.lock().unwrap().push(argument);
            self.ended.notify_waiters();
            ran
        })
    }
}
