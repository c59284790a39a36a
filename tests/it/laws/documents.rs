//! Documents: their representation, malformed bytes and duplicate keys do not change what is read.

use bson::raw::CString;
use bson::{Bson, Document, RawBson, RawDocumentBuf};
use portcullis::Context;
use portcullis::access::{Buffer, Outcome};
use portcullis::policy::{RulesFile, compile};
use portcullis::value::{DocumentRef, Prepared};
use portcullis::{Decision, Guard, User, Visible, json};
use portcullis_testkit::naive::generate;
use proptest::prelude::*;

use super::{doubled, guards, read, scalar};
use crate::regressions::{ways, with_array};

/// A decision as text, including what it shows.
fn shown<T>(decision: &Decision<'_, T>, show: impl Fn(&T) -> Document) -> String {
    let outcome = match decision.outcome() {
        Outcome::Allow(visible) => show(visible).to_string(),
        Outcome::Deny(reason) => format!("{reason:?}"),
    };
    format!("{:?}: {outcome} {:?}", decision.role(), decision.errors())
}

/// Whether a value contains fields, which could be duplicated.
fn has_fields(value: &Bson) -> bool {
    match value {
        Bson::Document(document) => !document.is_empty(),
        Bson::Array(elements) => elements.iter().any(has_fields),
        _ => false,
    }
}

/// Whether a value that contains fields, or a part of it, occurs in the text of a rule.
fn is_compared_whole(value: &Bson, text: &str) -> bool {
    let is_part = |value: &Bson| is_compared_whole(value, text);
    let in_parts = match value {
        Bson::Document(document) => document.values().any(is_part),
        Bson::Array(elements) => elements.iter().any(is_part),
        _ => false,
    };
    in_parts || (has_fields(value) && text.contains(&json::from_bson(value).to_string()))
}

/// Whether rules, as JSON without whitespace, have an operand from a document, so that they compare whole values of it.
fn compares_two_values_of_a_document(rules: &str) -> bool {
    let mut strings = rules.match_indices("\"%%").map(|(at, _)| &rules[at + 1..]);
    strings.any(|rest| {
        let (text, after) = rest.split_once('"').unwrap();
        let is_of_document = ["%%root", "%%prevRoot", "%%this", "%%prev"].iter().any(|root| text.starts_with(root));
        is_of_document && !after.starts_with(':')
    })
}

/// Texts of lengths whose first byte differs, some of which look like elements at their start.
fn array_text() -> impl Strategy<Value = Vec<u8>> {
    let begins: [&[u8]; 6] =
        [b"ada", b"secret", b"", b"\0x\x021\0\x05\x01\0\0", b"\0x\x021\0\x04\0\0\0ada\0", b"\x021\0"];
    (prop::sample::select(begins.to_vec()), prop::sample::select(vec![0_usize, 3, 20, 254, 255, 256, 511])).prop_map(
        |(begin, length)| {
            let mut text = begin.to_vec();
            text.resize(length.max(text.len()), b'a');
            text
        },
    )
}

/// Keys with a common prefix, or too long to be compared with one instruction.
fn shape_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "o", "ow", "own", "owner", "owners", "ownersh", "ownershi", "ownership_of_all", "x"])
}

