//! Files that cannot be read or that claim the same name close whatever they are about.

use std::fs;

use expect_test::expect;
use portcullis::Context;
use portcullis::app::ConfigPart;
use portcullis::text::Style;
use portcullis::{App, User};

use super::{DEFAULT, ROOT, SOURCE, Tree, checked, found, rules};

#[test]
fn a_rules_file_that_is_not_json_closes_its_collection() {
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT, ("data_sources/mongodb-atlas/hr/a/rules.json", "{\"roles\": [}")]);
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Broken(_)));
    expect![[r#"
        error[json-syntax]: expected a value, found `}`
          --> data_sources/mongodb-atlas/hr/a/rules.json:1:12
          1 | {"roles": [}
            |            ^
    "#]]
    .assert_eq(&app.findings[0].render(Style::default()));
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
fn a_template_without_a_value_does_not_suppress_other_errors() {
    let rules = r#"{"roles": [
        {"name": "n", "aply_when": {"a": "%(%%environment.values.z)"}},
        {"name": "m", "apply_when": {}, "raed": true},
        {"name": "o", "apply_when": {"$foo": "%(%%environment.values.z)"}, "read": "%(%%environment.values.z)"}
    ]}"#;
    let schema = r#"{"title": "%(%%environment.values.z)", "properties": {"a": {"bson_type": "string"}}}"#;
    let tree = Tree::new(&[
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/hr/b/rules.json", rules),
        ("data_sources/mongodb-atlas/hr/b/schema.json", schema),
    ]);
    assert_eq!(
        checked(&tree.load()),
        [
            "error key-unknown data_sources/mongodb-atlas/hr/b/rules.json/roles/0/aply_when",
            "error key-unknown data_sources/mongodb-atlas/hr/b/rules.json/roles/1/raed",
            "error keyword-unknown data_sources/mongodb-atlas/hr/b/schema.json/properties/a/bson_type",
            "error operator-unknown data_sources/mongodb-atlas/hr/b/rules.json/roles/2/apply_when/$foo",
            "error template-missing data_sources/mongodb-atlas/hr/b/rules.json/roles/0/aply_when/a",
            "error template-missing data_sources/mongodb-atlas/hr/b/rules.json/roles/2/apply_when/$foo",
            "error template-missing data_sources/mongodb-atlas/hr/b/rules.json/roles/2/read",
            "error template-missing data_sources/mongodb-atlas/hr/b/schema.json/title",
        ]
    );
}

#[test]
fn rules_for_an_unknown_collection_close_all_collections_with_default_roles() {
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
fn a_namespace_that_is_defined_twice_is_closed() {
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
fn a_namespace_cannot_be_defined_in_two_layouts() {
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
fn a_broken_custom_data_configuration_is_an_error() {
    let tree = Tree::new(&[ROOT, ("auth/custom_user_data.json", "{")]);
    assert!(matches!(tree.load().custom_user_data, ConfigPart::Broken(_)));
    let tree = Tree::new(&[("stitch.json", "{")]);
    assert!(matches!(tree.load().custom_user_data, ConfigPart::Broken(_)));
}

/// Users are identified by the type of their provider and `sub`, so a second provider could log in as users of the
/// first.
#[test]
fn the_first_of_two_providers_of_a_type_applies() {
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
fn a_confirmation_function_that_automatic_confirmation_skips_is_reported() {
    let reported = |automatic: bool, runs: bool, disabled: bool| {
        let provider = serde_json::json!({"local-userpass": {
            "name": "local-userpass", "type": "local-userpass", "disabled": disabled,
            "config": {"autoConfirm": automatic, "runConfirmationFunction": runs, "confirmationFunctionName": "f"}
        }});
        let tree = Tree::new(&[
            ROOT,
            ("auth/providers.json", &provider.to_string()),
            ("functions/config.json", r#"[{"name": "f", "private": true}]"#),
            ("functions/f.js", "exports = () => {};"),
        ]);
        found(&tree.load())
    };
    assert_eq!(reported(true, true, false), ["confirmation-skipped auth/providers.json"]);
    assert!(reported(true, false, false).is_empty() && reported(false, true, false).is_empty());
    assert!(reported(true, true, true).is_empty());
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

#[test]
fn anything_other_than_the_expected_file_is_a_finding() {
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
fn circular_symlinks_end() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&[ROOT, SOURCE, DEFAULT]);
    let source = tree.0.join("data_sources/mongodb-atlas");
    symlink(&tree.0, source.join("up")).unwrap();
    symlink(source.join("itself"), source.join("itself")).unwrap();
    fs::create_dir_all(source.join("hr/a")).unwrap();
    symlink(source.join("hr/a/rules.json"), source.join("hr/a/rules.json")).unwrap();
    let app = tree.load();
    assert!(matches!(rules(&app, "hr.a"), ConfigPart::Broken(_)));
    // What `itself` contains is unknown, so the default roles must not take the place of its rules.
    assert!(matches!(app.data_sources[0].default_rule, ConfigPart::Broken(_)));
    for number in 0..60 {
        symlink(tree.0.join("data_sources"), tree.0.join(format!("data_sources/loop{number}"))).unwrap();
    }
    tree.load();
    assert_eq!(App::discover(&tree.0).len(), 1);
}

#[test]
fn no_content_of_any_file_panics() {
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
fn a_provider_that_calls_a_function_without_a_name_is_an_error() {
    let reported = |kind: &str, config: &str| {
        let provider =
            format!(r#"{{"{kind}": {{"name": "{kind}", "type": "{kind}", "disabled": false, "config": {config}}}}}"#);
        found(&Tree::new(&[ROOT, ("auth/providers.json", &provider)]).load())
    };
    for (kind, config) in [
        ("custom-function", "{}"),
        ("custom-function", r#"{"authFunctionName": ""}"#),
        ("local-userpass", r#"{"runConfirmationFunction": true, "confirmationFunctionName": ""}"#),
        ("local-userpass", r#"{"autoConfirm": true, "runResetFunction": true}"#),
    ] {
        assert_eq!(reported(kind, config), ["function-unnamed auth/providers.json"], "{config}");
    }
    for config in
        [r#"{"confirmationFunctionName": "", "runConfirmationFunction": false, "resetFunctionName": ""}"#, "{}"]
    {
        assert!(reported("local-userpass", config).is_empty(), "{config}");
    }
}
