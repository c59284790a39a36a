//! Which bytes are accepted as a document to write: exactly those that a slow, independent parser accepts.

use std::collections::HashSet;
use std::iter;
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::raw::{CString, RawArrayBuf};
use bson::{Binary, RawBson, RawDocument, RawDocumentBuf, RawJavaScriptCodeWithScope, Timestamp};
use portcullis::Context;
use portcullis::policy::{RulesFile, compile};
use portcullis::value::{MAX_DEPTH, Prepared};
use portcullis::{Guard, User, json};
use proptest::prelude::*;

/// A strict parser of BSON. It returns `None` for malformed bytes, otherwise whether any document has a duplicate key.
struct Reading<'b> {
    left: &'b [u8],
    repeats: bool,
}

impl<'b> Reading<'b> {
    /// Parses a whole document.
    fn document(bytes: &'b [u8]) -> Option<bool> {
        let mut reading = Self { left: bytes, repeats: false };
        reading.container(0, false)?;
        reading.left.is_empty().then_some(reading.repeats)
    }

    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn cstring(&mut self) -> Option<&'b [u8]> {
        let text = self.take(self.left.iter().position(|byte| *byte == 0)?)?;
        self.take(1)?;
        std::str::from_utf8(text).ok().map(str::as_bytes)
    }

    fn string(&mut self) -> Option<()> {
        let length = self.length()?;
        let (nul, text) = self.take(length)?.split_last()?;
        (*nul == 0 && std::str::from_utf8(text).is_ok()).then_some(())
    }

    /// Parses a document or an array, whose contents must end before it does.
    fn container(&mut self, depth: usize, is_array: bool) -> Option<()> {
        let whole = self.left;
        let length = self.length()?;
        if depth > MAX_DEPTH || length < 5 {
            return None;
        }
        let mut inside = Self { left: whole.get(4..length)?, repeats: self.repeats };
        let mut keys = HashSet::new();
        loop {
            let kind = *inside.take(1)?.first()?;
            if kind == 0 {
                break;
            }
            let key = inside.cstring()?;
            inside.repeats |= !is_array && !keys.insert(key);
            inside.value(kind, depth)?;
        }
        self.repeats = inside.repeats;
        self.left = whole.get(length..)?;
        inside.left.is_empty().then_some(())
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            0x02 | 0x0D | 0x0E => self.string()?,
            0x03 | 0x04 => self.container(depth + 1, kind == 0x04)?,
            0x05 => {
                let length = self.length()?;
                let subtype = *self.take(1)?.first()?;
                let mut content = Self { left: self.take(length)?, repeats: false };
                if subtype == 2 && content.length()? != content.left.len() {
                    return None;
                }
            }
            0x06 | 0x0A | 0x7F | 0xFF => {}
            0x07 => self.take(12).map(|_| ())?,
            0x08 => return (*self.take(1)?.first()? < 2).then_some(()),
            0x01 | 0x09 | 0x11 | 0x12 => self.take(8).map(|_| ())?,
            0x0B => {
                self.cstring()?;
                self.cstring()?;
            }
            0x0C => {
                self.string()?;
                self.take(12)?;
            }
            0x0F => {
                let before = self.left.len();
                let length = self.length()?;
                self.string()?;
                self.container(depth + 1, false)?;
                return (before - self.left.len() == length).then_some(());
            }
            0x10 => self.take(4).map(|_| ())?,
            0x13 => self.take(16).map(|_| ())?,
            _ => return None,
        }
        Some(())
    }
}

/// Keys that can be predicted, that are too long for that, that share their first eight bytes, and that are not ASCII.
fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "a",
        "b",
        "c",
        "_id",
        "seventh",
        "eighthed",
        "eighthedly",
        "eighthedness",
        "a key of many bytes",
        "é",
    ])
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{0,40}", 1 => "[a-zé€\u{0}]{0,40}"]
}

