use std::cmp::Ordering;

use bson::{Bson, Document};

use crate::json::from_bson;
use crate::value::{ArrayRef, Malformed, Number, ValueRef, order};

/// Whether an array has equal elements. This takes `n log n` time.
pub(super) fn has_twins(array: ArrayRef<'_>) -> Result<bool, Malformed> {
    let elements = array.iter().map(|element| element?.to_bson().map(sorted));
    let mut elements = elements.collect::<Result<Vec<_>, _>>()?;
    elements.sort_unstable_by(line_up);
    Ok(elements.iter().zip(elements.iter().skip(1)).any(|(a, b)| line_up(a, b) == Ordering::Equal))
}

/// Prepares a list of values for [`is_among`]: [`sorted`] values in sorted order.
pub(super) fn listed(values: Vec<Bson>) -> Vec<Bson> {
    let mut values: Vec<Bson> = values.into_iter().map(sorted).collect();
    values.sort_unstable_by(line_up);
    values
}

/// Whether a value equals one in a [`listed`] list. This takes `log n` time.
pub(super) fn is_among(value: ValueRef<'_>, listed: &[Bson]) -> Result<bool, Malformed> {
    let value = sorted(value.to_bson()?);
    Ok(listed.binary_search_by(|one| line_up(one, &value)).is_ok())
}

/// A copy in which the fields of all documents are sorted by name. The order of fields must not matter to `enum`,
/// `const` and `uniqueItems`, because it would be a way to circumvent them.
///
/// This is how `$jsonSchema` behaves on MongoDB 6.0.
pub(super) fn sorted(value: Bson) -> Bson {
    match value {
        Bson::Document(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            fields.into_iter().collect::<Document>().into()
        }
        Bson::Array(elements) => elements.into_iter().map(sorted).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// A total order in which values are equal if and only if [`equal`] says so.
fn line_up(a: &Bson, b: &Bson) -> Ordering {
    use Bson as B;
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (B::Document(a), B::Document(b)) => line_up_fields(a, b),
        (B::Array(a), B::Array(b)) => {
            a.iter().zip(b).map(|(a, b)| line_up(a, b)).find(|o| o.is_ne()).unwrap_or(a.len().cmp(&b.len()))
        }
        (B::JavaScriptCodeWithScope(a), B::JavaScriptCodeWithScope(b)) => {
            a.code.cmp(&b.code).then_with(|| line_up_fields(&a.scope, &b.scope))
        }
        (B::JavaScriptCode(a), B::JavaScriptCode(b)) => a.cmp(b),
        (B::RegularExpression(a), B::RegularExpression(b)) => {
            (a.pattern.as_str(), a.options.as_str()).cmp(&(b.pattern.as_str(), b.options.as_str()))
        }
        (B::DbPointer(_), B::DbPointer(_)) => from_bson(a).to_string().cmp(&from_bson(b).to_string()),
        // Values of the same rank are either ordered or equal.
        _ => order(a.into(), b.into()).unwrap_or(Ordering::Equal),
    })
}

fn line_up_fields(a: &Document, b: &Document) -> Ordering {
    a.iter()
        .zip(b)
        .map(|((key, a), (other, b))| key.cmp(other).then_with(|| line_up(a, b)))
        .find(|o| o.is_ne())
        .unwrap_or(a.len().cmp(&b.len()))
}

/// The rank of a value. Values of different ranks are never equal.
fn rank(value: &Bson) -> u8 {
    match value {
        Bson::MinKey => 0,
        Bson::Undefined => 1,
        Bson::Null => 2,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => {
            // NaN equals only NaN, and has no order relative to other numbers.
            if ValueRef::from(value).number().is_some_and(Number::is_nan) { 3 } else { 4 }
        }
        Bson::String(_) | Bson::Symbol(_) => 5,
        Bson::Document(_) => 6,
        Bson::Array(_) => 7,
        Bson::Binary(_) => 8,
        Bson::ObjectId(_) => 9,
        Bson::Boolean(_) => 10,
        Bson::DateTime(_) => 11,
        Bson::Timestamp(_) => 12,
        Bson::RegularExpression(_) => 13,
        Bson::DbPointer(_) => 14,
        Bson::JavaScriptCode(_) => 15,
        Bson::JavaScriptCodeWithScope(_) => 16,
        Bson::MaxKey => 17,
    }
}
