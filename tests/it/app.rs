//! The application directory: what is found where, and what becomes of directories that are broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::app::{App, AppError, LoadOptions, Part};
use portcullis::text::{Severity, Style};

/// A directory that is removed when the test ends.
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
        App::load(&self.0, &LoadOptions { environment: environment.map(str::to_owned) }).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> App {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps").join(name);
    App::load(&path, &LoadOptions::default()).unwrap()
}

/// Every finding as `code file`, sorted.
fn found(app: &App) -> Vec<String> {
    let mut all: Vec<String> =
        app.findings.iter().map(|found| format!("{} {}", found.finding.code, found.source.name())).collect();
    all.sort();
    all
}

fn rules<'a>(app: &'a App, namespace: &str) -> &'a Part {
    &app.collection(namespace, None).unwrap().unwrap().rules
}

const ROOT: (&str, &str) = ("realm_config.json", r#"{"name": "harbour"}"#);
const SOURCE: (&str, &str) =
    ("data_sources/mongodb-atlas/config.json", r#"{"name": "mongodb-atlas", "type": "mongodb-atlas"}"#);
const DEFAULT: (&str, &str) = ("data_sources/mongodb-atlas/default_rule.json", r#"{"roles": []}"#);

#[test]
fn the_employees_are_found() {
    let app = fixture("employees");
    assert_eq!(app.name, "employees");
    assert_eq!(found(&app), Vec::<String>::new());
    let namespaces: Vec<&str> = app.collections.iter().map(|c| c.namespace.as_str()).collect();
    assert_eq!(namespaces, ["hr.employees", "hr.salaries", "hr.users"]);
    assert!(app.collections.iter().all(|c| c.rules.present().is_some() && c.schema.present().is_some()));
    assert!(app.data_sources[0].default_rule.present().is_some());
    assert_eq!(app.secrets.iter().collect::<Vec<_>>(), ["intranetSigningKey"]);
    assert!(!app.values.contains_key("intranetSigningKey"));
    assert_eq!(app.values.get_str("supportAddress").unwrap(), "people@example.com");
    assert!(app.function("isModestRaise").unwrap().private);
    assert!(app.function("isModestRaise").unwrap().script.is_some());
    assert_eq!(app.providers.len(), 3);
    assert!(app.custom_user_data.present().is_some());
}

#[test]
fn the_environment_decides_what_templates_become() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps/employees");
    for (tag, cluster) in [(None, "Local"), (Some("development"), "Cluster-Dev"), (Some("production"), "Cluster-One")] {
        let app = App::load(&path, &LoadOptions { environment: tag.map(str::to_owned) }).unwrap();
        let config = app.data_sources[0].config.present().unwrap();
        assert_eq!(config.node.get("config").unwrap().get("clusterName").unwrap().as_str(), Some(cluster));
        assert!(config.source.text().contains("%(%%environment.values.cluster)"));
        assert_eq!(app.environment.tag, tag.unwrap_or_default());
    }
}

#[test]
fn the_applications_own_file_names_the_environment_unless_told_otherwise() {
    let tree = Tree::new(&[
        ("root_config.json", r#"{"name": "harbour", "environment": "qa"}"#),
        ("environments/qa.json", r#"{"values": {"a": "qa"}}"#),
        ("environments/no-environment.json", r#"{"values": {"a": "none"}}"#),
    ]);
    for (wanted, tag, value) in [(None, "qa", Some("qa")), (Some(""), "", Some("none")), (Some("prod"), "prod", None)] {
        let app = tree.load_with(wanted);
        assert_eq!(app.environment.tag, tag);
        assert_eq!(app.environment.values.get_str("a").ok(), value);
        assert_eq!(app.has_errors(), wanted == Some("prod"));
    }
}

#[test]
fn an_old_layout_is_read_as_well() {
    let app = fixture("legacy");
    assert_eq!(found(&app), Vec::<String>::new());
    let offices = app.collection("hr.offices", Some("mongodb-atlas")).unwrap().unwrap();
    assert!(offices.schema_in_rules);
    assert!(offices.schema.present().unwrap().node.get("properties").is_some());
    assert_eq!(app.providers.len(), 2);
    assert_eq!(app.values.get_str("office").unwrap(), "Dublin");
}

#[test]
fn the_first_stitch_named_a_namespace_with_one_key() {
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/db/config.json", r#"{"name": "db", "type": "mongodb"}"#),
        ("services/db/rules/tasks.json", r#"{"namespace": "todo.items", "valid": {}, "other_fields": {}}"#),
    ]);
    let app = tree.load();
    assert!(rules(&app, "todo.items").present().is_some());
    assert_eq!(found(&app), Vec::<String>::new());
}

#[test]
fn rules_of_other_services_are_no_collections() {
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/texts/config.json", r#"{"name": "texts", "type": "twilio"}"#),
        ("services/texts/rules/send.json", r#"{"name": "send", "actions": ["send"], "when": {"%%args.to": "+1"}}"#),
        ("services/texts/incoming_webhooks/hook.json", r#"{"name": "hook", "can_evaluate": {}}"#),
        ("services/unknown/rules/when.json", r#"{"actions": ["get"], "when": {}}"#),
    ]);
    let app = tree.load();
    assert!(app.collections.is_empty() && app.data_sources.is_empty());
    let rules: Vec<_> = app.service_rules.iter().map(|r| (r.service.as_str(), r.name.as_str())).collect();
    assert_eq!(rules, [("texts", "send"), ("unknown", "when")]);
    assert_eq!(app.service_rules[0].actions, ["send"]);
    assert!(app.service_rules[0].when().is_some());
    assert!(app.endpoints[0].can_evaluate().is_some());
}

#[test]
fn a_rules_file_that_is_not_json_closes_its_collection() {
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT, ("data_sources/mongodb-atlas/hr/a/rules.json", "{\"roles\": [}")]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), Part::Broken(_)));
    let shown = app.findings[0].render(Style::default());
    assert!(shown.contains("data_sources/mongodb-atlas/hr/a/rules.json:1:12"), "{shown}");
}

#[test]
fn a_template_without_a_value_closes_its_collection() {
    let text = r#"{"database": "hr", "collection": "b", "roles": "%(%%environment.values.nope)"}"#;
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/b/rules.json", text)]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.b"), Part::Broken(_)));
    assert_eq!(found(&app), ["template-missing data_sources/mongodb-atlas/hr/b/rules.json"]);
    assert_eq!(app.findings[0].pointer.as_deref(), Some("/roles"));
}

