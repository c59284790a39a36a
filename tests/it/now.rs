//! `%%now` in plans and change streams, and plans for single expressions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use bson::{DateTime, Document, RawDocumentBuf, doc};
use expect_test::expect;
use portcullis::access::Query;
use portcullis::app::FileFinding;
use portcullis::eval::{Context, EvalError};
use portcullis::guarded::{ChangeEvent, VisibleChange, WatchEvent};
use portcullis::policy::{self, RulesFile};
use portcullis::predicate::{Predicate, Scope, lower};
use portcullis::query_plan::{ExpressionPlan, Plan, Remaining, plan_expression};
use portcullis::store::documents::{
    ChangeOperation, DocumentsError, Event, Events, Namespace, StoredChange, Watch, WatchScope, WatchStart,
};
use portcullis::{App, BoxFuture, Guard, GuardedCollection, User, expr, json};
use portcullis_store::EmbeddedDocuments;

const NOON: i64 = 1_714_564_800_000;

fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(NOON + seconds * 1000)
}

fn guard(rules: &str, context: Context) -> Guard {
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), context)
}

fn expression(text: &str) -> Predicate {
    lower(&expr::parse_str(text).unwrap(), Scope::Role).unwrap()
}

#[test]
fn the_time_is_a_date_in_the_filters_of_plans() {
    let rules = r#"{
        "roles": [{"name": "R", "apply_when": {"until": {"$gt": "%%now"}}, "read": {"from": {"$lte": "%%now"}}}],
        "filters": [{"name": "F", "apply_when": {"%%now": {"$lt": {"$date": "2024-05-01T13:00:00Z"}}}, "query": {"hidden": {"$ne": "%%now"}}}]
    }"#;
    let before = guard(rules, Context::new().with_user(User::new("u")).with_now(at(0)));
    let filter = doc! { "hidden": { "$ne": at(0) }, "until": { "$gt": at(0) }, "from": { "$lte": at(0) } };
    assert_eq!(before.plan().unwrap(), Plan::Exact(filter));
    // The filter stops applying an hour later.
    let later = guard(rules, Context::new().with_user(User::new("u")).with_now(at(3600)));
    let filter = doc! { "until": { "$gt": at(3600) }, "from": { "$lte": at(3600) } };
    assert_eq!(later.plan().unwrap(), Plan::Exact(filter));

    let document = doc! { "until": at(1), "from": at(0) };
    assert!(before.read(&document).is_allowed());
    assert!(!later.read(&document).is_allowed());
}

#[test]
fn a_context_has_the_time_of_its_creation() {
    let before = DateTime::now();
    let now = Context::new().now().unwrap();
    assert!(before <= now && now <= DateTime::now());
    assert_eq!(Context::new().without_now().now(), None);
    let unsupplied = guard(
        r#"{"roles": [{"name": "R", "apply_when": {"until": {"$gt": "%%now"}}, "read": true}]}"#,
        Context::new().with_user(User::new("u")).without_now(),
    );
    expect!["the time was not supplied (`%%now`)"].assert_eq(&unsupplied.plan().unwrap_err().to_string());
}

/// A change stream that reports insertions.
struct Inserting(Vec<Document>);

struct Inserted(VecDeque<Event>);

impl Watch for Inserting {
    fn watch<'s: 'a, 'a>(
        &'s self,
        _: &'a WatchScope,
        _: WatchStart,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>> {
        let change = |document: &Document| StoredChange {
            namespace: Namespace::parse("a.b").unwrap(),
            operation: ChangeOperation::Insert,
            id: document.get("_id").unwrap().clone(),
            time: bson::Timestamp { time: 5, increment: 7 },
            position: doc! {},
            before: None,
            after: Some(RawDocumentBuf::try_from(document).unwrap()),
            description: None,
        };
        let events = self.0.iter().map(|document| Event::Change(Box::new(change(document)))).collect();
        Box::pin(async move { Ok(Box::new(Inserted(events)) as Box<dyn Events + 's>) })
    }
}

impl Events for Inserted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>> {
        Box::pin(async move { Ok(self.0.pop_front()) })
    }

    fn position(&self) -> Option<Document> {
        None
    }
}

#[tokio::test]
async fn a_change_stream_decides_each_event_at_its_own_time() {
    let rules = r#"{"roles": [{"name": "R", "apply_when": {"until": {"$gt": "%%now"}}, "read": true}]}"#;
    let guard = guard(rules, Context::new().with_user(User::new("u")).with_now(at(0)));
    let document = doc! { "_id": 1, "until": at(10) };
    let source = Inserting(vec![document.clone(), document.clone(), document.clone()]);
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), Namespace::parse("a.b").unwrap());
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let clock = AtomicI64::new(0);
    let watched =
        collection.watch(&source, &Query::compile(None, None, None).unwrap(), WatchStart::Now, None).await.unwrap();
    let mut watched = watched.with_clock(|| at(clock.load(Ordering::SeqCst)));
    let inserted = ChangeEvent {
        change: VisibleChange::Inserted(RawDocumentBuf::try_from(&document).unwrap()),
        // The number of changes within the second would reveal hidden ones.
        time: bson::Timestamp { time: 5, increment: 1 },
        position: doc! {},
    };

