use bson::Bson;

use portcullis::value::{Malformed, Number, ValueRef};

/// An index key for an `_id`: equal values have equal keys. Different numbers may share a key.
pub(super) fn id_key(id: ValueRef<'_>) -> Result<Vec<u8>, Malformed> {
    let mut key = Vec::new();
    put(id, &mut key)?;
    Ok(key)
}

/// Each kind of value starts with a different byte, and within a kind no key is a prefix of another.
fn put(value: ValueRef<'_>, key: &mut Vec<u8>) -> Result<(), Malformed> {
    use ValueRef as V;
    match value {
        V::MinKey => key.push(0),
        V::Undefined => key.push(1),
        V::Null => key.push(2),
        V::Int32(_) | V::Int64(_) | V::Double(_) | V::Decimal128(_) => {
            key.push(3);
            key.extend(value.number().map_or(f64::NAN, nearest).to_bits().to_be_bytes());
        }
        V::String(text) | V::Symbol(text) => bytes(4, text.as_bytes(), key),
        V::Document(document) => {
            key.push(5);
            for field in document.iter() {
                let (name, value) = field?;
                bytes(1, name.as_bytes(), key);
                put(value, key)?;
            }
            key.push(0);
        }
        V::Array(array) => {
            key.push(6);
            for element in array.iter() {
                key.push(1);
                put(element?, key)?;
            }
            key.push(0);
        }
        V::Binary { subtype, bytes: data } => {
            bytes(7, data, key);
            key.push(subtype);
        }
        V::ObjectId(id) => {
            key.push(8);
            key.extend(id);
        }
        V::Boolean(value) => key.extend([9, u8::from(value)]),
        V::DateTime(millis) => {
            key.push(10);
            key.extend(millis.to_be_bytes());
        }
        V::Timestamp { time, increment } => {
            key.push(11);
            key.extend(time.to_be_bytes());
            key.extend(increment.to_be_bytes());
        }
        // Lookups compare the documents themselves.
        V::Regex { .. } => key.push(12),
        V::DbPointer(_) => key.push(13),
        V::Code(_) | V::CodeWithScope { .. } => key.push(14),
        V::MaxKey => key.push(16),
    }
    Ok(())
}

fn bytes(kind: u8, data: &[u8], key: &mut Vec<u8>) {
    key.push(kind);
    key.extend(u64::try_from(data.len()).unwrap_or(u64::MAX).to_be_bytes());
    key.extend(data);
}

/// The double nearest to a number, without a sign for zero and without a payload for NaN.
fn nearest(number: Number) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers that are rounded to the same share a key")]
    let double = match number {
        Number::Integer(value) => value as f64,
        Number::Double(value) => value,
        Number::Decimal(value) => value.to_string().parse().unwrap_or(f64::NAN),
    };
    if double.is_nan() { f64::NAN } else { double + 0.0 }
}

/// The values to which a filter restricts `_id`, if it does.
pub(super) fn ids(filter: &bson::Document) -> Option<Vec<Bson>> {
    filter.iter().find_map(|(name, condition)| match (name.as_str(), condition) {
        ("_id", Bson::Document(operators)) if operators.keys().next().is_some_and(|first| first.starts_with('$')) => {
            operators.iter().find_map(|(operator, operand)| match (operator.as_str(), operand) {
                ("$eq", value) => plain(std::slice::from_ref(value)),
                ("$in", Bson::Array(list)) => plain(list),
                _ => None,
            })
        }
        ("_id", value) => plain(std::slice::from_ref(value)),
        ("$and", Bson::Array(parts)) => parts.iter().filter_map(Bson::as_document).find_map(ids),
        _ => None,
    })
}

/// The values, unless one of them is a regular expression, which would match other values.
fn plain(values: &[Bson]) -> Option<Vec<Bson>> {
    (!values.iter().any(|value| matches!(value, Bson::RegularExpression(_)))).then(|| values.to_vec())
}
