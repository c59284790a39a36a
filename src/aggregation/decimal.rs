//! Decimal arithmetic that the `value` module lacks: everything but sums and products.

use bson::Decimal128;

use super::failure::{FindError, Outcome};
use super::number::{not_a_number, too_large};
use crate::value::{Number, ValueRef};

/// The direction of rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Up,
    Down,
    Zero,
    Even,
}

/// The error for an operator that is not implemented for decimals.
pub(super) fn no_such(operator: &str) -> FindError {
    FindError::Unsupported { what: format!("`{operator}` of a decimal128"), help: Some("convert it with `$toDouble`") }
}

pub(super) fn to_integer(number: Decimal128) -> Option<i64> {
    ValueRef::Decimal128(number).number().and_then(Number::truncate)
}

/// The nearest integer, rounding half to even; `None` if it does not fit 64 bits.
pub(crate) fn nearest_integer(number: Decimal128) -> Option<i64> {
    to_integer(round(number, 0, Rounding::Even))
}

/// The sign, digits and exponent of a finite decimal.
struct Parts {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

impl Parts {
    fn of(number: Decimal128) -> Option<Self> {
        let bits = u128::from_le_bytes(number.bytes());
        let combination = (bits >> 122) & 0x1f;
        if combination >= 0x1e {
            return None;
        }
        let negative = bits >> 127 == 1;
        let (exponent, coefficient) = if combination >> 3 == 3 {
            ((bits >> 111) & 0x3fff, 0)
        } else {
            ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
        };
        let coefficient = if coefficient < 10_u128.pow(34) { coefficient } else { 0 };
        Some(Self { negative, coefficient, exponent: i32::try_from(exponent).unwrap_or(0) - 6176 })
    }

    fn decimal(&self) -> Option<Decimal128> {
        if !(-6176..=6111).contains(&self.exponent) || self.coefficient >= 10_u128.pow(34) {
            return None;
        }
        let exponent = u128::try_from(self.exponent + 6176).ok()?;
        let bits = u128::from(self.negative) << 127 | exponent << 113 | self.coefficient;
        Some(Decimal128::from_bytes(bits.to_le_bytes()))
    }
}

/// Rounds to `place` digits after the decimal point or, if `place` is negative, before it.
pub(super) fn round(number: Decimal128, place: i32, rounding: Rounding) -> Decimal128 {
    let Some(parts) = Parts::of(number) else { return number };
    let excess = -place - parts.exponent;
    if excess <= 0 {
        return number;
    }
    let divisor = u32::try_from(excess).ok().and_then(|excess| 10_u128.checked_pow(excess));
    let (kept, rest, half) = match divisor {
        Some(divisor) => {
            let rest = parts.coefficient % divisor;
            (parts.coefficient / divisor, rest != 0, (rest * 2).cmp(&divisor))
        }
        None => (0, parts.coefficient != 0, std::cmp::Ordering::Less),
    };
    let up = match rounding {
        Rounding::Zero => false,
        Rounding::Up => rest && !parts.negative,
        Rounding::Down => rest && parts.negative,
        Rounding::Even => half.is_gt() || (half.is_eq() && kept % 2 == 1),
    };
    let rounded = Parts { negative: parts.negative, coefficient: kept + u128::from(up), exponent: -place };
    rounded.decimal().unwrap_or(number)
}

/// The quotient, to as many digits as a decimal has. Trailing zeros are dropped, except those of the operands.
pub(super) fn divide(a: Decimal128, b: Decimal128) -> Outcome<Decimal128> {
    let (Some(x), Some(y)) = (Parts::of(a), Parts::of(b)) else {
        // Infinities and NaN behave as with doubles.
        let of = |number: Decimal128| number.to_string().parse::<f64>().unwrap_or(f64::NAN);
        return Ok(super::number::decimal_of(of(a) / of(b)));
    };
    if y.coefficient == 0 {
        return Ok(not_a_number());
    }
    let negative = x.negative != y.negative;
    let ideal = x.exponent - y.exponent;
    let (mut coefficient, mut rest, mut exponent) =
        (x.coefficient / y.coefficient, x.coefficient % y.coefficient, ideal);
    while rest != 0 && coefficient < 10_u128.pow(35) {
        rest *= 10;
        coefficient = coefficient * 10 + rest / y.coefficient;
        rest %= y.coefficient;
        exponent -= 1;
    }
    let digits = coefficient.checked_ilog10().map_or(1, |log| log + 1);
    let excess = digits.saturating_sub(34);
    if excess > 0 {
        let divisor = 10_u128.pow(excess);
        let (kept, dropped) = (coefficient / divisor, coefficient % divisor);
        let up = match (dropped * 2).cmp(&divisor) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => rest != 0 || kept % 2 == 1,
        };
        coefficient = kept + u128::from(up);
        exponent += i32::try_from(excess).unwrap_or(0);
    }
    while rest == 0 && exponent < ideal && coefficient % 10 == 0 {
        coefficient /= 10;
        exponent += 1;
    }
    Parts { negative, coefficient, exponent }.decimal().ok_or_else(too_large)
}

/// The remainder of the division.
pub(super) fn modulo(a: Decimal128, b: Decimal128) -> Outcome<Decimal128> {
    let (Some(x), Some(y)) = (Parts::of(a), Parts::of(b)) else {
        let is_finite = Parts::of(a).is_some() && !ValueRef::Decimal128(b).number().is_some_and(Number::is_nan);
        return Ok(if is_finite { a } else { not_a_number() });
    };
    let exponent = x.exponent.min(y.exponent);
    let raised = |parts: &Parts| {
        let power = u32::try_from(parts.exponent - exponent).ok()?;
        parts.coefficient.checked_mul(10_u128.checked_pow(power)?)
    };
    match (raised(&x), raised(&y)) {
        (Some(left), Some(right)) if right != 0 => {
            Parts { negative: x.negative, coefficient: left % right, exponent }.decimal().ok_or_else(too_large)
        }
        _ => Err(too_large()),
    }
}
