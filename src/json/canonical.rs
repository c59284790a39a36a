//! Canonical extended JSON, which preserves the type of every number.

use std::io::Write as _;

use super::containers::{elements, object};
use super::strings::{object_id, string};
use crate::value::{MAX_DEPTH, Malformed, ValueRef};

/// Writes a value as one line of canonical extended JSON; raw documents are not decoded first. Of duplicate keys, only
/// the first is written.
///
/// ```
/// use portcullis::DocumentRef;
///
/// let document = bson::rawdoc! { "a": [1, true], "b": 2.5 };
/// let mut text = Vec::new();
/// portcullis::json::write_canonical(DocumentRef::from(&document), &mut text).unwrap();
/// assert_eq!(text, br#"{"a":[{"$numberInt":"1"},true],"b":{"$numberDouble":"2.5"}}"#);
/// ```
///
/// # Errors
/// If raw bytes are not BSON, or if values are nested deeper than [`MAX_DEPTH`].
pub fn write_canonical<'d>(given: impl Into<ValueRef<'d>>, text: &mut Vec<u8>) -> Result<(), Malformed> {
    value(given.into(), 0, text)
}

fn value(given: ValueRef<'_>, depth: usize, text: &mut Vec<u8>) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    // Writing to a `Vec` does not fail.
    let _ = match given {
        ValueRef::Null => text.write_all(b"null"),
        ValueRef::Boolean(true) => text.write_all(b"true"),
        ValueRef::Boolean(false) => text.write_all(b"false"),
        ValueRef::String(value) => {
            string(value, text);
            Ok(())
        }
        ValueRef::Int32(value) => write!(text, r#"{{"$numberInt":"{value}"}}"#),
        ValueRef::Int64(value) => write!(text, r#"{{"$numberLong":"{value}"}}"#),
        // The driver writes zero and values that are not finite likewise, but subnormal numbers as bare JSON numbers.
        ValueRef::Double(value) if value.is_finite() && value.fract() == 0.0 && value != 0.0 => {
            write!(text, r#"{{"$numberDouble":"{value}.0"}}"#)
        }
        ValueRef::Double(value) if value.is_finite() && value != 0.0 => {
            write!(text, r#"{{"$numberDouble":"{value}"}}"#)
        }
        ValueRef::DateTime(millis) => write!(text, r#"{{"$date":{{"$numberLong":"{millis}"}}}}"#),
        ValueRef::ObjectId(id) => {
            object_id(id, text);
            Ok(())
        }
        ValueRef::Document(document) => return object(document, text, |_, inner, text| value(inner, depth + 1, text)),
        ValueRef::Array(array) => return elements(array, text, |inner, text| value(inner, depth + 1, text)),
        rare => write!(text, "{}", rare.to_bson()?.into_canonical_extjson()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::spec::BinarySubtype;
    use bson::{
        Binary, Bson, DateTime, JavaScriptCodeWithScope, RawDocument, RawDocumentBuf, Regex, Timestamp, doc, rawdoc,
    };

    use super::*;
    use crate::value::DocumentRef;

    fn written<'d>(document: impl Into<DocumentRef<'d>>) -> Result<String, Malformed> {
        let mut text = Vec::new();
        let document: DocumentRef<'d> = document.into();
        write_canonical(document, &mut text).map(|()| String::from_utf8(text).unwrap())
    }

    #[test]
    fn values_are_written_like_the_driver_writes_them() {
        let code = JavaScriptCodeWithScope { code: "f()".to_owned(), scope: doc! { "a": 1 } };
        let regex = Regex { pattern: bson::cstr!("^a\"").into(), options: bson::cstr!("i").into() };
        let values: [Bson; 33] = [
            Bson::Null,
            true.into(),
            false.into(),
            0.into(),
            (-7).into(),
            i64::MIN.into(),
            0.5.into(),
            100.0.into(),
            1e300.into(),
            1e-300.into(),
            f64::MIN_POSITIVE.into(),
            0.0.into(),
            (-0.0).into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            f64::NEG_INFINITY.into(),
            "".into(),
            "a \"quoted\" \\ text\n\u{7f}\u{1f}\u{2028}\u{fffd} é 🦀".into(),
            ObjectId::from_bytes([7; 12]).into(),
            DateTime::from_millis(-1).into(),
            DateTime::MAX.into(),
            "1.5".parse::<bson::Decimal128>().unwrap().into(),
            Timestamp { time: 1, increment: 2 }.into(),
            Binary { subtype: BinarySubtype::Uuid, bytes: vec![1; 16] }.into(),
            Bson::JavaScriptCode("a".to_owned()),
            Bson::JavaScriptCodeWithScope(code),
            Bson::RegularExpression(regex),
            Bson::Symbol("s".to_owned()),
            Bson::Undefined,
            Bson::MinKey,
            Bson::MaxKey,
            Bson::Array(vec![Bson::Array(Vec::new()), 1.into()]),
            doc! { "": {}, "$d.e": [[], {}, [1, { "f": 2_i64 }]], "a\"b\t": 1 }.into(),
        ];
        for value in values {
            let document = doc! { "v": value, "w": 1 };
            let raw = RawDocumentBuf::try_from(&document).unwrap();
            let expected = Bson::Document(document.clone()).into_canonical_extjson().to_string();
            assert_eq!(written(&raw).unwrap(), expected);
            assert_eq!(written(&document).unwrap(), expected);
        }
        assert_eq!(written(&rawdoc! {}).unwrap(), "{}");
        let (subnormal, text) = (written(&doc! { "v": 5e-324 }).unwrap(), format!("{:.324}", 5e-324));
        assert_eq!(subnormal, format!(r#"{{"v":{{"$numberDouble":"{text}"}}}}"#));
    }

    /// The result is the same as for a document that is decoded first.
    #[test]
    fn the_first_value_of_a_duplicate_key_is_written() {
        let bytes = b"\x1a\0\0\0\x10a\0\x01\0\0\0\x10a\0\x02\0\0\0\x10b\0\x03\0\0\0\0";
        let document = RawDocument::from_bytes(bytes.as_slice()).unwrap();
        assert_eq!(written(document).unwrap(), r#"{"a":{"$numberInt":"1"},"b":{"$numberInt":"3"}}"#);
    }

    #[test]
    fn malformed_bson_is_an_error() {
        // The second value, under a duplicate key, is a string that is not UTF-8.
        let bytes = b"\x15\0\0\0\x10a\0\x01\0\0\0\x02a\0\x02\0\0\0\xff\0\0";
        assert!(written(RawDocument::from_bytes(bytes.as_slice()).unwrap()).is_err());
        let nested = |levels| (0..levels).fold(doc! {}, |inner, _| doc! { "a": inner });
        let raw = |levels| RawDocumentBuf::try_from(&nested(levels)).unwrap();
        assert!(written(&raw(MAX_DEPTH)).is_ok());
        assert!(written(&raw(MAX_DEPTH + 1)).is_err());
    }
}
