//! Hostile input leads to a clear error, in bounded time and on a stack of bounded size.

use std::time::{Duration, Instant};

use bson::{Bson, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::access::Query;
use portcullis::json::{self, JsonErrorKind, MAX_SIZE, Node};
use portcullis::path::{FieldPath, MAX_INDEXES, PathError};
use portcullis::policy::{self, RulesFile};
use portcullis::value::{ValueRef, equal, identical};
use portcullis::{Decision, Guard, Reason, User};

/// The default stack size of threads, which is also that of a server's workers.
const STACK: usize = 2 * 1024 * 1024;

/// Far longer than any of these takes. It only shows that they terminate.
const AGES: Duration = Duration::from_secs(60);

/// Runs a test on a stack of fixed size, so that unbounded recursion fails it.
fn on_small_stack<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, test).unwrap().join().unwrap()
    })
}

fn in_time<T>(test: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = test();
    assert!(start.elapsed() < AGES, "took {:?}", start.elapsed());
    result
}

fn kind(text: &str) -> JsonErrorKind {
    json::parse(text).unwrap_err().kind().clone()
}

fn guard_of(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")))
}

fn failed<T>(decision: &Decision<'_, T>) -> String {
    assert_eq!(decision.reason(), Some(&Reason::Failed));
    decision.errors().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn json_nested_ten_thousand_levels_deep_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"%not":"#, "}"), (r#"{"$and":["#, "]}")] {
        let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(on_small_stack(|| kind(&text)), JsonErrorKind::Depth);
        // Even if none of the brackets is closed.
        assert_eq!(on_small_stack(|| kind(&open.repeat(1_000_000))), JsonErrorKind::Depth);
    }
}

