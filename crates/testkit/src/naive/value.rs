//! The equality, order and types of BSON values in rules. `None` is a missing field.

use std::cmp::Ordering;

use bson::Bson;
use serde_json::Value as Json;

/// Parses extended JSON, canonical or relaxed.
pub fn from_ejson(json: &Json) -> Result<Bson, String> {
    Bson::try_from(json.clone()).map_err(|error| format!("not EJSON: {error}: {json}"))
}

/// The keys that make an object an extended JSON literal. `$regex` is not one of them, since it is an operator in
/// rules.
const LITERAL_KEYS: [&str; 16] = [
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$uuid",
    "$timestamp",
    "$symbol",
    "$minKey",
    "$maxKey",
    "$undefined",
    "$code",
    "$regularExpression",
    "$dbPointer",
];

pub fn is_ejson_literal(json: &Json) -> bool {
    json.as_object().is_some_and(|object| object.keys().any(|key| LITERAL_KEYS.contains(&key.as_str())))
}

/// The alias of the type in `$type`, or `missing`.
pub fn type_name(value: Option<&Bson>) -> &'static str {
    match value {
        None => "missing",
        Some(Bson::Double(_)) => "double",
        Some(Bson::String(_)) => "string",
        Some(Bson::Array(_)) => "array",
        Some(Bson::Document(_)) => "object",
        Some(Bson::Boolean(_)) => "bool",
        Some(Bson::Null) => "null",
        Some(Bson::RegularExpression(_)) => "regex",
        Some(Bson::JavaScriptCode(_)) => "javascript",
        Some(Bson::JavaScriptCodeWithScope(_)) => "javascriptWithScope",
        Some(Bson::Int32(_)) => "int",
        Some(Bson::Int64(_)) => "long",
        Some(Bson::Timestamp(_)) => "timestamp",
        Some(Bson::Binary(_)) => "binData",
        Some(Bson::ObjectId(_)) => "objectId",
        Some(Bson::DateTime(_)) => "date",
        Some(Bson::Symbol(_)) => "symbol",
        Some(Bson::Decimal128(_)) => "decimal",
        Some(Bson::Undefined) => "undefined",
        Some(Bson::MaxKey) => "maxKey",
        Some(Bson::MinKey) => "minKey",
        Some(Bson::DbPointer(_)) => "dbPointer",
    }
}

/// A number as an exact decimal: `0.digits * 10^point`, without leading or trailing zeros in `digits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Number {
    NaN,
    Infinite { negative: bool },
    Finite { negative: bool, digits: String, point: i64 },
}

impl Number {
    /// Every binary double has a finite decimal expansion of at most 1074 places, which `format!` prints exactly.
    pub fn of(value: &Bson) -> Option<Number> {
        match value {
            Bson::Int32(n) => Some(Number::parse(&n.to_string())),
            Bson::Int64(n) => Some(Number::parse(&n.to_string())),
            Bson::Double(n) => Some(Number::parse(&format!("{n:.1100}"))),
            Bson::Decimal128(n) => Some(Number::parse(&n.to_string())),
            _ => None,
        }
    }

    fn parse(text: &str) -> Number {
        let lower = text.to_lowercase();
        let negative = lower.starts_with('-');
        let unsigned = lower.trim_start_matches(['-', '+']);
        if unsigned.starts_with("nan") {
            return Number::NaN;
        }
        if unsigned.starts_with("inf") {
            return Number::Infinite { negative };
        }
        let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
        let exponent: i64 = exponent.trim_start_matches('+').parse().expect("an exponent");
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let stripped = all.trim_start_matches('0');
        let leading_zeros = all.len() - stripped.len();
        let digits = stripped.trim_end_matches('0').to_string();
        if digits.is_empty() {
            return Number::Finite { negative: false, digits, point: 0 };
        }
        let point = length(whole) - length(&all[..leading_zeros]) + exponent;
        Number::Finite { negative, digits, point }
    }

    /// Compares two numbers; NaN is comparable with NaN only.
    pub fn compare(&self, other: &Number) -> Option<Ordering> {
        if *self == Number::NaN || *other == Number::NaN {
            return (self == other).then_some(Ordering::Equal);
        }
        Some(self.rank().cmp(&other.rank()).then_with(|| match (self, other) {
            (
                Number::Finite { negative, digits, point },
                Number::Finite { digits: other_digits, point: other_point, .. },
            ) => {
                let size = point.cmp(other_point).then_with(|| digits.cmp(other_digits));
                if *negative { size.reverse() } else { size }
            }
            _ => Ordering::Equal,
        }))
    }

    /// A rank for the sign and the infinities: negative, zero and positive numbers, with the infinities outside.
    fn rank(&self) -> i8 {
        match self {
            Number::NaN => 3,
            Number::Infinite { negative: true } => -2,
            Number::Infinite { negative: false } => 2,
            Number::Finite { digits, .. } if digits.is_empty() => 0,
            Number::Finite { negative: true, .. } => -1,
            Number::Finite { negative: false, .. } => 1,
        }
    }

