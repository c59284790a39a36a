//! The settings of endpoints, webhooks and the Data API.

use std::fs;
use std::path::Path;

use portcullis::App;
use portcullis::endpoint::{DataApiConfig, EndpointConfig, EndpointError, RunAs, Validation, WebhookConfig};
use portcullis::json::{Node, parse};

fn texts<T>(compiled: Result<T, Vec<EndpointError>>) -> Vec<String> {
    let mut texts: Vec<String> = compiled.err().unwrap_or_default().iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

#[test]
fn errors_in_settings_are_explained() {
    let text = fs::read_to_string("fixtures/endpoints/settings.json").unwrap();
    let file = parse(&text).unwrap();
    let mut count = 0;
    for (kind, compile) in [
        ("endpoints", &(|node: &Node| texts(EndpointConfig::compile(node))) as &dyn Fn(&Node) -> Vec<String>),
        ("webhooks", &|node| texts(WebhookConfig::compile(node))),
        ("data_api", &|node| texts(DataApiConfig::compile(node))),
    ] {
        for case in file.get(kind).unwrap().as_array().unwrap() {
            let settings = case.get("settings").unwrap();
            let expected = case.get("errors").and_then(Node::as_array).unwrap_or_default();
            let mut expected: Vec<&str> = expected.iter().map(|error| error.as_str().unwrap()).collect();
            expected.sort_unstable();
            assert_eq!(compile(settings), expected, "{kind}: {}", settings.to_text());
            count += 1;
        }
    }
    assert_eq!(count, 38);
}

#[test]
fn omitted_settings_default_to_the_narrower_choice() {
    let data_api = DataApiConfig::compile(&parse(r#"{"versions": ["v1"]}"#).unwrap()).unwrap();
    assert_eq!((&data_api.validation, &data_api.run_as), (&Validation::None, &RunAs::Caller));
    assert!(!data_api.fetches_custom_data && !data_api.creates_users);
    let webhook = |text| WebhookConfig::compile(&parse(text).unwrap()).unwrap().run_as;
    assert_eq!(webhook("{}"), RunAs::System, "so App Services did it");
    assert_eq!(webhook(r#"{"run_as_authed_user": true, "run_as_system": true}"#), RunAs::Caller);
    let function = |text| RunAs::of_function(&parse(text).unwrap());
    assert_eq!(function(r#"{"run_as_system": "true"}"#), RunAs::Caller);
    assert_eq!(function(r#"{"run_as_system": true, "run_as_user_id": "u"}"#), RunAs::System);
    assert_eq!(function(r#"{"run_as_user_id": ""}"#), RunAs::Caller);
    // A secret in a file does not appear in the `Debug` output of the settings.
    let text = r#"{"options": {"validationMethod": "VERIFY_PAYLOAD", "secret": "hunter2"}}"#;
    let config = WebhookConfig::compile(&parse(text).unwrap()).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn check_finds_endpoints_that_cannot_be_served() {
    let app = App::load(Path::new("fixtures/served/shop")).unwrap();
    let found = app.check();
    let mut found: Vec<String> = found
        .iter()
        .filter(|found| {
            let code = found.finding.code;
            code.starts_with("endpoint") || code.starts_with("webhook") || code == "function-unknown"
        })
        .map(|found| {
            let place = found.pointer.as_deref().unwrap_or_default();
            format!("{} {}{place}", found.finding.code, found.source.name())
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "endpoint-twice http_endpoints/config.json/23/route",
            "endpoint-validation-unknown http_endpoints/config.json/26/validation_method",
            "function-unknown http_endpoints/config.json/25/function_name",
            "webhook-service services/code/incoming_webhooks/push/config.json/name",
        ]
    );
}

#[test]
fn rules_that_need_custom_data_are_reported_if_the_data_api_does_not_fetch_it() {
    let found = |settings: &str| {
        let folder = std::env::temp_dir().join(format!("portcullis-endpoints-{}", bson::oid::ObjectId::new().to_hex()));
        for (path, text) in [
            ("realm_config.json", r#"{"name": "a"}"#),
            ("auth/custom_user_data.json", r#"{"enabled": false}"#),
            ("data_sources/db/config.json", r#"{"name": "db", "type": "mongodb-atlas"}"#),
            (
                "data_sources/db/a/b/rules.json",
                r#"{"roles": [{"name": "r", "apply_when": {"%%user.custom_data.admin": true}, "read": true}]}"#,
            ),
            ("http_endpoints/data_api_config.json", settings),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = App::load(&folder).unwrap().check();
        fs::remove_dir_all(&folder).unwrap();
        found.iter().any(|found| found.finding.code == "data-api-custom-data")
    };
    assert!(found(r#"{"versions": ["v1"]}"#));
    assert!(found(r#"{"versions": ["v1"], "fetch_custom_user_data": false}"#));
    assert!(!found(r#"{"versions": ["v1"], "fetch_custom_user_data": true}"#));
    assert!(!found(r#"{"versions": ["v1"], "run_as_system": true}"#));
    assert!(!found(r#"{"versions": ["v1"], "disabled": true}"#));
}
