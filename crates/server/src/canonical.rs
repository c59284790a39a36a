//! Writes canonical extended JSON directly, without building a tree of JSON values.

use std::fmt::Write as _;

use bson::{Bson, Document};

/// A value as canonical extended JSON, equal to the output of [`Bson::into_canonical_extjson`].
pub(crate) fn canonical(value: &Bson) -> String {
    let mut text = String::with_capacity(256);
    write(value, &mut text);
    text
}

fn write(value: &Bson, text: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = match value {
        Bson::Null => text.write_str("null"),
        Bson::Boolean(value) => write!(text, "{value}"),
        Bson::String(value) => {
            string(value, text);
            Ok(())
        }
        Bson::Int32(value) => write!(text, r#"{{"$numberInt":"{value}"}}"#),
        Bson::Int64(value) => write!(text, r#"{{"$numberLong":"{value}"}}"#),
        Bson::DateTime(value) => write!(text, r#"{{"$date":{{"$numberLong":"{}"}}}}"#, value.timestamp_millis()),
        Bson::ObjectId(id) => write!(text, r#"{{"$oid":"{id}"}}"#),
        Bson::Document(value) => {
            document(value, text);
            Ok(())
        }
        Bson::Array(values) => {
            array(values, text);
            Ok(())
        }
        rare => write!(text, "{}", rare.clone().into_canonical_extjson()),
    };
}

fn document(document: &Document, text: &mut String) {
    text.push('{');
    for (index, (key, value)) in document.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        string(key, text);
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

fn array(values: &[Bson], text: &mut String) {
    text.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(value, text);
    }
    text.push(']');
}

fn string(value: &str, text: &mut String) {
    // Most strings need no escaping.
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        let _ = write!(text, "{}", serde_json::Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::spec::BinarySubtype;
    use bson::{Binary, DateTime, JavaScriptCodeWithScope, Regex, Timestamp, doc};

    use super::*;

    #[test]
    fn values_are_written_as_the_driver_has_them() {
        let code = JavaScriptCodeWithScope { code: "f()".to_owned(), scope: doc! { "a": 1 } };
        let regex = Regex { pattern: bson::cstr!("^a\"").into(), options: bson::cstr!("i").into() };
        let values = [
            Bson::Null,
            true.into(),
            false.into(),
            0.into(),
            (-7).into(),
            i64::MIN.into(),
            0.5.into(),
            f64::NAN.into(),
            f64::NEG_INFINITY.into(),
            (-0.0).into(),
            1e300.into(),
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
        ];
        let all = doc! { "": {}, "a\"b\t": values.to_vec(), "c": { "$d.e": [[], {}, [1, { "f": 2_i64 }]] } };
        for value in values.into_iter().chain([Bson::Document(all)]) {
            assert_eq!(canonical(&value), value.into_canonical_extjson().to_string());
        }
    }
}
