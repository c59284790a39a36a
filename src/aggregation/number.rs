//! Arithmetic on the four numeric types of BSON, and conversions between them.

use bson::{Bson, Decimal128};

use super::failure::{Outcome, refusal};
use crate::value::{Number, ValueRef, decimal_arithmetic};

/// A number of any of the four types.
#[derive(Clone, Copy, Debug)]
pub(super) enum Num {
    Int(i32),
    Long(i64),
    Double(f64),
    Decimal(Decimal128),
}

impl Num {
    pub(super) const fn of(value: &Bson) -> Option<Self> {
        match value {
            Bson::Int32(number) => Some(Self::Int(*number)),
            Bson::Int64(number) => Some(Self::Long(*number)),
            Bson::Double(number) => Some(Self::Double(*number)),
            Bson::Decimal128(number) => Some(Self::Decimal(*number)),
            _ => None,
        }
    }

    pub(super) fn bson(self) -> Bson {
        match self {
            Self::Int(number) => Bson::Int32(number),
            Self::Long(number) => Bson::Int64(number),
            Self::Double(number) => Bson::Double(number),
            Self::Decimal(number) => Bson::Decimal128(number),
        }
    }

    /// The rank of the type, greater for wider types. The result of an operation has the widest type of its operands.
    pub(super) const fn width(self) -> u8 {
        match self {
            Self::Int(_) => 0,
            Self::Long(_) => 1,
            Self::Double(_) => 2,
            Self::Decimal(_) => 3,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "MongoDB rounds to the nearest double as well")]
    pub(super) fn double(self) -> f64 {
        match self {
            Self::Int(number) => f64::from(number),
            Self::Long(number) => number as f64,
            Self::Double(number) => number,
            Self::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The number as a decimal. Like MongoDB, this rounds a double to 15 digits.
    pub(super) fn decimal(self) -> Decimal128 {
        match self {
            Self::Decimal(number) => number,
            Self::Double(number) => decimal_arithmetic::from_double(number),
            Self::Int(number) => text(&number.to_string()),
            Self::Long(number) => text(&number.to_string()),
        }
    }

    /// The integer with exactly this value; `None` if there is none.
    pub(super) fn integer(self) -> Option<i64> {
        ValueRef::from(&self.bson()).number().and_then(Number::integer)
    }

    /// The integer part; `None` if it does not fit 64 bits.
    pub(super) fn truncated(self) -> Option<i64> {
        ValueRef::from(&self.bson()).number().and_then(Number::truncate)
    }

    pub(super) fn is_zero(self) -> bool {
        self.integer() == Some(0)
    }
}

/// An int32 if the number fits, otherwise an int64.
pub(super) fn int_or_long(number: i64) -> Bson {
    i32::try_from(number).map_or(Bson::Int64(number), Bson::Int32)
}

fn text(text: &str) -> Decimal128 {
    text.parse().unwrap_or_else(|_| not_a_number())
}

pub(super) fn not_a_number() -> Decimal128 {
    Decimal128::from_bytes((0x1f_u128 << 122).to_le_bytes())
}

/// Converts a double to a decimal of 34 digits without trailing zeros.
pub(super) fn decimal_of(number: f64) -> Decimal128 {
    if number.is_nan() {
        return not_a_number();
    }
    if number.is_infinite() {
        return text(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if number == 0.0 {
        return text(if number.is_sign_negative() { "-0" } else { "0" });
    }
    let written = format!("{number:.33e}");
    let Some((coefficient, exponent)) = written.split_once('e') else { return text(&written) };
    let (sign, coefficient) = coefficient.strip_prefix('-').map_or(("", coefficient), |rest| ("-", rest));
    let mut all: String = coefficient.chars().filter(char::is_ascii_digit).collect();
    let mut exponent = exponent.parse::<i32>().unwrap_or(0) - 33;
    while exponent < 0 && all.ends_with('0') {
        all.pop();
        exponent += 1;
    }
    text(&format!("{sign}{all}E{exponent}"))
}

pub(super) fn add(a: Decimal128, b: Decimal128) -> Outcome<Decimal128> {
    decimal_arithmetic::add(a, b).ok_or_else(too_large)
}

pub(super) fn multiply(a: Decimal128, b: Decimal128) -> Outcome<Decimal128> {
    decimal_arithmetic::multiply(a, b).ok_or_else(too_large)
}

pub(super) fn negate(a: Decimal128) -> Decimal128 {
    let bits = u128::from_le_bytes(a.bytes());
    // The sign of NaN has no meaning, so it is cleared.
    if matches!(ValueRef::Decimal128(a).number(), Some(number) if number.is_nan()) {
        a
    } else {
        Decimal128::from_bytes((bits ^ 1 << 127).to_le_bytes())
    }
}

pub(super) fn too_large() -> super::FindError {
    refusal(2, "a decimal128 is too large or too small to compute with")
}

/// A compensated sum of doubles, like MongoDB's: the rounding error is tracked in a second double.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// The main part of the sum of all int32, int64 and double values.
    high: f64,
    low: f64,
    /// The sum without compensation, which detects infinities.
    plain: f64,
    /// The exact sum; `None` once a value is not an integer.
    whole: Option<i128>,
    decimal: Option<Decimal128>,
    width: u8,
}

impl Default for Sum {
    fn default() -> Self {
        Self { high: 0.0, low: 0.0, plain: 0.0, whole: Some(0), decimal: None, width: 0 }
    }
}

/// 2^63, the smallest positive double beyond the range of an int64.
const WHOLE: f64 = 9_223_372_036_854_775_807.0;

impl Sum {
    pub(super) fn add(&mut self, number: Num) -> Outcome<()> {
        self.width = self.width.max(number.width());
        match number {
            Num::Int(value) => self.integer(i64::from(value)),
            Num::Long(value) => self.integer(value),
            Num::Double(value) => {
                self.double(value);
                self.whole = None;
            }
            Num::Decimal(value) => {
                self.decimal = Some(match self.decimal {
                    None => value,
                    Some(sum) => add(sum, value)?,
                });
            }
        }
        Ok(())
    }

    pub(super) fn integer(&mut self, value: i64) {
        self.whole = self.whole.map(|whole| whole + i128::from(value));
        // The integer is split into two parts that doubles represent exactly.
        let low = value & 0xffff_ffff;
        self.double(Num::Long(value - low).double());
        self.double(Num::Long(low).double());
    }

    fn double(&mut self, value: f64) {
        self.plain += value;
        let sum = self.high + value;
        let part = sum - self.high;
        let rest = (self.high - (sum - part)) + (value - part);
        let low = self.low + rest;
        let high = sum + low;
        self.low = low - (high - sum);
        self.high = high;
    }

    pub(super) fn to_double(&self) -> f64 {
        let sum = self.high + self.low;
        if sum.is_nan() { self.plain } else { sum }
    }

    /// The sum as an int64, rounded; `None` if it does not fit.
    pub(super) fn to_long(&self) -> Option<i64> {
        match self.whole {
            Some(whole) => i64::try_from(whole).ok(),
            None => {
                let (high, low) = (self.high, self.low);
                if high.is_nan() || high.abs() > WHOLE {
                    return None;
                }
                // As in MongoDB, so that an exact half is rounded towards zero.
                let nearest = high.round();
                let rest = ((high - nearest) + low).round();
                Num::Double(nearest).truncated()?.checked_add(Num::Double(rest).truncated()?)
            }
        }
    }

    pub(super) fn to_decimal(&self) -> Outcome<Decimal128> {
        let others = match self.whole {
            Some(whole) => text(&whole.to_string()),
            None if (self.high + self.low).is_nan() => decimal_of(self.plain),
            None => add(decimal_of(self.high), decimal_of(self.low))?,
        };
        self.decimal.map_or(Ok(others), |decimal| add(decimal, others))
    }

    pub(super) const fn is_decimal(&self) -> bool {
        self.width == 3
    }

    /// The sum, in the widest type among the values, or in a wider one if it would overflow.
    pub(super) fn bson(&self) -> Outcome<Bson> {
        Ok(match (self.width, self.whole.and_then(|whole| i64::try_from(whole).ok())) {
            (3, _) => Bson::Decimal128(self.to_decimal()?),
            (1, Some(whole)) => Bson::Int64(whole),
            (0, Some(whole)) => int_or_long(whole),
            _ => Bson::Double(self.to_double()),
        })
    }
}
