//! Measures how fast rules decide, compared with code written by hand for the same rule: `cargo bench`.
//!
//! The table at the end relates the engine to the hand-written code; both are measured in turns there, so that other
//! work on the machine affects them equally.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use criterion::{BatchSize, Criterion};
use portcullis::eval::{Context, Documents, Errors, Evaluation, Residual, bind};
use portcullis::policy::{self, RulesFile};
use portcullis::predicate::{Scope, lower};
use portcullis::{Guard, Policy, User, expr, json};

/// The rule that the hand-written code implements.
const RULE: &str = r#"{"owner_id": "%%user.id", "status": {"$in": ["active", "pending"]}, "age": {"$gte": 18}}"#;

const OWNER: &str = "64b7f0c2a1d3e4f5a6b7c8d9";

/// Roles for managers, owners and colleagues, each with field rules.
const EMPLOYEES: &str = r#"{
    "roles": [
        {
            "name": "Admin",
            "apply_when": {"%%user.custom_data.role": "admin"},
            "read": true, "write": true
        },
        {
            "name": "Manager",
            "apply_when": {"team": {"$in": "%%user.custom_data.teams"}, "%%user.custom_data.role": "manager"},
            "fields": {
                "salary": {"read": true, "write": {"%%this": {"$lte": 200000}}},
                "status": {"read": true, "write": {"%%this": {"$in": ["active", "pending", "gone"]}}},
                "address": {"fields": {"city": {"read": true}, "zip": {"read": true}}}
            },
            "additional_fields": {"read": true}
        },
        {
            "name": "Owner",
            "apply_when": {"owner_id": "%%user.id", "status": {"$in": ["active", "pending"]}, "age": {"$gte": 18}},
            "fields": {
                "email": {"read": true, "write": true},
                "address": {"fields": {"city": {"read": true, "write": true}, "zip": {"read": true, "write": true}}},
                "salary": {"read": {"%%root.status": "active"}}
            },
            "additional_fields": {"read": true}
        },
        {
            "name": "Colleague",
            "apply_when": {"%%user.type": "normal", "status": {"$ne": "gone"}},
            "fields": {"name": {"read": true}, "email": {"read": true}, "team": {"read": true}}
        }
    ],
    "filters": [{
        "name": "Same site",
        "apply_when": {"%%user.custom_data.site": {"$exists": true}},
        "query": {"site": "%%user.custom_data.site"}
    }]
}"#;

/// Eight roles with conditions on the user and the document, and with document filters.
fn eight_roles() -> String {
    let role = |n: usize| {
        format!(
            r#"{{
                "name": "role {n}",
                "apply_when": {{
                    "%%user.custom_data.role": {{"$in": ["employee", "other {n}"]}}, "owner_id": "%%user.id", "age": {{"$gte": {n}}}
                }},
                "document_filters": {{"read": {{"status": {{"$in": ["active", "pending"]}}}}, "write": false}},
                "read": true
            }}"#
        )
    };
    format!(r#"{{"roles": [{}]}}"#, (0..8).map(role).collect::<Vec<_>>().join(", "))
}

/// A document with 11 fields and about 405 bytes of BSON.
fn employee(owner: &str, status: &str, age: i32) -> Document {
    let id = bson::oid::ObjectId::from_bytes([7; 12]);
    doc! {
        "_id": id,
        "name": "Ada Kielmann",
        "email": "ada.kielmann@harbour.example",
        "team": "pilots",
        "site": "Bremerhaven",
        "address": { "street": "Am Alten Hafen 118", "zip": "27568", "city": "Bremerhaven" },
        "notes": "On call in the first week of the month; holds the certificate for the northern approach until spring.",
        "owner_id": owner,
        "status": status,
        "age": age,
        "salary": 61_250.5,
    }
}

fn user() -> User {
    User::new(OWNER).with_custom_data(doc! {
        "role": "employee", "site": "Bremerhaven", "teams": ["pilots", "tugs", "locks"]
    })
}

fn policy(text: &str) -> Arc<Policy> {
    let rules = policy::compile(&json::parse(text).expect("JSON")).expect("rules");
    Arc::new(RulesFile::effective(Some(&rules), None).expect("roles"))
}

fn guard(text: &str) -> Guard {
    Guard::new(Some(policy(text)), Context::new().with_user(user()))
}