    /// The integral part, if the number is finite and it fits into 64 bits.
    pub fn truncated(&self) -> Option<i64> {
        let Number::Finite { negative, digits, point } = self else {
            return None;
        };
        if *point <= 0 {
            return Some(0);
        }
        if *point > 19 {
            return None;
        }
        let wanted = usize::try_from(*point).expect("at most 19");
        let padded = format!("{digits}{}", "0".repeat(wanted));
        let sign = if *negative { "-" } else { "" };
        format!("{sign}{}", &padded[..wanted]).parse().ok()
    }

    /// Whether the number has no fractional part.
    pub fn is_whole(&self) -> bool {
        match self {
            Number::Finite { digits, point, .. } => length(digits) <= *point || digits.is_empty(),
            _ => false,
        }
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).expect("a short text")
}

/// The text of a string, or of a symbol, which equals the string with the same text.
pub fn text(value: &Bson) -> Option<&str> {
    match value {
        Bson::String(text) | Bson::Symbol(text) => Some(text),
        _ => None,
    }
}

/// Whether two whole values are equal.
pub fn equal(left: &Bson, right: &Bson) -> bool {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.compare(&right) == Some(Ordering::Equal);
    }
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        return left == right;
    }
    match (left, right) {
        (Bson::Array(left), Bson::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Bson::Document(left), Bson::Document(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((left_name, left), (right_name, right))| left_name == right_name && equal(left, right))
        }
        (Bson::JavaScriptCodeWithScope(left), Bson::JavaScriptCodeWithScope(right)) => {
            left.code == right.code && equal(&Bson::Document(left.scope.clone()), &Bson::Document(right.scope.clone()))
        }
        _ => left == right,
    }
}

/// The order of two values of one ordered type; `None` if they are not comparable.
pub fn order(left: &Bson, right: &Bson) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.compare(&right);
    }
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        return Some(left.as_bytes().cmp(right.as_bytes()));
    }
    match (left, right) {
        (Bson::DateTime(left), Bson::DateTime(right)) => Some(left.timestamp_millis().cmp(&right.timestamp_millis())),
        (Bson::ObjectId(left), Bson::ObjectId(right)) => Some(left.bytes().cmp(&right.bytes())),
        (Bson::Boolean(left), Bson::Boolean(right)) => Some(left.cmp(right)),
        (Bson::Timestamp(left), Bson::Timestamp(right)) => {
            Some((left.time, left.increment).cmp(&(right.time, right.increment)))
        }
        (Bson::Binary(left), Bson::Binary(right)) => {
            let parts = |binary: &bson::Binary| (binary.bytes.len(), u8::from(binary.subtype), binary.bytes.clone());
            Some(parts(left).cmp(&parts(right)))
        }
        _ => None,
    }
}

/// Whether values of this type are ordered.
pub fn is_ordered(value: &Bson) -> bool {
    order(value, value).is_some()
}

/// Whether two values have the same BSON bytes, which means that nothing has changed.
pub fn same_bytes(left: Option<&Bson>, right: Option<&Bson>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => bytes(left) == bytes(right),
        _ => false,
    }
}

pub fn bytes(value: &Bson) -> Vec<u8> {
    let mut document = bson::Document::new();
    document.insert("", value.clone());
    document.to_vec().expect("a value that BSON can hold")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: &Json) -> Bson {
        from_ejson(json).expect("EJSON")
    }

    #[test]
    fn numbers_compare_by_exact_value() {
        let order = |left: Json, right: Json| super::order(&read(&left), &read(&right));
        let tenth = json!({"$numberDecimal": "0.1"});
        let large = json!({"$numberLong": "9007199254740993"});
        assert_eq!(order(json!({"$numberDouble": "0.1"}), tenth), Some(Ordering::Greater));
        assert_eq!(order(json!({"$numberDouble": "9007199254740992.0"}), large), Some(Ordering::Less));
        assert_eq!(order(json!({"$numberDecimal": "1E+2"}), json!(100)), Some(Ordering::Equal));
        assert_eq!(order(json!({"$numberDecimal": "-1E-6176"}), json!(0)), Some(Ordering::Less));
        assert_eq!(order(json!({"$numberDouble": "-0.0"}), json!(0)), Some(Ordering::Equal));
        assert_eq!(order(json!({"$numberDouble": "5e-324"}), json!(0)), Some(Ordering::Greater));
        assert_eq!(order(json!({"$numberDouble": "-Infinity"}), json!(-5)), Some(Ordering::Less));
        assert_eq!(order(json!({"$numberDouble": "NaN"}), json!(1)), None);
        assert_eq!(order(json!({"$numberDouble": "NaN"}), json!({"$numberDecimal": "NaN"})), Some(Ordering::Equal));
    }

    #[test]
    fn an_object_id_does_not_equal_its_hex_string() {
        let hex = "64b7f0c2a1d3e4f5a6b7c8d9";
        assert!(!equal(&read(&json!({"$oid": hex})), &read(&json!(hex))));
    }
}
