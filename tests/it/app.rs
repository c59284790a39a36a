//! The application directory: what is found where, and what becomes of directories that are broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::app::{App, AppError, ConfigPart, LoadOptions, Policies, Secrets};
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind};
use portcullis::expr;
use portcullis::predicate::{Scope, lower};
use portcullis::text::{Severity, Style};
use portcullis::user::User;

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

/// Every finding as `code file`, sorted.
fn found(app: &App) -> Vec<String> {
    let mut all: Vec<String> =
        app.findings.iter().map(|found| format!("{} {}", found.finding.code, found.source.name())).collect();
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
        let app = App::load_with(&path, &LoadOptions { environment: tag.map(str::to_owned) }).unwrap();
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
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Broken(_)));
    let shown = app.findings[0].render(Style::default());
    assert!(shown.contains("data_sources/mongodb-atlas/hr/a/rules.json:1:12"), "{shown}");
}

#[test]
fn a_template_without_a_value_closes_its_collection() {
    let text = r#"{"database": "hr", "collection": "b", "roles": "%(%%environment.values.nope)"}"#;
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/b/rules.json", text)]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.b"), ConfigPart::Broken(_)));
    assert_eq!(found(&app), ["template-missing data_sources/mongodb-atlas/hr/b/rules.json"]);
    assert_eq!(app.findings[0].pointer.as_deref(), Some("/roles"));
}

#[test]
fn rules_for_nobody_knows_which_collection_close_what_the_default_roles_serve() {
    let template = r#"{"database": "%(%%environment.values.nope)", "collection": "b", "roles": []}"#;
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT, ("data_sources/mongodb-atlas/hr/b/rules.json", template)]);
    assert!(matches!(tree.load().data_sources[0].default_rule, ConfigPart::Broken(_)));
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/mongodb-atlas/default_rule.json", "{}"),
        ("services/mongodb-atlas/rules/mine.json", r#"{"roles": []}"#),
    ]);
    let app = tree.load();
    assert!(matches!(app.data_sources[0].default_rule, ConfigPart::Broken(_)));
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
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Contested(files) if files.len() == 2));
    assert_eq!(
        found(&app),
        [
            "definition-duplicate data_sources/mongodb-atlas/hr/b/rules.json",
            "namespace-mismatch data_sources/mongodb-atlas/hr/b/rules.json"
        ]
    );
}

#[test]
fn a_file_for_another_collection_is_an_error_whether_or_not_default_roles_take_its_place() {
    let rule = ("data_sources/mongodb-atlas/hr/b/rules.json", r#"{"database": "hr", "collection": "a", "roles": []}"#);
    let severity = |files: &[(&str, &str)]| Tree::new(files).load().findings[0].finding.severity;
    assert_eq!(severity(&[ROOT, SOURCE, rule]), Severity::Error);
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
    assert!(matches!(tree.load().custom_user_data, ConfigPart::Broken(_)));
    let tree = Tree::new(&[("stitch.json", "{")]);
    assert!(matches!(tree.load().custom_user_data, ConfigPart::Broken(_)));
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
    let config = "functions/config.json";
    let codes = ["definition-duplicate", "function-script-missing", "name-missing"];
    assert_eq!(found(&app), codes.map(|code| format!("{code} {config}")));
}

/// Users are known by the type of their provider and its `sub`: a second one could log in as users of the first.
#[test]
fn of_two_providers_of_one_type_the_first_counts() {
    let providers = r#"{
        "intranet": {"name": "intranet", "type": "custom-token"},
        "api-key": {"name": "api-key", "type": "api-key"},
        "partners": {"name": "partners", "type": "custom-token"}
    }"#;
    let tree = Tree::new(&[("realm_config.json", "{}"), ("auth/providers.json", providers)]);
    let app = tree.load();
    let names: Vec<_> = app.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["intranet", "api-key"]);
    assert_eq!(found(&app), ["provider-type-twice auth/providers.json"]);
}

