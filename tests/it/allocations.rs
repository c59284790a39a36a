//! Deciding about a document without redaction allocates no memory, and resolving a template allocates only its result.
//!
//! `allocation-counter` replaces the allocator of the entire test binary and counts per thread.

use std::cell::RefCell;
use std::sync::Arc;

use bson::{Document, RawDocument, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::access::Buffer;
use portcullis::value::Prepared;
use portcullis::{Escape, Guard, Missing, Template, User, json, policy};

const RULES: &str = r#"{
    "roles": [
        {"name": "Admin", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true, "write": true},
        {"name": "Clerk", "apply_when": {"address.zip": "27568", "tags": {"$in": ["ship", "tug"]}}, "read": false},
        {
            "name": "Owner",
            "apply_when": {
                "owner_id": "%%user.id",
                "status": {"$in": ["active", "pending"]},
                "age": {"$gte": 18, "$ne": 99},
                "address.city": {"$exists": true},
                "team": {"$in": "%%user.custom_data.teams"},
                "tags": {"$not": {"$elemMatch": {"$regex": "^x"}}}
            },
            "read": true,
            "write": {"%or": [{"salary": {"$lt": 100000}}, {"%%prevRoot.status": "new"}]}
        }
    ],
    "filters": [{"name": "site", "apply_when": true, "query": {"site": {"$type": "string"}}}]
}"#;

fn guard() -> Guard {
    let rules = policy::compile(&json::parse(RULES).unwrap()).unwrap();
    let policy = policy::RulesFile::effective(Some(&rules), None).map(Arc::new);
    let user = User::new("ada").with_custom_data(doc! { "role": "employee", "teams": ["pilots", "tugs"] });
    Guard::new(policy, Context::new().with_user(user))
}

fn document() -> Document {
    doc! {
        "_id": 1, "owner_id": "ada", "status": "active", "age": 42, "salary": 61_250.5, "team": "tugs", "site": "north",
        "tags": ["pilot", "night"], "address": { "zip": "27570", "city": "Bremerhaven" },
    }
}

/// The allocations of a decision when it is made for the second time.
fn allocations(decide: impl Fn()) -> u64 {
    decide();
    allocation_counter::measure(decide).count_total
}

#[test]
fn a_simple_allow_does_not_allocate() {
    let (guard, document) = (guard(), document());
    let raw = RawDocumentBuf::try_from(&document).unwrap();
    assert_eq!(allocations(|| assert!(guard.read(&document).is_allowed())), 0, "read, decoded");
    assert_eq!(allocations(|| assert!(guard.read(&raw).is_allowed())), 0, "read, raw");
    let prepared = Prepared::new(&raw).unwrap();
    assert_eq!(allocations(|| assert!(guard.read(&prepared).is_allowed())), 0, "read, prepared");
    assert_eq!(allocations(|| assert!(guard.update(&prepared, &prepared).is_allowed())), 0, "update, prepared");
    assert_eq!(allocations(|| assert!(guard.search(&raw).is_allowed())), 0, "search, raw");
    assert_eq!(allocations(|| assert!(guard.insert(&document).is_allowed())), 0, "insert, decoded");
    assert_eq!(allocations(|| assert!(guard.insert(&raw).is_allowed())), 0, "insert, raw");
    assert_eq!(allocations(|| assert!(guard.update(&document, &document).is_allowed())), 0, "update, decoded");
    assert_eq!(allocations(|| assert!(guard.update(&raw, &raw).is_allowed())), 0, "update, raw");
    assert_eq!(allocations(|| assert!(guard.delete(&raw).is_allowed())), 0, "delete, raw");
}

