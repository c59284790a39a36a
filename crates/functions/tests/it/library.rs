//! What is read when the functions are loaded, and the problems that are reported.

use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis::App;
use portcullis::text::Severity;
use portcullis_functions::Library;
use serde_json::json;

use super::world::{Directory, Draft};

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap());
        header.set_mode(0o644);
        // Written as bytes, because the `tar` library rejects names that lead out of the archive.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn packages_come_from_an_archive() {
    let packed = archive(&[
        ("node_modules/tiny/package.json", r#"{"main": "main.js"}"#),
        ("node_modules/tiny/main.js", "module.exports = (n) => n + 1;"),
        ("node_modules/../../escape.js", "module.exports = 1;"),
    ]);
    let draft = Draft::new()
        .function("f", "exports = (n) => require('tiny')(n);", json!({}))
        .file("functions/node_modules.tar.gz", packed);
    let (_, library) = draft.load();
    assert_eq!(library.problems(), []);
    let world = draft.build();
    assert_eq!(world.value("f", vec![bson::Bson::Int64(1)]).await, json!({"$numberLong": "2"}));
}

#[tokio::test]
async fn a_broken_archive_is_named() {
    let draft = Draft::new().function("f", "exports = () => 1;", json!({})).file("functions/node_modules.tar.gz", "x");
    let (_, library) = draft.load();
    assert_eq!(library.problems()[0].file, "functions/node_modules.tar.gz");
    assert!(library.problems()[0].message.starts_with("the archive of packages cannot be read"));
}

#[test]
fn functions_missing_from_the_configuration_are_errors_and_private() {
    let directory = Directory::new();
    directory.write("root_config.json", r#"{"name": "x"}"#);
    directory.write(
        "functions/config.json",
        r#"[{"name": "listed"}, {"name": "moved"}, {"name": "twice"}, {"name": "gone"}]"#,
    );
    for name in ["listed", "a/moved", "a/twice", "b/twice", "extra", "node_modules/p/index"] {
        directory.write(&format!("functions/{name}.js"), "exports = () => 1;");
    }
    let app = App::load(&directory.0).unwrap();
    let said: Vec<(Severity, &str, String)> = app
        .findings
        .iter()
        .map(|found| (found.finding.severity, found.finding.code, found.finding.message.clone()))
        .collect();
    let wanted = [
        (
            Severity::Warning,
            "function-script-elsewhere",
            "the function `moved` has no source of this name; functions/a/moved.js is used",
        ),
        (
            Severity::Error,
            "function-script-missing",
            "the function `twice` has no source of this name, and several files could be it: `functions/a/twice.js`, `functions/b/twice.js`",
        ),
        (Severity::Warning, "function-script-missing", "the function `gone` has no source"),
        (Severity::Error, "function-unlisted", "no manifest lists the function `a/twice`"),
        (Severity::Error, "function-unlisted", "no manifest lists the function `b/twice`"),
        (Severity::Error, "function-unlisted", "no manifest lists the function `extra`"),
    ];
    for (severity, code, message) in wanted {
        assert!(said.contains(&(severity, code, message.to_owned())), "{message}: {said:#?}");
    }
    assert_eq!(said.len(), wanted.len(), "{said:#?}");
    let private: Vec<&str> =
        app.functions.iter().filter(|function| function.private).map(|function| function.name.as_str()).collect();
    assert_eq!(private, ["a/twice", "b/twice", "extra"]);
    let library = Library::load(&app);
    assert!(library.contains("moved") && library.contains("gone") && !library.contains("node_modules/p/index"));
    let stopped: Vec<&str> = library.problems().iter().map(|problem| problem.function.as_str()).collect();
    assert_eq!(stopped, ["gone", "twice"]);
}

#[test]
fn unsupported_services_are_named() {
    let directory = Directory::new();
    directory.write("root_config.json", r#"{"name": "x"}"#);
    for kind in ["aws", "twilio", "gcm", "github"] {
        directory.write(
            &format!("services/my-{kind}/config.json"),
            json!({"name": format!("my-{kind}"), "type": kind}).to_string(),
        );
    }
    let library = Library::load(&App::load(&directory.0).unwrap());
    let said: Vec<&str> = library.problems().iter().map(|problem| problem.message.as_str()).collect();
    for kind in ["aws", "twilio", "gcm", "github"] {
        let wanted = format!("the service `my-{kind}` ({kind}) is not available in functions");
        assert!(said.contains(&wanted.as_str()), "{said:?}");
    }
}
