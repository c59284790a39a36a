//! Rules and a user, a line each, then any bytes as BSON: one document, or two in a row. Where the bytes are documents
//! without a key twice, the decisions are those of the decoded documents, and of the prepared ones; in any case they are made without a panic.
#![no_main]

use bson::{Bson, Document, RawDocument};
use libfuzzer_sys::fuzz_target;
use portcullis::value::Prepared;
use portcullis::{Guard, Operation};
use portcullis_fuzz::{document, guard, has_key_twice, node, outline, policy, same};

/// Decides where the input has no rules that load: each kind of test, at each place where one may stand.
const RULES: &str = r#"{"roles": [{
    "name": "any", "apply_when": {"%or": [{"a": {"$gt": 1}}, {"a.b": {"$in": ["x", null]}}, {"c": {"$exists": false}}]},
    "document_filters": {"read": {"d": {"$not": {"$type": "string"}}}, "write": true},
    "fields": {
        "a": {"read": {"%%this": {"$ne": "%%root.b"}}, "write": {"%%prev": {"$size": 2}}},
        "b": {"fields": {"b": {"read": true, "write": {"%%this": {"$elemMatch": {"c": 1}}}}}}
    },
    "additional_fields": {"read": {"a": {"$all": [1, 2]}}, "write": {"%%this": "%%prev"}}
}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let rules = node(lines.next()).and_then(|node| policy(&node));
    let Some(policy) = rules.or_else(|| node(Some(RULES.as_bytes())).and_then(|node| policy(&node))) else { return };
    let guard = guard(policy, document(lines.next()));
    let bytes = lines.next().unwrap_or(bytes);
    let (before, after) = split(bytes);
    let (Ok(before), Ok(after)) = (RawDocument::from_bytes(before), RawDocument::from_bytes(after)) else { return };
    let raw = decisions(&guard, before.into(), after.into());
    // Only whole documents can be prepared; what is malformed where no rule looks may still be decided.
    if let (Ok(before), Ok(after)) = (Prepared::new(before), Prepared::new(after)) {
        let prepared = decisions(&guard, (&before).into(), (&after).into());
        assert_eq!(raw.0, prepared.0);
        assert_is_same(raw.1.as_ref(), prepared.1.as_ref());
    }
    if has_key_twice(before) || has_key_twice(after) {
        return;
    }
    let (Ok(old), Ok(new)) = (Document::try_from(before), Document::try_from(after)) else { return };
    // Decoding is more tolerant in places: what does not come back as the same bytes was not the same document.
    let exact = |document: &Document, raw: &RawDocument| {
        bson::serialize_to_vec(document).is_ok_and(|bytes| bytes == raw.as_bytes())
    };
    if !exact(&old, before) || !exact(&new, after) {
        return;
    }
    let decoded = decisions(&guard, (&old).into(), (&new).into());
    assert_eq!(raw.0, decoded.0);
    assert_is_same(raw.1.as_ref(), decoded.1.as_ref());
});

/// No number that is none equals itself; it is the same nevertheless.
fn assert_is_same(raw: Option<&Bson>, other: Option<&Bson>) {
    assert_eq!(raw.is_some(), other.is_some());
    if let (Some(raw), Some(other)) = (raw, other) {
        assert!(same(raw, other), "raw shows {raw}, another {other}");
    }
}

/// The first document by its length, and the second; the first again if there is none.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes.first_chunk().and_then(|length| usize::try_from(i32::from_le_bytes(*length)).ok());
    match length.and_then(|length| bytes.split_at_checked(length)) {
        Some((first, [])) => (first, first),
        Some((first, second)) => (first, second),
        None => (bytes, bytes),
    }
}

type Doc<'d> = portcullis::value::DocumentRef<'d>;

fn decisions(guard: &Guard, before: Doc<'_>, after: Doc<'_>) -> (Vec<String>, Option<Bson>) {
    let read = guard.read(before);
    let mut outlines = vec![outline(&read), outline(&guard.search(before)), outline(&guard.insert(after))];
    outlines.extend([outline(&guard.update(before, after)), outline(&guard.delete(before))]);
    for operation in [Operation::Search(before), Operation::Update(before, after)] {
        outlines.push(format!("{:?}", guard.explain(operation)));
    }
    let visible = read.allowed().and_then(|visible| visible.to_document().ok()).map(Bson::Document);
    (outlines, visible)
}
