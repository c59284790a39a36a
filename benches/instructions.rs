//! Small cases that make many decisions, for counting instructions: `benches/count_instructions.py` runs them under
//! callgrind and compares the counts with the recorded ones.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;

use bson::{Document, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::policy::{self, RulesFile};
use portcullis::value::Prepared;
use portcullis::{Guard, Policy, User, json};

const OWNER: &str = "64b7f0c2a1d3e4f5a6b7c8d9";

/// Lets owners who are editors, and members, read.
const READERS: &str = r#"{"roles": [{
    "name": "Reader",
    "apply_when": {"%or": [
        {"owner": "%%user.id", "%%user.custom_data.role": {"$in": ["editor", "admin"]}},
        {"members": "%%user.id"}
    ]},
    "read": true
}]}"#;

/// Several roles that may change some fields, of which one applies.
const WRITERS: &str = r#"{"roles": [
    {"name": "Admin", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true, "write": true},
    {"name": "Guest", "apply_when": {"status": "guest"}, "read": true},
    {
        "name": "Owner",
        "apply_when": {"owner": "%%user.id", "status": {"$in": ["active", "pending"]}, "level": {"$gte": 18}},
        "read": true,
        "write": {"%%root.owner": "%%prevRoot.owner", "%%root.site": "%%prevRoot.site"}
    }
]}"#;

/// A document with about 400 bytes of BSON.
fn document() -> Document {
    doc! {
        "_id": bson::oid::ObjectId::from_bytes([7; 12]),
        "name": "Ada Kielmann",
        "email": "ada.kielmann@harbour.example",
        "site": "Bremerhaven",
        "address": { "street": "Am Alten Hafen 118", "zip": "27568", "city": "Bremerhaven" },
        "notes": "On call in the first week of the month; holds the certificate for the northern approach.",
        "owner": OWNER,
        "status": "pending",
        "level": 42,
        "members": ["64b7f0c2a1d3e4f5a6b7c8aa", OWNER, "64b7f0c2a1d3e4f5a6b7c8bb"],
        "salary": 61_250.5,
    }
}

fn policy(rules: &str) -> Option<Arc<Policy>> {
    let rules = policy::compile(&portcullis::json::parse(rules).expect("JSON")).expect("rules");
    RulesFile::effective(Some(&rules), None).map(Arc::new)
}

fn guard(policy: Option<Arc<Policy>>) -> Guard {
    Guard::new(policy, Context::new().with_user(User::new(OWNER).with_custom_data(doc! { "role": "editor" })))
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let case = arguments.next().unwrap_or_default();
    let times = arguments.next().map_or(1, |times| times.parse().expect("a number"));
    let raw = RawDocumentBuf::try_from(&document()).expect("BSON");
    let mut others = document();
    others.insert("owner", "64b7f0c2a1d3e4f5a6b7c8da");
    let others = RawDocumentBuf::try_from(&others).expect("BSON");
    let mut changed = document();
    changed.insert("salary", 70_000.0);
    let changed = RawDocumentBuf::try_from(&changed).expect("BSON");
    let prepared = Prepared::new(&others).expect("BSON");
    let stored_and_new = [&raw, &changed].map(|document| Prepared::new(document).expect("BSON"));
    let (mut text, mut bytes) = (Vec::new(), Vec::new());
    json::write(&document(), &mut text).expect("a document");
    let (bound, readers, writers) = (policy(WRITERS), guard(policy(READERS)), guard(policy(WRITERS)));
    let allowed = (0..times)
        .filter(|_| match case.as_str() {
            "read-raw" => readers.read(black_box(&others)).is_allowed(),
            "read-json" => {
                let straight = json::to_raw_document(black_box(&text), &mut bytes);
                readers.read(straight.expect("an ordinary text")).is_allowed()
            }
            "read-prepared" => readers.read(black_box(&prepared)).is_allowed(),
            "bind" => black_box(guard(bound.clone())).context().user().is_some(),
            "update-prepared" => {
                let [stored, new] = black_box(&stored_and_new);
                writers.update(stored, new).is_allowed()
            }
            "update-raw" => writers.update(black_box(&raw), black_box(&changed)).is_allowed(),
            _ => true,
        })
        .count();
    println!("{allowed} of {times} allowed");
}