#[test]
fn expressions_as_deep_as_json_may_be_are_compiled_and_evaluated() {
    let levels = json::MAX_DEPTH - 8;
    let wraps = [
        (r#"{"%not":"#, "}"),
        (r#"{"$or":["#, "]}"),
        (r#"{"%%true":"#, "}"),
        (r#"{"a":{"$elemMatch":"#, "}}"),
        (r#"{"%nor":["#, "]}"),
    ];
    for (open, close) in wraps {
        let depth = levels / open.matches(['{', '[']).count();
        let condition = format!(r#"{}{{"a":"%%user.id"}}{}"#, open.repeat(depth), close.repeat(depth));
        let rules = format!(r#"{{"roles":[{{"name":"R","apply_when":{condition},"read":true}}]}}"#);
        on_small_stack(|| {
            let guard = guard_of(&rules);
            let _ = guard.read(&doc! { "a": "u1" });
            let _ = guard.read(&doc! { "a": [{ "a": "u1" }] });
        });
    }
}

#[test]
fn a_million_fields_are_read_and_decided() {
    let fields: Vec<String> = (0..1_000_000).map(|number| format!(r#""f{number}":1"#)).collect();
    let text = format!("{{{}}}", fields.join(","));
    let node = in_time(|| json::parse(&text)).unwrap();
    let document = in_time(|| json::to_document(&node)).unwrap();
    let rules = r#"{"roles":[{"name":"R","apply_when":{},"fields":{"f1":{"read":true}},
        "additional_fields":{"write":{"%%this":{"$gt":0}}}}]}"#;
    let guard = guard_of(rules);
    let seen = in_time(|| guard.read(&document).allowed().unwrap().to_document()).unwrap();
    assert_eq!(seen.len(), 1_000_000);
    let raw = RawDocumentBuf::try_from(&document).unwrap();
    let seen = in_time(|| guard.read(&raw).allowed().unwrap().to_document()).unwrap();
    assert_eq!(seen.len(), 1_000_000);
    let mut after = document.clone();
    after.insert("f5", 0);
    let decision = in_time(|| guard.update(&document, &after));
    assert_eq!(decision.reason(), Some(&Reason::Fields(vec!["f1".to_owned(), "f5".to_owned()][1..].to_vec())));
    assert!(in_time(|| guard.update(&raw, &raw)).is_allowed());
    // A delete has no `%%this` that could be above 0.
    let decision = in_time(|| guard.delete(&raw));
    assert!(matches!(decision.reason(), Some(Reason::Fields(fields)) if fields.len() == 1_000_000));
}

#[test]
fn a_nested_quantifier_takes_linear_time() {
    let rules = r#"{"roles":[{"name":"R","apply_when":{"a":{"$regex":"(a+)+$"}},"read":true}]}"#;
    let guard = guard_of(rules);
    let text = format!("{}!", "a".repeat(1_000_000));
    let document = doc! { "a": text };
    let decision = in_time(|| guard.read(&document));
    assert_eq!(decision.reason(), Some(&Reason::NoRole));
}

#[test]
fn a_pattern_that_compiles_too_large_is_refused() {
    let rules = r#"{"roles":[{"name":"R","apply_when":{"a":{"$regex":"((a{1000}){1000}){1000}"}},"read":true}]}"#;
    let node = json::parse(rules).unwrap();
    assert_eq!(in_time(|| policy::compile(&node)).unwrap_err().len(), 1);
    let open = format!(r#"{{"roles":[{{"name":"R","apply_when":{{"a":{{"$regex":"{}"}}}}}}]}}"#, "(".repeat(100_000));
    let node = json::parse(&open).unwrap();
    assert_eq!(on_small_stack(|| in_time(|| policy::compile(&node))).unwrap_err().len(), 1);
}

#[test]
fn a_duplicate_key_is_refused() {
    let error = json::parse("{\"a\": 1,\n \"b\": {\"c\": 1, \"\\u0063\": 2}}").unwrap_err();
    assert_eq!(error.to_string(), "duplicate key `c`, first defined on line 2");
    let keys: Vec<String> = (0..100_000).map(|number| format!(r#""{number}":1"#)).collect();
    let text = format!(r#"{{{},"0":1}}"#, keys.join(","));
    assert!(matches!(in_time(|| kind(&text)), JsonErrorKind::KeyDuplicate { key, .. } if key == "0"));
}

#[test]
fn invalid_utf8_is_refused() {
    for bytes in [&b"{\"a\": \"\xff\"}"[..], b"\xc0\x80", b"{\"\xed\xa0\x80\": 1}", b"\xff\xfe{\x00}\x00"] {
        let error = json::parse_bytes(bytes).unwrap_err();
        assert!(matches!(error.kind(), JsonErrorKind::Encoding(_)), "{error}");
    }
    for text in [r#""\ud800""#, "\"\n\"", r#""\x""#, r#""a"#, "\"\u{0}\"", r#"{"a":"b\"#] {
        json::parse(text).unwrap_err();
    }
}

#[test]
fn invalid_numbers_are_refused() {
    for text in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "1.", ".5", "+1", "0x10", "1_000", "--1", "-"]
    {
        json::parse(text).unwrap_err();
    }
    let long = "9".repeat(400);
    json::parse(&long).unwrap_err();
    let literals = [
        r#"{"$numberDouble": "nought"}"#,
        r#"{"$numberInt": "2147483648"}"#,
        r#"{"$numberLong": "9223372036854775808"}"#,
        r#"{"$numberDecimal": "1E+6145"}"#,
        r#"{"$date": {"$numberLong": "9223372036854775808"}}"#,
        r#"{"$date": "10000000-01-01T00:00:00Z"}"#,
        r#"{"$date": "2020-02-30T00:00:00Z"}"#,
        r#"{"$date": {"$numberLong": "nought"}}"#,
        r#"{"$oid": "64b7f0c2a1d3e4f5a6b7c8d"}"#,
        r#"{"$timestamp": {"t": 4294967296, "i": 1}}"#,
        r#"{"$timestamp": {"t": -1, "i": 1}}"#,
        r#"{"$binary": {"base64": "AAECAw==", "subType": "100"}}"#,
        r#"{"$binary": {"base64": "not base64!", "subType": "00"}}"#,
        r#"{"$uuid": "1"}"#,
    ];
    for text in literals {
        let node = json::parse(text).unwrap();
        assert!(json::to_bson(&node).is_err(), "{text} was read as {:?}", json::to_bson(&node));
    }
}

#[test]
fn extreme_dates_are_preserved() {
    for millis in [i64::MIN, i64::MIN + 1, -1, 0, 253_402_300_800_000, i64::MAX] {
        let date = Bson::DateTime(bson::DateTime::from_millis(millis));
        let text = json::from_bson(&date).to_string();
        assert_eq!(json::to_bson(&json::parse(&text).unwrap()).unwrap(), date, "{text}");
    }
}

#[test]
fn json_one_byte_too_long_is_refused() {
    let text = format!("\"{}\"", "a".repeat(MAX_SIZE - 2));
    assert_eq!(text.len(), MAX_SIZE);
    json::parse(&text).unwrap();
    assert_eq!(kind(&format!("{text} ")), JsonErrorKind::Size(MAX_SIZE));
    let bytes = [text.as_bytes(), b" "].concat();
    assert_eq!(*json::parse_bytes(&bytes).unwrap_err().kind(), JsonErrorKind::Size(MAX_SIZE));
}

#[test]
fn a_path_of_a_hundred_thousand_segments_is_refused() {
    let path = vec!["a"; 100_000].join(".");
    assert_eq!(in_time(|| FieldPath::parse(&path)), Err(PathError::TooLong));
    let rules = format!(
        r#"{{"roles":[{{"name":"R","apply_when":{{"{path}":1,"%%user.data.{path}":1,"a":"%%root.{path}"}}}}],
            "filters":[{{"apply_when":true,"projection":{{"{path}":1}}}}]}}"#
    );
    let node = json::parse(&rules).unwrap();
    let errors = on_small_stack(|| in_time(|| policy::compile(&node))).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
}

/// In an array of documents whose keys are indexes, each number in a path can be followed in two ways.
#[test]
fn a_path_of_many_array_indexes_is_refused() {
    let path = format!("a{}", ".0".repeat(MAX_INDEXES + 1));
    assert_eq!(FieldPath::parse(&path), Err(PathError::IndexesTooMany));
    let document = (0..40).fold(Bson::Int32(1), |inner, _| Bson::Array(vec![doc! { "0": inner }.into()]));
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"read":true}]}"#);
    for numbers in [MAX_INDEXES, 100] {
        let filter = json::parse(&format!(r#"{{"a{}":2}}"#, ".0".repeat(numbers))).unwrap();
        // The longest accepted path is evaluated; longer ones are rejected.
        if let Ok(query) = Query::compile(Some(&filter), None, None) {
            let stored = doc! { "a": document.clone() };
            assert!(in_time(|| guard.find(&query, [(&stored).into()])).unwrap().is_empty());
        }
    }
}

#[test]
fn only_the_first_thousand_errors_are_reported() {
    let roles: Vec<String> = (0..50_000).map(|number| format!(r#"{{"name":"R{number}","aply_when":{{}}}}"#)).collect();
    let rules = format!(r#"{{"roles":[{}]}}"#, roles.join(",\n"));
    let node = json::parse(&rules).unwrap();
    let errors = in_time(|| policy::compile(&node)).unwrap_err();
    assert_eq!(errors.len(), 1_001);
    assert_eq!(errors[1_000].to_string(), "and 49000 more errors");
    let fields: Vec<String> = (0..100_000).map(|number| format!(r#""%%usr.{number}":1"#)).collect();
    let rules = format!(r#"{{"roles":[{{"name":"R","apply_when":{{{}}}}}]}}"#, fields.join(",\n"));
    let node = json::parse(&rules).unwrap();
    assert_eq!(in_time(|| policy::compile(&node)).unwrap_err().len(), 1_001);
}

/// BSON for `{"a": {"a": …}}`, or for nested arrays, built without recursion.
fn deep(levels: usize, element: u8, key: u8) -> RawDocumentBuf {
    let mut bytes: Vec<u8> = vec![5, 0, 0, 0, 0];
    for level in 0..levels {
        let (element, key) = if level + 1 == levels { (element, b'a') } else { (element, key) };
        let length = u32::try_from(bytes.len() + 4 + 1 + 2 + 1).unwrap();
        bytes = [&length.to_le_bytes()[..], &[element, key, 0], &bytes, &[0]].concat();
    }
    RawDocumentBuf::from_bytes(bytes).unwrap()
}

#[test]
fn documents_ten_thousand_levels_deep_are_an_error_without_stack_overflow() {
    for (element, key) in [(3, b'a'), (4, b'0')] {
        let document = deep(10_000, element, key);
        let value = || ValueRef::from(portcullis::value::DocumentRef::from(&document));
        on_small_stack(|| {
            equal(value(), value()).unwrap_err();
            identical(value(), value()).unwrap_err();
            value().to_bson().unwrap_err();
        });
        let by_field = r#"{"roles":[{"name":"R","apply_when":{"_id":{"$exists":false}},
            "fields":{"a":{"fields":{"a":{"read":true,"write":true}}}}}]}"#;
        let whole = r#"{"roles":[{"name":"R","apply_when":{"%%root":"%%prevRoot"},"read":true,"write":true}]}"#;
        let any = r#"{"roles":[{"name":"R","apply_when":{},"additional_fields":{"read":true,"write":true}}]}"#;
        let element = r#"{"roles":[{"name":"R","apply_when":{"a":{"$elemMatch":{"$elemMatch":{"$in":[1]}}}},
            "read":true}]}"#;
        let function = r#"{"roles":[{"name":"R","apply_when":{"%%true":{"%function":{"name":"f","arguments":["%%root"]}}},
            "read":true}]}"#;
        for rules in [by_field, whole, any, element, function] {
            on_small_stack(|| {
                let guard = guard_of(rules);
                let _ = guard.read(&document);
                let _ = guard.insert(&document);
                let _ = guard.update(&document, &document);
                let _ = guard.delete(&document);
            });
        }
        let too_deep = "malformed BSON: nested deeper than 200 levels";
        assert_eq!(on_small_stack(|| failed(&guard_of(any).read(&document))), too_deep);
        assert_eq!(on_small_stack(|| failed(&guard_of(any).insert(&document))), too_deep);
    }
}

#[test]
fn schemas_check_deep_documents_without_stack_overflow() {
    let rules = r#"{"roles":[{"name":"R","apply_when":{},"write":true}],
        "schema":{"properties":{"a":{"uniqueItems":true,"enum":[1],"validate":{"%%this":"%%prev"}}}}}"#;
    for (element, key) in [(3, b'a'), (4, b'0')] {
        let document = deep(10_000, element, key);
        on_small_stack(|| {
            let guard = guard_of(rules);
            assert!(!guard.insert(&document).is_allowed());
            assert!(!guard.update(&document, &document).is_allowed());
        });
    }
}

/// A document with the key `a` twice: first 1, then 2.
fn twice() -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    for value in [1, 2] {
        document.append(bson::cstr!("a"), value);
    }
    document
}

#[test]
fn the_first_value_of_a_duplicate_key_counts() {
    let document = twice();
    let first = guard_of(r#"{"roles":[{"name":"R","apply_when":{"a":1},"fields":{"a":{"read":{"%%this":1}}}}]}"#);
    let seen = first.read(&document).allowed().unwrap().to_document().unwrap();
    assert_eq!(seen, doc! { "a": 1 });
    let second = guard_of(r#"{"roles":[{"name":"R","apply_when":{"a":2},"read":true}]}"#);
    assert_eq!(second.read(&document).reason(), Some(&Reason::NoRole));
    // A hidden field must not become visible through its second value.
    let hidden = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"fields":{"a":{"read":{"%%this":2}}}}]}"#);
    assert_eq!(hidden.read(&document).reason(), Some(&Reason::NothingVisible));
}