#[test]
fn rules_for_nobody_knows_which_collection_close_what_the_default_roles_serve() {
    let template = r#"{"database": "%(%%environment.values.nope)", "collection": "b", "roles": []}"#;
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT, ("data_sources/mongodb-atlas/hr/b/rules.json", template)]);
    assert!(matches!(tree.load().data_sources[0].default_rule, Part::Broken(_)));
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/mongodb-atlas/default_rule.json", "{}"),
        ("services/mongodb-atlas/rules/mine.json", r#"{"roles": []}"#),
    ]);
    let app = tree.load();
    assert!(matches!(app.data_sources[0].default_rule, Part::Broken(_)));
    assert_eq!(found(&app), ["namespace-unknown services/mongodb-atlas/rules/mine.json"]);
}

#[test]
fn roles_under_a_misspelt_type_of_service_are_still_roles() {
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/db/config.json", r#"{"name": "db", "type": "mongo-atlas"}"#),
        ("services/db/rules/hr.a.json", r#"{"database": "hr", "collection": "a", "roles": []}"#),
    ]);
    assert!(rules(&tree.load(), "hr.a").present().is_some());
}

#[test]
fn a_namespace_claimed_twice_is_closed() {
    let rule = r#"{"database": "hr", "collection": "a", "roles": []}"#;
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/a/rules.json", rule),
        ("data_sources/mongodb-atlas/hr/b/rules.json", rule),
    ]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), Part::Contested(files) if files.len() == 2));
    assert_eq!(
        found(&app),
        [
            "definition-duplicate data_sources/mongodb-atlas/hr/b/rules.json",
            "namespace-mismatch data_sources/mongodb-atlas/hr/b/rules.json"
        ]
    );
}

#[test]
fn a_file_for_another_collection_is_an_error_where_default_roles_take_its_place() {
    let rule = ("data_sources/mongodb-atlas/hr/b/rules.json", r#"{"database": "hr", "collection": "a", "roles": []}"#);
    let severity = |files: &[(&str, &str)]| Tree::new(files).load().findings[0].finding.severity;
    assert_eq!(severity(&[ROOT, SOURCE, rule]), Severity::Warning);
    assert_eq!(severity(&[ROOT, SOURCE, DEFAULT, rule]), Severity::Error);
}

#[test]
fn a_template_may_lead_to_another_collection_than_the_path() {
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("environments/no-environment.json", r#"{"values": {"db": "crm"}}"#),
        (
            "data_sources/mongodb-atlas/hr/a/rules.json",
            r#"{"database": "%(%%environment.values.db)", "collection": "a", "roles": []}"#,
        ),
    ]);
    let app = tree.load();
    assert!(rules(&app, "crm.a").present().is_some());
    assert_eq!(found(&app), Vec::<String>::new());
}

