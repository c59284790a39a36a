//! Measures the cost of hostile requests of up to 1 MB: `cargo bench --bench hostile [-- CASE…]`.
//!
//! Each case consists of a request and documents in an in-memory store. It runs in a process of its own, which is
//! killed after a minute. For each case, this prints the result, the CPU time from the text of the request to the
//! result, and the peak memory beyond what the process used before the request.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::guarded::{FindRequest, GuardedError, Pipeline, parse_writes};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Guard, GuardedCollection, User, json};
use portcullis_store::EmbeddedDocuments;

const PATIENCE: Duration = Duration::from_secs(60);

/// Rules under which every field may be read and written.
const OPEN: &str = r#"{"roles":[{"name":"R","apply_when":{},"read":true,"write":true}]}"#;
/// The same permissions for each field separately, so that Portcullis has to check every request itself.
const FIELDS: &str = r#"{"roles":[{"name":"R","apply_when":{},"additional_fields":{"read":{"%%root.closed":{"$ne":true}},"write":true}}]}"#;

enum Request {
    Find(String),
    Write(String),
    Distinct(&'static str),
    Aggregate(String),
    /// Decides whether a raw document may be read.
    Read,
}

struct Case {
    rules: String,
    stored: Vec<Document>,
    request: Request,
}

fn case(stored: Vec<Document>, request: Request) -> Case {
    Case { rules: OPEN.to_owned(), stored, request }
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

fn find(filter: &str) -> Request {
    Request::Find(format!(r#"{{"filter":{filter}}}"#))
}

fn update(update: &str, rest: &str) -> Request {
    Request::Write(format!(r#"{{"updateOne":{{"filter":{{}},"update":{update}{rest}}}}}"#))
}

fn array(count: usize, one: impl Fn(usize) -> Bson) -> Document {
    doc! { "_id": 1, "a": (0..count).map(one).collect::<Vec<_>>() }
}

fn int(number: usize) -> Bson {
    Bson::Int32(i32::try_from(number).unwrap())
}

fn wide(count: usize) -> Document {
    let mut document = doc! { "_id": 1 };
    document.extend((0..count).map(|number| (format!("f{number}"), int(number))));
    document
}

fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

fn tree(levels: usize, width: usize, number: &mut usize) -> String {
    if levels == 0 {
        *number += 1;
        return format!(r#"{{"p{}":{}}}"#, *number % 7, *number % 5);
    }
    let operator = if levels.is_multiple_of(2) { "$or" } else { "$and" };
    let parts: Vec<String> = (0..width).map(|_| tree(levels - 1, width, number)).collect();
    format!(r#"{{"{operator}":[{}]}}"#, parts.join(","))
}

#[allow(clippy::too_many_lines, reason = "a table")]
/// A case and its name.
type Named = (&'static str, Box<dyn Fn() -> Case>);

fn cases() -> Vec<Named> {
    let mut cases: Vec<Named> = Vec::new();
    let mut add = |name: &'static str, make: fn() -> Case| cases.push((name, Box::new(make)));
    add("regex of many, no document", || {
        case(
            Vec::new(),
            find(&format!(r#"{{"$or":[{}]}}"#, many(20_000, |n| format!(r#"{{"f{n}":{{"$regex":"\\w{{900}}"}}}}"#)))),
        )
    });
    add("regex of many by one write each", || {
        let writes = many(1000, |n| {
            let patterns = many(12, |_| r#"{"s":{"$regex":"\\w{900}"}}"#.to_owned());
            format!(r#"{{"deleteOne":{{"filter":{{"_id":{n},"$or":[{patterns}]}}}}}}"#)
        });
        case(Vec::new(), Request::Write(format!("[{writes}]")))
    });
    add("regex that few states cannot hold", || {
        let text: String =
            (0..1_000_000_u32).map(|n| if n.wrapping_mul(2_654_435_761) >> 31 == 0 { 'a' } else { 'b' }).collect();
        let patterns = many(20, |n| format!(r#"{{"s":{{"$regex":"a[ab]{{{}}}c"}}}}"#, 400 + n));
        case(vec![doc! { "_id": 1, "s": text }], find(&format!(r#"{{"$or":[{patterns}]}}"#)))
    });
    add("regex of classes of all letters", || {
        let patterns = many(120, |_| format!(r#"{{"s":{{"$regex":"{}"}}}}"#, r"\\pL".repeat(2000)));
        case(Vec::new(), find(&format!(r#"{{"$or":[{patterns}]}}"#)))
    });
    add("in of documents", || {
        let list = many(40_000, |n| format!(r#"{{"n":{n},"x":1}}"#));
        case(
            vec![array(40_000, |n| doc! { "n": int(n + 1_000_000), "x": 1 }.into())],
            find(&format!(r#"{{"a":{{"$in":[{list}]}}}}"#)),
        )
    });
    add("in of fractions", || {
        let list = many(90_000, |n| format!("{n}.5"));
        case(vec![array(500_000, |n| (n as f64 + 0.25).into())], find(&format!(r#"{{"a":{{"$in":[{list}]}}}}"#)))
    });
    add("in of arrays that begin alike", || {
        let list = many(60_000, |n| format!("[1,2,{n}]"));
        case(
            vec![array(60_000, |n| vec![int(1), int(2), int(n + 100_000)].into())],
            find(&format!(r#"{{"a":{{"$in":[{list}]}}}}"#)),
        )
    });
    add("in of numbers beyond 64 bits", || {
        let list = many(25_000, |n| format!(r#"{{"$numberDecimal":"1E{}"}}"#, n % 5000 + 400));
        case(
            vec![array(25_000, |n| format!("1E-{}", n % 5000 + 400).parse::<bson::Decimal128>().unwrap().into())],
            find(&format!(r#"{{"a":{{"$in":[{list}]}}}}"#)),
        )
    });
    add("all", || {
        let list = many(50_000, |n| n.to_string());
        case(vec![array(50_000, |n| int(49_999 - n))], find(&format!(r#"{{"a":{{"$all":[{list}]}}}}"#)))
    });
    add("all, checked here", || {
        let list = many(50_000, |n| n.to_string());
        Case {
            rules: FIELDS.to_owned(),
            ..case(vec![array(50_000, |n| int(49_999 - n))], find(&format!(r#"{{"a":{{"$all":[{list}]}}}}"#)))
        }
    });
    add("in of many numbers, no document", || {
        case(Vec::new(), find(&format!(r#"{{"a":{{"$in":[{}]}}}}"#, many(500_000, |_| "1".to_owned()))))
    });
    add("conditions on one array", || {
        let parts = many(45_000, |n| format!(r#"{{"a":{{"$ne":{}}}}}"#, n + 10_000_000));
        case(vec![array(500_000, int)], find(&format!(r#"{{"$and":[{parts}]}}"#)))
    });
    add("conditions in elemMatch", || {
        let parts = many(30_000, |n| format!(r#"{{"x":{{"$ne":{}}}}}"#, n + 10_000_000));
        case(
            vec![array(300_000, |n| doc! { "x": int(n) }.into())],
            find(&format!(r#"{{"a":{{"$elemMatch":{{"$and":[{parts}]}}}}}}"#)),
        )
    });
    add("elemMatch in elemMatch", || {
        let inner = format!(r#"{{"$in":[{}]}}"#, many(400_000, |_| "1".to_owned()));
        case(vec![array(10, int)], find(&format!(r#"{{"a":{}}}"#, nested(60, r#"{"$elemMatch":{"a":"#, &inner, "}}"))))
    });
    add("not in not", || {
        let inner = format!(r#"{{"$in":[{}]}}"#, many(400_000, |_| "1".to_owned()));
        case(vec![array(10, int)], find(&format!(r#"{{"a":{}}}"#, nested(120, r#"{"$not":"#, &inner, "}"))))
    });
    add("literal arrays in arrays", || {
        case(
            vec![array(10, int)],
            find(&format!(r#"{{"a":{}}}"#, nested(120, "[", &many(450_000, |_| "1".to_owned()), "]"))),
        )
    });
    add("paths of a wide document", || {
        let parts = many(50_000, |n| format!(r#""f{}":{{"$ne":0}}"#, 900_000 - n));
        case(vec![wide(900_000)], find(&format!("{{{parts}}}")))
    });
    add("paths of a wide document, checked here", || {
        let parts = many(50_000, |n| format!(r#""f{}":{{"$ne":0}}"#, 900_000 - n));
        Case { rules: FIELDS.to_owned(), ..case(vec![wide(900_000)], find(&format!("{{{parts}}}"))) }
    });
    add("paths of a wide document, no document", || {
        case(Vec::new(), find(&format!("{{{}}}", many(50_000, |n| format!(r#""f{n}":{{"$ne":0}}"#)))))
    });
    add("a tree of conditions", || case(Vec::new(), find(&tree(3, 24, &mut 0))));
    add("a tree of conditions, deeper", || case(Vec::new(), find(&tree(5, 8, &mut 0))));
    add("a tree of conditions, deepest", || case(Vec::new(), find(&tree(14, 2, &mut 0))));
    add("a tree of alike conditions", || {
        let leaf = format!(r#"{{"a":"{}"}}"#, "x".repeat(1500));
        let inner = format!(r#"{{"$or":[{}]}}"#, vec![leaf; 24].join(","));
        case(Vec::new(), find(&format!(r#"{{"$and":[{}]}}"#, vec![inner; 24].join(","))))
    });
    add("projection of many", || {
        let paths = many(60_000, |n| format!(r#""f{}":1"#, 900_000 - n));
        case(vec![wide(900_000)], Request::Find(format!(r#"{{"filter":{{}},"projection":{{{paths}}}}}"#)))
    });
    add("sort by an index", || {
        let document =
            array(700_000, |n| if n == 0 { (0..700_000).map(int).collect::<Vec<_>>().into() } else { int(n) });
        case(vec![document], Request::Find(r#"{"filter":{},"sort":{"a.0":1}}"#.to_owned()))
    });
    add("sort by an index, checked here", || {
        let document =
            array(700_000, |n| if n == 0 { (0..700_000).map(int).collect::<Vec<_>>().into() } else { int(n) });
        Case {
            rules: FIELDS.to_owned(),
            ..case(vec![document], Request::Find(r#"{"filter":{},"sort":{"a.0":1}}"#.to_owned()))
        }
    });
    add("sort by many", || {
        let order = many(32, |n| format!(r#""a.x{n}":1"#));
        case(
            vec![array(800_000, |_| doc! { "x": 1 }.into())],
            Request::Find(format!(r#"{{"filter":{{}},"sort":{{{order}}}}}"#)),
        )
    });
    add("distinct", || case(vec![array(1_000_000, |n| int(1_000_000 - n))], Request::Distinct("a")));
    add("array filters", || {
        let filters = many(2000, |n| format!(r#"{{"f{n}.x":{n}}}"#));
        let paths = many(2000, |n| format!(r#""a.$[f{n}].y":1"#));
        case(
            vec![array(50_000, |_| doc! { "x": -1 }.into())],
            update(&format!(r#"{{"$set":{{{paths}}}}}"#), &format!(r#","arrayFilters":[{filters}]"#)),
        )
    });
    add("few array filters of many conditions", || {
        let conditions = many(40_000, |n| format!(r#"{{"f.x":{n}}}"#));
        case(
            vec![array(300_000, |_| doc! { "x": -1 }.into())],
            update(r#"{"$set":{"a.$[f].y":1}}"#, &format!(r#","arrayFilters":[{{"$or":[{conditions}]}}]"#)),
        )
    });
    add("pull by in", || {
        let list = many(40_000, |n| format!(r#"{{"n":{n},"x":1}}"#));
        case(
            vec![array(40_000, |n| doc! { "n": int(n + 1_000_000), "x": 1 }.into())],
            update(&format!(r#"{{"$pull":{{"a":{{"$in":[{list}]}}}}}}"#), ""),
        )
    });
    add("pull by conditions", || {
        let list = many(60_000, |n| format!(r#"{{"x":{n}}}"#));
        case(
            vec![array(300_000, |_| doc! { "x": -1 }.into())],
            update(&format!(r#"{{"$pull":{{"a":{{"$or":[{list}]}}}}}}"#), ""),
        )
    });
    add("pullAll and addToSet", || {
        let list = many(60_000, |n| n.to_string());
        case(
            vec![array(500_000, |n| int(n + 100_000))],
            update(&format!(r#"{{"$pullAll":{{"a":[{list}]}},"$addToSet":{{"b":{{"$each":[{list}]}}}}}}"#), ""),
        )
    });
    add("set of many", || {
        case(vec![wide(60_000)], update(&format!(r#"{{"$set":{{{}}}}}"#, many(60_000, |n| format!(r#""f{n}":0"#))), ""))
    });
    add("set of many, fields by rules", || Case {
        rules: FIELDS.to_owned(),
        ..case(
            vec![wide(60_000)],
            update(&format!(r#"{{"$set":{{{}}}}}"#, many(60_000, |n| format!(r#""f{n}":0"#))), ""),
        )
    });
    add("set of many elements, fields by rules", || {
        let rules =
            r#"{"roles":[{"name":"R","apply_when":{},"fields":{"a":{"fields":{"x":{"read":true,"write":true}}}}}]}"#;
        let set = many(60_000, |n| format!(r#""a.{n}.x":0"#));
        Case {
            rules: rules.to_owned(),
            ..case(vec![array(60_000, |_| doc! { "x": 1 }.into())], update(&format!(r#"{{"$set":{{{set}}}}}"#), ""))
        }
    });
    add("unset of many", || {
        case(
            vec![wide(60_000)],
            update(&format!(r#"{{"$unset":{{{}}}}}"#, many(60_000, |n| format!(r#""f{n}":0"#))), ""),
        )
    });
    add("rename of many", || {
        case(
            vec![wide(60_000)],
            update(&format!(r#"{{"$rename":{{{}}}}}"#, many(40_000, |n| format!(r#""f{n}":"g{n}""#))), ""),
        )
    });
    add("set in every element", || {
        let paths = many(40_000, |n| format!(r#""a.$[].x{n}":null"#));
        case(vec![array(100_000, |_| doc! {}.into())], update(&format!(r#"{{"$set":{{{paths}}}}}"#), ""))
    });
    add("inc in every element", || {
        let paths = many(40_000, |n| format!(r#""a.$[].x{n}":1"#));
        case(vec![array(100_000, |_| doc! {}.into())], update(&format!(r#"{{"$inc":{{{paths}}}}}"#), ""))
    });
    add("unset in every element", || {
        let paths = many(40_000, |n| format!(r#""a.$[].x{n}":1"#));
        case(vec![array(300_000, |_| doc! {}.into())], update(&format!(r#"{{"$unset":{{{paths}}}}}"#), ""))
    });
    add("a large document in every element", || {
        let large = many(100_000, |n| format!(r#""{n}":1"#));
        case(vec![array(2000, |_| doc! {}.into())], update(&format!(r#"{{"$set":{{"a.$[].x":{{{large}}}}}}}"#), ""))
    });
    add("push, sorted by many", || {
        let fields = many(60_000, |n| format!(r#""x{n}":1"#));
        case(
            vec![array(50_000, |_| doc! { "y": 1 }.into())],
            update(&format!(r#"{{"$push":{{"a":{{"$each":[],"$sort":{{{fields}}}}}}}}}"#), ""),
        )
    });
    add("push, sorted", || {
        case(
            vec![array(1_000_000, |n| int(n.wrapping_mul(7919) % 1_000_003))],
            update(r#"{"$push":{"a":{"$each":[1,2],"$sort":1,"$slice":10}}}"#, ""),
        )
    });
    add("bits of many", || {
        // An object has room for only one operand of each kind.
        case(
            vec![wide(60_000)],
            update(&format!(r#"{{"$bit":{{{}}}}}"#, many(30_000, |n| format!(r#""f{n}":{{"or":7,"and":5}}"#))), ""),
        )
    });
    add("positional by many conditions", || {
        let parts = many(30_000, |_| r#"{"a":{"$type":"array"}}"#.to_owned());
        case(
            vec![array(300_000, int)],
            Request::Write(format!(
                r#"{{"updateOne":{{"filter":{{"$and":[{parts}]}},"update":{{"$set":{{"a.$":0}}}}}}}}"#
            )),
        )
    });
    add("upsert by many", || {
        case(
            Vec::new(),
            Request::Write(format!(
                r#"{{"updateOne":{{"filter":{{{}}},"update":{{"$set":{{"z":1}}}},"upsert":true}}}}"#,
                many(50_000, |n| format!(r#""f{n}.x.y":{n}"#))
            )),
        )
    });
    add("insert of a wide document", || {
        case(
            Vec::new(),
            Request::Write(format!(
                r#"{{"insertOne":{{"document":{{{}}}}}}}"#,
                many(90_000, |n| format!(r#""f{n}":0"#))
            )),
        )
    });
    add("insert of a deep document", || {
        let deep = nested(60, r#"{"a":["#, &many(300_000, |_| "1".to_owned()), "]}");
        case(Vec::new(), Request::Write(format!(r#"{{"insertOne":{{"document":{{"d":{deep}}}}}}}"#)))
    });
    add("stages of a pipeline", || {
        let parts = many(30, |n| format!(r#"{{"x":{{"$ne":{}}}}}"#, n + 10_000_000));
        let stages = many(99, |_| format!(r#"{{"$match":{{"a":{{"$not":{{"$elemMatch":{{"$nor":[{parts}]}}}}}}}}}}"#));
        case(vec![array(300_000, |n| doc! { "x": int(n) }.into())], Request::Aggregate(format!("[{stages}]")))
    });
    add("projections of a pipeline", || {
        let stages = many(99, |n| format!(r#"{{"$project":{{"g{n}":0}}}}"#));
        case(vec![wide(900_000)], Request::Aggregate(format!("[{stages}]")))
    });
    add("regexes of a pipeline", || {
        let stages = many(99, |_| {
            format!(r#"{{"$match":{{"$or":[{}]}}}}"#, many(90, |_| r#"{"s":{"$regex":"\\w{900}"}}"#.to_owned()))
        });
        case(vec![doc! { "_id": 1, "s": "x" }], Request::Aggregate(format!("[{stages}]")))
    });
    add("unknown operators", || {
        case(Vec::new(), find(&format!(r#"{{"a":{{{}}}}}"#, many(60_000, |n| format!(r#""$o{n}":1"#)))))
    });
    add("unknown update operators", || {
        case(Vec::new(), update(&format!("{{{}}}", many(60_000, |n| format!(r#""$o{n}":{{}}"#))), ""))
    });
    add("rule: in of a document's own list", || Case {
        rules: r#"{"roles":[{"name":"R","apply_when":{"a":{"$in":"%%root.b"}},"read":true}]}"#.to_owned(),
        stored: vec![
            doc! { "a": (0..50_000).map(int).collect::<Vec<_>>(), "b": (50_000..100_000).map(int).collect::<Vec<_>>() },
        ],
        request: Request::Read,
    });
    add("rule: in of a document's own list, element by element", || Case {
        rules: r#"{"roles":[{"name":"R","apply_when":{"a":{"$elemMatch":{"x":{"$in":"%%root.b"}}}},"read":true}]}"#
            .to_owned(),
        stored: vec![
            doc! { "a": (0..50_000).map(|n| doc! { "x": int(n) }.into()).collect::<Vec<Bson>>(), "b": (50_000..100_000).map(int).collect::<Vec<_>>() },
        ],
        request: Request::Read,
    });
    add("rule: each field in a list", || Case {
        rules: r#"{"roles":[{"name":"R","apply_when":{},"additional_fields":{"read":{"%%this":{"$in":"%%root.b"}}}}]}"#
            .to_owned(),
        stored: vec![{
            let mut document = wide(100_000);
            document.insert("b", (200_000..250_000).map(int).collect::<Vec<_>>());
            document
        }],
        request: Request::Read,
    });
    add("rule: a list by a path through arrays", || Case {
        rules: r#"{"roles":[{"name":"R","apply_when":{"a":{"$elemMatch":{"x":"%%root.b.y"}}},"read":true}]}"#
            .to_owned(),
        stored: vec![
            doc! { "a": (0..50_000).map(|n| doc! { "x": int(n) }.into()).collect::<Vec<Bson>>(), "b": (0..50_000).map(|n| doc! { "y": int(n) }.into()).collect::<Vec<Bson>>() },
        ],
        request: Request::Read,
    });
    add("rule: fields of a wide document", || Case {
        rules: format!(
            r#"{{"roles":[{{"name":"R","apply_when":{{{}}},"read":true}}]}}"#,
            many(3000, |n| format!(r#""g{n}":{{"$ne":1}}"#))
        ),
        stored: vec![wide(900_000)],
        request: Request::Read,
    });
    cases
}

fn guard(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).expect("JSON")).expect("rules");
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")))
}

async fn run(case: &Case) -> String {
    let (store, namespace) =
        (EmbeddedDocuments::in_memory().expect("a store"), Namespace::parse("db.c").expect("a name"));
    let mut transaction = store.begin().await.expect("a transaction");
    for document in &case.stored {
        transaction.insert(&namespace, document).await.expect("an insert");
    }
    transaction.commit().await.expect("a commit");
    let guard = guard(&case.rules);
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let raw = case.stored.first().map(|document| RawDocumentBuf::try_from(document).expect("BSON"));
    if let Request::Find(text) | Request::Write(text) | Request::Aggregate(text) = &case.request {
        assert!(text.len() <= 1_100_000, "the request has {} bytes", text.len());
    }
    // Reset the peak, which was reached while the case was built.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, began) = (memory("VmRSS"), processor_time());
    let answer = match answer(&case.request, &collection, &guard, raw.as_ref()).await {
        Ok(answer) => answer,
        Err(error) => error.to_string(),
    };
    let took = processor_time().saturating_sub(began);
    let most = memory("VmHWM").saturating_sub(before);
    let answer: String = answer.chars().take(150).collect();
    format!("{:>8.2} s {:>6} MB  {answer}", took.as_secs_f64(), most / 1024)
}

async fn answer(
    request: &Request,
    collection: &GuardedCollection<'_>,
    guard: &Guard,
    raw: Option<&RawDocumentBuf>,
) -> Result<String, GuardedError> {
    let parse = |text: &str| json::parse(text).expect("JSON");
    Ok(match request {
        Request::Find(text) => {
            let found = collection.find(&FindRequest::parse(&parse(text))?).await?.all().await?;
            format!("found {}", found.len())
        }
        Request::Write(text) => {
            let written = collection.write(&parse_writes(&parse(text))?).await?;
            let modified: u64 = written.iter().map(|one| one.modified).sum();
            format!("{} writes, {modified} modified", written.len())
        }
        Request::Distinct(field) => {
            let request = FindRequest::parse(&parse("{}"))?;
            format!("{} values", collection.distinct(field, &request).await?.len())
        }
        Request::Aggregate(text) => {
            let found = collection.aggregate(&Pipeline::parse(&parse(text))?).await?.all().await?;
            format!("found {}", found.len())
        }
        Request::Read => {
            let decision = guard.read(raw.expect("a document"));
            let errors: Vec<String> = decision.errors().iter().map(ToString::to_string).collect();
            format!("{:?} {}", decision.reason().map(portcullis::Reason::code), errors.join("; "))
        }
    })
}

/// The CPU time of this process, which other processes influence less than elapsed time. Everything runs on one
/// thread.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0))
}

/// A memory figure of this process from `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, name] = wanted.as_slice()
        && flag == "--only"
    {
        let cases = cases();
        let (_, make) = cases.iter().find(|(known, _)| known == name).expect("a case");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let case = make();
        println!("{}", runtime.block_on(run(&case)));
        return;
    }
    let own = std::env::current_exe().expect("a path");
    for (name, _) in cases() {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        let mut child = Command::new(&own)
            .args(["--only", name])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let began = Instant::now();
        let ended = loop {
            match child.try_wait().expect("a process") {
                Some(_) => break true,
                None if began.elapsed() > PATIENCE => break false,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        if !ended {
            child.kill().expect("a process");
        }
        let output = child.wait_with_output().expect("a process");
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        let failed = String::from_utf8_lossy(&output.stderr).lines().take(2).collect::<Vec<_>>().join(" ");
        let shown = match (ended, text.is_empty()) {
            (false, _) => "    over a minute".to_owned(),
            (true, true) => format!("    failed ({}): {failed}", output.status),
            (true, false) => text,
        };
        println!("{name:<56}{shown}");
    }
}