/// Values of fixed and of variable length.
fn shape_value() -> impl Strategy<Value = Bson> {
    prop::sample::select(vec!["u1".into(), "u1".into(), "u2".into(), Bson::Int32(5), Bson::Double(1.5), Bson::Null])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoded_raw_and_prepared_documents_agree(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, before, after) in guards(&file) {
            let (Ok(raw_before), Ok(raw_after)) =
                (RawDocumentBuf::try_from(&before), RawDocumentBuf::try_from(&after)) else { continue };
            let seen = |outcome: &Outcome<portcullis::Visible<'_>>| match outcome {
                Outcome::Allow(visible) => format!("{:?}", visible.to_document().unwrap()),
                Outcome::Deny(reason) => format!("{reason:?}"),
            };
            let (prepared_before, prepared_after) =
                (Prepared::new(&raw_before).unwrap(), Prepared::new(&raw_after).unwrap());
            let forms: [(DocumentRef<'_>, DocumentRef<'_>); 2] =
                [((&raw_before).into(), (&raw_after).into()), ((&prepared_before).into(), (&prepared_after).into())];
            for (old, new) in forms {
                prop_assert_eq!(seen(guard.read(&before).outcome()), seen(guard.read(old).outcome()));
                prop_assert_eq!(seen(guard.search(&before).outcome()), seen(guard.search(old).outcome()));
                let decoded = [guard.insert(&after), guard.update(&before, &after), guard.delete(&before)];
                let other = [guard.insert(new), guard.update(old, new), guard.delete(old)];
                for (decoded, other) in decoded.iter().zip(&other) {
                    prop_assert_eq!(decoded.reason(), other.reason());
                    prop_assert_eq!(decoded.role(), other.role());
                    prop_assert_eq!(decoded.errors(), other.errors());
                }
            }
        }
    }

    #[test]
    fn a_field_is_found_at_any_position(
        keys in proptest::collection::btree_set("[a-cé]{0,3}|[a-c]{6,10}|[a-c]{15,18}|owner|status", 0..60),
        values in proptest::collection::vec(scalar(), 60),
        order in any::<u64>(),
    ) {
        let mut keys: Vec<_> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        if !keys.is_empty() {
            let turn = usize::try_from(order).unwrap_or(7) % keys.len();
            keys.rotate_left(turn);
        }
        let document: Document = keys.iter().cloned().zip(values).collect();
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        let prepared = Prepared::new(&raw).unwrap();
        prop_assert_eq!(prepared.as_bytes(), raw.as_bytes());
        for key in keys.iter().map(String::as_str).chain(["a", "owner", "missing", "aaaaaaaa"]) {
            // The comparison is by text, in which NaN equals itself.
            let of = |document: DocumentRef<'_>| {
                format!("{:?}", document.get(key).unwrap().map(|value| value.to_bson().unwrap()))
            };
            prop_assert_eq!(of((&document).into()), of((&raw).into()));
            prop_assert_eq!(of((&document).into()), of((&prepared).into()));
        }
    }

    #[test]
    fn redacting_raw_and_decoded_documents_agrees(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        let mut buffer = Buffer::new();
        for (guard, stored, other) in guards(&file) {
            let Ok(raw) = RawDocumentBuf::try_from(&stored) else { continue };
            let decoded = shown(&guard.read(&stored), |visible| visible.to_document().unwrap());
            let bytes = guard.read(&raw);
            prop_assert_eq!(&decoded, &shown(&bytes, |visible| visible.to_document().unwrap()));
            let whole = |visible: &Visible<'_>| matches!(visible, Visible::Whole(_));
            let decoded_whole = guard.read(&stored).allowed().is_some_and(|visible| whole(&visible));
            prop_assert_eq!(decoded_whole, bytes.allowed().is_some_and(|visible| whole(&visible)));
            // The buffer contains the output of an earlier call.
            let _ = guard.read_into(&RawDocumentBuf::try_from(&other).unwrap_or_default(), &mut buffer);
            let read = guard.read_into(&raw, &mut buffer);
            prop_assert_eq!(&decoded, &shown(&read, |visible| Document::try_from(*visible).unwrap()));
            // The output must be identical to the encoding of the visible part.
            if let Some(visible) = read.allowed() {
                let encoded = RawDocumentBuf::try_from(&Document::try_from(visible).unwrap()).unwrap();
                prop_assert_eq!(encoded.as_bytes(), visible.as_bytes());
            }
            let searched = guard.search_into(&raw, &mut buffer);
            let searched = shown(&searched, |visible| Document::try_from(*visible).unwrap());
            prop_assert_eq!(shown(&guard.search(&stored), |visible| visible.to_document().unwrap()), searched);
        }
    }

    #[test]
    fn a_duplicate_key_is_redacted_by_its_first_value(file in generate::file()) {
        let mut written = file.clone();
        written["cases"].take();
        let written = written.to_string();
        if compares_two_values_of_a_document(&written) {
            return Ok(());
        }
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, stored, _) in guards(&file) {
            // A rule that contains the value, or one of its elements, compares it as a whole.
            let is_compared = stored.values().any(|value| is_compared_whole(value, &written));
            let Some(twice) = doubled(&stored).filter(|_| !is_compared) else { continue };
            let once = DocumentRef::from(&twice).to_document().unwrap();
            prop_assert_eq!(once.to_string(), stored.to_string());
            let (once, twice) = (guard.read(&once), guard.read(&twice));
            // Values that are compared as a whole are compared by bytes.
            if once.errors().is_empty() && once.role() == twice.role() {
                let once = shown(&once, |visible| visible.to_document().unwrap());
                prop_assert_eq!(once, shown(&twice, |visible| visible.to_document().unwrap()));
            }
        }
    }

    #[test]
    fn malformed_bytes_never_become_part_of_a_document(
        file in generate::file(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, stored, _) in guards(&file) {
            let Ok(raw) = RawDocumentBuf::try_from(&stored) else { continue };
            let mut bytes = raw.into_bytes();
            // The length and the final NUL of the document itself are validated before there is a raw document.
            let inside = bytes.len() - 5;
            for (at, byte) in changes.iter().filter(|_| inside > 0) {
                bytes[4 + at.index(inside)] = *byte;
            }
            let raw = RawDocumentBuf::from_bytes(bytes).unwrap();
            if let Some(Visible::RawPart(part)) = guard.read(&raw).allowed() {
                prop_assert!(DocumentRef::from(&part).to_document().is_ok(), "{part:?} of {raw:?}");
            }
        }
    }

    #[test]
    fn an_array_reads_the_same_with_any_element_keys(
        elements in proptest::collection::vec((prop::sample::select(vec!["", "0", "1", "x", "10", "abc"]), array_text()), 0..5),
    ) {
        let elements: Vec<(&str, &[u8])> = elements.iter().map(|(key, text)| (*key, text.as_slice())).collect();
        let raw = with_array("labels", &elements);
        for (rule, text) in [(r#"{"labels": "ada"}"#, &b"ada"[..]), (r#"{"labels": {"$in": ["secret", "x"]}}"#, b"secret")] {
            let has = elements.iter().any(|(_, element)| *element == text);
            prop_assert_eq!(ways(rule, &raw), [has; 4], "{}", rule);
        }
    }

    #[test]
    fn a_guard_decides_independently_of_earlier_documents(
        documents in proptest::collection::vec(proptest::collection::vec((shape_key(), shape_value()), 0..12), 1..12),
    ) {
        let rules = json::parse(r#"{"roles": [
            {"name": "a", "apply_when": {"owner": "u1", "o": {"$ne": "u1"}}, "read": true},
            {"name": "b", "apply_when": {"own": "u1"}, "fields": {"owner": {"read": true}, "ownership_of_all": {"read": true}}},
            {"name": "c", "apply_when": {"ownersh": "u1", "ownership_of_all": "u1"}, "read": {"owner": "u2"}}
        ]}"#).unwrap();
        let rules = compile(&rules).unwrap();
        let guard = || Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")));
        let before = guard();
        for fields in &documents {
            let mut raw = RawDocumentBuf::new();
            // Of duplicate keys, the first counts.
            for (key, value) in fields {
                raw.append(CString::try_from(*key).unwrap(), RawBson::try_from(value.clone()).unwrap());
            }
            let mut document = Document::new();
            for (key, value) in fields {
                document.entry(*key).or_insert_with(|| value.clone());
            }
            let alone = guard();
            for guard in [&before, &alone] {
                let (of_raw, of_decoded) = (guard.read(&raw), guard.read(&document));
                prop_assert_eq!(of_raw.role(), of_decoded.role(), "{:?}", fields);
                prop_assert_eq!(of_raw.reason(), of_decoded.reason(), "{:?}", fields);
            }
        }
    }
}