#[test]
fn two_data_sources_may_have_one_namespace_but_a_question_must_name_one() {
    let rule = r#"{"database": "hr", "collection": "a", "roles": []}"#;
    let tree = Tree::new(&[ROOT, ("data_sources/x/hr/a/rules.json", rule), ("data_sources/y/hr/a/rules.json", rule)]);
    let app = tree.load();
    assert_eq!(found(&app), Vec::<String>::new());
    assert!(app.collection("hr.a", None).is_err());
    assert_eq!(app.collection("hr.a", Some("y")).unwrap().unwrap().service, "y");
    assert_eq!(app.data_source("hr.z", Some("x")).unwrap().unwrap().name, "x");
    assert!(app.data_source("hr.z", None).is_err());
}

#[test]
fn custom_user_data_needs_a_data_source() {
    let config = r#"{"enabled": true, "mongo_service_name": "mongodb-atls"}"#;
    let tree = Tree::new(&[ROOT, SOURCE, ("auth/custom_user_data.json", config)]);
    let app = tree.load();
    assert_eq!(found(&app), ["data-source-unknown auth/custom_user_data.json"]);
    assert_eq!(app.findings[0].finding.help.as_deref(), Some("did you mean `mongodb-atlas`?"));
}

#[test]
fn a_broken_configuration_of_custom_data_is_not_the_absence_of_one() {
    let tree = Tree::new(&[ROOT, ("auth/custom_user_data.json", "{")]);
    assert!(matches!(tree.load().custom_user_data, Part::Broken(_)));
    let tree = Tree::new(&[("stitch.json", "{")]);
    assert!(matches!(tree.load().custom_user_data, Part::Broken(_)));
}

#[test]
fn a_misspelt_file_is_reported() {
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/a/rule.json", "{}"), ("notes.json", "{}")]);
    let app = tree.load();
    assert_eq!(app.ignored, ["data_sources/mongodb-atlas/hr/a/rule.json", "notes.json"]);
    assert_eq!(found(&app), ["file-unused data_sources/mongodb-atlas/hr/a/rule.json"]);
    assert_eq!(app.findings[0].finding.help.as_deref(), Some("did you mean `rules.json`?"));
}

#[test]
fn the_text_of_secrets_is_kept_nowhere() {
    for text in [r#"{"key": "hunter2"}"#, r#"{"key": hunter2}"#] {
        let tree = Tree::new(&[ROOT, ("secrets.json", text)]);
        let app = tree.load();
        assert!(!format!("{app:?}").contains("hunter2"));
        assert_eq!(app.has_errors(), !app.secrets.contains("key"));
    }
}

#[test]
fn old_sync_settings_inside_a_data_source_are_handed_out() {
    let tree = Tree::new(&[
        ("config.json", r#"{"app_id": "a-b"}"#),
        (
            "services/mongodb-atlas/config.json",
            r#"{"name": "mongodb-atlas", "type": "mongodb-atlas",
                "config": {"sync": {"partition": {"permissions": {"read": true, "write": false}}}}}"#,
        ),
    ]);
    let app = tree.load();
    assert_eq!(app.sync[0].partition_read().unwrap().as_bool(), Some(true));
    assert_eq!(app.sync[0].partition_write().unwrap().as_bool(), Some(false));
}

