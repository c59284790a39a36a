use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::{Bson, DateTime};
use portcullis::value::iso_8601;
use serde_json::{Map, Number, Value, json};

/// A value as plain JSON, in the format of the Data API of App Services. Types that JSON lacks lose their identity.
#[must_use]
pub fn plain_json(value: &Bson) -> Value {
    match value {
        Bson::Double(number) => double(*number),
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => Value::String(text.clone()),
        Bson::Array(elements) => elements.iter().map(plain_json).collect(),
        Bson::Document(document) => {
            let members = document.iter().map(|(key, value)| (key.clone(), plain_json(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Bson::Boolean(value) => Value::Bool(*value),
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::RegularExpression(regex) => {
            json!({ "Pattern": regex.pattern.as_str(), "Options": regex.options.as_str() })
        }
        Bson::JavaScriptCodeWithScope(code) => {
            json!({ "Code": code.code, "Scope": plain_json(&Bson::Document(code.scope.clone())) })
        }
        Bson::Int32(number) => Value::from(*number),
        Bson::Int64(number) => Value::from(*number),
        Bson::Timestamp(timestamp) => json!({ "T": timestamp.time, "I": timestamp.increment }),
        Bson::Binary(binary) => json!({ "Subtype": u8::from(binary.subtype), "Data": STANDARD.encode(&binary.bytes) }),
        Bson::ObjectId(id) => Value::String(id.to_hex()),
        Bson::DateTime(date) => self::date(*date),
        Bson::Decimal128(number) => Value::String(number.to_string()),
        Bson::MinKey | Bson::MaxKey => json!({}),
        Bson::DbPointer(_) => value.clone().into_relaxed_extjson(),
    }
}

/// Numbers that JSON lacks are written with their names in extended JSON.
fn double(number: f64) -> Value {
    if let Some(number) = Number::from_f64(number) {
        return Value::Number(number);
    }
    Value::String(
        if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned(),
    )
}

/// The range of years in ISO 8601, 1 to 9999, in milliseconds.
const YEARS: Range<i64> = -62_135_596_800_000..253_402_300_800_000;

/// A date in ISO 8601 or, outside of its range, in milliseconds.
fn date(date: DateTime) -> Value {
    let millis = date.timestamp_millis();
    let text = iso_8601(date).filter(|_| YEARS.contains(&millis));
    text.map_or_else(|| Value::from(millis), Value::String)
}
