use super::Number;
use super::decimal::{Decimal, Finite};

impl Number {
    /// Whether dividing by another number leaves no remainder. Never true for NaN and infinity; only zero is a multiple
    /// of zero.
    ///
    /// A double is read as the shortest decimal that parses back to it, which is what the author of a rule expects: 0.3
    /// is a multiple of 0.1. MongoDB converts doubles to decimals of 15 digits here and gives the same result.
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

/// The shortest decimal that parses back to a double: at most 17 digits.
fn shortest(value: f64) -> Option<Finite> {
    let text = format!("{:e}", value.abs());
    // Neither `NaN` nor `inf` has an exponent.
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
