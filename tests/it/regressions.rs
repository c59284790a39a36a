//! What fuzzing found, kept from coming back.

use bson::{Document, RawDocument, doc};
use portcullis::access::Guard;
use portcullis::eval::Context;
use portcullis::policy::{self, RulesFile};
use portcullis::text::{Finding, Source, Style};
use portcullis::{expr, json};

/// `text_to_policy`: a key with a line break in it broke the message in two, and a terminal would have obeyed an escape
/// sequence in it.
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

/// A stranger's names broke a denial in two lines, and a million of them made it as long as their document.
#[test]
fn a_denial_stays_on_one_line_whatever_names_a_document_has() {
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
    assert_eq!(decision.errors()[0].to_string(), r"the key `a\n` stands twice in one document");
}
