//! Applies the suggestions in findings as they are written, and checks that what was denied before is still denied, and
//! that nothing else is denied than what the finding is about.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::json::{self, Node};
use portcullis::lint::lint_rules;
use portcullis::policy::{self, RulesFile};
use portcullis::text::Finding;
use portcullis::{Guard, User};
use serde_json::Value;

fn findings(rules: &Value) -> Vec<Finding> {
    let node: Node = json::parse(&rules.to_string()).unwrap();
    lint_rules(&policy::compile(&node).unwrap(), &node)
}

fn guard(rules: &Value, user: &str) -> Guard {
    let compiled = policy::compile(&json::parse(&rules.to_string()).unwrap()).unwrap();
    let context = Context::new().with_user(User::new(user).with_custom_data(doc! { "team": user, "teams": [user] }));
    Guard::new(RulesFile::effective(Some(&compiled), None), context)
}

/// A role in which the member that a suggestion shows in backticks replaces the one of the same name.
fn followed(rules: &Value, help: &str) -> Value {
    let member = help.split('`').find(|part| part.starts_with('"')).unwrap_or_else(|| panic!("{help}"));
    let member: Value = serde_json::from_str(&format!("{{{member}}}")).unwrap_or_else(|e| panic!("{member}: {e}"));
    let mut rules = rules.clone();
    let role = rules["roles"][0].as_object_mut().unwrap();
    role.extend(member.as_object().unwrap().clone());
    rules
}

fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    for owner in [Bson::from("u1"), "u2".into(), vec![Bson::from("u1")].into(), Bson::Null] {
        for paid in [false, true] {
            for public in [None, Some(true)] {
                let mut document = doc! { "_id": 1, "owner": owner.clone(), "team": owner.clone(), "paid": paid };
                if owner == Bson::Null {
                    document.remove("owner");
                }
                document.extend(public.map(|public| ("public".to_owned(), Bson::from(public))));
                found.push(document);
            }
        }
    }
    found
}

/// A decision that allows something.
#[derive(Debug, PartialEq)]
struct Allowed {
    text: String,
    /// The code of the finding that is about such decisions, if there is one.
    about: Option<&'static str>,
}

/// All decisions that allow something.
fn allowed(rules: &Value) -> Vec<Allowed> {
    let mut found = Vec::new();
    let mut allow = |about, text| found.push(Allowed { text, about });
    for user in ["u1", "u2"] {
        let guard = guard(rules, user);
        for before in documents() {
            if let Some(visible) = guard.read(&before).allowed() {
                for key in visible.to_document().unwrap().keys() {
                    allow(None, format!("{user} reads `{key}` of {before}"));
                }
            }
            if guard.insert(&before).is_allowed() {
                allow(Some("insert-for-others"), format!("{user} inserts {before}"));
            }
            if guard.delete(&before).is_allowed() {
                allow(None, format!("{user} deletes {before}"));
            }
            for after in documents() {
                if guard.update(&before, &after).is_allowed() {
                    let is_moved = ["owner", "team"].iter().any(|key| before.get(key) != after.get(key));
                    let about = is_moved.then_some("document-movable");
                    allow(about, format!("{user} turns {before} into {after}"));
                }
            }
        }
    }
    found
}

