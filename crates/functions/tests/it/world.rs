//! An application in a temporary directory, with its runtime.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bson::{Bson, Document};
use portcullis::app::Secrets;
use portcullis::{App, User};
use portcullis_functions::{Call, CallError, Entry, Library, Options, Returned, Runtime};
use serde_json::{Value, json};

use super::backend::Stored;

/// The data source of every application.
pub(crate) const SOURCE: &str = "mongodb-atlas";

/// A directory that is removed on drop.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portcullis-functions-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An application that is being written, before it is loaded.
pub(crate) struct Draft {
    pub(crate) directory: Directory,
    manifest: Vec<Value>,
    pub(crate) options: Options,
    pub(crate) secrets: Secrets,
    pub(crate) users: Vec<User>,
}

impl Draft {
    pub(crate) fn new() -> Self {
        let directory = Directory::new();
        directory.write("root_config.json", r#"{"name": "shop", "app_id": "shop-abcde", "deployment_model": "LOCAL"}"#);
        let source = json!({"name": SOURCE, "type": "mongodb-atlas"});
        directory.write("data_sources/mongodb-atlas/config.json", source.to_string());
        // Users may read and write documents that they own.
        let rule = json!({"roles": [{
            "name": "owner",
            "apply_when": {},
            "document_filters": {"read": {"owner": "%%user.id"}, "write": {"owner": "%%user.id"}},
            "read": true, "write": true, "insert": true, "delete": true, "search": true,
        }], "filters": []});
        directory.write("data_sources/mongodb-atlas/default_rule.json", rule.to_string());
        let mut options = Options::default();
        options.prepared = 1;
        options.running = 8;
        Self { directory, manifest: Vec::new(), options, secrets: Secrets::default(), users: Vec::new() }
    }

    /// Adds a function with these settings in addition to its name.
    pub(crate) fn function(mut self, name: &str, source: &str, mut settings: Value) -> Self {
        self.directory.write(&format!("functions/{name}.js"), source);
        settings.as_object_mut().unwrap().insert("name".into(), name.into());
        self.manifest.push(settings);
        self
    }

    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.directory.write(name, text);
        self
    }

    pub(crate) fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    pub(crate) fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) fn load(&self) -> (Arc<App>, Library) {
        if !self.manifest.is_empty() {
            self.directory.write("functions/config.json", Value::Array(self.manifest.clone()).to_string());
        }
        let app = Arc::new(App::load(&self.directory.0).unwrap());
        let library = Library::load(&app);
        (app, library)
    }

    pub(crate) fn build(self) -> World {
        let (app, library) = self.load();
        let backend = Arc::new(Stored::new(Arc::clone(&app), self.users.clone()));
        let runtime = Runtime::new(app, self.secrets.clone(), library, Arc::clone(&backend) as _, self.options.clone());
        let runtime = Arc::new(runtime);
        backend.runtime.set(Arc::downgrade(&runtime)).unwrap();
        World { runtime, backend, _directory: self.directory }
    }
}

/// A running application.
pub(crate) struct World {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) backend: Arc<Stored>,
    _directory: Directory,
}

impl World {
    /// Calls a function as a client.
    pub(crate) async fn call(&self, name: &str, arguments: Vec<Bson>) -> Result<Returned, CallError> {
        self.runtime.call(Call::new(name, arguments, Entry::Client, ada())).await
    }

    /// Calls a function as a client; returns its result in canonical EJSON.
    pub(crate) async fn value(&self, name: &str, arguments: Vec<Bson>) -> Value {
        self.call(name, arguments).await.unwrap().value.into_canonical_extjson()
    }

    /// Calls a function as a client; returns the message of its error.
    pub(crate) async fn fails(&self, name: &str, arguments: Vec<Bson>) -> String {
        self.call(name, arguments).await.unwrap_err().to_string()
    }
}

/// The user of most calls.
pub(crate) fn ada() -> User {
    let mut user = User::new("ada").with_custom_data(bson::doc! { "team": "red", "level": 3 });
    user.data = bson::doc! { "email": "ada@example.com" };
    user.identities = vec![Bson::Document(bson::doc! { "id": "i1", "provider_type": "local-userpass" })];
    user
}

/// An application with a single function, `f`.
pub(crate) fn one(source: &str) -> World {
    Draft::new().function("f", source, json!({})).build()
}

pub(crate) fn bson(value: Value) -> Bson {
    Bson::try_from(value).unwrap()
}

pub(crate) fn document(value: Value) -> Document {
    bson(value).as_document().unwrap().clone()
}