fn value() -> impl Strategy<Value = RawBson> {
    let plain = prop_oneof![
        6 => text().prop_map(RawBson::String),
        1 => any::<i32>().prop_map(RawBson::Int32),
        1 => any::<i64>().prop_map(RawBson::Int64),
        1 => any::<f64>().prop_map(RawBson::Double),
        1 => any::<bool>().prop_map(RawBson::Boolean),
        1 => any::<[u8; 12]>().prop_map(|bytes| RawBson::ObjectId(ObjectId::from_bytes(bytes))),
        1 => any::<i64>().prop_map(|millis| RawBson::DateTime(bson::DateTime::from_millis(millis))),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(time, increment)| RawBson::Timestamp(Timestamp { time, increment })),
        1 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(subtype, bytes)| RawBson::Binary(Binary { subtype: subtype.into(), bytes })),
        1 => prop::sample::select(vec![RawBson::Null, RawBson::Undefined, RawBson::MinKey, RawBson::MaxKey]),
        1 => text().prop_map(RawBson::JavaScriptCode),
        1 => text().prop_map(RawBson::Symbol),
    ];
    plain.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            3 => fields(inner.clone()).prop_map(RawBson::Document),
            2 => prop::collection::vec(inner.clone(), 0..14).prop_map(|elements| {
                let mut array = RawArrayBuf::new();
                elements.into_iter().for_each(|element| array.push(element));
                RawBson::Array(array)
            }),
            1 => (text(), fields(inner)).prop_map(|(code, scope)| {
                RawBson::JavaScriptCodeWithScope(RawJavaScriptCodeWithScope { code, scope })
            }),
        ]
    })
}

/// Fields, whose keys may be duplicated.
fn fields(value: impl Strategy<Value = RawBson>) -> impl Strategy<Value = RawDocumentBuf> {
    prop::collection::vec((key(), value), 0..10).prop_map(|fields| {
        let mut document = RawDocumentBuf::new();
        fields.into_iter().for_each(|(key, value)| document.append(CString::try_from(key).unwrap(), value));
        document
    })
}

/// A change to a byte at any position.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Set(u8),
    Flip(u8),
    Insert(u8),
    Remove,
}

fn damage() -> impl Strategy<Value = (prop::sample::Index, Damage)> {
    let byte = || prop::sample::select(vec![0, 1, 2, 3, 4, 5, 8, 15, 16, b'a', 0x7F, 0x80, 0xC3, 0xFF]);
    let damage = prop_oneof![
        byte().prop_map(Damage::Set),
        (0_u8..8).prop_map(Damage::Flip),
        byte().prop_map(Damage::Insert),
        Just(Damage::Remove),
    ];
    (any::<prop::sample::Index>(), damage)
}

/// Applies damages to the bytes of a document. The length and the final NUL of the whole remain valid, because they are
/// validated before.
fn damaged(document: &RawDocument, damages: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    let mut bytes = document.as_bytes().to_vec();
    for (index, damage) in damages {
        let at = index.index(bytes.len());
        match *damage {
            Damage::Set(byte) => bytes[at] = byte,
            Damage::Flip(bit) => bytes[at] ^= 1 << bit,
            Damage::Insert(byte) => bytes.insert(at, byte),
            Damage::Remove => drop(bytes.remove(at)),
        }
    }
    bytes.resize(bytes.len().max(5), 0);
    let length = i32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    *bytes.last_mut().unwrap() = 0;
    bytes
}

/// A document nested in this many documents or arrays.
fn nested(levels: usize, kind: u8) -> Vec<u8> {
    (0..levels).fold(vec![5, 0, 0, 0, 0], |inner, _| {
        let length = i32::try_from(4 + 3 + inner.len() + 1).unwrap();
        let length = length.to_le_bytes();
        length.into_iter().chain([kind, b'0', 0]).chain(inner).chain(iter::once(0)).collect()
    })
}

