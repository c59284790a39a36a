use bson::oid::ObjectId;
use bson::{Bson, DateTime};

use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refusal, refused, unsupported};
use crate::aggregation::number::Num;
use crate::aggregation::value::{is_nullish, is_true, kind};
use crate::calendar::{self, Civil};
use crate::value::{Type, ValueRef};

/// MongoDB's error code `ConversionFailure`, which `onError` handles.
pub(in crate::aggregation) const CONVERSION: i32 = 241;

pub(crate) fn type_of(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(kind(args.get(0)))
}

pub(crate) fn is_number(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(args.get(0).and_then(Num::of).is_some())
}

pub(crate) fn timestamp_part(args: &Args<'_>) -> Outcome<Option<Bson>> {
    match args.get(0) {
        value if is_nullish(value) => null(),
        Some(Bson::Timestamp(timestamp)) => {
            some(i64::from(if args.name == "$tsSecond" { timestamp.time } else { timestamp.increment }))
        }
        other => refused(5687301, format!("{} requires a timestamp argument, found: {}", args.name, kind(other))),
    }
}

/// Converts an operand of a string operator to a string, as these operators do implicitly.
pub(crate) fn coerced_text(value: Option<&Bson>) -> Outcome<String> {
    match value {
        value if is_nullish(value) => Ok(String::new()),
        Some(Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text)) => Ok(text.clone()),
        Some(Bson::DateTime(date)) => Ok(iso(*date)),
        Some(Bson::Timestamp(_)) => Err(crate::aggregation::FindError::Unsupported {
            what: "converting a timestamp to a string".to_owned(),
            help: Some("use `$tsSecond`"),
        }),
        Some(value) => match Num::of(value) {
            Some(number) => Ok(number_text(number)),
            None => refused(16007, format!("can't convert from BSON type {} to String", kind(Some(value)))),
        },
        None => Ok(String::new()),
    }
}

pub(crate) fn iso(date: DateTime) -> String {
    calendar::format(&Civil::of(date.timestamp_millis()), "%Y-%m-%dT%H:%M:%S.%LZ", "+0000", 0).unwrap_or_default()
}

fn number_text(number: Num) -> String {
    match number {
        Num::Int(number) => number.to_string(),
        Num::Long(number) => number.to_string(),
        Num::Decimal(number) => number.to_string(),
        Num::Double(number) if number.is_nan() => "NaN".to_owned(),
        Num::Double(number) if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        Num::Double(number) => general(number),
    }
}

