//! Defects found by fuzzing and by attacks, which must not recur.

use bson::{Document, RawDocument, RawDocumentBuf, doc};
use portcullis::access::Query;
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind, trace};
use portcullis::policy::{self, RulesFile};
use portcullis::predicate::{Scope, lower};
use portcullis::text::{Finding, Source, Style};
use portcullis::value::{DocumentRef, Prepared};
use portcullis::{Guard, expr, json};

/// `text_to_policy`: a line break in a key split the message into two lines, and a terminal would have interpreted an
/// escape sequence in it.
#[test]
fn a_message_that_quotes_a_line_break_stays_on_one_line() {
    let text = r#"{"a": {"$regex": "^a", "$opti\n\u001b[2Js": "i"}}"#;
    let errors = expr::parse(&json::parse(text).unwrap()).unwrap_err();
    assert_eq!(errors[0].to_string(), r"unknown operator `$opti\n\u{1b}[2Js`");
    let finding = Finding::from(errors[0].clone());
    let drawn = Source::new("rules.json", text).render(&finding, None, Style::default());
    assert_eq!(drawn.lines().next(), Some(r"error[operator-unknown]: unknown operator `$opti\n\u{1b}[2Js`"));
    assert_eq!(drawn.lines().count(), 4);
}

/// Names in an untrusted document split a denial into two lines, and a million of them made it as long as the document.
#[test]
fn a_denial_stays_on_one_line_for_any_field_names() {
    let rules = json::parse(r#"{"roles": [{"name": "R", "apply_when": {}, "fields": {"_id": {"write": true}}}]}"#);
    let rules = policy::compile(&rules.unwrap()).unwrap();
    let guard = Guard::new(RulesFile::effective(Some(&rules), None), Context::new());
    let reason = |document: &Document| guard.insert(document).reason().unwrap().to_string();
    let named = doc! { "_id": 1, "x\nallowed\u{202e}": 1 };
    assert_eq!(reason(&named), r"the role may not write `x\nallowed\u{202e}`");
    let many: Document = (100..200).map(|number| (number.to_string().repeat(1000), 1.into())).collect();
    let shown = reason(&many);
    assert!(shown.ends_with("…` and 80 more") && shown.len() < 10_000, "{shown}");
    let twice = b"\x15\0\0\0\x10a\n\0\x01\0\0\0\x10a\n\0\x01\0\0\0\0";
    let decision = guard.insert(RawDocument::from_bytes(twice.as_slice()).unwrap());
    assert_eq!(decision.errors()[0].to_string(), r"duplicate key `a\n` in one document");
}

/// A document with an array whose elements have these keys and texts. The checks in `bson` do not look at the keys of
/// arrays.
pub(crate) fn with_array(name: &str, elements: &[(&str, &[u8])]) -> RawDocumentBuf {
    let framed = |content: Vec<u8>| {
        let length = i32::try_from(content.len() + 5).unwrap();
        [&length.to_le_bytes()[..], &content, &[0]].concat()
    };
    let texts = elements.iter().flat_map(|(key, text)| {
        let length = i32::try_from(text.len() + 1).unwrap();
        [&[2], key.as_bytes(), &[0], &length.to_le_bytes(), text, &[0]].concat()
    });
    let array = framed(texts.collect());
    RawDocumentBuf::from_bytes(framed([&[4], name.as_bytes(), &[0], &array].concat())).unwrap()
}

/// The decisions of a guard with one role on a raw document: prepared, as stored, as inserted, and as inserted after
/// decoding.
pub(crate) fn ways(apply_when: &str, raw: &RawDocumentBuf) -> [bool; 4] {
    let rules = format!(r#"{{"roles": [{{"name": "r", "apply_when": {apply_when}, "read": true, "write": true}}]}}"#);
    let rules = policy::compile(&json::parse(&rules).unwrap()).unwrap();
    let guard = Guard::new(RulesFile::effective(Some(&rules), None), Context::new());
    let prepared = Prepared::new(raw).unwrap();
    [
        guard.read(&prepared).is_allowed(),
        guard.read(raw).is_allowed(),
        guard.insert(raw).is_allowed(),
        guard.insert(&Document::try_from(raw).unwrap()).is_allowed(),
    ]
}

/// The NUL of an empty key was mistaken for the key, and the first byte of the length for its NUL, so that parsing
/// continued within a text.
#[test]
fn an_empty_key_in_an_array_neither_hides_nor_adds_a_string() {
    let padded = |begin: &[u8]| [begin, &vec![b'a'; 255 - begin.len()]].concat();
    let swallows = padded(b"\0x\x021\0\x05\x01\0\0");
    let hidden = with_array("labels", &[("", &swallows), ("1", b"secret")]);
    assert_eq!(ways(r#"{"labels": {"$ne": "secret"}}"#, &hidden), [false; 4]);
    assert_eq!(ways(r#"{"labels": "secret"}"#, &hidden), [true; 4]);
    let made = with_array("labels", &[("", &padded(b"\0x\x021\0\x04\0\0\0ada\0"))]);
    assert_eq!(ways(r#"{"labels": "ada"}"#, &made), [false; 4]);
}

/// The search for duplicate keys ended at the first one, and values after it were not validated.
#[test]
fn a_prepared_document_is_validated_after_a_duplicate_key() {
    let bytes = b"\x20\0\0\0\x10a\0\x01\0\0\0\x10a\0\x01\0\0\0\x02owner\0\x02\0\0\0\xff\0\0";
    let raw = RawDocument::from_bytes(bytes.as_slice()).unwrap();
    assert_eq!(Prepared::new(raw).unwrap_err().to_string(), "malformed BSON: a string is not UTF-8");
}

/// Two parsers disagreed on the range of doubles.
#[test]
fn both_json_parsers_accept_the_same_doubles() {
    let mut bytes = Vec::new();
    for (number, is_one) in [
        ("1.7976931348623157e308", true),
        ("1.7976931348623158e308", true),
        ("17976931348623157439e289", true),
        ("1e309", false),
        ("-0", true),
        ("01", false),
        ("1.", false),
        (".5", false),
        ("1e", false),
        ("1e-400", true),
    ] {
        let text = format!(r#"{{"a": {number}}}"#);
        assert_eq!(json::parse(&text).is_ok(), is_one, "{number}");
        assert_eq!(json::to_raw_document(text.as_bytes(), &mut bytes).is_some(), is_one, "{number}");
    }
}

/// Only MongoDB limited the number of fields, and each field of a sort order held a copy of the document's value.
#[test]
fn a_sort_has_as_many_fields_as_mongodb_accepts() {
    let sort = |fields: usize| {
        let fields: Vec<String> = (0..fields).map(|number| format!(r#""f{number}": 1"#)).collect();
        json::parse(&format!("{{{}}}", fields.join(", "))).unwrap()
    };
    assert!(Query::compile(None, None, Some(&sort(32))).is_ok());
    let error = Query::compile(None, None, Some(&sort(33))).unwrap_err();
    assert_eq!(error.to_string(), "a sort can have at most 32 fields");
}

/// Binding decides a check against an empty list, but the explanation examined the document first and reported an
/// error.
#[test]
fn the_explanation_of_an_empty_list_matches_its_decision() {
    let raw = RawDocument::from_bytes(b"\x16\0\0\0\x03a\0\x0e\0\0\0\x02b\0\x02\0\0\0\xff\0\0\0".as_slice()).unwrap();
    for (rule, holds) in [(r#"{"a.b": {"$nin": []}}"#, true), (r#"{"a.b": {"$in": []}}"#, false)] {
        let predicate = lower(&expr::parse(&json::parse(rule).unwrap()).unwrap(), Scope::Role).unwrap();
        let (context, errors) = (Context::new(), Errors::default());
        let documents = Documents { root: Some(DocumentRef::from(raw).into()), ..Documents::default() };
        let traced = trace(&predicate, documents, &context, &errors).truth;
        let bound = Evaluation::new(documents, &context, &errors).truth(&bind(&predicate, &context));
        assert_eq!((traced, bound), (Truth::from(holds), Truth::from(holds)), "{rule}");
    }
}