#[test]
fn a_simple_deny_does_not_allocate() {
    let guard = guard();
    // By owner, salary and site: no role applies, `write` does not hold, and a filter hides the document.
    for (key, value) in [("owner_id", bson::bson!("ken")), ("salary", 200_000.into()), ("site", 7.into())] {
        let mut document = document();
        document.insert(key, value);
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        assert_eq!(
            allocations(|| assert!(!guard.update(&document, &document).is_allowed())),
            0,
            "{key}: update, decoded"
        );
        assert_eq!(allocations(|| assert!(!guard.update(&raw, &raw).is_allowed())), 0, "{key}: update, raw");
        assert_eq!(allocations(|| assert!(!guard.delete(&raw).is_allowed())), 0, "{key}: delete, raw");
        if key != "salary" {
            assert_eq!(allocations(|| assert!(!guard.read(&document).is_allowed())), 0, "{key}: read, decoded");
            assert_eq!(allocations(|| assert!(!guard.read(&raw).is_allowed())), 0, "{key}: read, raw");
        }
    }
}

const REDACTION: &str = r#"{
    "roles": [{
        "name": "Owner", "apply_when": {"owner_id": "%%user.id"},
        "fields": {
            "salary": {"read": {"%%this": {"$lt": 100}}},
            "address": {"fields": {"city": {"read": true}}},
            "jobs": {"fields": {"at": {"read": true}, "pay": {"read": false}}},
            "notes": {"fields": {"none": {"read": true}}}
        },
        "additional_fields": {"read": true}
    }],
    "filters": [
        {"name": "tags", "apply_when": true, "projection": {"tags": 0, "jobs.at.time": 0}},
        {"name": "site", "apply_when": true, "projection": {"site": 0}}
    ]
}"#;

#[test]
fn redacting_a_raw_document_does_not_allocate() {
    let rules = policy::compile(&json::parse(REDACTION).unwrap()).unwrap();
    let policy = policy::RulesFile::effective(Some(&rules), None).map(Arc::new);
    let guard = Guard::new(policy, Context::new().with_user(User::new("ada")));
    let mut document = document();
    document.insert("notes", doc! { "own": 1 });
    document.insert("jobs", [doc! { "pay": 1 }, doc! { "at": { "place": "pier", "time": 7 }, "pay": 2 }].to_vec());
    let raw = RawDocumentBuf::try_from(&document).unwrap();
    let buffer = std::cell::RefCell::new(Buffer::new());
    let visible = doc! {
        "_id": 1, "owner_id": "ada", "status": "active", "age": 42, "team": "tugs",
        "address": { "city": "Bremerhaven" }, "jobs": [{ "at": { "place": "pier" } }],
    };
    let visible = RawDocumentBuf::try_from(&visible).unwrap();
    let read = || {
        let mut buffer = buffer.borrow_mut();
        let read = guard.read_into(&raw, &mut buffer);
        assert_eq!(read.allowed().map(RawDocument::as_bytes), Some(visible.as_bytes()));
    };
    assert_eq!(allocations(read), 0, "read");
    let search = || assert!(guard.search_into(&raw, &mut buffer.borrow_mut()).is_allowed());
    assert_eq!(allocations(search), 0, "search");
}

#[test]
fn resolving_a_template_allocates_only_its_result() {
    let user = User::new("ada").with_custom_data(
        doc! { "name": "Ada \"A\" L.", "grade": 7, "teams": ["red", 1], "address": { "zip": "27568" } },
    );
    let context = Context::new().with_user(user);
    let template = Template::parse(
        r#"{"owner": "%%user.id", "at": {"zip": "%%user.custom_data.address.zip", "all": "%%user.custom_data.address"},
            "teams": ["%%user.custom_data.teams", 3], "title": "%(%%user.custom_data.name), %(%%user.custom_data.grade)"}"#,
    )
    .unwrap();
    let text = Template::text("%(%%user.custom_data.name), %(%%user.custom_data.grade)\n", Escape::Json).unwrap();
    let out = RefCell::new(Vec::with_capacity(1000));
    let cleared = || {
        let mut out = out.borrow_mut();
        out.clear();
        out
    };
    let json = || assert!(template.write_json(&context, Missing::Refuse, &mut cleared()).unwrap());
    assert_eq!(allocations(json), 0, "JSON");
    assert_eq!(allocations(|| template.write_raw(&context, &mut cleared()).unwrap()), 0, "BSON");
    assert_eq!(allocations(|| text.write_text(&context, &mut cleared()).unwrap()), 0, "text");
}