#[test]
fn a_directory_without_an_application_says_what_was_looked_for() {
    let tree = Tree::new(&[("backend/realm_config.json", "{}"), ("config.json", r#"{"compilerOptions": {}}"#)]);
    let error = App::load(&tree.0).unwrap_err();
    assert!(error.to_string().contains("realm_config.json"), "{error}");
    assert!(error.help().unwrap().contains("backend"));
    assert_eq!(App::discover(&tree.0), [tree.0.join("backend")]);
    let error = App::load(tree.0.join("nowhere")).unwrap_err();
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
        assert!(matches!(rules(&app, namespace), ConfigPart::Broken(_)), "{namespace}");
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
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Broken(_)));
    // What `itself` hides nobody can tell, so the default roles must not take its place.
    assert!(matches!(app.data_sources[0].default_rule, ConfigPart::Broken(_)));
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

/// Every finding of reading and of checking as `severity code file pointer`, sorted.
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

#[test]
fn what_one_file_names_another_must_define() {
    let app = fixture("dangling");
    assert_eq!(
        checked(&app),
        [
            "error data-source-unknown auth/custom_user_data.json/mongo_service_name",
            "error data-source-unknown triggers/arrivals.json/config/service_name",
            "error environment-value-unknown data_sources/mongodb-atlas/port/ships/rules.json/roles/0/read/region",
            "error function-unknown auth/custom_user_data.json/on_user_creation_function_name",
            "error function-unknown auth/providers.json/custom-function/config/authFunctionName",
            "error function-unknown auth/providers.json/local-userpass/config/confirmationFunctionName",
            "error function-unknown data_sources/mongodb-atlas/port/ships/rules.json/roles/0/write/%%true/%function",
            "error function-unknown data_sources/mongodb-atlas/port/ships/schema.json/properties/flag/validate/%%true/%function",
            "error function-unknown functions/config.json/0/can_evaluate/%%true/%function",
            "error function-unknown http_endpoints/config.json/0/function_name",
            "error function-unknown triggers/arrivals.json/event_processors/FUNCTION/config/function_name",
            "error value-unknown data_sources/mongodb-atlas/port/ships/rules.json/filters/0/apply_when/%%values.nightShft",
            "note field-undescribed data_sources/mongodb-atlas/port/ships/rules.json/filters/0/query/lit",
            "note field-undescribed data_sources/mongodb-atlas/port/ships/rules.json/roles/0/apply_when/port",
            "note field-undescribed data_sources/mongodb-atlas/port/ships/rules.json/roles/0/read/region",
            "note key-unused auth/custom_user_data.json/comment",
            "note key-unused realm_config.json/colour",
            "note secret-unlisted auth/providers.json/custom-token/secret_config/signingKeys/0",
            "warning data-api-system http_endpoints/data_api_config.json/run_as_system",
            "warning environment-value-partial data_sources/mongodb-atlas/port/ships/rules.json/roles/0/apply_when/port",
            "warning function-unknown triggers/departures.json/function_name",
            "warning key-unused triggers/departures.json/nmae",
        ]
    );
    let helps: Vec<_> = app.check().into_iter().filter_map(|found| found.finding.help).collect();
    for help in ["did you mean `%%values.nightShift`?", "did you mean `mayDock`?", "did you mean `name`?"] {
        assert!(helps.iter().any(|found| found == help), "{help}: {helps:?}");
    }
}

#[test]
fn a_misspelt_key_that_was_meant_to_keep_callers_out_does_so_and_is_an_error() {
    let functions = r#"[
        {"name": "a", "Private": true}, {"name": "b", "privat": true}, {"name": "c", "canEvaluate": {"%%user.id": "x"}},
        {"name": "d", "private": false, "Private": true}, {"name": "e", "can_evalaute": {}, "private": false}, {"name": "f", "note": 1}
    ]"#;
    let mut files = vec![("realm_config.json", r#"{"name": "a"}"#), ("functions/config.json", functions)];
    files.extend(["a", "b", "c", "d", "e", "f"].map(|name| match name {
        "a" => ("functions/a.js", "exports = () => 1"),
        "b" => ("functions/b.js", "exports = () => 1"),
        "c" => ("functions/c.js", "exports = () => 1"),
        "d" => ("functions/d.js", "exports = () => 1"),
        "e" => ("functions/e.js", "exports = () => 1"),
        _ => ("functions/f.js", "exports = () => 1"),
    }));
    let tree = Tree::new(&files);
    let app = tree.load();
    let private: Vec<(&str, bool)> = app.functions.iter().map(|one| (one.name.as_str(), one.private)).collect();
    assert_eq!(private, [("a", true), ("b", true), ("c", true), ("d", false), ("e", true), ("f", false)]);
    assert_eq!(
        checked(&app),
        [
            "error function-guard-misspelt functions/config.json/0/Private",
            "error function-guard-misspelt functions/config.json/1/privat",
            "error function-guard-misspelt functions/config.json/2/canEvaluate",
            "error function-guard-misspelt functions/config.json/4/can_evalaute",
            "note key-unused functions/config.json/3/Private",
            "note key-unused functions/config.json/5/note",
        ]
    );
}

#[test]
fn names_are_not_missed_where_their_files_cannot_be_read() {
    let rule = r#"{"roles": [{"name": "a", "apply_when": {"a": "%%values.x", "b": "%%environment.values.y",
        "%%true": {"%function": {"name": "f"}}}, "read": true}]}"#;
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/a/rules.json", rule),
        ("functions/config.json", "["),
        ("values/x.json", "{"),
        ("environments/production.json", "{"),
    ]);
    assert!(tree.load().check().is_empty());
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/a/rules.json", rule)]);
    assert_eq!(tree.load().check().len(), 3);
}