#[test]
fn a_function_name_does_not_lead_out_of_its_folder() {
    let tree = Tree::new(&[
        ROOT,
        ("outside.js", ""),
        ("functions/a/b.js", ""),
        ("functions/config.json", r#"[{"name": "../outside"}, {"name": "a/b"}, {"name": "a/b"}, {}]"#),
    ]);
    let app = tree.load();
    assert!(app.function("../outside").unwrap().script.is_none());
    assert!(app.function("a/b").unwrap().script.is_some());
    assert_eq!(found(&app), ["definition-duplicate functions/config.json", "name-missing functions/config.json"]);
}

#[test]
fn a_directory_without_an_application_says_what_was_looked_for() {
    let tree = Tree::new(&[("backend/realm_config.json", "{}"), ("config.json", r#"{"compilerOptions": {}}"#)]);
    let error = App::load(&tree.0, &LoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("realm_config.json"), "{error}");
    assert!(error.help().unwrap().contains("backend"));
    assert_eq!(App::discover(&tree.0), [tree.0.join("backend")]);
    let error = App::load(&tree.0.join("nowhere"), &LoadOptions::default()).unwrap_err();
    assert!(matches!(error, AppError::Unreadable { .. }));
}

#[test]
fn anything_in_the_place_of_a_file_is_a_finding() {
    let tree = Tree::new(&[ROOT, SOURCE]);
    tree.write("data_sources/mongodb-atlas/hr/utf/rules.json", b"{\"a\": \"\xff\"}");
    tree.write("data_sources/mongodb-atlas/hr/huge/rules.json", &vec![b' '; 16 * 1024 * 1024 + 1]);
    fs::create_dir_all(tree.0.join("data_sources/mongodb-atlas/hr/folder/rules.json")).unwrap();
    let app = tree.load();
    for namespace in ["hr.utf", "hr.huge", "hr.folder"] {
        assert!(matches!(rules(&app, namespace), Part::Broken(_)), "{namespace}");
    }
    let codes: Vec<&str> = app.findings.iter().map(|found| found.finding.code).collect();
    assert_eq!(codes, ["file-kind", "json-size", "json-encoding"]);
    for found in &app.findings {
        assert!(!found.render(Style::default()).is_empty());
    }
}

#[cfg(unix)]
#[test]
fn links_in_circles_come_to_an_end() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT]);
    let source = tree.0.join("data_sources/mongodb-atlas");
    symlink(&tree.0, source.join("up")).unwrap();
    symlink(source.join("itself"), source.join("itself")).unwrap();
    fs::create_dir_all(source.join("hr/a")).unwrap();
    symlink(source.join("hr/a/rules.json"), source.join("hr/a/rules.json")).unwrap();
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), Part::Broken(_)));
    // What `itself` hides nobody can tell, so the default roles must not take its place.
    assert!(matches!(app.data_sources[0].default_rule, Part::Broken(_)));
    for number in 0..60 {
        symlink(tree.0.join("data_sources"), tree.0.join(format!("data_sources/loop{number}"))).unwrap();
    }
    tree.load();
    assert_eq!(App::discover(&tree.0).len(), 1);
}

#[test]
fn any_content_anywhere_is_survived() {
    let places = [
        "realm_config.json",
        "secrets.json",
        "values/a.json",
        "environments/no-environment.json",
        "data_sources/s/config.json",
        "data_sources/s/default_rule.json",
        "data_sources/s/d/c/rules.json",
        "data_sources/s/d/c/schema.json",
        "services/t/config.json",
        "services/t/rules/x.json",
        "functions/config.json",
        "http_endpoints/config.json",
        "http_endpoints/data_api_config.json",
        "auth/providers.json",
        "auth/custom_user_data.json",
        "auth_providers/p.json",
        "sync/config.json",
        "triggers/t.json",
    ];
    let contents = [
        "",
        "null",
        "1",
        "\"%(\"",
        "[]",
        "[null, {}, 1]",
        "{}",
        r#"{"name": 1, "database": 2, "collection": null, "config": [], "values": 3, "value": {"$oid": 1}}"#,
        r#"{"name": "", "database": "", "collection": "", "namespace": ".", "environment": "../..", "from_secret": 0}"#,
        r#"{"name": "%(%%values.a)", "database": "a.b", "collection": "%(", "permissions": 1, "partition": []}"#,
    ];
    for content in contents {
        let files: Vec<(&str, &str)> = places.iter().map(|place| (*place, content)).collect();
        for found in Tree::new(&files).load().findings {
            assert!(!found.render(Style::default()).is_empty());
        }
        for place in &places[1..] {
            Tree::new(&[ROOT, (place, content)]).load();
        }
    }
}

#[test]
fn every_public_application_is_read_whole() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let corpus = corpus.as_path();
    if !corpus.is_dir() {
        eprintln!("skipped: {} is not there", corpus.display());
        return;
    }
    let apps = App::discover(corpus);
    assert!(apps.len() >= 73, "{}", apps.len());
    for path in apps {
        let app = App::load(&path, &LoadOptions::default()).unwrap();
        assert!(app.ignored.is_empty(), "{}: {:?}", path.display(), app.ignored);
    }
}
