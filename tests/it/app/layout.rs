//! The location of files in each directory layout.

use std::path::Path;

use expect_test::expect;
use portcullis::app::AppError;
use portcullis::{App, LoadOptions};

use super::{ROOT, SOURCE, Tree, fixture, found, rules};

#[test]
fn the_employees_application_loads() {
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
fn templates_expand_to_values_of_the_environment() {
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
fn the_application_file_names_the_environment_unless_overridden() {
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
fn the_legacy_layout_is_read() {
    let app = fixture("legacy");
    assert_eq!(found(&app), Vec::<String>::new());
    let offices = app.collection("hr.offices", Some("mongodb-atlas")).unwrap().unwrap();
    assert!(offices.schema_in_rules);
    assert!(offices.schema.present().unwrap().node.get("properties").is_some());
    assert_eq!(app.providers.len(), 2);
    assert_eq!(app.values.get_str("office").unwrap(), "Dublin");
}

#[test]
fn the_first_stitch_format_names_a_namespace_with_one_key() {
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
fn rules_of_other_services_do_not_define_collections() {
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
fn roles_under_a_misspelt_service_type_still_apply() {
    let tree = Tree::new(&[
        ("stitch.json", "{}"),
        ("services/db/config.json", r#"{"name": "db", "type": "mongo-atlas"}"#),
        ("services/db/rules/hr.a.json", r#"{"database": "hr", "collection": "a", "roles": []}"#),
    ]);
    assert!(rules(&tree.load(), "hr.a").present().is_some());
}

#[test]
fn a_template_may_name_a_collection_other_than_the_path() {
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
fn a_namespace_in_two_data_sources_requires_naming_one() {
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
fn legacy_sync_settings_in_a_data_source_are_loaded() {
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
fn a_function_name_cannot_leave_its_directory() {
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

#[test]
fn the_error_for_a_directory_without_an_application_lists_the_expected_files() {
    let tree = Tree::new(&[("backend/realm_config.json", "{}"), ("config.json", r#"{"compilerOptions": {}}"#)]);
    let error = App::load(&tree.0).unwrap_err();
    let shown = format!("{error}\n{}", error.help().unwrap()).replace(tree.0.to_str().unwrap(), "<directory>");
    expect![[r#"
        `<directory>` holds no application: it has none of root_config.json, realm_config.json, config.json (with an application's keys) and stitch.json, and no rules under data_sources/ or services/, no auth/, no sync/
        did you mean `<directory>/backend`?"#]].assert_eq(&shown);
    assert_eq!(App::discover(&tree.0), [tree.0.join("backend")]);
    let error = App::load(tree.0.join("nowhere")).unwrap_err();
    assert!(matches!(error, AppError::Unreadable { .. }));
}

#[test]
fn an_application_is_recognized_by_its_configuration_file() {
    let id = |text: &str| Tree::new(&[("realm_config.json", text)]).load().id().map(str::to_owned);
    assert_eq!(id(r#"{"client_app_id": "hr-abcde", "app_id": "5c", "name": "hr"}"#).as_deref(), Some("hr-abcde"));
    assert_eq!(id(r#"{"client_app_id": "", "app_id": "hr-abcde", "name": "hr"}"#).as_deref(), Some("hr-abcde"));
    assert_eq!(id(r#"{"name": "hr"}"#).as_deref(), Some("hr"));
    assert_eq!(id(r#"{"name": ""}"#), None);
    assert_eq!(id(r#"{"name": "hr""#), None);
}

#[test]
fn a_missing_source_has_its_path_in_each_layout() {
    for (file, text, expected) in [
        ("functions/config.json", r#"[{"name": "a/f"}]"#, "write it to `functions/a/f.js`"),
        ("functions/f/config.json", r#"{"name": "f"}"#, "write it to `functions/f/source.js`"),
    ] {
        let tree = Tree::new(&[("realm_config.json", "{}"), (file, text)]);
        let app = App::load(&tree.0).unwrap();
        let help = app.findings.iter().find(|found| found.finding.code == "function-script-missing");
        assert_eq!(help.and_then(|found| found.finding.help.as_deref()), Some(expected));
    }
}
