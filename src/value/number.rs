use std::cmp::Ordering;

use bson::Decimal128;

use super::ValueRef;
use super::decimal::{Decimal, Finite};

/// A number of any of the four numeric BSON types.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// An int32 or an int64.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A decimal128.
    Decimal(Decimal128),
}

impl Number {
    /// Whether it is NaN.
    #[must_use]
    pub fn is_nan(self) -> bool {
        match self {
            Self::Integer(_) => false,
            Self::Double(value) => value.is_nan(),
            Self::Decimal(value) => matches!(Decimal::from(value), Decimal::Nan),
        }
    }

    /// Orders two numbers by exact value. NaN is equal to NaN, and has no order relative to other numbers.
    #[must_use]
    pub fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Double(a), Self::Double(b)) => {
                a.partial_cmp(&b).or_else(|| (a.is_nan() && b.is_nan()).then_some(Ordering::Equal))
            }
            (Self::Integer(a), Self::Double(b)) => integer_to_double(a, b),
            (Self::Double(a), Self::Integer(b)) => integer_to_double(b, a).map(Ordering::reverse),
            (Self::Decimal(a), b) => decimal_to_any(a, b),
            (a, Self::Decimal(b)) => decimal_to_any(b, a).map(Ordering::reverse),
        }
    }

    /// The integer part, as used by `$mod`; `None` if it does not fit 64 bits.
    #[must_use]
    pub fn truncate(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Double(value) => double_to_integer(value.trunc()),
            Self::Decimal(value) => match Decimal::from(value) {
                Decimal::Finite(value) => value.to_integer(),
                Decimal::Nan | Decimal::Infinite(_) => None,
            },
        }
    }

    /// The integer with exactly this value; `None` if there is none that fits 64 bits.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        let value = self.truncate()?;
        (self.order(Self::Integer(value)) == Some(Ordering::Equal)).then_some(value)
    }
}

/// 2^63. A double fits a 64-bit integer after truncation if it lies in `-LIMIT..LIMIT`.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn double_to_integer(value: f64) -> Option<i64> {
    (-LIMIT..LIMIT).contains(&value).then_some(value as i64)
}

fn integer_to_double(a: i64, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    Some(match double_to_integer(b.trunc()) {
        // If the integer parts are equal, the fraction of the double decides.
        Some(whole) => a.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(b.fract() + 0.0))),
        None if b > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    })
}

fn decimal_to_any(a: Decimal128, b: Number) -> Option<Ordering> {
    let a = Decimal::from(a);
    let b = match b {
        Number::Integer(value) => Decimal::Finite(Finite::from_integer(value)),
        Number::Decimal(value) => Decimal::from(value),
        Number::Double(value) if value.is_nan() => Decimal::Nan,
        Number::Double(value) if value.is_infinite() => Decimal::Infinite(value < 0.0),
        Number::Double(value) => {
            return match a {
                Decimal::Nan => None,
                Decimal::Infinite(negative) => Some(infinite(negative)),
                Decimal::Finite(a) => Some(a.cmp_double(value)),
            };
        }
    };
    match (a, b) {
        (Decimal::Nan, Decimal::Nan) => Some(Ordering::Equal),
        (Decimal::Nan, _) | (_, Decimal::Nan) => None,
        (Decimal::Infinite(a), Decimal::Infinite(b)) => Some(b.cmp(&a)),
        (Decimal::Infinite(negative), Decimal::Finite(_)) => Some(infinite(negative)),
        (Decimal::Finite(_), Decimal::Infinite(negative)) => Some(infinite(negative).reverse()),
        (Decimal::Finite(a), Decimal::Finite(b)) => Some(a.cmp(b)),
    }
}

/// The ordering of an infinity relative to a finite number.
const fn infinite(negative: bool) -> Ordering {
    if negative { Ordering::Less } else { Ordering::Greater }
}

impl ValueRef<'_> {
    /// The value as a number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<Number> {
        match self {
            Self::Int32(value) => Some(Number::Integer(*value as i64)),
            Self::Int64(value) => Some(Number::Integer(*value)),
            Self::Double(value) => Some(Number::Double(*value)),
            Self::Decimal128(value) => Some(Number::Decimal(*value)),
            _ => None,
        }
    }
}
