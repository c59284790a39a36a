//! Findings about applications that can be read.

use expect_test::expect;
use portcullis::Context;
use portcullis::User;
use portcullis::text::{Severity, Style};

use super::{DEFAULT, ROOT, SOURCE, Tree, checked, fixture, found};

#[test]
fn a_file_for_another_collection_is_an_error_with_and_without_default_roles() {
    let rule = ("data_sources/mongodb-atlas/hr/b/rules.json", r#"{"database": "hr", "collection": "a", "roles": []}"#);
    let severity = |files: &[(&str, &str)]| Tree::new(files).load().findings[0].finding.severity;
    assert_eq!(severity(&[ROOT, SOURCE, rule]), Severity::Error);
    assert_eq!(severity(&[ROOT, SOURCE, DEFAULT, rule]), Severity::Error);
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
fn a_misspelt_file_is_reported() {
    let tree = Tree::new(&[ROOT, SOURCE, ("data_sources/mongodb-atlas/hr/a/rule.json", "{}"), ("notes.json", "{}")]);
    let app = tree.load();
    assert_eq!(app.ignored, ["data_sources/mongodb-atlas/hr/a/rule.json", "notes.json"]);
    assert_eq!(found(&app), ["file-unused data_sources/mongodb-atlas/hr/a/rule.json"]);
    assert_eq!(app.findings[0].finding.help.as_deref(), Some("did you mean `rules.json`?"));
}

#[test]
fn a_misnamed_rules_file_is_reported_if_it_leaves_the_collection_without_rules() {
    let empty = r#"{"roles": []}"#;
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/a/rules.json.bak", empty),
        ("data_sources/mongodb-atlas/hr/b/rules.yaml", empty),
        ("data_sources/mongodb-atlas/hr/c/rules.json", empty),
        ("data_sources/mongodb-atlas/hr/c/rules.json.bak", empty),
        ("data_sources/mongodb-atlas/hr/c/notes.txt", "none"),
    ]);
    let app = tree.load();
    assert_eq!(
        found(&app),
        [
            "file-unused data_sources/mongodb-atlas/hr/a/rules.json.bak",
            "file-unused data_sources/mongodb-atlas/hr/b/rules.yaml"
        ]
    );
    assert_eq!(app.findings[0].finding.help.as_deref(), Some("did you mean `rules.json`?"));
}

