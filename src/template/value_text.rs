//! Values as text for insertion.

use std::fmt::Write as _;
use std::ops::Deref;

use bson::Decimal128;
use bson::oid::ObjectId;

use crate::value::{ValueRef, iso_8601};

/// The text of a value. Strings are borrowed and integers formatted on the stack, so that the most frequent values need
/// no allocation.
pub(super) enum Text<'v> {
    Borrowed(&'v str),
    Made(String),
    Integer(Integer),
}

impl Text<'_> {
    /// An owned copy of the text.
    pub(super) fn into_owned<'o>(self) -> Text<'o> {
        match self {
            Self::Borrowed(text) => Text::Made(text.to_owned()),
            Self::Made(text) => Text::Made(text),
            Self::Integer(digits) => Text::Integer(digits),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
            Self::Integer(digits) => digits.as_str(),
        }
    }
}

impl<'v> From<&'v str> for Text<'v> {
    fn from(text: &'v str) -> Self {
        Self::Borrowed(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Made(text)
    }
}

/// The text of a value; `None` for a type or value without a text form.
pub(super) fn text(value: ValueRef<'_>) -> Option<Text<'_>> {
    Some(match value {
        ValueRef::String(text) => text.into(),
        ValueRef::Int32(number) => Text::Integer(Integer::new(number.into())),
        ValueRef::Int64(number) => Text::Integer(Integer::new(number)),
        ValueRef::Double(number) => double(number)?.into(),
        ValueRef::Decimal128(number) => decimal(number)?.into(),
        ValueRef::Boolean(value) => if value { "true" } else { "false" }.into(),
        ValueRef::ObjectId(bytes) => ObjectId::from_bytes(bytes).to_hex().into(),
        ValueRef::Binary { subtype: 4, bytes } => bson::Uuid::from_bytes(bytes.try_into().ok()?).to_string().into(),
        ValueRef::DateTime(millis) => iso_8601(bson::DateTime::from_millis(millis))?.into(),
        _ => return None,
    })
}

/// The maximum length of an `i64` in decimal: that of `-9223372036854775808`.
const MAX_INTEGER_LENGTH: usize = 20;

/// The digits of an integer.
pub(super) struct Integer {
    digits: [u8; MAX_INTEGER_LENGTH],
    start: usize,
}

impl Integer {
    fn new(number: i64) -> Self {
        let (mut digits, mut start, mut rest) = ([0; MAX_INTEGER_LENGTH], MAX_INTEGER_LENGTH, number.unsigned_abs());
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            start = place;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start = start.saturating_sub(1);
            digits.iter_mut().skip(start).take(1).for_each(|sign| *sign = b'-');
        }
        Self { digits, start }
    }

    fn as_str(&self) -> &str {
        self.digits.get(self.start..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }
}

/// The text of a JSON number that is written as a literal in a template.
pub(super) fn json_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => double(value).unwrap_or_else(|| number.to_string()),
        _ => number.to_string(),
    }
}

/// Formats like ECMAScript's `Number::toString`; `None` for NaN and infinities.
///
/// Source: ECMA-262, section 6.1.6.1.20.
fn double(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    // The shortest digits that round-trip, in the form `d.ddde±x`.
    let shortest = format!("{:e}", number.abs());
    let (digits, exponent) = shortest.split_once('e')?;
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let sign = if number < 0.0 { "-" } else { "" };
    Some(laid_out(sign, &digits, exponent.parse::<i32>().ok()?.checked_add(1)?))
}

/// All digits of a decimal, laid out as in ECMAScript; `None` for NaN and infinities.
fn decimal(number: Decimal128) -> Option<String> {
    let text = number.to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |text| ("-", text));
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = exponent.parse().ok()?;
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    // Leading zeros only shift the decimal point; the last digit is kept so that zero has one.
    let zeros = all.len().saturating_sub(1).min(all.bytes().take_while(|digit| *digit == b'0').count());
    let digits = all.get(zeros..)?;
    Some(laid_out(sign, digits, point.checked_sub(i32::try_from(zeros).ok()?)?))
}

/// Formats digits with the decimal point after the first `point` of them.
fn laid_out(sign: &str, digits: &str, point: i32) -> String {
    let mut out = sign.to_owned();
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    // Writing to a `String` cannot fail.
    let _ = match point {
        point if (length..=21).contains(&point) => write!(out, "{digits}{}", zeros(point - length)),
        point if (1..=21).contains(&point) => {
            let (whole, fraction) =
                digits.split_at_checked(usize::try_from(point).unwrap_or(0)).unwrap_or((digits, ""));
            write!(out, "{whole}.{fraction}")
        }
        point if (-5..=0).contains(&point) => write!(out, "0.{}{digits}", zeros(-point)),
        point => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let dot = if rest.is_empty() { "" } else { "." };
            let exponent = point - 1;
            let plus = if exponent < 0 { "" } else { "+" };
            write!(out, "{first}{dot}{rest}e{plus}{exponent}")
        }
    };
    out
}

#[cfg(test)]
mod tests {
    use super::{Integer, decimal, double};

    #[test]
    fn integers_are_written_with_all_digits() {
        for number in [0, 1, -1, 9, 10, -10, 99, 100, 1_234_567_890, i64::from(i32::MIN), i64::MAX, i64::MIN] {
            assert_eq!(Integer::new(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn doubles_are_written_like_ecmascript() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (100.0, "100"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(double(number).as_deref(), Some(text));
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(double(number), None);
        }
    }

    #[test]
    fn decimals_are_written_with_all_digits() {
        for (number, text) in [
            ("0", "0"),
            ("-0", "-0"),
            ("1.10", "1.10"),
            ("0.05", "0.05"),
            ("1E+3", "1000"),
            ("1.5E+30", "1.5e+30"),
            ("1E-8", "1e-8"),
            ("12345678901234567890.12345678901234", "12345678901234567890.12345678901234"),
            ("0.00", "0.00"),
        ] {
            assert_eq!(decimal(number.parse().unwrap()).as_deref(), Some(text), "{number}");
        }
        for number in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(decimal(number.parse().unwrap()), None);
        }
    }
}