#[test]
fn a_provider_by_which_nobody_can_log_in_is_told() {
    let errors = |config: &str, secrets: &str| {
        let provider = format!(
            r#"{{"custom-token": {{"type": "custom-token", "config": {config}, "secret_config": {secrets}}}}}"#
        );
        let app = Tree::new(&[ROOT, ("auth/providers.json", &provider)]).load();
        let found = app.check().into_iter().filter(|found| found.finding.severity == Severity::Error);
        found.map(|found| found.pointer.unwrap_or_default()).collect::<Vec<_>>()
    };
    let at = |key: &str| vec![format!("/custom-token/{key}")];
    let keys = r#"{"signingKeys": ["k"]}"#;
    assert_eq!(errors(r#"{"audience": "hr"}"#, keys), Vec::<String>::new());
    assert_eq!(errors(r#"{"signingAlgorithm": "none"}"#, keys), at("config/signingAlgorithm"));
    assert_eq!(errors(r#"{"useJWKURI": true, "jwkURI": "http://x/"}"#, keys), at("config/jwkURI"));
    assert_eq!(errors("{}", "{}"), at("secret_config"));
    assert_eq!(errors("{}", r#"{"signingKeys": ["a", "b", "c", "d"]}"#), at("secret_config/signingKeys"));
    assert_eq!(errors(r#"{"audiance": "hr"}"#, keys), at("config/audiance"));
    assert_eq!(errors(r#"{"requireAnyAudiences": true}"#, keys), at("config/requireAnyAudiences"));
}

#[test]
fn a_data_source_is_to_be_added_where_the_layout_has_them() {
    let help = |source: &str| {
        let config = r#"{"enabled": true, "mongo_service_name": "x", "database_name": "hr", "collection_name": "u",
            "user_id_field": "id"}"#;
        let app = Tree::new(&[
            ROOT,
            (source, r#"{"name": "other", "type": "mongodb"}"#),
            ("auth/custom_user_data.json", config),
        ])
        .load();
        let found = app.findings.into_iter().find(|found| found.finding.code == "data-source-unknown");
        found.unwrap().finding.help.unwrap()
    };
    assert_eq!(help("services/other/config.json"), "add services/<name>/config.json");
    assert_eq!(help("data_sources/other/config.json"), "add data_sources/<name>/config.json");
}

#[test]
fn an_application_is_known_by_its_own_file_and_not_by_its_directory() {
    let id = |text: &str| Tree::new(&[("realm_config.json", text)]).load().id().map(str::to_owned);
    assert_eq!(id(r#"{"client_app_id": "hr-abcde", "app_id": "5c", "name": "hr"}"#).as_deref(), Some("hr-abcde"));
    assert_eq!(id(r#"{"client_app_id": "", "app_id": "hr-abcde", "name": "hr"}"#).as_deref(), Some("hr-abcde"));
    assert_eq!(id(r#"{"name": "hr"}"#).as_deref(), Some("hr"));
    assert_eq!(id(r#"{"name": ""}"#), None);
    assert_eq!(id(r#"{"name": "hr""#), None);
}

#[test]
fn an_application_without_any_functions_is_told_so_once() {
    let rule = r#"{"roles": [{"name": "a", "apply_when": {"%%true": {"%function": {"name": "f"}}},
        "read": {"%%true": {"%function": {"name": "g"}}}}]}"#;
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/a/rules.json", rule)]);
    let place = "data_sources/mongodb-atlas/hr/a/rules.json/roles/0/apply_when/%%true/%function";
    let app = tree.load();
    assert_eq!(checked(&app), [format!("warning functions-absent {place}")]);
    assert!(app.check()[0].finding.message.ends_with("calls one here, and in one more place"));
    tree.write("functions/config.json", b"[]");
    assert_eq!(checked(&tree.load()).len(), 2);
}

#[test]
fn rules_of_the_first_stitch_are_refused_by_that_name() {
    let old = r#"{"namespace": "todo.items", "read": {"owner": "%%user.id"}, "write": {}, "valid": {},
        "fields": {"_id": {}}, "other_fields": {}}"#;
    let tree = Tree::new(&[("stitch.json", "{}"), ("services/mongodb-atlas/rules/todo.items.json", old)]);
    let app = tree.load();
    assert_eq!(checked(&app), ["error rules-stitch services/mongodb-atlas/rules/todo.items.json/other_fields"]);
    let shown = app.check()[0].render(Style::default());
    assert!(shown.contains("the first version of Stitch") && shown.contains("`additional_fields`"), "{shown}");
    let guard = app.guard("todo.items", Context::new().with_user(User::new("u"))).unwrap();
    assert!(!guard.read(&bson::doc! {"owner": "u"}).is_allowed());
}

#[test]
fn a_namespace_is_not_defined_in_two_layouts() {
    let rule = r#"{"database": "hr", "collection": "a", "roles": []}"#;
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/a/rules.json", rule),
        ("services/mongodb-atlas/config.json", r#"{"name": "mongodb-atlas", "type": "mongodb-atlas"}"#),
        ("services/mongodb-atlas/rules/hr.a.json", rule),
    ]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Contested(files) if files.len() == 2));
    assert!(found(&app).contains(&"definition-duplicate services/mongodb-atlas/rules/hr.a.json".to_owned()));
}

#[test]
fn letter_case_neither_hides_a_file_nor_makes_a_database() {
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/a/Rules.json", "{}"),
        ("data_sources/mongodb-atlas/hr/b/rules.json", "{}"),
        ("data_sources/mongodb-atlas/HR/b/rules.json", "{}"),
    ]);
    let found = checked(&tree.load());
    assert!(found.contains(&"error file-unused data_sources/mongodb-atlas/hr/a/Rules.json".to_owned()), "{found:?}");
    assert!(
        found.contains(&"warning database-case data_sources/mongodb-atlas/hr/b/rules.json".to_owned()),
        "{found:?}"
    );
    let roles = r#"{"roles": [{"name": "all", "apply_when": {}, "write": true}]}"#;
    tree.write("data_sources/mongodb-atlas/default_rule.json", roles.as_bytes());
    let found = checked(&tree.load());
    assert!(found.contains(&"error file-exposed data_sources/mongodb-atlas/hr/a/Rules.json".to_owned()), "{found:?}");
}

const SCHEMA: &str = r#"{"title": "Task", "bsonType": "object", "properties": {
    "_id": {"bsonType": "objectId"}, "owner": {"bsonType": "string"}, "_partition": {"bsonType": "string"}}}"#;

/// An application whose permissions stand in its sync settings only.
fn synced(settings: &str, more: &[(&str, &str)]) -> Tree {
    let files = [
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/todo/tasks/schema.json", SCHEMA),
        ("data_sources/mongodb-atlas/todo/tasks/rules.json", r#"{"database": "todo", "collection": "tasks"}"#),
        ("data_sources/mongodb-atlas/todo/unsynced/rules.json", r#"{"database": "todo", "collection": "unsynced"}"#),
        ("sync/config.json", settings),
    ];
    Tree::new(&[&files, more].concat())
}

/// Whether user `u` may read and may delete a document of `todo.tasks`.
fn may(tree: &Tree, document: &bson::Document) -> (bool, bool) {
    let app = tree.load();
    let context = Context::new().with_user(User::new("u"));
    let guard = app.guard("todo.tasks", context).unwrap();
    (guard.read(document).is_allowed(), guard.delete(document).is_allowed())
}

const FLEXIBLE: &str = r#"{"type": "flexible", "state": "enabled", "service_name": "mongodb-atlas",
    "database_name": "todo", "permissions": {"rules": {}, "defaultRoles": [
        {"name": "admin", "applyWhen": {"%%user.custom_data.admin": true}, "read": true, "write": true},
        {"name": "user", "applyWhen": {}, "read": {"%or": [{"owner": "%%user.id"}, {"shared": true}]},
         "write": {"owner": "%%user.id"}}]}}"#;

#[test]
fn permissions_of_flexible_sync_serve_as_roles_where_there_are_none() {
    let tree = synced(FLEXIBLE, &[]);
    let absent =
        "warning custom-data-absent sync/config.json/permissions/defaultRoles/0/applyWhen/%%user.custom_data.admin";
    assert_eq!(checked(&tree.load()), ["note sync-converted sync/config.json/permissions", absent]);
    assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (true, true));
    assert_eq!(may(&tree, &bson::doc! {"owner": "v", "shared": true}), (true, false));
    assert_eq!(may(&tree, &bson::doc! {"owner": "v"}), (false, false));
    let app = tree.load();
    let guard = app.guard("todo.unsynced", Context::new().with_user(User::new("u"))).unwrap();
    assert!(!guard.read(&bson::doc! {"owner": "u"}).is_allowed(), "without a schema nothing was synced");
}

#[test]
fn roles_of_their_own_outdo_permissions_of_sync() {
    let none = ("data_sources/mongodb-atlas/todo/tasks/rules.json", r#"{"roles": []}"#);
    let default =
        ("data_sources/mongodb-atlas/default_rule.json", r#"{"roles": [{"name": "none", "apply_when": false}]}"#);
    for own in [none, default] {
        let tree = synced(FLEXIBLE, &[own]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
        let found = checked(&tree.load());
        assert!(found.contains(&"warning sync-overruled sync/config.json/permissions".to_owned()), "{found:?}");
    }
}

#[test]
fn sync_that_is_not_enabled_grants_nothing() {
    for state in [r#""state": "disabled""#, r#""state": """#, r#""development_mode_enabled": false"#] {
        let tree = synced(&FLEXIBLE.replace(r#""state": "enabled""#, state), &[]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
        assert_eq!(checked(&tree.load()), ["note sync-disabled sync/config.json/permissions"]);
    }
}

#[test]
fn permissions_of_sync_that_mean_something_else_as_roles_close_their_collections() {
    let changes = [
        (r#""rules": {}"#, r#""rules": {"Task": []}"#, "`Task`"),
        (r#""rules": {}"#, r#""rules": {}, "extra": 1"#, "`extra`"),
        (r#""name": "user","#, r#""name": "user", "fields": {},"#, "`fields`"),
        (r#""applyWhen": {}"#, r#""applyWhen": {"owner": "%%user.id"}"#, "does not load"),
        (r#""write": true"#, r#""write": "%%true""#, "does not load"),
        (r#""applyWhen": {}, "#, "", "`applyWhen`"),
    ];
    for (before, after, reason) in changes {
        assert!(FLEXIBLE.contains(before));
        let tree = synced(&FLEXIBLE.replace(before, after), &[]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false), "{after}");
        let app = tree.load();
        let found = app.check().into_iter().find(|found| found.finding.code == "sync-refused").expect(after);
        assert!(found.finding.message.contains("`todo.tasks`"), "{}", found.finding.message);
        assert!(found.finding.message.contains(reason), "{}", found.finding.message);
    }
}

const PARTITION: &str = r#"{"state": "enabled", "service_name": "mongodb-atlas", "partition": {
    "key": "_partition", "type": "string", "required": true,
    "permissions": {"read": {"%%partition": {"$in": ["%%user.id", "PUBLIC"]}}, "write": {"%%partition": "%%user.id"}}}}"#;

#[test]
fn the_partition_of_a_document_takes_the_place_of_the_partition() {
    let tree = synced(PARTITION, &[]);
    assert_eq!(checked(&tree.load()), ["note sync-converted sync/config.json/partition"]);
    assert_eq!(may(&tree, &bson::doc! {"_partition": "u"}), (true, true));
    assert_eq!(may(&tree, &bson::doc! {"_partition": "PUBLIC"}), (true, false));
    assert_eq!(may(&tree, &bson::doc! {"_partition": "v"}), (false, false));
    assert_eq!(may(&tree, &bson::doc! {"_partition": ["u", "v"]}), (false, false), "in no partition");
    assert_eq!(may(&tree, &bson::doc! {"a": 1}), (false, false));
    for anyone in ["true", "{}"] {
        let tree = synced(&PARTITION.replace(r#"{"%%partition": "%%user.id"}"#, anyone), &[]);
        assert_eq!(may(&tree, &bson::doc! {"_partition": "v"}), (true, true));
        assert_eq!(may(&tree, &bson::doc! {"_partition": 1}), (false, false), "in no partition");
        assert_eq!(may(&tree, &bson::doc! {"a": 1}), (false, false), "the key is required");
        let optional = PARTITION.replace(r#"{"%%partition": "%%user.id"}"#, anyone).replace("\"required\": true,", "");
        let tree = synced(&optional, &[]);
        assert_eq!(may(&tree, &bson::doc! {"a": 1}), (true, true));
        assert_eq!(may(&tree, &bson::doc! {"_partition": [null]}), (false, false));
    }
}

#[test]
fn a_partition_that_cannot_be_found_in_documents_closes_its_collections() {
    for (before, after) in [
        (r#""type": "string""#, r#""type": "date""#),
        (r#""write":"#, r#""wirte":"#),
        (r#""%%partition": "%%user.id""#, r#""%%partition.x": "%%user.id""#),
        (r#""partition": {"#, r#""permissions": {"defaultRoles": [{}]}, "partition": {"#),
    ] {
        assert!(PARTITION.contains(before));
        let tree = synced(&PARTITION.replace(before, after), &[]);
        assert_eq!(may(&tree, &bson::doc! {"_partition": "u"}), (false, false), "{after}");
        let app = tree.load();
        assert!(app.check().iter().any(|found| found.finding.code == "sync-refused"), "{after}");
    }
    let tree = synced(&PARTITION.replace(r#""key": "_partition""#, r#""key": "nowhere""#), &[]);
    assert_eq!(may(&tree, &bson::doc! {"_partition": "u", "nowhere": "u"}), (false, false));
    assert_eq!(checked(&tree.load()), ["warning sync-idle sync/config.json/partition"]);
}

#[test]
fn two_settings_of_sync_for_one_collection_close_it() {
    let old = r#"{"name": "mongodb-atlas", "type": "mongodb-atlas", "config": {"flexible_sync": FLEXIBLE}}"#;
    let old = old.replace("FLEXIBLE", FLEXIBLE);
    let tree = synced(
        FLEXIBLE,
        &[("services/mongodb-atlas/config.json", &old), ("data_sources/mongodb-atlas/config.json", "{}")],
    );
    assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
}

#[test]
fn who_can_promote_themselves_by_permissions_of_sync_is_told_so() {
    let data = r#"{"enabled": true, "mongo_service_name": "mongodb-atlas", "database_name": "todo",
        "collection_name": "tasks", "user_id_field": "owner"}"#;
    let tree = synced(FLEXIBLE, &[("auth/custom_user_data.json", data)]);
    let found = checked(&tree.load());
    assert!(found.iter().any(|found| found.starts_with("error custom-data-writable sync/config.json")), "{found:?}");
}

#[test]
fn a_secret_reaches_the_values_that_are_secrets_and_nothing_else() {
    let tree = Tree::new(&[
        ROOT,
        ("values/shown.json", r#"{"name": "shown", "value": "door", "from_secret": true}"#),
        ("values/other.json", r#"{"name": "other", "value": "gate", "from_secret": true}"#),
        ("door.txt", "hunter2\n"),
        ("secrets-here.json", r#"{"gate": "hunter3"}"#),
    ]);
    let app = tree.load();
    let mut secrets = Secrets::default();
    secrets.add(&format!("door=file:{}", tree.0.join("door.txt").display())).unwrap();
    let truth = |secrets: &Secrets, rule: &str| {
        let predicate = lower(&expr::parse_str(rule).unwrap(), Scope::Endpoint).unwrap();
        let context = app.with_secrets(Context::new(), secrets);
        Evaluation::new(Documents::default(), &context, &Errors::default()).truth(&bind(&predicate, &context))
    };
    assert_eq!(truth(&secrets, r#"{"%%values.shown": "hunter2"}"#), Truth::True);
    assert_eq!(truth(&secrets, r#"{"%%values.door": "hunter2"}"#), Truth::False);
    assert_eq!(truth(&secrets, r#"{"%%values.other": {"$exists": false}}"#), Truth::Error);
    secrets.add_file(&tree.0.join("secrets-here.json")).unwrap();
    assert_eq!(truth(&secrets, r#"{"%%values.other": "hunter3"}"#), Truth::True);
    assert!(app.verify_secrets(&secrets).is_ok());
    assert!(!format!("{secrets:?} {:?}", app.with_secrets(Context::new(), &secrets)).contains("hunter"));
}

#[test]
fn no_error_about_a_secret_shows_it() {
    let tree = Tree::new(&[
        ("list.json", r#"["hunter2"]"#),
        ("number.json", r#"{"hunter": {"a": "hunter2"}}"#),
        ("broken.json", r#"{"a": hunter2}"#),
        ("twice.json", r#"{"a": "hunter2"}"#),
    ]);
    let mut secrets = Secrets::default();
    secrets.insert("a", "hunter2");
    for wrong in
        ["hunter2", "a=hunter2", "=hunter2", "a=env:", "a=file:", "b=env:NOT_THERE_AT_ALL", "b=file:/not/there"]
    {
        let error = secrets.add(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    for file in ["list.json", "number.json", "broken.json", "twice.json"] {
        let error = secrets.add_file(&tree.0.join(file)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_secret_that_the_application_does_not_know_is_an_error_with_a_suggestion() {
    let app = fixture("employees");
    let mut secrets = Secrets::default();
    secrets.insert("intranetSigninKey", "x");
    let error = app.verify_secrets(&secrets).unwrap_err();
    assert!(error.to_string().ends_with("did you mean `intranetSigningKey`?"), "{error}");
    assert_eq!(app.missing_secrets(&secrets).len(), 1);
}

#[test]
fn values_that_cannot_be_read_are_unknown_and_not_missing() {
    let role = |condition: &str| {
        let role = r#"{"roles": [{"name": "a", "apply_when": {"%not": CONDITION}, "read": true}]}"#;
        role.replace("CONDITION", condition)
    };
    let closed = |name: &str| role(&r#"{"NAME": true}"#.replace("NAME", name));
    let value = |name: &str| format!(r#"{{"name": "{name}", "value": true}}"#);
    let (shut, other) = (value("shut"), value("other"));
    let rule = "data_sources/mongodb-atlas/hr/a/rules.json";
    type Files<'f> = &'f [(&'f str, &'f str)];
    let cases: [(&str, bool, Files<'_>); 11] = [
        ("%%values.shut", true, &[("values/other.json", &other)]),
        ("%%values.shut", false, &[("values/shut.json", "{")]),
        ("%%values.shut", false, &[("values/other.json", "[]")]),
        ("%%values.shut", false, &[("values/shut.json", "{}")]),
        ("%%values.shut", false, &[("values/a.json", r#"{"name": "shut", "value": false}"#), ("values/b.json", &shut)]),
        ("%%environment.values.shut", true, &[("environments/no-environment.json", r#"{"values": {}}"#)]),
        ("%%environment.values.shut", true, &[("environments/production.json", "{")]),
        ("%%environment.values.shut", false, &[("environments/no-environment.json", "{")]),
        ("%%environment.values.shut", false, &[("environments/no-environment.json", r#"{"values": 1}"#)]),
        ("%%environment.values.shut", false, &[("realm_config.json", "{")]),
        (
            "%%environment.values.shut",
            false,
            &[("realm_config.json", r#"{"environment": "qa"}"#), ("environments/production.json", "{}")],
        ),
    ];
    for (name, allowed, files) in cases {
        let tree = Tree::new(&[ROOT, SOURCE, (rule, &closed(name))]);
        files.iter().for_each(|(path, text)| tree.write(path, text.as_bytes()));
        let app = tree.load();
        let guard = app.guard("hr.a", Context::new().with_user(User::new("u"))).unwrap();
        assert_eq!(guard.read(&bson::doc! {"a": 1}).is_allowed(), allowed, "{name} {files:?}");
    }
}

/// What applies to each namespace of an application, and to one that no file speaks of, is the same whether all rules are
/// compiled or only those of the namespace.
fn compiles_alike(app: &App) -> usize {
    let all = app.policies();
    let namespaces: Vec<&str> = app.collections.iter().map(|collection| collection.namespace.as_str()).collect();
    for namespace in namespaces.iter().copied().chain(["none.of_these"]) {
        let of_one = app.policies_of(namespace);
        let services = app.data_sources.iter().map(|source| Some(source.name.as_str()));
        for service in services.chain([None]) {
            // Of a schema's maps the order is none.
            let applicable = |policies: &Policies| {
                let shown = format!("{:?}", policies.applicable(app, namespace, service));
                let mut parts: Vec<String> = shown.split([',', ' ', '{', '}']).map(str::to_owned).collect();
                parts.sort();
                parts
            };
            assert_eq!(applicable(&of_one), applicable(&all), "{namespace} of {service:?} in {}", app.name);
        }
    }
    namespaces.len()
}

#[test]
fn the_rules_of_one_namespace_are_compiled_as_among_all() {
    let apps = App::discover(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps"));
    let loaded = apps.iter().map(|directory| App::load(directory).unwrap());
    let namespaces: usize = loaded.map(|app| compiles_alike(&app)).sum();
    assert!(namespaces >= 5, "{namespaces}");
    assert!(compiles_alike(&synced(FLEXIBLE, &[]).load()) >= 2);
}
