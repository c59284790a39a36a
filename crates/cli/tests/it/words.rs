//! What the command says where something is not as it should be: `fixtures/cli/words.json`, and what needs files or a
//! terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::check;

#[test]
fn commands_say_what_is_wrong_and_the_way_out() {
    let cases = check(include_str!("../../../../fixtures/cli/words.json"), None);
    assert!(cases > 60, "the fixture lost its cases");
}

/// A directory of files that goes with the value.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-words-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).current_dir(directory).output().unwrap()
}

/// The exit code, and all that is said.
fn said(directory: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(directory, arguments);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

const ROOT: (&str, &str) = ("app/realm_config.json", r#"{"config_version": 20210101, "name": "t", "app_id": "t"}"#);
const SOURCE: (&str, &str) =
    ("app/data_sources/m/config.json", r#"{"name": "m", "type": "mongodb-atlas", "config": {"clusterName": "c"}}"#);
const CUSTOM_DATA: (&str, &str) = (
    "app/auth/custom_user_data.json",
    r#"{"enabled": true, "mongo_service_name": "m", "database_name": "db", "collection_name": "users", "user_id_field": "uid"}"#,
);
const THINGS: (&str, &str) = (
    "app/data_sources/m/db/things/rules.json",
    r#"{"database": "db", "collection": "things", "roles":
        [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}"#,
);
const USERS: &str = "app/data_sources/m/db/users/rules.json";
const OPEN: &str = r#"{"database": "db", "collection": "users", "roles":
    [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;

#[test]
fn an_error_in_one_part_keeps_no_finding_about_another_back() {
    let second = r#"{"database": "db", "collection": "users", "roles":
        [{"name": "broken", "apply_when": {"%%usr.id": 1}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;
    let template = r#"{"database": "db", "collection": "users", "roles":
        [{"name": "t", "apply_when": {"a": "%(%%values.nowhere)"}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;
    let schema = (
        "app/data_sources/m/db/users/schema.json",
        r#"{"title": "u", "properties": {"role": {"bson_type": "string"}}}"#,
    );
    let custom_data =
        ("app/auth/custom_user_data.json", CUSTOM_DATA.1.strip_suffix('}').unwrap().to_owned() + r#", "x": 1}"#);
    let sound: &[(&str, &str)] = &[ROOT, SOURCE, CUSTOM_DATA, THINGS, (USERS, OPEN)];
    type Case<'c> = (&'c str, Vec<(&'c str, &'c str)>, &'c str);
    let cases: [Case<'_>; 5] = [
        ("none", sound.to_vec(), ""),
        ("schema", [sound, &[schema]].concat(), "keyword-unknown"),
        ("role", [sound, &[(USERS, second)]].concat(), "expansion-unknown"),
        ("template", [sound, &[(USERS, template)]].concat(), "template"),
        ("custom-data", [sound, &[(custom_data.0, custom_data.1.as_str())]].concat(), ""),
    ];
    for (name, files, error) in cases {
        let tree = Tree::new(name, &files);
        let (code, text) = said(&tree.0, &["check", "app"]);
        assert_eq!(code, 1, "{name}: {text}");
        assert!(text.contains("error[custom-data-writable]") && text.contains(error), "{name}: {text}");
    }
}

#[test]
fn custom_data_that_cannot_be_read_is_not_called_absent() {
    let tree = Tree::new("unclear", &[ROOT, SOURCE, ("app/auth/custom_user_data.json", "{"), THINGS]);
    let (_, text) = said(&tree.0, &["check", "app"]);
    assert!(!text.contains("custom-data-absent"), "{text}");
}

#[test]
fn a_collection_closed_by_a_slip_is_an_error() {
    let named = r#"{"database": "db", "collection": "task", "roles": []}"#;
    for (name, file, code) in [
        ("slip", ("app/data_sources/m/db/tasks/rules.json", named), "error[namespace-mismatch]"),
        ("file", ("app/data_sources/m/db/tasks/rule.json", "{}"), "error[file-unused]"),
    ] {
        let tree = Tree::new(name, &[ROOT, SOURCE, file]);
        let (exit, text) = said(&tree.0, &["check", "-q", "app"]);
        assert!(exit == 1 && text.contains(code) && text.contains("closed"), "{text}");
    }
}

#[test]
fn the_way_out_of_an_unread_file_is_not_where_it_stands() {
    let tree = Tree::new("unread", &[ROOT, SOURCE, THINGS, ("app/data_sources/m/db/things/encryption.json", "{}")]);
    let (exit, text) = said(&tree.0, &["check", "app"]);
    assert_eq!(exit, 0, "{text}");
    assert!(
        text.contains("has rules.json, schema.json and relationships.json") && !text.contains("<collection>/"),
        "{text}"
    );
}

const SECRET: &str = "root:x:0:0:the system's own";

#[test]
fn a_link_out_of_an_application_is_refused_by_name() {
    let outside = ("outside/db/rules.json", OPEN);
    let link = |name: &str, at: &str, to: &str| {
        let tree =
            Tree::new(name, &[ROOT, SOURCE, THINGS, outside, ("outside/secret", SECRET), ("outside/f.js", SECRET)]);
        let at = tree.path(at);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&at);
        let _ = fs::remove_dir_all(&at);
        symlink(tree.path(to), &at).unwrap();
        let answer = said(&tree.0, &["check", "app"]);
        (tree, answer)
    };
    for (name, at, to, shown) in [
        ("value", "app/values/pw.json", "outside/secret", "app/values/pw.json"),
        ("environment", "app/environments/production.json", "outside/secret", "app/environments/production.json"),
        (
            "rules",
            "app/data_sources/m/db/other/rules.json",
            "outside/db/rules.json",
            "app/data_sources/m/db/other/rules.json",
        ),
        ("collection", "app/data_sources/m/db/other", "outside/db", "app/data_sources/m/db/other"),
        ("database", "app/data_sources/m/other", "outside", "app/data_sources/m/other"),
        ("auth", "app/auth", "outside", "app/auth"),
        ("providers", "app/auth/providers.json", "outside/secret", "app/auth/providers.json"),
        ("values", "app/values", "outside", "app/values"),
        ("root", "app/realm_config.json", "outside/secret", "app/realm_config.json"),
        ("secrets", "app/secrets.json", "outside/secret", "app/secrets.json"),
    ] {
        let (_tree, (code, text)) = link(name, at, to);
        assert_eq!(code, 1, "{name}: {text}");
        assert!(text.contains("error[link-outward]") && text.contains(&format!("--> {shown}")), "{name}: {text}");
        assert!(!text.contains("root:x"), "{name}: {text}");
    }
    // What cannot be read closes what it may have been about.
    let (tree, _) = link("closed", "app/data_sources/m/db/other", "outside/db");
    let (code, text) =
        said(&tree.0, &["decide", "read", "{}", "--app", "app", "--in", "db.users", "--user", r#"{"id": "u"}"#]);
    assert!(code != 0 && !text.contains("allowed"), "{text}");
}

#[test]
fn the_code_of_a_function_is_not_found_behind_a_link_out_of_the_application() {
    let functions = ("app/functions/config.json", r#"[{"name": "f"}]"#);
    let tree = Tree::new("function", &[ROOT, functions, ("outside/f.js", SECRET)]);
    symlink(tree.path("outside/f.js"), tree.path("app/functions/f.js")).unwrap();
    let (code, text) = said(&tree.0, &["check", "app"]);
    assert!(code == 1 && text.contains("error[link-outward]") && text.contains("app/functions/f.js"), "{text}");
}

#[test]
fn a_secret_that_no_value_asks_for_is_named() {
    let value = ("app/values/key.json", r#"{"name": "key", "from_secret": true, "value": "asked"}"#);
    let tree =
        Tree::new("secret", &[ROOT, SOURCE, THINGS, value, ("app/secrets.json", r#"{"idle": "", "asked": ""}"#)]);
    let decide = |secret: &str| {
        let user = r#"{"id": "u", "custom_data": null}"#;
        said(
            &tree.0,
            &["decide", "read", "{}", "--app", "app", "--in", "db.things", "--user", user, "--secret", secret],
        )
    };
    let (code, text) = decide("idle=env:PATH");
    assert!(code == 1 && text.contains("no value uses the secret `idle`"), "{text}");
    assert!(!decide("asked=env:PATH").1.contains("no value uses"));
    assert!(decide("other=env:PATH").1.contains("no application file refers to a secret `other`"));
}

/// The value and the secret that it is taken from have names of their own.
#[test]
fn a_secret_that_is_missing_is_asked_for_by_what_can_be_given() {
    let value = ("app/values/key.json", r#"{"name": "key", "from_secret": true, "value": "asked"}"#);
    let rules = (
        "app/data_sources/m/db/things/rules.json",
        r#"{"database": "db", "collection": "things",
        "roles": [{"name": "a", "apply_when": {"key": "%%values.key"}, "read": true}]}"#,
    );
    let tree = Tree::new("secret-missing", &[ROOT, SOURCE, rules, value]);
    let user = r#"{"id": "u", "custom_data": null}"#;
    let decide = ["decide", "read", "{}", "--app", "app", "--in", "db.things", "--user", user];
    let (code, text) = said(&tree.0, &decide);
    let way_out = "pass --secret NAME=env:VARIABLE, where NAME is the secret that its file in values/ takes it from";
    assert!(code == 1 && text.contains("the value `key` is a secret that was not supplied"), "{text}");
    assert!(text.contains(way_out), "{text}");
    let (code, text) = said(&tree.0, &[&decide[..], &["--secret", "asked=env:PATH"]].concat());
    assert!(code == 1 && !text.contains("not supplied"), "{text}");
}

#[test]
fn in_the_directory_of_an_application_it_need_not_be_named() {
    let tree = Tree::new("here", &[ROOT, SOURCE, THINGS]);
    let app = tree.path("app");
    for arguments in [
        &["check"][..],
        &["query", "db.things", "--user", r#"{"id": "u", "custom_data": null}"#],
        &["decide", "read", "db.things", "{}", "--user", r#"{"id": "u", "custom_data": null}"#],
    ] {
        let (code, text) = said(&app, arguments);
        assert!(code < 2, "{arguments:?}: {text}");
    }
}

#[test]
fn documents_are_imported_from_an_argument_and_exported_with_their_collection_named_either_way() {
    let tree = Tree::new("import", &[("a", "")]);
    for arguments in
        [&["import", "db.c", r#"{"_id": 1}"#][..], &["import", "--in", "db.c", "{\"_id\": 2}\n{\"_id\": 3}"]]
    {
        assert_eq!(said(&tree.0, arguments).0, 0);
    }
    for arguments in [&["export", "db.c"][..], &["export", "--in", "db.c"]] {
        assert_eq!(said(&tree.0, arguments).1.lines().count(), 3);
    }
}

#[test]
fn a_link_inside_an_application_is_followed() {
    let tree = Tree::new("inside", &[ROOT, SOURCE, THINGS, ("app/shared/value.json", r#"{"name": "v", "value": 1}"#)]);
    fs::create_dir_all(tree.path("app/values")).unwrap();
    symlink("../shared/value.json", tree.path("app/values/v.json")).unwrap();
    symlink(tree.path("app"), tree.path("link")).unwrap();
    for directory in ["app", "link"] {
        let (code, text) = said(&tree.0, &["check", "-q", directory]);
        assert!(code == 0 && !text.contains("link-outward"), "{text}");
    }
}

#[test]
fn a_folder_of_custom_data_does_not_lead_out_of_itself() {
    let tree = Tree::new(
        "folder",
        &[ROOT, SOURCE, CUSTOM_DATA, THINGS, ("outside/secret", SECRET), ("data/users.json", r#"{"uid": "u"}"#)],
    );
    symlink(tree.path("outside/secret"), tree.path("data/db.users.json")).unwrap();
    let (code, text) = said(
        &tree.0,
        &[
            "decide",
            "read",
            "{}",
            "--app",
            "app",
            "--in",
            "db.things",
            "--user",
            r#"{"id": "u"}"#,
            "--custom-data",
            "data",
        ],
    );
    assert!(code == 2 && text.contains("data/db.users.json` is a symbolic link") && !text.contains("root:x"), "{text}");
}

/// Runs a command with a terminal as its output; none where nothing can make one.
fn on_terminal(directory: &Path, arguments: &[&str]) -> Option<String> {
    const SPAWN: &str = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_portcullis")]).args(arguments).current_dir(directory);
    // So that the colours are written, too.
    let output = command.env("TERM", "xterm").env_remove("NO_COLOR").output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    (!text.is_empty()).then_some(text)
}

#[test]
fn a_terminal_is_shown_no_control_character_of_a_stored_text() {
    let hostile = "a\u{9b}31mb\u{202e}c\u{7f}d\u{2066}e\u{85}f\u{61c}g\u{e0041}h";
    let rules = r#"{"roles": [{"name": "R", "apply_when": {}, "read": true, "write": true}]}"#;
    let document = format!("{{\"_id\": 1, \"text\": \"{hostile}\"}}");
    let tree = Tree::new("terminal", &[("rules.json", rules), ("document.json", &document)]);
    assert_eq!(said(&tree.0, &["import", "db.c", "document.json"]).0, 0);
    let clean = r"a\u009b31mb\u202ec\u007fd\u2066e\u0085f\u061cg\udb40\udc41h";
    for arguments in [
        &["find", "db.c", "--rules", "rules.json"][..],
        &["find", "db.c", "--rules", "rules.json", "--json"],
        &["export", "db.c"],
        &["decide", "read", "document.json", "--rules", "rules.json"],
        &["decide", "read", "document.json", "--rules", "rules.json", "--json"],
        &[
            "write",
            "db.c",
            r#"{"findOneAndUpdate": {"filter": {}, "update": {"$set": {"a": 1}}}}"#,
            "--rules",
            "rules.json",
        ],
        &["expand", "document.json"],
        &["eval", "{\"text\": 1}", "--root", "document.json", "--explain"],
    ] {
        let Some(text) = on_terminal(&tree.0, arguments) else { return eprintln!("not run: there is no python3") };
        let raw = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}') || hostile.contains(c) && !c.is_ascii()
        };
        assert!(!text.contains(raw), "{arguments:?}: {text:?}");
        assert!(text.contains("u009b31m") || text.contains("u{9b}"), "{arguments:?}: {text:?}");
    }
    // It is the same JSON, and what is no terminal gets the text as it is.
    let text = on_terminal(&tree.0, &["find", "db.c", "--rules", "rules.json"]).unwrap();
    assert!(text.contains(clean), "{text:?}");
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["text"], hostile);
    assert!(said(&tree.0, &["find", "db.c", "--rules", "rules.json"]).1.contains(hostile));
    // A finding quotes a hostile file, and keeps its colours.
    fs::write(tree.path("broken.json"), format!("{{\"roles\": [{{\"na\u{202e}me\": \"{hostile}\"}}]}}")).unwrap();
    let text = on_terminal(&tree.0, &["check", "broken.json"]).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{9b}', '\u{7f}']) && text.contains("\u{1b}[1m\u{1b}[31merror"), "{text:?}");
}
