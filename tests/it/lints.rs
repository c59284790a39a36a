//! Findings about rules that are valid: `fixtures/lints/*.json`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::json::{self, Node};
use portcullis::lint::{
    CATALOGUE, CollectionRules, CustomDataReads, Names, lint_anonymous, lint_application, lint_portable,
    lint_portable_templates, lint_references, lint_rules,
};
use portcullis::path::FieldPath;
use portcullis::policy::{self, Role, Rule, RulesFile};
use portcullis::predicate::{Scope, lower};
use portcullis::text::{Finding, Severity};
use portcullis::{Policy, expr};

struct Case {
    /// The file and the name of the case, for messages.
    title: String,
    expect: Vec<String>,
    /// The findings with their positions: `code@/roles/0/read`, where the pointer follows the namespace if there are
    /// several.
    found: Vec<(String, Finding)>,
}

fn rules(node: &Node, title: &str) -> RulesFile {
    policy::compile(node).unwrap_or_else(|errors| panic!("{title}: {errors:?}"))
}

fn place(finding: &Finding, namespace: &str, node: &Node) -> String {
    format!("{}@{namespace}{}", finding.code, node.pointer_at(finding.span))
}

/// The findings about a single rules file.
fn alone(node: &Node, title: &str) -> Vec<(String, Finding)> {
    let findings = lint_rules(&rules(node, title), node);
    findings.into_iter().map(|finding| (place(&finding, "", node), finding)).collect()
}

/// The findings about what anonymous users can do.
fn anonymous(node: &Node, title: &str) -> Vec<(String, Finding)> {
    let policy = RulesFile::effective(Some(&rules(node, title)), None).unwrap();
    lint_anonymous(&policy).into_iter().map(|finding| (place(&finding, "", node), finding)).collect()
}

/// The findings about references to names that the application does not define.
fn named(node: &Node, names: &Node, title: &str) -> Vec<(String, Finding)> {
    let set = |node: &Node| node.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let names = Names {
        functions: names.get("functions").map(set),
        values: names.get("values").map(set),
        environments: names.get("environments").map(|node| {
            let members = node.as_object().unwrap().iter();
            members.map(|member| (member.key.clone(), set(&member.value))).collect()
        }),
    };
    let rules = rules(node, title);
    let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| &rule.predicate);
    let findings = lint_references(roles, &names);
    findings.into_iter().map(|finding| (place(&finding, "", node), finding)).collect()
}

/// The findings about extensions that App Services does not support.
fn portable(node: &Node, title: &str) -> Vec<(String, Finding)> {
    let rules = rules(node, title);
    let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| rule);
    let queries = rules.filters.iter().filter_map(|filter| filter.query.as_ref());
    let mut findings = lint_portable(roles.chain(queries).map(|rule| &rule.predicate));
    findings.extend(lint_portable_templates(node));
    findings.into_iter().map(|finding| (place(&finding, "", node), finding)).collect()
}

/// The findings about users who lack custom data that rules read.
fn lacks(case: &Node, title: &str) -> Vec<(String, Finding)> {
    let members = case.get("collections").and_then(Node::as_object).unwrap();
    let policies: Vec<(&str, &Node, Policy)> = members
        .iter()
        .filter_map(|member| {
            let policy = RulesFile::effective(Some(&rules(&member.value, title)), None)?;
            Some((member.key.as_str(), &member.value, policy))
        })
        .collect();
    let collections: Vec<_> =
        policies.iter().map(|(namespace, _, policy)| CollectionRules { namespace, policy }).collect();
    let own = case.get("custom_data").and_then(|node| node.get("collection")).and_then(Node::as_str);
    let own = policies.iter().find(|(namespace, ..)| Some(*namespace) == own);
    let reads = CustomDataReads::new(&collections, own.and_then(|(.., policy)| policy.schema.as_ref()));
    let mut census = reads.census(&FieldPath::parse("user_id").unwrap());
    for user in case.get("users").and_then(Node::as_array).unwrap() {
        let user = json::to_document(user).unwrap();
        // Decoded and raw documents are counted alike.
        let raw = bson::RawDocumentBuf::try_from(&user).unwrap();
        let mut other = census.clone();
        census.add((&user).into()).unwrap();
        other.add((&raw).into()).unwrap();
        assert_eq!((other.users(), other.counts()), (census.users(), census.counts()), "{title}");
    }
    let found = reads.findings(&census);
    let messages: Vec<&str> = found.iter().map(|found| found.finding.message.as_str()).collect();
    let wanted = case.get("messages").and_then(Node::as_array).unwrap_or_default();
    let mut wanted: Vec<&str> = wanted.iter().map(|text| text.as_str().unwrap()).collect();
    let mut told = messages.clone();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted, "{title}");
    found
        .into_iter()
        .map(|found| match found.place.map(|index| (policies[index].0, policies[index].1)) {
            Some((namespace, node)) => (place(&found.finding, namespace, node), found.finding),
            None => (format!("{}@", found.finding.code), found.finding),
        })
        .collect()
}

