use std::cmp::Ordering;

use super::{ArrayRef, DbPointerRef, DocumentRef, MAX_DEPTH, Malformed, Steps, ValueRef};

/// Whether two values are equal under MongoDB's query semantics. Numbers are compared by exact value regardless of
/// type, and NaN equals NaN. A symbol equals the string with the same text. Arrays and documents are compared element
/// by element, in order. All other values are equal only within the same type.
///
/// # Errors
/// If raw bytes are not BSON, or the values are nested deeper than [`MAX_DEPTH`].
///
/// ```
/// use bson::{bson, oid::ObjectId, Bson};
/// use portcullis::value::equal;
/// let id = ObjectId::new();
/// assert!(equal((&bson!(1)).into(), (&bson!(1.0)).into()).unwrap());
/// assert!(!equal((&Bson::ObjectId(id)).into(), (&bson!(id.to_hex())).into()).unwrap());
/// ```
#[inline]
pub fn equal(a: ValueRef<'_>, b: ValueRef<'_>) -> Result<bool, Malformed> {
    // A fast path for the most frequent types.
    match (a, b) {
        (ValueRef::String(a), ValueRef::String(b)) => Ok(a == b),
        (ValueRef::Int32(a), ValueRef::Int32(b)) => Ok(a == b),
        (ValueRef::ObjectId(a), ValueRef::ObjectId(b)) => Ok(a == b),
        (ValueRef::Boolean(a), ValueRef::Boolean(b)) => Ok(a == b),
        _ => same(a, b, Exactness::Value, 0, None),
    }
}

/// Like [`equal`], taking steps for nested values.
#[inline]
pub(crate) fn equal_in_steps(a: ValueRef<'_>, b: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
    match (a, b) {
        (ValueRef::String(a), ValueRef::String(b)) => {
            if a.len() == b.len() {
                steps.take_bytes(a.len() / 8)?;
            }
            Ok(a == b)
        }
        (ValueRef::Int32(a), ValueRef::Int32(b)) => Ok(a == b),
        (ValueRef::ObjectId(a), ValueRef::ObjectId(b)) => Ok(a == b),
        _ => same(a, b, Exactness::Value, 0, Some(steps)),
    }
}

/// Whether two values are identical: of the same type, with fields in the same order, and with the same sign of zero.
///
/// # Errors
/// Same as [`equal`].
pub fn identical(a: ValueRef<'_>, b: ValueRef<'_>) -> Result<bool, Malformed> {
    same(a, b, Exactness::Bytes, 0, None)
}

/// Orders two values of the same type: numbers, strings by bytes, dates, ObjectIds, booleans, timestamps, or binary
/// data by length, subtype and bytes. `None` for values of different types, and of types without an order.
#[must_use]
#[inline]
pub fn order(a: ValueRef<'_>, b: ValueRef<'_>) -> Option<Ordering> {
    match (a, b) {
        (ValueRef::Int32(a), ValueRef::Int32(b)) => Some(a.cmp(&b)),
        _ => order_any(a, b),
    }
}

fn order_any(a: ValueRef<'_>, b: ValueRef<'_>) -> Option<Ordering> {
    use ValueRef as V;
    if let (Some(a), Some(b)) = (a.number(), b.number()) {
        return a.order(b);
    }
    match (a, b) {
        (V::String(a) | V::Symbol(a), V::String(b) | V::Symbol(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (V::DateTime(a), V::DateTime(b)) => Some(a.cmp(&b)),
        (V::ObjectId(a), V::ObjectId(b)) => Some(a.cmp(&b)),
        (V::Boolean(a), V::Boolean(b)) => Some(a.cmp(&b)),
        (V::Timestamp { time: a, increment: i }, V::Timestamp { time: b, increment: j }) => Some((a, i).cmp(&(b, j))),
        (V::Binary { subtype: s, bytes: a }, V::Binary { subtype: t, bytes: b }) => {
            Some((a.len(), s, a).cmp(&(b.len(), t, b)))
        }
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exactness {
    Value,
    Bytes,
}

fn same(
    a: ValueRef<'_>,
    b: ValueRef<'_>,
    exactness: Exactness,
    depth: usize,
    steps: Option<&Steps>,
) -> Result<bool, Malformed> {
    use ValueRef as V;
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    Ok(match (a, b) {
        (V::Document(a), V::Document(b)) => same_fields(a, b, exactness, depth + 1, steps)?,
        (V::Array(a), V::Array(b)) => same_elements(a, b, exactness, depth + 1, steps)?,
        (V::CodeWithScope { code, scope }, V::CodeWithScope { code: other, scope: other_scope }) => {
            code == other && same_fields(scope, other_scope, exactness, depth + 1, steps)?
        }
        (V::Null, V::Null) | (V::Undefined, V::Undefined) | (V::MinKey, V::MinKey) | (V::MaxKey, V::MaxKey) => true,
        (V::Regex { pattern, options }, V::Regex { pattern: other, options: other_options }) => {
            pattern == other && options == other_options
        }
        (V::Code(a), V::Code(b)) => a == b,
        (V::DbPointer(a), V::DbPointer(b)) => same_pointer(a, b)?,
        _ if exactness == Exactness::Value => order(a, b) == Some(Ordering::Equal),
        (V::Double(a), V::Double(b)) => a.to_bits() == b.to_bits(),
        (V::Decimal128(a), V::Decimal128(b)) => a.bytes() == b.bytes(),
        _ => a.kind() == b.kind() && order(a, b) == Some(Ordering::Equal),
    })
}

fn same_fields(
    a: DocumentRef<'_>,
    b: DocumentRef<'_>,
    exactness: Exactness,
    depth: usize,
    steps: Option<&Steps>,
) -> Result<bool, Malformed> {
    let (mut left, mut right) = (a.iter(), b.iter());
    loop {
        if let Some(steps) = steps {
            steps.take(1)?;
        }
        match (left.next().transpose()?, right.next().transpose()?) {
            (None, None) => return Ok(true),
            (Some((key, a)), Some((other, b))) if key == other && same(a, b, exactness, depth, steps)? => {}
            _ => return Ok(false),
        }
    }
}

fn same_elements(
    a: ArrayRef<'_>,
    b: ArrayRef<'_>,
    exactness: Exactness,
    depth: usize,
    steps: Option<&Steps>,
) -> Result<bool, Malformed> {
    let (mut left, mut right) = (a.iter(), b.iter());
    loop {
        if let Some(steps) = steps {
            steps.take(1)?;
        }
        match (left.next().transpose()?, right.next().transpose()?) {
            (None, None) => return Ok(true),
            (Some(a), Some(b)) if same(a, b, exactness, depth, steps)? => {}
            _ => return Ok(false),
        }
    }
}

fn same_pointer(a: DbPointerRef<'_>, b: DbPointerRef<'_>) -> Result<bool, Malformed> {
    match (a, b) {
        (DbPointerRef::Decoded(a), DbPointerRef::Decoded(b)) => Ok(a == b),
        (DbPointerRef::Raw { namespace: a, id: i }, DbPointerRef::Raw { namespace: b, id: j }) => Ok((a, i) == (b, j)),
        _ => Ok(ValueRef::DbPointer(a).to_bson()? == ValueRef::DbPointer(b).to_bson()?),
    }
}
