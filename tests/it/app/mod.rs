//! Application directories: where files are found, and what happens if they are broken.

mod broken;
mod checks;
mod layout;
mod policies;
mod secrets;
mod sync;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::app::ConfigPart;
use portcullis::{App, LoadOptions};

/// A directory that is removed when the value is dropped.
struct Tree(PathBuf);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let tree = Self(std::env::temp_dir().join(format!("portcullis-app-{}-{count}", std::process::id())));
        fs::create_dir_all(&tree.0).unwrap();
        for (name, text) in files {
            tree.write(name, text.as_bytes());
        }
        tree
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn load(&self) -> App {
        self.load_with(None)
    }

    fn load_with(&self, environment: Option<&str>) -> App {
        App::load_with(&self.0, &LoadOptions { environment: environment.map(str::to_owned) }).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> App {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps").join(name);
    App::load(&path).unwrap()
}

/// All findings as `code file`, sorted.
fn found(app: &App) -> Vec<String> {
    let mut all: Vec<String> =
        app.findings.iter().map(|found| format!("{} {}", found.finding.code, found.source.name())).collect();
    all.sort();
    all
}

/// All findings, from reading and from checking, as `severity code file pointer`, sorted.
fn checked(app: &App) -> Vec<String> {
    let mut all: Vec<String> = app
        .findings
        .iter()
        .chain(&app.check())
        .map(|found| {
            let pointer = found.pointer.as_deref().unwrap_or_default();
            format!("{} {} {}{}", found.finding.severity, found.finding.code, found.source.name(), pointer)
        })
        .collect();
    all.sort();
    all
}

fn rules<'a>(app: &'a App, namespace: &str) -> &'a ConfigPart {
    &app.collection(namespace, None).unwrap().unwrap().rules
}

const ROOT: (&str, &str) = ("realm_config.json", r#"{"name": "harbour"}"#);
const SOURCE: (&str, &str) =
    ("data_sources/mongodb-atlas/config.json", r#"{"name": "mongodb-atlas", "type": "mongodb-atlas"}"#);
const DEFAULT: (&str, &str) = ("data_sources/mongodb-atlas/default_rule.json", r#"{"roles": []}"#);