/// Formats a double with at most six digits, like `%g` in C.
fn general(number: f64) -> String {
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let written = format!("{number:.5e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or(0);
        trimmed(&format!("{number:.places$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
    }
}

/// `$toInt` and similar operators.
pub(crate) fn to(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let to = match args.name {
        "$toBool" => Type::Bool,
        "$toDate" => Type::Date,
        "$toDecimal" => Type::Decimal,
        "$toDouble" => Type::Double,
        "$toInt" => Type::Int,
        "$toLong" => Type::Long,
        "$toObjectId" => Type::ObjectId,
        _ => Type::String,
    };
    match args.get(0) {
        Some(value) if !is_nullish(Some(value)) => converted(value, to).map(Some),
        _ => null(),
    }
}

/// `$convert`, except for `onError` and `onNull`, which the evaluation handles.
pub(crate) fn convert(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let to = match args.get(1) {
        value if is_nullish(value) => return null(),
        Some(Bson::String(alias)) => {
            Type::from_alias(alias).ok_or_else(|| refusal(2, "$convert: unknown type name"))?
        }
        Some(value) => match Num::of(value).map(Num::integer) {
            Some(Some(number)) => Type::from_number(number).ok_or_else(|| refusal(2, "$convert: unknown type code"))?,
            Some(None) => return refused(2, "$convert: a type code is a whole number"),
            None => return refused(2, "$convert's 'to' argument must be a string or number"),
        },
        None => return null(),
    };
    match args.get(0) {
        Some(value) if !is_nullish(Some(value)) => converted(value, to).map(Some),
        _ => null(),
    }
}

fn converted(value: &Bson, to: Type) -> Outcome<Bson> {
    let no_way = || refusal(CONVERSION, format!("Unsupported conversion from {} to {}", kind(Some(value)), to.alias()));
    let failed =
        |why: &str| refusal(CONVERSION, format!("Failed to convert {} to {}: {why}", kind(Some(value)), to.alias()));
    let from = ValueRef::from(value).kind();
    if from == to
        && matches!(
            to,
            Type::Bool
                | Type::Date
                | Type::Decimal
                | Type::Double
                | Type::Int
                | Type::Long
                | Type::ObjectId
                | Type::String
        )
    {
        return Ok(value.clone());
    }
    let number = Num::of(value);
    let truncated = |number: Num| match number {
        Num::Double(double) if !double.is_finite() => Err(failed("it is not finite")),
        number => number.truncated().ok_or_else(|| failed("it would overflow")),
    };
    Ok(match (to, value) {
        (Type::Bool, value) => match value {
            Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => {
                Bson::Boolean(is_true(Some(value)))
            }
            // Every value that is not a number is true.
            _ => Bson::Boolean(true),
        },
        (Type::Int | Type::Long, Bson::Boolean(holds)) => whole(i64::from(*holds), to).ok_or_else(no_way)?,
        (Type::Double, Bson::Boolean(holds)) => Bson::Double(f64::from(u8::from(*holds))),
        (Type::Decimal, Bson::Boolean(holds)) => Num::Int(i32::from(*holds)).decimal().into(),
        (Type::Int | Type::Long, Bson::String(text)) => {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'+');
            let number = text.parse::<i64>().ok().filter(|_| is_plain).and_then(|number| whole(number, to));
            number.ok_or_else(|| failed("it is not a whole number in the range of the type"))?
        }
        (Type::Double, Bson::String(text)) => {
            let is_plain = !text.is_empty() && !text.contains(char::is_whitespace);
            let double: f64 = text.parse().ok().filter(|_| is_plain).ok_or_else(|| failed("it is not a number"))?;
            let has_digit = |least: u8| {
                let digits = text.bytes().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'));
                digits.into_iter().any(|byte| byte.is_ascii_digit() && byte >= least)
            };
            let is_in_range = if double.is_infinite() {
                !has_digit(b'0')
            } else {
                double.is_nan() || double.is_normal() || !has_digit(b'1')
            };
            Bson::Double(Some(double).filter(|_| is_in_range).ok_or_else(|| failed("it is out of range"))?)
        }
        (Type::Decimal, Bson::String(text)) => {
            if text.bytes().filter(u8::is_ascii_digit).count() > 34 {
                return unsupported("converting more than 34 digits to a decimal128", "use fewer");
            }
            let decimal = text.parse().ok().filter(|_| !text.is_empty());
            Bson::Decimal128(decimal.ok_or_else(|| failed("it is not a number"))?)
        }
        (Type::Int | Type::Long, Bson::DateTime(date)) if to == Type::Long => Bson::Int64(date.timestamp_millis()),
        (Type::Double, Bson::DateTime(date)) => Bson::Double(Num::Long(date.timestamp_millis()).double()),
        (Type::Decimal, Bson::DateTime(date)) => Num::Long(date.timestamp_millis()).decimal().into(),
        (Type::Int | Type::Long, _) => {
            let number = truncated(number.ok_or_else(no_way)?)?;
            whole(number, to).ok_or_else(|| failed("it would overflow"))?
        }
        (Type::Double, _) => {
            let double = number.ok_or_else(no_way)?;
            let converted = double.double();
            let is_finite = !matches!(double, Num::Decimal(decimal) if converted.is_infinite() && !decimal.to_string().contains("Inf"));
            if is_finite { Bson::Double(converted) } else { return Err(failed("it would overflow")) }
        }
        (Type::Decimal, _) => Bson::Decimal128(number.ok_or_else(no_way)?.decimal()),
        (Type::Date, Bson::String(text)) => {
            Bson::DateTime(DateTime::from_millis(calendar::parse(text).ok_or_else(|| failed("it is not a date"))?))
        }
        (Type::Date, Bson::ObjectId(id)) => Bson::DateTime(id.timestamp()),
        (Type::Date, Bson::Timestamp(timestamp)) => {
            Bson::DateTime(DateTime::from_millis(i64::from(timestamp.time) * 1000))
        }
        (Type::Date, Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_)) => {
            Bson::DateTime(DateTime::from_millis(truncated(number.ok_or_else(no_way)?)?))
        }
        (Type::ObjectId, Bson::String(text)) => {
            Bson::ObjectId(ObjectId::parse_str(text).map_err(|_| failed("it is not an ObjectId"))?)
        }
        (Type::String, Bson::Boolean(holds)) => Bson::from(if *holds { "true" } else { "false" }),
        (Type::String, Bson::ObjectId(id)) => Bson::from(id.to_hex()),
        (Type::String, Bson::DateTime(date)) => Bson::from(iso(*date)),
        (Type::String, _) => Bson::from(number_text(number.ok_or_else(no_way)?)),
        _ => return Err(no_way()),
    })
}

fn whole(number: i64, to: Type) -> Option<Bson> {
    if to == Type::Long { Some(Bson::Int64(number)) } else { i32::try_from(number).ok().map(Bson::Int32) }
}