#[test]
fn the_fix_for_a_takeover_closes_it_and_changes_nothing_else() {
    let roles = [
        r#"{"apply_when": {"owner": "%%user.id"}, "read": true, "write": true}"#,
        r#"{"apply_when": {"owner": "%%user.id"}, "read": true, "write": {"paid": false}}"#,
        r#"{"apply_when": {"owner": "%%user.id"}, "read": true, "fields": {"paid": {}}, "additional_fields": {"write": true}}"#,
        r#"{"apply_when": {"owner": "%%user.id"}, "fields": {"owner": {"read": true, "write": true}}}"#,
        r#"{"apply_when": {"owner": "%%user.id"}, "document_filters": {"read": {"public": true}, "write": {"paid": false}},
            "fields": {"owner": {"read": true, "write": true}}}"#,
        r#"{"apply_when": {"owner": "%%user.id"}, "document_filters": {"read": true, "write": true},
            "additional_fields": {"write": true}}"#,
        r#"{"apply_when": {"team": {"$in": "%%user.custom_data.teams"}}, "additional_fields": {"write": true}}"#,
        r#"{"apply_when": {}, "read": {"owner": "%%user.id"},
            "write": {"%or": [{"%%prevRoot.owner": "%%user.id"}, {"%%prevRoot": {"%exists": 0}}]}}"#,
        r#"{"apply_when": {}, "read": true, "fields": {"owner": {"write": {"%%prev": "%%user.id"}}}}"#,
        r#"{"apply_when": {}, "read": true,
            "fields": {"owner": {"write": {"%%prev": "%%user.id"}}, "paid": {"write": true}}}"#,
        r#"{"apply_when": {"%or": [{"owner": "%%user.id"}, {"team": "%%user.id"}]}, "read": true, "write": true}"#,
        r#"{"apply_when": {"%or": [{"owner": "%%user.id"}, {"public": true}]},
            "fields": {"owner": {"write": {"%%prevRoot.owner": "%%user.id"}}, "paid": {"write": true}}}"#,
        r#"{"apply_when": {"owner": {"$in": ["%%user.id", null]}}, "read": true, "write": true}"#,
        r#"{"apply_when": {}, "read": {"owner": "%%user.id"},
            "write": {"%or": [{"%%prevRoot.owner": {"$in": ["%%user.id", null]}}, {"public": true}]}}"#,
    ];
    for role in roles {
        let mut role: Value = serde_json::from_str(role).unwrap();
        role.as_object_mut().unwrap().insert("name".to_owned(), "r".into());
        let rules = serde_json::json!({ "roles": [role] });
        let mut told = 0;
        for finding in findings(&rules) {
            if !["document-movable", "insert-for-others"].contains(&finding.code) {
                continue;
            }
            told += 1;
            let mut mended = followed(&rules, finding.help.as_deref().unwrap());
            // One finding is about one field, and there may be another.
            for _ in 0..2 {
                if let Some(next) = findings(&mended).into_iter().find(|left| left.code == finding.code) {
                    mended = followed(&mended, next.help.as_deref().unwrap());
                }
            }
            let (before, after) = (allowed(&rules), allowed(&mended));
            for decision in &after {
                assert!(before.contains(decision), "{rules}\n{mended}\nopened: {decision:?}");
            }
            for decision in before.iter().filter(|decision| decision.about != Some(finding.code)) {
                assert!(after.contains(decision), "{rules}\n{mended}\nclosed: {decision:?}");
            }
            let left: Vec<_> = findings(&mended).into_iter().filter(|left| left.code == finding.code).collect();
            assert!(left.is_empty(), "{mended}: {left:?}");
        }
        assert!(told > 0, "nothing is told of {rules}");
    }
}

#[test]
fn a_collection_with_too_many_roles_to_check_is_reported() {
    let roles: Vec<Value> = (0..3000)
        .map(|n| {
            serde_json::json!({
                "name": format!("r{n}"), "apply_when": { "a": n, "owner": "%%user.id" }, "read": true, "write": true
            })
        })
        .collect();
    let found = findings(&serde_json::json!({ "roles": roles }));
    assert_eq!(found.iter().filter(|finding| finding.code == "search-cut-short").count(), 1);
    assert!(found.iter().any(|finding| finding.code == "document-movable"));
}

#[test]
fn roles_that_write_unconditionally_are_checked_first() {
    let compiled = |roles: Vec<Value>| {
        let node = json::parse(&serde_json::json!({ "roles": roles }).to_string()).unwrap();
        RulesFile::effective(Some(&policy::compile(&node).unwrap()), None).unwrap()
    };
    let mut roles: Vec<Value> = (0..3000)
        .map(|n| {
            let owner = serde_json::json!({ "owner": "%%user.id" });
            serde_json::json!({ "name": format!("r{n}"), "apply_when": { "a": n }, "read": true, "write": owner })
        })
        .collect();
    let own = serde_json::json!({ "uid": "%%user.id" });
    roles.push(serde_json::json!({ "name": "last", "apply_when": own, "read": true, "write": true }));
    let admins = serde_json::json!({ "%%user.custom_data.role": "admin" });
    let users = compiled(roles);
    let things = compiled(vec![serde_json::json!({ "name": "a", "apply_when": admins, "read": true })]);
    let collections = [("db.users", &users), ("db.things", &things)]
        .map(|(namespace, policy)| portcullis::lint::CollectionRules { namespace, policy });
    let found = portcullis::lint::lint_application(&collections, &[], Some(("db.users", "uid")));
    let told = |code: &str, role: &str| {
        found.iter().any(|(_, finding)| finding.code == code && finding.message.contains(&format!("role `{role}`")))
    };
    assert!(told("custom-data-writable", "last"), "{found:?}");
    let cut = found.iter().find(|(_, finding)| finding.code == "search-cut-short").map(|(_, finding)| finding.severity);
    assert_eq!(cut, Some(portcullis::text::Severity::Warning));
}
