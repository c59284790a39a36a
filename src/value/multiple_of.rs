use super::Number;
use super::decimal::{Decimal, Finite};

impl Number {
    /// Whether division by another number leaves no remainder. This is never the case for NaN and infinity, and only
    /// zero is a multiple of zero.
    ///
    /// A double is taken for the shortest decimal that round-trips, because that is what authors of rules expect: 0.3
    /// is a multiple of 0.1. MongoDB takes the decimal of 15 digits, with the same result.
    ///
    /// ```
    /// use portcullis::value::Number;
    /// assert!(Number::Double(0.3).is_multiple_of(Number::Double(0.1)));
    /// assert!(!Number::Double(0.35).is_multiple_of(Number::Double(0.1)));
    /// ```
    #[must_use]
    pub fn is_multiple_of(self, divisor: Self) -> bool {
        match (finite(self), finite(divisor)) {
            (Some(number), Some(divisor)) => divides(divisor, number),
            _ => false,
        }
    }
}

fn finite(number: Number) -> Option<Finite> {
    match number {
        Number::Integer(value) => Some(Finite::from_integer(value)),
        Number::Double(value) => shortest(value),
        Number::Decimal(value) => match Decimal::from(value) {
            Decimal::Finite(value) => Some(value),
            Decimal::Nan | Decimal::Infinite(_) => None,
        },
    }
}

/// The shortest decimal that round-trips to this double. It has at most 17 digits.
fn shortest(value: f64) -> Option<Finite> {
    let text = format!("{:e}", value.abs());
    // `NaN` and `inf` have no exponent.
    let (digits, exponent) = text.split_once('e')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    Some(Finite { negative: value < 0.0, coefficient: format!("{whole}{fraction}").parse().ok()?, exponent })
}

/// Coefficients are below 10^34 and exponents within a few thousand, so the loops are short and cannot overflow.
const fn divides(divisor: Finite, number: Finite) -> bool {
    let Finite { mut coefficient, mut exponent, .. } = number;
    if coefficient == 0 || divisor.coefficient == 0 {
        return coefficient == 0;
    }
    while exponent < divisor.exponent {
        if coefficient % 10 != 0 {
            return false;
        }
        coefficient /= 10;
        exponent += 1;
    }
    let mut remainder = coefficient % divisor.coefficient;
    while exponent > divisor.exponent && remainder != 0 {
        remainder = remainder * 10 % divisor.coefficient;
        exponent -= 1;
    }
    remainder == 0
}
