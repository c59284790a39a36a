//! Configurations of triggers: the meaning of each form, and the errors in others.

use bson::{Document, doc};
use portcullis::json::{self, Node, to_document};
use portcullis::text::Code;
use portcullis::trigger::{Source, TriggerDefinition, TriggerEvent};

/// A definition in the format of the fixture.
fn outline(definition: &TriggerDefinition) -> Document {
    let mut flags: Vec<&str> = Vec::new();
    let mut flag = |name, is_set: bool| flags.extend(is_set.then_some(name));
    flag("disabled", definition.is_disabled);
    let mut outline = doc! { "function": &definition.function };
    match &definition.event {
        TriggerEvent::Database(trigger) => {
            let source = match &trigger.source {
                Source::Collection { database, collection } => format!("collection {database}.{collection}"),
                Source::Database(name) => format!("database {name}"),
                Source::Deployment => "deployment".to_owned(),
            };
            outline.insert("is", source);
            outline.extend(trigger.service.clone().map(|name| ("service".to_owned(), name.into())));
            outline.insert("operations", trigger.operations.iter().copied().collect::<Vec<_>>());
            flag("expanded", trigger.is_expanded());
            flag("full_document", trigger.full_document);
            flag("full_document_before_change", trigger.full_document_before_change);
            flag("skips_missed", trigger.skips_missed);
            flag("tolerates_lost_events", trigger.tolerates_lost_events);
            flag("unordered", trigger.is_unordered);
            outline.extend(trigger.matching.clone().map(|document| ("match".to_owned(), document.into())));
            outline.extend(trigger.project.clone().map(|document| ("project".to_owned(), document.into())));
        }
        TriggerEvent::Authentication(trigger) => {
            let operations: Vec<&str> = trigger.operations.iter().map(|operation| operation.name()).collect();
            let providers: Vec<&str> = trigger.providers.iter().map(|provider| provider.name()).collect();
            let providers = if providers.is_empty() { "any".to_owned() } else { providers.join(" ") };
            outline.insert("is", format!("{} of {providers}", operations.join(" ")));
        }
        TriggerEvent::Scheduled(trigger) => {
            outline.insert("is", format!("schedule {}", trigger.schedule.as_str()));
            flag("skips_missed", trigger.skips_missed);
        }
    }
    if !flags.is_empty() {
        outline.insert("flags", flags);
    }
    outline
}

#[test]
fn configurations_match_the_fixture() {
    let text = std::fs::read_to_string("fixtures/triggers/configurations.json").unwrap();
    let cases = json::parse(&text).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 25);
    for case in cases {
        let title = case.get("title").and_then(Node::as_str).unwrap();
        let config = case.get("config").unwrap();
        let name = config.get("name").and_then(Node::as_str).unwrap();
        let compiled = TriggerDefinition::compile(name, config);
        if let Some(expected) = case.get("definition") {
            let definition = compiled.unwrap_or_else(|errors| panic!("{title}: {errors:?}"));
            assert_eq!(outline(&definition), to_document(expected).unwrap(), "{title}");
            continue;
        }
        let errors = compiled.expect_err(title);
        let found: Vec<String> =
            errors.iter().map(|error| format!("{} {}", error.kind().code(), config.pointer_at(error.span()))).collect();
        let expected: Vec<&str> =
            case.get("errors").and_then(Node::as_array).unwrap().iter().filter_map(Node::as_str).collect();
        assert_eq!(found, expected, "{title}");
        if let Some(help) = case.get("help").and_then(Node::as_str) {
            let helps: Vec<String> =
                errors.into_iter().filter_map(|error| portcullis::text::Finding::from(error).help).collect();
            assert!(helps.iter().any(|found| found.contains(help)), "{title}: {helps:?}");
        }
    }
}

#[test]
fn errors_in_disabled_triggers_are_warnings_and_duplicate_names_are_reported() {
    let directory = std::env::temp_dir().join(format!("portcullis-triggers-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(directory.join(name).parent().unwrap()).unwrap();
        std::fs::write(directory.join(name), text).unwrap();
    };
    write("realm_config.json", r#"{"name": "a"}"#);
    write("functions/config.json", r#"[{"name": "f"}]"#);
    let scheduled = |name: &str, schedule: &str, disabled: bool| {
        format!(
            r#"{{"name": "{name}", "type": "SCHEDULED", "function_name": "f", "disabled": {disabled},
                "config": {{"schedule": "{schedule}"}}}}"#
        )
    };
    write("triggers/a.json", &scheduled("one", "0 0 * * *", false));
    write("triggers/b.json", &scheduled("one", "1 0 * * *", false));
    write("triggers/c.json", &scheduled("two", "x", true));
    write("triggers/d.json", &scheduled("three", "x", false));
    let app = portcullis::App::load(&directory).unwrap();
    let mut found: Vec<String> = app
        .findings
        .iter()
        .chain(&app.check())
        .map(|found| {
            let finding = &found.finding;
            let pointer = found.pointer.as_deref().unwrap_or_default();
            format!("{} {} {}{pointer}", finding.severity, finding.code, found.source.name())
        })
        .filter(|found| found.contains("triggers/"))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "error definition-duplicate triggers/b.json/name",
            "error trigger-schedule triggers/d.json/config/schedule",
            "warning trigger-schedule triggers/c.json/config/schedule",
        ]
    );
    assert_eq!(app.triggers.len(), 3);
    std::fs::remove_dir_all(directory).unwrap();
}
