//! The arithmetic of `$inc`, `$mul` and `$bit`. An int32 that overflows becomes an int64, and an int64 that overflows
//! is an error. If either operand is a double, so is the result; if either is a decimal128, so is the result.

use bson::{Bson, Decimal128};

use super::UpdateErrorKind;
use super::tree::Bits;
use crate::value::{ValueRef, decimal_arithmetic};

enum Pair {
    Integers { a: i64, b: i64, width: Width },
    Doubles(f64, f64),
    Decimals(Decimal128, Decimal128),
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
        Pair::Decimals(a, b) => decimal_arithmetic::add(a, b).map(Bson::Decimal128).ok_or(UpdateErrorKind::Decimal),
    }
}

/// The product of two numbers.
pub(super) fn multiply(a: &Bson, b: &Bson) -> Result<Bson, UpdateErrorKind> {
    match pair(a, b)? {
        Pair::Integers { a, b, width } => integer(a.checked_mul(b), width),
        Pair::Doubles(a, b) => Ok(Bson::Double(a * b)),
        Pair::Decimals(a, b) => {
            decimal_arithmetic::multiply(a, b).map(Bson::Decimal128).ok_or(UpdateErrorKind::Decimal)
        }
    }
}

/// A bitwise operation on two integers.
pub(super) fn bits(a: &Bson, bits: Bits, b: &Bson) -> Result<Bson, UpdateErrorKind> {
    let combine = |a: i64, b: i64| match bits {
        Bits::And => a & b,
        Bits::Or => a | b,
        Bits::Xor => a ^ b,
    };
    match (a, b) {
        (Bson::Int32(_) | Bson::Int64(_), Bson::Int32(_) | Bson::Int64(_)) => match pair(a, b)? {
            Pair::Integers { a, b, width } => integer(Some(combine(a, b)), width),
            Pair::Doubles(..) | Pair::Decimals(..) => Err(UpdateErrorKind::NotInteger("double")),
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
        (Bson::Decimal128(a), b) => Pair::Decimals(*a, decimal(b)?),
        (a, Bson::Decimal128(b)) => Pair::Decimals(decimal(a)?, *b),
        (a, b) => Pair::Doubles(double(a)?, double(b)?),
    })
}

/// Converts a number to decimal128. Like MongoDB, this rounds a double to 15 digits.
fn decimal(value: &Bson) -> Result<Decimal128, UpdateErrorKind> {
    let integer = |value| decimal_arithmetic::from_integer(value).ok_or(UpdateErrorKind::Decimal);
    match value {
        Bson::Decimal128(value) => Ok(*value),
        Bson::Int32(value) => integer(i64::from(*value)),
        Bson::Int64(value) => integer(*value),
        Bson::Double(value) => Ok(decimal_arithmetic::from_double(*value)),
        other => Err(UpdateErrorKind::NotNumber(ValueRef::from(other).kind().alias())),
    }
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