#[test]
fn a_document_with_a_duplicate_key_cannot_be_written() {
    let document = twice();
    let nested = {
        let mut outer = RawDocumentBuf::new();
        outer.append(bson::cstr!("b"), document.clone());
        outer
    };
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"write":true}]}"#);
    for document in [&document, &nested] {
        assert_eq!(failed(&guard.insert(document)), "duplicate key `a` in one document");
        assert_eq!(failed(&guard.update(&doc! {}, document)), "duplicate key `a` in one document");
        // Such a stored document can be deleted, and replaced with a valid one.
        assert!(guard.delete(document).is_allowed());
        assert!(guard.update(document, &doc! { "a": 1 }).is_allowed());
    }
    // An update is checked for duplicate keys only after a role was found to apply.
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":false,"write":true}]}"#);
    assert_eq!(guard.update(&doc! {}, &document).reason(), Some(&Reason::NoRole));
}

#[test]
fn malformed_documents_are_denied() {
    let whole =
        RawDocumentBuf::from_bytes(bson::serialize_to_vec(&doc! { "a": "u1", "b": { "c": 1 } }).unwrap()).unwrap();
    let rules = r#"{"roles":[{"name":"R","apply_when":{"a":"u1"},"fields":{"a":{"read":true,"write":true}},
        "additional_fields":{"read":true}}]}"#;
    for at in 4..whole.as_bytes().len() - 1 {
        for byte in [0, 1, 3, 4, 0x0f, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.as_bytes().to_vec();
            bytes[at] = byte;
            let Ok(document) = RawDocumentBuf::from_bytes(bytes) else { continue };
            let guard = guard_of(rules);
            let _ = guard.read(&document);
            let _ = guard.insert(&document);
            let _ = guard.update(&document, &whole);
            let _ = guard.update(&whole, &document);
            let _ = guard.delete(&document);
        }
    }
}

#[test]
fn unknown_names_of_a_million_bytes_are_reported_in_time() {
    let name = "n".repeat(1_000_000);
    let rules =
        format!(r#"{{"roles":[{{"name":"R","apply_when":{{"%%{name}":1,"${name}":1,"{name}":{{"${name}":1}}}}}}]}}"#);
    let node: Node = json::parse(&rules).unwrap();
    assert_eq!(in_time(|| policy::compile(&node)).unwrap_err().len(), 3);
}
