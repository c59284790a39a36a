use std::cmp::Ordering;

use super::{Malformed, Type, ValueRef, order};

/// Compares two values of any type, including Missing, in MongoDB's sort order: by type first, then by value.
///
/// See [comparison and sort order](https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/).
///
/// # Errors
/// If raw bytes are not BSON, or the values are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
pub fn sort_order(a: Option<ValueRef<'_>>, b: Option<ValueRef<'_>>) -> Result<Ordering, Malformed> {
    compare(a, b, 0)
}

fn rank(value: Option<ValueRef<'_>>) -> u8 {
    let Some(value) = value else { return 2 };
    match value.kind() {
        Type::MinKey => 0,
        Type::Undefined => 1,
        Type::Null => 2,
        Type::Int | Type::Long | Type::Double | Type::Decimal => 3,
        Type::String | Type::Symbol => 4,
        Type::Object => 5,
        Type::Array => 6,
        Type::BinData => 7,
        Type::ObjectId => 8,
        Type::Bool => 9,
        Type::Date => 10,
        Type::Timestamp => 11,
        Type::Regex => 12,
        Type::DbPointer => 13,
        Type::JavaScript => 14,
        Type::JavaScriptWithScope => 15,
        Type::MaxKey => 16,
    }
}

fn compare(a: Option<ValueRef<'_>>, b: Option<ValueRef<'_>>, depth: usize) -> Result<Ordering, Malformed> {
    use ValueRef as V;
    if depth > super::MAX_DEPTH {
        return Err(Malformed::depth());
    }
    let ranks = rank(a).cmp(&rank(b));
    let (Some(a), Some(b), Ordering::Equal) = (a, b, ranks) else { return Ok(ranks) };
    Ok(match (a, b) {
        (V::Document(a), V::Document(b)) => {
            let (mut left, mut right) = (a.iter(), b.iter());
            loop {
                match (left.next().transpose()?, right.next().transpose()?) {
                    (None, None) => break Ordering::Equal,
                    (None, Some(_)) => break Ordering::Less,
                    (Some(_), None) => break Ordering::Greater,
                    (Some((name, a)), Some((other, b))) => {
                        let fields = rank(Some(a)).cmp(&rank(Some(b))).then_with(|| name.cmp(other));
                        match fields.then(compare(Some(a), Some(b), depth + 1)?) {
                            Ordering::Equal => {}
                            decided => break decided,
                        }
                    }
                }
            }
        }
        (V::Array(a), V::Array(b)) => {
            let (mut left, mut right) = (a.iter(), b.iter());
            loop {
                match (left.next().transpose()?, right.next().transpose()?) {
                    (None, None) => break Ordering::Equal,
                    (None, Some(_)) => break Ordering::Less,
                    (Some(_), None) => break Ordering::Greater,
                    (Some(a), Some(b)) => match compare(Some(a), Some(b), depth + 1)? {
                        Ordering::Equal => {}
                        decided => break decided,
                    },
                }
            }
        }
        (V::Regex { pattern, options }, V::Regex { pattern: other, options: other_options }) => {
            (pattern, options).cmp(&(other, other_options))
        }
        (V::Code(a), V::Code(b)) => a.cmp(b),
        // NaN sorts before every other number.
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.order(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())),
            _ => order(a, b).unwrap_or(Ordering::Equal),
        },
    })
}