fn together(case: &Node, title: &str) -> Vec<(String, Finding)> {
    let default = case.get("default").map(|node| (node, rules(node, title)));
    let defaults = default.as_ref().map(|(_, rules)| rules);
    let policies: Vec<(&str, &Node, Policy)> = case
        .get("collections")
        .and_then(Node::as_object)
        .unwrap_or_default()
        .iter()
        .filter_map(|member| {
            let own = rules(&member.value, title);
            let from = match (&own.roles, &default) {
                (None, Some((node, _))) => *node,
                _ => &member.value,
            };
            Some((member.key.as_str(), from, RulesFile::effective(Some(&own), defaults)?))
        })
        .collect();
    let collections: Vec<_> =
        policies.iter().map(|(namespace, _, policy)| CollectionRules { namespace, policy }).collect();
    let text = |key| case.get("custom_data").and_then(|node| node.get(key)).and_then(Node::as_str);
    let elsewhere: Vec<_> = case
        .get("elsewhere")
        .and_then(Node::as_array)
        .unwrap_or_default()
        .iter()
        .map(|node| {
            let expr = expr::parse(node).unwrap_or_else(|errors| panic!("{title}: {errors:?}"));
            let predicate = lower(&expr, Scope::Endpoint).unwrap_or_else(|errors| panic!("{title}: {errors:?}"));
            Rule { expr, predicate }
        })
        .collect();
    let elsewhere: Vec<_> = elsewhere.iter().collect();
    lint_application(&collections, &elsewhere, text("collection").zip(text("user_id_field")))
        .into_iter()
        .map(|(index, finding)| (place(&finding, policies[index].0, policies[index].1), finding))
        .collect()
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lints");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let node = json::parse(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for case in node.get("cases").and_then(Node::as_array).unwrap() {
            let title = format!("{name}: {}", case.get("name").and_then(Node::as_str).unwrap());
            let expect = case.get("expect").and_then(Node::as_array).unwrap();
            let expect = expect.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
            let found = match (case.get("rules"), case.get("names")) {
                (Some(node), None) if case.get("portable").is_some() => portable(node, &title),
                (Some(node), None) if case.get("anonymous").is_some() => anonymous(node, &title),
                (Some(node), None) => alone(node, &title),
                (Some(node), Some(names)) => named(node, names, &title),
                (None, _) if case.get("users").is_some() => lacks(case, &title),
                (None, _) => together(case, &title),
            };
            cases.push(Case { title, expect, found });
        }
    }
    cases
}

#[test]
fn every_lint_case_has_the_expected_findings() {
    let mut failures = Vec::new();
    for Case { title, mut expect, found } in cases() {
        let mut found: Vec<_> = found.into_iter().map(|(place, _)| place).collect();
        found.sort();
        expect.sort();
        if found != expect {
            failures.push(format!("{title}\n  expected {expect:?}\n  found    {found:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_lint_cases_cover_exactly_the_catalogue() {
    let found: BTreeSet<_> =
        cases().into_iter().flat_map(|case| case.found).map(|(_, f)| (f.code, f.severity)).collect();
    // Cutting a search short takes thousands of roles, so there is a separate test for this.
    let listed = CATALOGUE.iter().filter(|info| info.code != "search-cut-short");
    let listed: BTreeSet<_> = listed.map(|info| (info.code, info.severity)).collect();
    assert_eq!(found, listed);
}

#[test]
fn the_catalogue_is_in_order_and_its_reasons_are_one_line() {
    assert!(CATALOGUE.is_sorted_by(|a, b| a.code < b.code));
    for info in CATALOGUE {
        assert!(!info.reason.contains('\n') && !info.reason.ends_with('.'), "{}", info.code);
    }
}

#[test]
fn every_message_is_one_lower_case_line_with_help() {
    for (place, finding) in cases().into_iter().flat_map(|case| case.found) {
        let first = finding.message.chars().next().unwrap();
        assert!(!first.is_uppercase() && !finding.message.contains('\n'), "{place}: {}", finding.message);
        assert!(finding.help.is_some(), "{place}: {}", finding.message);
    }
}

#[test]
fn few_lints_are_errors() {
    let errors: Vec<_> = CATALOGUE.iter().filter(|i| i.severity == Severity::Error).map(|info| info.code).collect();
    let wanted =
        ["custom-data-writable", "environment-value-unknown", "function-unknown", "projection-mixed", "value-unknown"];
    assert_eq!(errors, wanted);
}
