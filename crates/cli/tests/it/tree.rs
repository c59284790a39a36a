//! Directories of files, in which commands are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command_output::CommandOutput;

/// A directory of files, which is removed on drop.
pub(crate) struct Tree(pub(crate) PathBuf);

impl Tree {
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-words-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn run(directory: &Path, arguments: &[&str]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    CommandOutput::of(command.args(arguments).current_dir(directory).output().unwrap())
}

pub(crate) const ROOT: (&str, &str) =
    ("app/realm_config.json", r#"{"config_version": 20210101, "name": "t", "app_id": "t"}"#);
pub(crate) const SOURCE: (&str, &str) =
    ("app/data_sources/m/config.json", r#"{"name": "m", "type": "mongodb-atlas", "config": {"clusterName": "c"}}"#);
pub(crate) const CUSTOM_DATA: (&str, &str) = (
    "app/auth/custom_user_data.json",
    r#"{"enabled": true, "mongo_service_name": "m", "database_name": "db", "collection_name": "users", "user_id_field": "uid"}"#,
);
pub(crate) const THINGS: (&str, &str) = (
    "app/data_sources/m/db/things/rules.json",
    r#"{"database": "db", "collection": "things", "roles":
        [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}"#,
);
pub(crate) const OPEN: &str = r#"{"database": "db", "collection": "users", "roles":
    [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;
