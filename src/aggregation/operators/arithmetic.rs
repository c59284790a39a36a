use bson::{Bson, DateTime, Decimal128};

use super::{Args, null, some};
use crate::aggregation::decimal;
use crate::aggregation::failure::{Outcome, refusal, refused};
use crate::aggregation::number::{self, Num, Sum, int_or_long};
use crate::aggregation::value::{is_nullish, kind};

fn overflow() -> crate::aggregation::FindError {
    refusal(15, "a date is too large")
}

pub(crate) fn add(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (mut sum, mut has_date) = (Sum::default(), false);
    for value in args.iter() {
        match value {
            value if is_nullish(value) => return null(),
            Some(Bson::DateTime(_)) if has_date => {
                return refused(16612, "only one date allowed in an $add expression");
            }
            Some(Bson::DateTime(date)) => {
                has_date = true;
                sum.integer(date.timestamp_millis());
            }
            other => match other.and_then(Num::of) {
                Some(number) => sum.add(number)?,
                None => {
                    return refused(16554, format!("$add only supports numeric or date types, not {}", kind(other)));
                }
            },
        }
    }
    if !has_date {
        return Ok(Some(sum.bson()?));
    }
    let millis = match sum.is_decimal() {
        true => decimal::nearest_integer(sum.to_decimal()?),
        false => sum.to_long(),
    };
    some(DateTime::from_millis(millis.ok_or_else(overflow)?))
}

pub(crate) fn subtract(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return null();
    }
    let wrong = || refusal(14, format!("can't $subtract {} from {}", kind(args.get(1)), kind(args.get(0))));
    match (args.get(0), args.get(1)) {
        (Some(Bson::DateTime(a)), Some(Bson::DateTime(b))) => {
            some(a.timestamp_millis().checked_sub(b.timestamp_millis()).ok_or_else(overflow)?)
        }
        (Some(Bson::DateTime(a)), Some(b)) => {
            let millis = match Num::of(b).ok_or_else(wrong)? {
                Num::Decimal(number) => decimal::nearest_integer(number),
                number => number.truncated(),
            };
            let millis = millis.ok_or_else(|| refusal(31109, "a number is out of the range of a date"))?;
            some(DateTime::from_millis(a.timestamp_millis().checked_sub(millis).ok_or_else(overflow)?))
        }
        (Some(a), Some(b)) => {
            let (a, b) = (Num::of(a).ok_or_else(wrong)?, Num::of(b).ok_or_else(wrong)?);
            match (a, b) {
                (Num::Int(a), Num::Int(b)) => some(int_or_long(i64::from(a) - i64::from(b))),
                (Num::Decimal(_), _) | (_, Num::Decimal(_)) => {
                    some(number::add(a.decimal(), number::negate(b.decimal()))?)
                }
                (Num::Int(_) | Num::Long(_), Num::Int(_) | Num::Long(_)) => {
                    let whole = a.truncated().zip(b.truncated()).and_then(|(a, b)| a.checked_sub(b));
                    whole.map_or_else(|| some(a.double() - b.double()), some)
                }
                _ => some(a.double() - b.double()),
            }
        }
        _ => null(),
    }
}

pub(crate) fn multiply(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (mut whole, mut double, mut exact) = (Some(1_i64), 1.0_f64, None::<Decimal128>);
    let mut width = 0;
    for value in args.iter() {
        if is_nullish(value) {
            return null();
        }
        let Some(number) = value.and_then(Num::of) else {
            return refused(14, format!("$multiply only supports numeric types, not {}", kind(value)));
        };
        if matches!(number, Num::Decimal(_)) && exact.is_none() {
            let so_far = match whole {
                Some(whole) if width < 2 => Num::Long(whole),
                _ => Num::Double(double),
            };
            exact = Some(so_far.decimal());
        }
        exact = exact.map(|exact| number::multiply(exact, number.decimal())).transpose()?;
        width = width.max(number.width());
        double *= number.double();
        whole = match number {
            Num::Int(number) => whole.and_then(|whole| whole.checked_mul(i64::from(number))),
            Num::Long(number) => whole.and_then(|whole| whole.checked_mul(number)),
            Num::Double(_) | Num::Decimal(_) => None,
        };
    }
    match (width, whole, exact) {
        (3, _, Some(exact)) => some(exact),
        (1, Some(whole), _) => some(whole),
        (0, Some(whole), _) => some(int_or_long(whole)),
        _ => some(double),
    }
}

fn two(args: &Args<'_>, code: i32) -> Outcome<Option<(Num, Num)>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return Ok(None);
    }
    match (args.get(0).and_then(Num::of), args.get(1).and_then(Num::of)) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        _ => {
            let (a, b) = (kind(args.get(0)), kind(args.get(1)));
            refused(code, format!("{} only supports numeric types, not {a} and {b}", args.name))
        }
    }
}

pub(crate) fn divide(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some((a, b)) = two(args, 14)? else { return null() };
    if b.is_zero() {
        return refused(2, "can't $divide by zero");
    }
    match (a, b) {
        (Num::Decimal(_), _) | (_, Num::Decimal(_)) => some(decimal::divide(a.decimal(), b.decimal())?),
        _ => some(a.double() / b.double()),
    }
}

pub(crate) fn modulo(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some((a, b)) = two(args, 16611)? else { return null() };
    if b.is_zero() {
        return refused(16610, "can't $mod by zero");
    }
    match (a, b) {
        (Num::Decimal(_), _) | (_, Num::Decimal(_)) => some(decimal::modulo(a.decimal(), b.decimal())?),
        (Num::Int(a), Num::Int(b)) => some(a.wrapping_rem(b)),
        (Num::Double(_), _) | (_, Num::Double(_)) => {
            // If the divisor is integral, the division is one of integers.
            match (a, b.integer()) {
                (Num::Int(a), Some(b)) if i32::try_from(b).is_ok() => some(int_or_long(i64::from(a).wrapping_rem(b))),
                (Num::Int(_) | Num::Long(_), Some(b)) => some(a.truncated().unwrap_or(0).wrapping_rem(b)),
                _ => some(a.double() % b.double()),
            }
        }
        _ => some(a.truncated().unwrap_or(0).wrapping_rem(b.truncated().unwrap_or(1))),
    }
}

pub(crate) fn pow(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return null();
    }
    let number = |at: usize, code: i32| args.number(at, code);
    let (Some(base), Some(exponent)) = (number(0, 28762)?, number(1, 28763)?) else { return null() };
    if base.is_zero() && exponent.double() < 0.0 {
        return refused(28764, "$pow cannot take a base of 0 and a negative exponent");
    }
    match (base, exponent) {
        (Num::Decimal(_), _) | (_, Num::Decimal(_)) => Err(decimal::no_such(args.name)),
        (Num::Double(_), _) | (_, Num::Double(_)) => some(base.double().powf(exponent.double())),
        _ => {
            let (whole, times) = (base.truncated().unwrap_or(0), exponent.truncated().unwrap_or(0));
            let power =
                u32::try_from(times).ok().and_then(|times| whole.checked_pow(times)).or(match (whole, times % 2) {
                    (1, _) | (-1, 0) => Some(1),
                    (-1, _) => Some(-1),
                    (0, _) => Some(0),
                    _ => None,
                });
            match power {
                Some(power) if base.width() == 1 || exponent.width() == 1 => some(power),
                Some(power) => some(int_or_long(power)),
                None => some(base.double().powf(exponent.double())),
            }
        }
    }
}
