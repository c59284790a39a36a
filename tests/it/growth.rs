//! What an administrator feeds in takes time and memory that are about linear in its size.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bson::{Bson, doc};
use portcullis::app::{App, LoadOptions};
use portcullis::eval::{Context, Errors};
use portcullis::schema::Schema;
use portcullis::{json, lint, policy};

/// Far more than any of these takes, and far less than each took when it compared each with each.
const TIME: Duration = Duration::from_secs(20);

fn in_time<T>(test: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = test();
    assert!(start.elapsed() < TIME, "took {:?}", start.elapsed());
    result
}

#[test]
fn twenty_thousand_values_are_looked_for_among_as_many() {
    let values: Vec<String> = (0..20_000).map(|number| format!(r#"{{"n":{number}}}"#)).collect();
    let text = format!(r#"{{"properties":{{"a":{{"items":{{"enum":[{}]}}}}}}}}"#, values.join(","));
    let schema = in_time(|| Schema::compile(&json::parse(&text).unwrap()).unwrap());
    let (context, errors) = (Context::new(), Errors::default());
    let schema = schema.bind(&context);
    let array = |first: i32| (first..first + 20_000).map(|number| Bson::from(doc! { "n": number })).collect::<Vec<_>>();
    let failures = |after: &bson::Document| in_time(|| schema.check(None, after.into(), &context, &errors)).unwrap();
    assert!(failures(&doc! { "a": array(0) }).is_empty());
    assert_eq!(failures(&doc! { "a": array(1) }).len(), 1);
}

#[test]
fn a_thousand_roles_are_looked_through() {
    let role = |number: usize| {
        format!(
            r#"{{"name":"R{number}","apply_when":{{"a":{number},"b":{{"$nin":[1,"%%user.custom_data.b"]}}}},"read":true}}"#
        )
    };
    let roles: Vec<String> = (0..1_000).map(role).collect();
    let node = json::parse(&format!(r#"{{"roles":[{}]}}"#, roles.join(","))).unwrap();
    let rules = in_time(|| policy::compile(&node)).unwrap();
    in_time(|| lint::lint_rules(&rules, &node));
}

#[test]
fn templates_have_a_bound_over_all_files() {
    let directory = std::env::temp_dir().join(format!("portcullis-growth-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("realm_config.json", r#"{"name":"a"}"#);
    write("values/long.json", &format!(r#"{{"name":"long","value":"{}"}}"#, "x".repeat(500_000)));
    let condition: Vec<String> = (0..30).map(|number| format!(r#""f{number}":"%(%%values.long)""#)).collect();
    for number in 0..6 {
        let rules = format!(
            r#"{{"database":"d","collection":"c{number}","roles":[{{"name":"R","apply_when":{{{}}}}}]}}"#,
            condition.join(",")
        );
        write(&format!("data_sources/s/d/c{number}/rules.json"), &rules);
    }
    write("data_sources/s/config.json", r#"{"name":"s","type":"mongodb-atlas","config":{}}"#);
    let app = in_time(|| App::load(Path::new(&directory), &LoadOptions::default())).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let found = app.findings.iter().filter(|found| found.finding.code == "templates-large");
    let names: Vec<&str> = found.map(|found| found.source.name()).collect();
    assert_eq!(names, ["data_sources/s/d/c4/rules.json", "data_sources/s/d/c5/rules.json"]);
}
