//! Numbers as `$inc`, `$mul` and `$bit` calculate: int32 grows to int64, int64 to nothing, and a double makes doubles.

use bson::Bson;

use super::UpdateErrorKind;
use super::tree::Bits;
use crate::value::ValueRef;

enum Pair {
    Integers { a: i64, b: i64, width: Width },
    Doubles(f64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Int32,
    Int64,
}

/// The sum of two numbers.
pub(super) fn add(a: &Bson, b: &Bson) -> Result<Bson, UpdateErrorKind> {
    match pair(a, b)? {
        Pair::Integers { a, b, width } => integer(a.checked_add(b), width),
        Pair::Doubles(a, b) => Ok(Bson::Double(a + b)),
    }
}

/// The product of two numbers.
pub(super) fn multiply(a: &Bson, b: &Bson) -> Result<Bson, UpdateErrorKind> {
    match pair(a, b)? {
        Pair::Integers { a, b, width } => integer(a.checked_mul(b), width),
        Pair::Doubles(a, b) => Ok(Bson::Double(a * b)),
    }
}

/// The bits of two integers put together.
pub(super) fn bits(a: &Bson, bits: Bits, b: &Bson) -> Result<Bson, UpdateErrorKind> {
    let combine = |a: i64, b: i64| match bits {
        Bits::And => a & b,
        Bits::Or => a | b,
        Bits::Xor => a ^ b,
    };
    match (a, b) {
        (Bson::Int32(_) | Bson::Int64(_), Bson::Int32(_) | Bson::Int64(_)) => match pair(a, b)? {
            Pair::Integers { a, b, width } => integer(Some(combine(a, b)), width),
            Pair::Doubles(..) => Err(UpdateErrorKind::NotInteger("double")),
        },
        (other, _) => Err(UpdateErrorKind::NotInteger(ValueRef::from(other).kind().alias())),
    }
}

fn integer(value: Option<i64>, width: Width) -> Result<Bson, UpdateErrorKind> {
    let value = value.ok_or(UpdateErrorKind::Overflow)?;
    Ok(match i32::try_from(value) {
        Ok(value) if width == Width::Int32 => Bson::Int32(value),
        _ => Bson::Int64(value),
    })
}

fn pair(a: &Bson, b: &Bson) -> Result<Pair, UpdateErrorKind> {
    Ok(match (a, b) {
        (Bson::Int32(a), Bson::Int32(b)) => Pair::Integers { a: i64::from(*a), b: i64::from(*b), width: Width::Int32 },
        (Bson::Int64(a), Bson::Int32(b)) => Pair::Integers { a: *a, b: i64::from(*b), width: Width::Int64 },
        (Bson::Int32(a), Bson::Int64(b)) => Pair::Integers { a: i64::from(*a), b: *b, width: Width::Int64 },
        (Bson::Int64(a), Bson::Int64(b)) => Pair::Integers { a: *a, b: *b, width: Width::Int64 },
        (a, b) => Pair::Doubles(double(a)?, double(b)?),
    })
}

#[expect(clippy::cast_precision_loss, reason = "MongoDB rounds to the nearest double as well")]
fn double(value: &Bson) -> Result<f64, UpdateErrorKind> {
    match value {
        Bson::Double(value) => Ok(*value),
        Bson::Int32(value) => Ok(f64::from(*value)),
        Bson::Int64(value) => Ok(*value as f64),
        Bson::Decimal128(_) => Err(UpdateErrorKind::Decimal),
        other => Err(UpdateErrorKind::NotNumber(ValueRef::from(other).kind().alias())),
    }
}
