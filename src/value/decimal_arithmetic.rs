//! Sums and products of decimal128 values, rounded half to even according to IEEE 754-2008.

use bson::Decimal128;

use super::decimal::{Decimal, Finite};

/// The maximum number of digits in a coefficient.
const DIGITS: u32 = 34;

/// The number of digits in intermediate results. The three guard digits ensure correct rounding.
const GUARDED: u32 = 37;

const MIN_EXPONENT: i32 = -6176;
const MAX_EXPONENT: i32 = 6111;

/// The sum, rounded; `None` if its exponent is out of range.
pub(crate) fn add(a: Decimal128, b: Decimal128) -> Option<Decimal128> {
    match (Decimal::from(a), Decimal::from(b)) {
        (Decimal::Nan, _) | (_, Decimal::Nan) => Some(nan()),
        (Decimal::Infinite(a), Decimal::Infinite(b)) if a != b => Some(nan()),
        (Decimal::Infinite(negative), _) | (_, Decimal::Infinite(negative)) => Some(infinite(negative)),
        (Decimal::Finite(a), Decimal::Finite(b)) => add_finite(a, b),
    }
}

/// The product, rounded; `None` if its exponent is out of range.
pub(crate) fn multiply(a: Decimal128, b: Decimal128) -> Option<Decimal128> {
    match (Decimal::from(a), Decimal::from(b)) {
        (Decimal::Nan, _) | (_, Decimal::Nan) => Some(nan()),
        (Decimal::Infinite(a), Decimal::Infinite(b)) => Some(infinite(a != b)),
        (Decimal::Infinite(negative), Decimal::Finite(other))
        | (Decimal::Finite(other), Decimal::Infinite(negative)) => {
            Some(if other.is_zero() { nan() } else { infinite(negative != other.negative) })
        }
        (Decimal::Finite(a), Decimal::Finite(b)) => multiply_finite(a, b),
    }
}

/// Converts an integer.
pub(crate) fn from_integer(value: i64) -> Option<Decimal128> {
    encode(Finite::from_integer(value))
}

/// Converts a double. Like MongoDB, this rounds it to 15 digits.
pub(crate) fn from_double(value: f64) -> Decimal128 {
    if value.is_nan() {
        return nan();
    }
    if value.is_infinite() {
        return infinite(value < 0.0);
    }
    let text = if value == 0.0 { format!("{value}") } else { format!("{value:.14e}") };
    text.parse().unwrap_or_else(|_| nan())
}

fn nan() -> Decimal128 {
    Decimal128::from_bytes((0x1f_u128 << 122).to_le_bytes())
}

fn infinite(negative: bool) -> Decimal128 {
    Decimal128::from_bytes((u128::from(negative) << 127 | 0x1e_u128 << 122).to_le_bytes())
}

fn encode(value: Finite) -> Option<Decimal128> {
    if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&value.exponent) || value.coefficient >= 10_u128.pow(DIGITS) {
        return None;
    }
    let exponent = u128::try_from(value.exponent - MIN_EXPONENT).ok()?;
    let bits = u128::from(value.negative) << 127 | exponent << 113 | value.coefficient;
    Some(Decimal128::from_bytes(bits.to_le_bytes()))
}

fn digits(coefficient: u128) -> u32 {
    coefficient.checked_ilog10().map_or(0, |log| log + 1)
}

fn add_finite(a: Finite, b: Finite) -> Option<Decimal128> {
    let (high, low) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
    let distance = (high.exponent - low.exponent).unsigned_abs();
    if high.is_zero() && !low.is_zero() {
        return encode(low);
    }
    let room = if low.is_zero() { DIGITS } else { GUARDED };
    let scaled = if high.is_zero() { distance } else { distance.min(room.saturating_sub(digits(high.coefficient))) };
    let left = distance - scaled;
    // For rounding, it only matters whether any of the digits cut off is not zero.
    let divisor = 10_u128.checked_pow(left);
    let (part, rest) = match divisor {
        Some(divisor) => (low.coefficient / divisor, low.coefficient % divisor != 0),
        None => (0, !low.is_zero()),
    };
    let raised = if high.is_zero() { 0 } else { high.coefficient.checked_mul(10_u128.checked_pow(scaled)?)? };
    let signed =
        |value: u128, negative: bool| i128::try_from(value).ok().map(|value| if negative { -value } else { value });
    let exponent = high.exponent - i32::try_from(scaled).ok()?;
    let sum = signed(raised, high.negative)? + signed(part, low.negative)?;
    // The part cut off has the sign of `low`. If the signs differ, it borrows from the last digit.
    let (magnitude, rest) = match rest {
        true if high.negative != low.negative => (sum.unsigned_abs().checked_sub(1)?, true),
        rest => (sum.unsigned_abs(), rest),
    };
    let negative = if sum == 0 { high.negative && low.negative } else { sum < 0 };
    rounded(negative, magnitude, rest, exponent)
}

/// Rounds a coefficient to [`DIGITS`] digits. `rest` tells whether anything not zero was cut off below it.
fn rounded(negative: bool, coefficient: u128, rest: bool, exponent: i32) -> Option<Decimal128> {
    let excess = digits(coefficient).saturating_sub(DIGITS);
    let divisor = 10_u128.checked_pow(excess)?;
    let (kept, dropped) = (coefficient / divisor, coefficient % divisor);
    let up = match (dropped * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => rest || kept % 2 == 1,
    };
    finish(negative, kept + u128::from(up), exponent.checked_add(i32::try_from(excess).ok()?)?)
}

fn finish(negative: bool, coefficient: u128, exponent: i32) -> Option<Decimal128> {
    // Rounding up may carry into another digit; the last digit is then 0.
    let carried = coefficient >= 10_u128.pow(DIGITS);
    let (coefficient, exponent) = if carried { (coefficient / 10, exponent + 1) } else { (coefficient, exponent) };
    encode(Finite { negative, coefficient, exponent })
}

fn multiply_finite(a: Finite, b: Finite) -> Option<Decimal128> {
    const HALF: u128 = 10_u128.pow(17);
    const WHOLE: u128 = 10_u128.pow(34);
    let (ah, al) = (a.coefficient / HALF, a.coefficient % HALF);
    let (bh, bl) = (b.coefficient / HALF, b.coefficient % HALF);
    let middle = ah * bl + al * bh;
    let low = al * bl + (middle % HALF) * HALF;
    let high = ah * bh + middle / HALF + low / WHOLE;
    let low = low % WHOLE;
    let negative = a.negative != b.negative;
    let exponent = a.exponent.checked_add(b.exponent)?;
    let excess = digits(high);
    let divisor = 10_u128.checked_pow(excess)?;
    let kept = high.checked_mul(10_u128.checked_pow(DIGITS - excess.min(DIGITS))?)? + low / divisor;
    let dropped = low % divisor;
    let up = match (dropped * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => kept % 2 == 1,
    };
    finish(negative, kept + u128::from(up && excess > 0), exponent + i32::try_from(excess).ok()?)
}