    assert_eq!(watched.next().await.unwrap(), WatchEvent::Change(Box::new(inserted.clone())));
    clock.store(9, Ordering::SeqCst);
    assert_eq!(watched.next().await.unwrap(), WatchEvent::Change(Box::new(inserted)));
    clock.store(10, Ordering::SeqCst);
    assert_eq!(watched.next().await.unwrap(), WatchEvent::Nothing, "the permission has ended");
}

#[tokio::test]
async fn a_change_stream_uses_the_system_clock() {
    let rules = r#"{"roles": [{"name": "R", "apply_when": {"until": {"$gt": "%%now"}}, "read": true}]}"#;
    // A guard that was bound long ago.
    let guard = guard(rules, Context::new().with_user(User::new("u")).with_now(at(0)));
    let source = Inserting(vec![doc! { "_id": 1, "until": at(10) }]);
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), Namespace::parse("a.b").unwrap());
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let query = Query::compile(None, None, None).unwrap();
    let mut watched = collection.watch(&source, &query, WatchStart::Now, None).await.unwrap();
    assert_eq!(watched.next().await.unwrap(), WatchEvent::Nothing);
}

#[test]
fn a_single_expression_becomes_a_filter_without_operator_injection() {
    let plan = |text: &str, team: bson::Bson| {
        let user = User::new("u1").with_custom_data(doc! { "team": team });
        plan_expression(&expression(text), &Context::new().with_user(user).with_now(at(0))).unwrap()
    };
    let team = r#"{"team": "%%user.custom_data.team"}"#;
    let exact = |filter| ExpressionPlan { plan: Plan::Exact(filter), remaining: Vec::new() };
    let operators = doc! { "$gt": "" };
    assert_eq!(plan(team, operators.clone().into()), exact(doc! { "team": { "$eq": operators } }));
    assert_eq!(plan(team, "$owner".into()), exact(doc! { "team": { "$eq": "$owner" } }));
    assert_eq!(plan(team, bson::Bson::Null).plan, Plan::Never, "null equals nothing");
    assert_eq!(plan(r#"{"%%user.custom_data.team": "red"}"#, "red".into()).plan, Plan::Always);
    assert_eq!(plan(r#"{"until": {"$gt": "%%now"}}"#, "red".into()), exact(doc! { "until": { "$gt": at(0) } }));
    assert_eq!(
        plan(r#"{"%%prevRoot.a": 1, "%%root.b": 2}"#, "red".into()),
        exact(doc! { "a": { "$eq": 1 }, "b": { "$eq": 2 } })
    );

    let bounds = plan(r#"{"team": "%%user.custom_data.team", "code": {"$regex": "^a"}}"#, "red".into());
    assert!(bounds.plan.needs_check());
    assert_eq!(bounds.remaining, [Remaining::Pattern]);
}

#[test]
fn values_used_by_a_single_expression_must_be_supplied() {
    let team = expression(r#"{"%or": [{"public": true}, {"%not": {"team": "%%user.custom_data.team"}}]}"#);
    let errors = plan_expression(&team, &Context::new().with_user(User::new("u1"))).unwrap_err();
    assert!(matches!(errors.as_slice(), [EvalError::NotSupplied(_)]), "{errors:?}");
    // If another condition decides, nothing is missing.
    let decided = expression(r#"{"%%user.id": "u2", "%%values.a": 1}"#);
    let plan = plan_expression(&decided, &Context::new().with_user(User::new("u1"))).unwrap();
    assert_eq!(plan.plan, Plan::Never);
}

#[test]
fn extensions_of_app_services_are_found_in_every_file_of_an_application() {
    let directory = std::env::temp_dir().join(format!("portcullis-portable-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("realm_config.json", r#"{"name": "quay", "app_id": "quay"}"#);
    write("values/team.json", r#"{"name": "team", "value": "red"}"#);
    write("environments/no-environment.json", r#"{"values": {"team": "red"}}"#);
    write("data_sources/m/config.json", r#"{"name": "m", "type": "mongodb-atlas"}"#);
    write(
        "data_sources/m/a/b/rules.json",
        r#"{"database": "a", "collection": "b", "roles": [
            {"name": "R", "apply_when": {"team": "%(%%values.team)", "site": "%(%%environment.values.team)"}, "read": true}
        ]}"#,
    );
    write(
        "functions/config.json",
        r#"[{"name": "f", "can_evaluate": {"%%now": {"$gt": {"$date": "2024-05-01T12:00:00Z"}}}}]"#,
    );
    write("functions/f.js", "exports = () => 1;");
    let app = App::load(&directory).unwrap();
    let portable = |findings: Vec<FileFinding>| {
        let found = findings.into_iter().filter(|found| found.finding.code == "not-portable");
        let mut found: Vec<String> =
            found.map(|found| format!("{}{}", found.source.name(), found.pointer.unwrap_or_default())).collect();
        found.sort();
        found
    };
    assert_eq!(portable(app.check()), [""; 0]);
    let found = portable(app.check_portable());
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(
        found,
        ["data_sources/m/a/b/rules.json/roles/0/apply_when/team", "functions/config.json/0/can_evaluate/%%now/$gt",]
    );
}