fn one_role() -> Guard {
    guard(&format!(r#"{{"roles": [{{"name": "Owner", "apply_when": {RULE}, "read": true, "write": true}}]}}"#))
}

/// The same three tests, written with the BSON library field by field.
fn by_hand_raw(document: &RawDocument, user: &str) -> bool {
    matches!(document.get("owner_id"), Ok(Some(RawBsonRef::String(owner))) if owner == user)
        && matches!(document.get("status"), Ok(Some(RawBsonRef::String("active" | "pending"))))
        && match document.get("age") {
            Ok(Some(RawBsonRef::Int32(age))) => age >= 18,
            Ok(Some(RawBsonRef::Int64(age))) => age >= 18,
            Ok(Some(RawBsonRef::Double(age))) => age >= 18.0,
            _ => false,
        }
}

/// The same three tests in one pass over the bytes.
fn by_hand_raw_in_one_pass(document: &RawDocument, user: &str) -> bool {
    let mut left = 3;
    for field in document.iter_elements() {
        let Ok(field) = field else { return false };
        let holds = match field.key().as_str() {
            "owner_id" => matches!(field.value(), Ok(RawBsonRef::String(owner)) if owner == user),
            "status" => matches!(field.value(), Ok(RawBsonRef::String("active" | "pending"))),
            "age" => match field.value() {
                Ok(RawBsonRef::Int32(age)) => age >= 18,
                Ok(RawBsonRef::Int64(age)) => age >= 18,
                Ok(RawBsonRef::Double(age)) => age >= 18.0,
                _ => false,
            },
            _ => continue,
        };
        left -= 1;
        if !holds || left == 0 {
            return holds;
        }
    }
    false
}

fn by_hand_decoded(document: &Document, user: &str) -> bool {
    matches!(document.get("owner_id"), Some(Bson::String(owner)) if owner == user)
        && matches!(document.get("status"), Some(Bson::String(status)) if status == "active" || status == "pending")
        && match document.get("age") {
            Some(Bson::Int32(age)) => *age >= 18,
            Some(Bson::Int64(age)) => *age >= 18,
            Some(Bson::Double(age)) => *age >= 18.0,
            _ => false,
        }
}

/// The rule, bound to a context, with the buffers to evaluate it.
struct Bound {
    context: Context,
    residual: Residual,
}

impl Bound {
    fn new() -> Self {
        let context = Context::new().with_user(user());
        let predicate = lower(&expr::parse_str(RULE).expect("a rule"), Scope::Role).expect("a meaning");
        let residual = bind(&predicate, &context).settle();
        Self { context, residual }
    }

    fn holds<'d>(&self, document: impl Into<portcullis::value::DocumentRef<'d>>) -> bool {
        let errors = Errors::default();
        let documents = Documents { root: Some(document.into().into()), ..Documents::default() };
        Evaluation::new(documents, &self.context, &errors).truth(&self.residual).is_true()
    }
}

/// The sample documents, decoded and raw.
struct Samples {
    document: Document,
    raw: RawDocumentBuf,
}

impl Samples {
    fn new(owner: &str) -> Self {
        let document = employee(owner, "pending", 42);
        let raw = RawDocumentBuf::try_from(&document).expect("BSON");
        Self { document, raw }
    }

    fn many() -> Vec<Self> {
        let owners = [OWNER, "64b7f0c2a1d3e4f5a6b7c8da"];
        let statuses = ["active", "pending", "gone"];
        let of = |n: usize| {
            let age = i32::try_from(n % 70).unwrap_or(0);
            let document = employee(owners[n % 2], statuses[n % 3], age);
            let raw = RawDocumentBuf::try_from(&document).expect("BSON");
            Self { document, raw }
        };
        (0..10_000).map(of).collect()
    }
}

fn benchmarks(criterion: &mut Criterion) {
    let employees = policy(EMPLOYEES);
    criterion.bench_function("bind", |bencher| {
        let context = || Context::new().with_user(user());
        bencher.iter_batched(context, |context| Guard::new(Some(employees.clone()), context), BatchSize::PerIteration);
    });

    let eight = policy(&eight_roles());
    criterion.bench_function("bind eight roles", |bencher| {
        let context = || Context::new().with_user(user());
        bencher.iter_batched(context, |context| Guard::new(Some(eight.clone()), context), BatchSize::PerIteration);
    });

    let (sample, bound, guard) = (Samples::new(OWNER), Bound::new(), one_role());
    let Samples { document, raw } = &sample;
    let mut group = criterion.benchmark_group("one document");
    group.bench_function("by hand, raw", |b| b.iter(|| by_hand_raw(black_box(raw), OWNER)));
    group.bench_function("by hand, raw, one pass", |b| b.iter(|| by_hand_raw_in_one_pass(black_box(raw), OWNER)));
    group.bench_function("by hand, decoded", |b| b.iter(|| by_hand_decoded(black_box(document), OWNER)));
    group.bench_function("rule, raw", |b| b.iter(|| bound.holds(black_box(raw))));
    group.bench_function("rule, decoded", |b| b.iter(|| bound.holds(black_box(document))));
    group.bench_function("read, raw", |b| b.iter(|| guard.read(black_box(raw))));
    group.bench_function("read, decoded", |b| b.iter(|| guard.read(black_box(document))));
    group.bench_function("update, raw", |b| b.iter(|| guard.update(black_box(raw), black_box(raw))));
    group.bench_function("update, decoded", |b| b.iter(|| guard.update(black_box(document), black_box(document))));
    group.bench_function("decode only", |b| b.iter(|| Document::try_from(black_box(raw))));
    group.finish();

    let (many, guard) = (Samples::many(), self::guard(EMPLOYEES));
    let mut group = criterion.benchmark_group("10,000 documents");
    group.sample_size(20);
    group.bench_function("read, raw", |b| {
        b.iter(|| many.iter().filter(|sample| guard.read(&sample.raw).is_allowed()).count());
    });
    group.bench_function("read, decoded", |b| {
        b.iter(|| many.iter().filter(|sample| guard.read(&sample.document).is_allowed()).count());
    });
    group.finish();
}

/// Prints the engine's times relative to the hand-written code: the best of many short runs, taken in turns.
fn ratios() {
    let (bound, guard) = (Bound::new(), one_role());
    let (own, others) = (Samples::new(OWNER), Samples::new("somebody else"));
    println!("{} fields, {} bytes of BSON; rule: {RULE}", own.document.len(), own.raw.as_bytes().len());
    for (title, Samples { document, raw }) in [("allowed", &own), ("denied", &others)] {
        println!("{title:<16} {:>8} {:>8}   engine / by hand", "ns", "ratio");
        let by_hand = |raw| by_hand_raw_in_one_pass(raw, OWNER);
        let table: [(&str, [&dyn Fn() -> bool; 5]); 2] = [
            (
                "raw",
                [
                    &|| by_hand_raw(black_box(raw), OWNER),
                    &|| by_hand(black_box(raw)),
                    &|| bound.holds(black_box(raw)),
                    &|| guard.read(black_box(raw)).is_allowed(),
                    &|| guard.update(black_box(raw), black_box(raw)).is_allowed(),
                ],
            ),
            (
                "decoded",
                [
                    &|| by_hand_decoded(black_box(document), OWNER),
                    &|| by_hand_decoded(black_box(document), OWNER),
                    &|| bound.holds(black_box(document)),
                    &|| guard.read(black_box(document)).is_allowed(),
                    &|| guard.update(black_box(document), black_box(document)).is_allowed(),
                ],
            ),
        ];
        for (form, runs) in table {
            let best = best_of_turns(&runs);
            // Compare with the faster of the two hand-written versions.
            let yardstick = best[0].min(best[1]);
            for (name, nanoseconds) in ["by hand", "by hand, 1 pass", "rule", "read", "update"].iter().zip(best) {
                println!("{:<24} {nanoseconds:>8.1} {:>8.2}", format!("{form}, {name}"), nanoseconds / yardstick);
            }
        }
    }
}

/// Nanoseconds per call, the best of many runs for each.
fn best_of_turns<const N: usize>(runs: &[&dyn Fn() -> bool; N]) -> [f64; N] {
    const CALLS: u32 = 2_000;
    let mut best = [Duration::MAX; N];
    for _ in 0..200 {
        for (run, best) in runs.iter().zip(&mut best) {
            let start = Instant::now();
            for _ in 0..CALLS {
                black_box(run());
            }
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|best| best.as_secs_f64() * 1e9 / f64::from(CALLS))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    if !std::env::args().any(|argument| argument == "ratios") {
        benchmarks(&mut criterion);
    }
    criterion.final_summary();
    ratios();
}
