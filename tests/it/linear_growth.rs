//! The time and memory for an administrator's input grow about linearly with its size.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bson::{Bson, doc};
use portcullis::app::Applicable;
use portcullis::eval::{Context, Errors};
use portcullis::schema::Schema;
use portcullis::text::{Finding, Severity, Source, Span, Style};
use portcullis::{App, Missing, Template, json, lint, policy};

/// Far longer than any of these takes, and far shorter than comparing all pairs would take.
const TIME: Duration = Duration::from_secs(20);

fn in_time<T>(test: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = test();
    assert!(start.elapsed() < TIME, "took {:?}", start.elapsed());
    result
}

/// An application directory that is removed when the value is dropped.
struct Application(PathBuf);

impl Application {
    fn new(name: &str) -> Self {
        let made = Self(std::env::temp_dir().join(format!("portcullis-growth-{name}-{}", std::process::id())));
        made.write("realm_config.json", r#"{"name":"a"}"#);
        made.write("data_sources/s/config.json", r#"{"name":"s","type":"mongodb-atlas","config":{}}"#);
        made
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self) -> App {
        in_time(|| App::load(&self.0)).unwrap()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn twenty_thousand_values_are_looked_up_in_an_enum_of_as_many() {
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
fn a_thousand_roles_are_evaluated() {
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
fn a_hundred_thousand_fields_are_compared_with_the_user() {
    let conditions: Vec<String> = (0..100_000).map(|field| format!(r#""f{field}":"%%user.nope""#)).collect();
    let text = format!(r#"{{"roles":[{{"name":"R","apply_when":{{{}}},"read":true}}]}}"#, conditions.join(","));
    let node = json::parse(&text).unwrap();
    let rules = in_time(|| policy::compile(&node)).unwrap();
    in_time(|| lint::lint_rules(&rules, &node));
}

#[test]
fn a_hundred_thousand_expansions_do_not_resolve() {
    let count = 100_000;
    let list = |one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(",");
    let texts: String = (0..count).map(|number| format!("%(%%user.data.a{number})")).collect();
    let templates = [
        format!("[{}]", list(&|_| r#""%%user.nope""#.to_owned())),
        format!("{{{}}}", list(&|number| format!(r#""%(%%user.data.a{number})":"%%user.nope""#))),
        format!(r#""{texts}""#),
    ];
    for text in templates {
        let template = in_time(|| Template::parse(&text)).unwrap();
        let context = Context::new().with_user(portcullis::User::new("u"));
        let failures = in_time(|| template.resolve(&context)).unwrap_err();
        assert!(failures.as_slice().len() >= count);
        for missing in [Missing::Null, Missing::Remove, Missing::Keep] {
            in_time(|| template.resolve_with(&context, missing)).unwrap();
        }
        assert_eq!(in_time(|| template.expansions()).len(), failures.as_slice().len());
    }
}

/// A generated file is often a single line.
#[test]
fn a_hundred_thousand_findings_in_one_line_are_shown() {
    let source = Source::new("long.json", "é".repeat(2_000_000));
    in_time(|| {
        for number in 0..100_000_usize {
            let (at, finding) = (number * 20, |span| Finding {
                severity: Severity::Error,
                code: "code",
                message: String::new(),
                span,
                help: None,
            });
            let shown = source.render(&finding(Span::new(at * 2, at * 2 + 2)), None, Style::default());
            assert!(shown.contains(&format!("long.json:1:{}\n", at + 1)), "{shown}");
        }
    });
}

#[test]
fn templates_share_a_limit_across_files() {
    let directory = Application::new("templates");
    let write = |name: &str, text: &str| directory.write(name, text);
    write("values/long.json", &format!(r#"{{"name":"long","value":"{}"}}"#, "x".repeat(500_000)));
    let condition: Vec<String> = (0..30).map(|number| format!(r#""f{number}":"%(%%values.long)""#)).collect();
    for number in 0..6 {
        let rules = format!(
            r#"{{"database":"d","collection":"c{number}","roles":[{{"name":"R","apply_when":{{{}}}}}]}}"#,
            condition.join(",")
        );
        write(&format!("data_sources/s/d/c{number}/rules.json"), &rules);
    }
    let app = directory.load();
    let found = app.findings.iter().filter(|found| found.finding.code == "templates-large");
    let names: Vec<&str> = found.map(|found| found.source.name()).collect();
    assert_eq!(names, ["data_sources/s/d/c4/rules.json", "data_sources/s/d/c5/rules.json"]);
}

/// Each of the patterns is small enough by itself.
#[test]
fn regular_expressions_share_a_limit_across_files() {
    let directory = Application::new("patterns");
    let count = 1_500;
    for number in 0..11 {
        let place = format!("data_sources/s/d/c{number:02}");
        // Rules and schemas share the limit.
        let pattern = if number % 2 == 0 { "pattern" } else { "%regex" };
        let fields: Vec<String> = (0..count).map(|field| format!(r#""f{field}":{{"{pattern}":"a"}}"#)).collect();
        let fields = format!("{{{}}}", fields.join(","));
        let (when, schema) = if number % 2 == 0 { ("{}", &*fields) } else { (&*fields, "{}") };
        let rules = format!(
            r#"{{"database":"d","collection":"c{number:02}","roles":[{{"name":"R","apply_when":{when},"read":true}}]}}"#
        );
        directory.write(&format!("{place}/rules.json"), &rules);
        directory.write(&format!("{place}/schema.json"), &format!(r#"{{"title":"c","properties":{schema}}}"#));
    }
    let app = directory.load();
    let policies = in_time(|| app.policies());
    let names: BTreeSet<&str> = policies.findings().iter().map(|found| found.source.name()).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["data_sources/s/d/c09/rules.json", "data_sources/s/d/c10/schema.json"]
    );
    assert!(policies.findings().iter().all(|found| found.finding.code == "patterns-many"));
    // What exceeds the limit stays closed, and the rest of the application works.
    let applicable = |namespace| policies.applicable(&app, namespace, None).unwrap();
    assert!(matches!(applicable("d.c08"), Applicable::Policy(_)));
    assert!(matches!(applicable("d.c09"), Applicable::Invalid));
    assert!(matches!(applicable("d.c10"), Applicable::Invalid));
}

#[test]
fn json_values_share_a_limit_across_files() {
    let directory = Application::new("values");
    let list = vec!["1"; 1_200_000].join(",");
    for number in 0..2 {
        let rules = format!(
            r#"{{"database":"d","collection":"c{number}","roles":[{{"name":"R","apply_when":{{"a":{{"$in":[{list}]}}}}}}]}}"#
        );
        directory.write(&format!("data_sources/s/d/c{number}/rules.json"), &rules);
    }
    let app = directory.load();
    let found = app.findings.iter().filter(|found| found.finding.code == "limit");
    let names: Vec<&str> = found.map(|found| found.source.name()).collect();
    assert_eq!(names, ["data_sources/s/d/c1/rules.json"]);
    let policies = in_time(|| app.policies());
    let applicable = |namespace| policies.applicable(&app, namespace, None).unwrap();
    assert!(matches!(applicable("d.c0"), Applicable::Policy(_)));
    assert!(matches!(applicable("d.c1"), Applicable::Invalid));
}