#[test]
fn a_rules_file_without_roles_is_reported_unless_default_roles_apply() {
    let rules = ("data_sources/mongodb-atlas/hr/a/rules.json", r#"{"database": "hr", "collection": "a"}"#);
    let told = |files: &[(&str, &str)]| checked(&Tree::new(files).load());
    assert_eq!(told(&[ROOT, SOURCE, rules]), ["warning roles-empty data_sources/mongodb-atlas/hr/a/rules.json"]);
    let default = ("data_sources/mongodb-atlas/default_rule.json", r#"{"filters": []}"#);
    assert_eq!(
        told(&[ROOT, SOURCE, default, rules]),
        ["warning roles-empty data_sources/mongodb-atlas/hr/a/rules.json"]
    );
    let roles = r#"{"roles": [{"name": "all", "apply_when": {"owner": "%%user.id"}, "read": true}]}"#;
    let default = ("data_sources/mongodb-atlas/default_rule.json", roles);
    assert_eq!(told(&[ROOT, SOURCE, default, rules]), [""; 0]);
    let schema = ("data_sources/mongodb-atlas/hr/b/schema.json", r#"{"title": "b"}"#);
    assert_eq!(told(&[ROOT, SOURCE, schema]), [""; 0]);
}

#[test]
fn findings_about_default_rules_are_reported_once_with_their_collections() {
    let app = fixture("defaults");
    let told: Vec<_> = app.check().into_iter().filter(|found| found.finding.code == "custom-data-absent").collect();
    let messages: Vec<&str> = told.iter().map(|found| found.finding.message.as_str()).collect();
    expect!["`%%user.custom_data.role` is Missing for every user: custom data is not enabled (in `library.journals`, `library.maps`, `library.scores`)"].assert_eq(&messages.join("\n"));
}

#[test]
fn names_in_one_file_must_be_defined_in_another() {
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
fn a_misspelt_key_that_restricts_callers_refuses_them_and_is_an_error() {
    let functions = r#"[
        {"name": "a", "Private": true}, {"name": "b", "privat": true}, {"name": "c", "canEvaluate": {"%%user.id": "x"}},
        {"name": "d", "private": false, "Private": true}, {"name": "e", "can_evalaute": {}, "private": false}, {"name": "f", "note": 1},
        {"name": "g", "private": true, "Private": true}
    ]"#;
    let mut files = vec![("realm_config.json", r#"{"name": "a"}"#), ("functions/config.json", functions)];
    files.extend(["a", "b", "c", "d", "e", "f", "g"].map(|name| match name {
        "a" => ("functions/a.js", "exports = () => 1"),
        "b" => ("functions/b.js", "exports = () => 1"),
        "c" => ("functions/c.js", "exports = () => 1"),
        "d" => ("functions/d.js", "exports = () => 1"),
        "e" => ("functions/e.js", "exports = () => 1"),
        "f" => ("functions/f.js", "exports = () => 1"),
        _ => ("functions/g.js", "exports = () => 1"),
    }));
    let tree = Tree::new(&files);
    let app = tree.load();
    let private: Vec<(&str, bool)> = app.functions.iter().map(|one| (one.name.as_str(), one.private)).collect();
    let expected = [("a", true), ("b", true), ("c", true), ("d", true), ("e", true), ("f", false), ("g", true)];
    assert_eq!(private, expected);
    assert_eq!(
        checked(&app),
        [
            "error function-guard-misspelt functions/config.json/0/Private",
            "error function-guard-misspelt functions/config.json/1/privat",
            "error function-guard-misspelt functions/config.json/2/canEvaluate",
            "error function-guard-misspelt functions/config.json/3/Private",
            "error function-guard-misspelt functions/config.json/4/can_evalaute",
            "note key-unused functions/config.json/5/note",
            // It says the same as `private`.
            "note key-unused functions/config.json/6/Private",
        ]
    );
}

#[test]
fn misspelt_guards_of_endpoints_are_errors() {
    let tree = Tree::new(&[
        ("realm_config.json", r#"{"name": "a"}"#),
        ("functions/config.json", r#"[{"name": "f"}]"#),
        ("functions/f.js", "exports = () => 1"),
        (
            "http_endpoints/config.json",
            r#"[{"route": "/a", "http_method": "GET", "function_name": "f", "canEvaluate": {"%%user.id": "x"}, "note": 1}]"#,
        ),
        ("http_endpoints/data_api_config.json", r#"{"versions": ["v1"], "Can_Evaluate": {}, "retrun_type": "JSON"}"#),
        ("services/door/config.json", r#"{"name": "door", "type": "http"}"#),
        ("services/door/incoming_webhooks/bell/config.json", r#"{"name": "bell", "runAsAuthedUser": true}"#),
        ("services/door/incoming_webhooks/bell/source.js", "exports = () => 1"),
    ]);
    assert_eq!(
        checked(&tree.load()),
        [
            "error endpoint-guard-misspelt http_endpoints/config.json/0/canEvaluate",
            "error endpoint-guard-misspelt http_endpoints/data_api_config.json/Can_Evaluate",
            "error endpoint-guard-misspelt services/door/incoming_webhooks/bell/config.json/runAsAuthedUser",
            "note key-unused http_endpoints/config.json/0/note",
            "warning key-unused http_endpoints/data_api_config.json/retrun_type",
        ]
    );
}

#[test]
fn a_function_that_is_listed_twice_is_private() {
    let functions = r#"[{"name": "a"}, {"name": "a", "private": true}, {"name": "b"}]"#;
    let tree = Tree::new(&[
        ("realm_config.json", r#"{"name": "a"}"#),
        ("functions/config.json", functions),
        ("functions/a.js", "exports = () => 1"),
        ("functions/b.js", "exports = () => 1"),
    ]);
    let app = tree.load();
    let private: Vec<(&str, bool)> = app.functions.iter().map(|one| (one.name.as_str(), one.private)).collect();
    assert_eq!(private, [("a", true), ("b", false)]);
    let findings: Vec<_> = app.findings.iter().map(|found| (found.finding.code, found.finding.severity)).collect();
    assert_eq!(findings, [("definition-duplicate", portcullis::text::Severity::Error)]);
}

#[test]
fn names_are_not_reported_missing_if_their_files_are_unreadable() {
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
fn a_provider_that_no_user_can_log_in_with_is_reported() {
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
fn help_for_a_missing_data_source_fits_the_layout() {
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
fn an_application_without_functions_is_reported_once() {
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
fn rules_in_the_first_stitch_format_are_refused_by_name() {
    let old = r#"{"namespace": "todo.items", "read": {"owner": "%%user.id"}, "write": {}, "valid": {},
        "fields": {"_id": {}}, "other_fields": {}}"#;
    let tree = Tree::new(&[("stitch.json", "{}"), ("services/mongodb-atlas/rules/todo.items.json", old)]);
    let app = tree.load();
    assert_eq!(checked(&app), ["error rules-stitch services/mongodb-atlas/rules/todo.items.json/other_fields"]);
    expect![[r#"
        error[rules-stitch]: `other_fields` is outside of a role: these are rules from the first version of Stitch, which had no roles
          --> services/mongodb-atlas/rules/todo.items.json:2:32  (/other_fields)
          2 |         "fields": {"_id": {}}, "other_fields": {}}
            |                                ^^^^^^^^^^^^^^ write {"roles": [{"name": "…", "apply_when": {}, …}]}: `read`, `write` and `fields` belong in the role, `other_fields` is `additional_fields`, `valid` is `validate` in the schema
    "#]].assert_eq(&app.check()[0].render(Style::default()));
    let guard = app.guard("todo.items", Context::new().with_user(User::new("u"))).unwrap();
    assert!(!guard.read(&bson::doc! {"owner": "u"}).is_allowed());
}

#[test]
fn names_in_another_letter_case_are_reported() {
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