fn guard() -> Guard {
    let rules = r#"{"roles": [{"name": "all", "apply_when": {"b": {"$ne": "not a text that is made here"}}, "insert": true, "read": true, "write": true}]}"#;
    let rules = compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None).map(Arc::new), Context::new().with_user(User::new("u1")))
}

/// Compares every way of validating a whole document with the slow parser. Returns whether the document is accepted.
fn check(guard: &Guard, bytes: &[u8]) -> bool {
    let document = RawDocument::from_bytes(bytes).unwrap();
    // There is no `_id`, because an update may not change it.
    let before = bson::rawdoc! { "before": 1 };
    let read = Reading::document(bytes);
    let is_taken = read == Some(false);
    assert_eq!(guard.update(&before, document).is_allowed(), is_taken, "update: {bytes:?}");
    assert_eq!(guard.insert(document).is_allowed(), is_taken, "insert: {bytes:?}");
    assert_eq!(Prepared::new(document).is_ok(), read.is_some(), "prepared: {bytes:?}");
    is_taken
}

#[test]
fn documents_are_written_up_to_the_maximum_depth() {
    for kind in [0x03, 0x04] {
        for (levels, is_taken) in [(1, true), (MAX_DEPTH - 1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false)] {
            assert_eq!(check(&guard(), &nested(levels, kind)), is_taken, "{levels} levels of {kind}");
        }
    }
}

/// Values of each type, at the top level and nested.
fn of_all_types() -> RawDocumentBuf {
    let types = || {
        bson::rawdoc! {
            "double": 1.5, "string": "a text of some length", "é": "é", "": "", "eighthedness": true,
            "object id": ObjectId::from_bytes([7; 12]), "boolean": false, "date": bson::DateTime::from_millis(5),
            "null": RawBson::Null, "undefined": RawBson::Undefined, "int": 1, "long": 2_i64,
            "timestamp": Timestamp { time: 1, increment: 2 }, "min": RawBson::MinKey, "max": RawBson::MaxKey,
            "decimal": "1.5".parse::<bson::Decimal128>().unwrap(),
            "regex": bson::Regex { pattern: CString::try_from("^a").unwrap(), options: CString::try_from("i").unwrap() },
            "binary": Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] },
            "old": Binary { subtype: bson::spec::BinarySubtype::BinaryOld, bytes: vec![1, 2, 3] },
            "symbol": RawBson::Symbol("s".to_owned()), "code": RawBson::JavaScriptCode("c".to_owned()),
        }
    };
    let scope = RawJavaScriptCodeWithScope { code: "c".to_owned(), scope: bson::rawdoc! { "a": "é", "b": true } };
    let mut document = types();
    document.append(bson::cstr!("scope"), scope);
    document.append(bson::cstr!("array"), bson::rawbson!(["a", "b", true, ["c"], { "a": 1, "b": "é" }]));
    document.append(bson::cstr!("document"), types());
    document
}

#[test]
fn any_single_changed_byte_is_accepted_exactly_if_the_strict_parser_accepts_it() {
    let (guard, document) = (guard(), of_all_types());
    assert!(check(&guard, document.as_bytes()));
    let mut bytes = document.as_bytes().to_vec();
    let mut taken = 0;
    for at in 4..bytes.len() - 1 {
        let kept = bytes[at];
        for byte in (0..=u8::MAX).filter(|byte| *byte != kept) {
            bytes[at] = byte;
            taken += usize::from(check(&guard, &bytes));
        }
        bytes[at] = kept;
    }
    let all = (bytes.len() - 5) * 255;
    assert!(taken > all / 10 && taken < all * 9 / 10, "{taken} of {all} were taken");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    // A single guard validates all of them, so that it predicts keys from earlier documents.
    #[test]
    fn damaged_bytes_are_accepted_exactly_if_the_strict_parser_accepts_them(
        documents in prop::collection::vec((fields(value()), prop::collection::vec(damage(), 0..3)), 1..8),
    ) {
        let guard = guard();
        for (document, damages) in &documents {
            check(&guard, &damaged(document, damages));
        }
    }
}
