use bson::{Bson, DateTime, doc};

use super::{Args, null, some};
use crate::aggregation::failure::{FindError, Outcome, refusal, refused};
use crate::aggregation::number::Num;
use crate::aggregation::value::{is_nullish, kind, take_text};
use crate::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};

/// The milliseconds of a date, timestamp or ObjectId; `None` if the value is null or missing.
pub(super) fn moment(value: Option<&Bson>) -> Outcome<Option<i64>> {
    match value {
        value if is_nullish(value) => Ok(None),
        Some(Bson::DateTime(date)) => Ok(Some(date.timestamp_millis())),
        Some(Bson::Timestamp(timestamp)) => Ok(Some(i64::from(timestamp.time) * SECOND)),
        Some(Bson::ObjectId(id)) => Ok(Some(id.timestamp().timestamp_millis())),
        other => refused(16006, format!("can't convert from BSON type {} to Date", kind(other))),
    }
}

/// The offset from UTC of a time zone argument, in milliseconds; `None` if it is null.
pub(super) fn zone(args: &Args<'_>, at: usize) -> Outcome<Option<i64>> {
    if !args.is_given(at) {
        return Ok(Some(0));
    }
    match args.get(at) {
        value if is_nullish(value) => Ok(None),
        Some(Bson::String(zone)) => calendar::offset(zone).map(Some).ok_or_else(|| FindError::Unsupported {
            what: "this time zone".to_owned(),
            help: Some("use `UTC` or an offset such as `+05:30`"),
        }),
        other => refused(40517, format!("timezone must evaluate to a string, found {}", kind(other))),
    }
}

/// `$year` and similar operators.
pub(crate) fn part(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (Some(moment), Some(zone)) = (moment(args.get(0))?, zone(args, 1)?) else { return null() };
    let civil = Civil::of(moment.saturating_add(zone));
    let number = match args.name {
        "$year" => civil.year,
        "$month" => civil.month,
        "$dayOfMonth" => civil.day,
        "$dayOfYear" => civil.day_of_year(),
        "$dayOfWeek" => civil.weekday() % 7 + 1,
        "$hour" => civil.hour,
        "$minute" => civil.minute,
        "$second" => civil.second,
        "$millisecond" => civil.millis,
        "$week" => civil.week(),
        "$isoWeek" => civil.iso_week().1,
        "$isoDayOfWeek" => civil.weekday(),
        _ => return some(civil.iso_week().0),
    };
    some(i32::try_from(number).unwrap_or(i32::MAX))
}

pub(crate) fn to_parts(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (Some(moment), Some(zone)) = (moment(args.get(0))?, zone(args, 1)?) else { return null() };
    let iso = match args.get(2) {
        _ if !args.is_given(2) => false,
        Some(Bson::Boolean(iso)) => *iso,
        value if is_nullish(value) => return null(),
        other => return refused(40521, format!("iso8601 must evaluate to a bool, found {}", kind(other))),
    };
    let civil = Civil::of(moment.saturating_add(zone));
    let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    let mut parts = if iso {
        let (year, week) = civil.iso_week();
        doc! { "isoWeekYear": small(year), "isoWeek": small(week), "isoDayOfWeek": small(civil.weekday()) }
    } else {
        doc! { "year": small(civil.year), "month": small(civil.month), "day": small(civil.day) }
    };
    parts.extend(doc! {
        "hour": small(civil.hour), "minute": small(civil.minute), "second": small(civil.second),
        "millisecond": small(civil.millis),
    });
    some(parts)
}

pub(crate) fn to_string(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let format = match args.get(1) {
        _ if !args.is_given(1) => None,
        value if is_nullish(value) => return null(),
        Some(Bson::String(format)) => Some(format.as_str()),
        other => {
            return refused(18533, format!("$dateToString requires that 'format' be a string, found: {}", kind(other)));
        }
    };
    let Some(zone) = zone(args, 2)? else { return null() };
    let Some(moment) = moment(args.get(0))? else { return null() };
    let civil = Civil::of(moment.saturating_add(zone));
    let minutes = zone / MINUTE;
    let ahead = format!("{}{:02}{:02}", if zone < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
    let otherwise = "%Y-%m-%dT%H:%M:%S.%LZ";
    let format = format.unwrap_or(otherwise);
    take_text(format.len().saturating_mul(4), args.steps)?;
    let text = calendar::format(&civil, format, &ahead, minutes);
    text.map_or_else(
        || refused(18536, "$dateToString: the format has an unknown specifier, or the year does not have four digits"),
        some,
    )
}

pub(crate) fn from_string(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(zone) = zone(args, 2)? else { return null() };
    let format = match args.get(1) {
        _ if !args.is_given(1) => None,
        value if is_nullish(value) => return null(),
        Some(Bson::String(format)) => Some(format.as_str()),
        other => {
            return refused(
                40684,
                format!("$dateFromString requires that 'format' be a string, found: {}", kind(other)),
            );
        }
    };
    let text = match args.get(0) {
        value if is_nullish(value) => return null(),
        Some(Bson::String(text)) => text,
        other => {
            return refused(
                super::convert::CONVERSION,
                format!("$dateFromString requires that 'dateString' be a string, found: {}", kind(other)),
            );
        }
    };
    take_text(text.len().saturating_mul(4), args.steps)?;
    let parsed = match format {
        None => calendar::parse(text),
        Some(format) => by_format(text, format),
    };
    let Some(millis) = parsed else { return refused(super::convert::CONVERSION, "Error parsing date string") };
    some(DateTime::from_millis(millis.saturating_sub(zone)))
}

/// Parses a date with a format string that contains only simple specifiers.
fn by_format(text: &str, format: &str) -> Option<i64> {
    let mut civil = Civil { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, millis: 0 };
    let (mut rest, mut letters, mut zone) = (text, format.chars(), 0);
    while let Some(c) = letters.next() {
        if c != '%' {
            rest = rest.strip_prefix(c)?;
            continue;
        }
        let letter = letters.next()?;
        let most = match letter {
            'Y' => 4,
            'L' => 3,
            'm' | 'd' | 'H' | 'M' | 'S' => 2,
            'z' => {
                zone = calendar::offset(rest)?;
                rest = "";
                continue;
            }
            _ => return None,
        };
        let width = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at_checked(width)?;
        let number: i64 = digits.parse().ok()?;
        rest = after;
        *match letter {
            'Y' => &mut civil.year,
            'm' => &mut civil.month,
            'd' => &mut civil.day,
            'H' => &mut civil.hour,
            'M' => &mut civil.minute,
            'S' => &mut civil.second,
            _ => &mut civil.millis,
        } = number;
    }
    let is_date =
        (1..=12).contains(&civil.month) && (1..=calendar::length(civil.year, civil.month)).contains(&civil.day);
    if is_date && rest.is_empty() { civil.millis()?.checked_sub(zone) } else { None }
}

pub(crate) fn from_parts(args: &Args<'_>) -> Outcome<Option<Bson>> {
    // In the order of the arguments in the operator table: year, isoWeekYear, month, day, hour, minute, second,
    // millisecond, isoWeek, isoDayOfWeek, timezone.
    let is_iso = args.is_given(1);
    if is_iso && [0, 2, 3].iter().any(|at| args.is_given(*at)) || !is_iso && [8, 9].iter().any(|at| args.is_given(*at))
    {
        return refused(40489, "$dateFromParts does not allow mixing natural dates with ISO dates");
    }
    if !is_iso && !args.is_given(0) {
        return refused(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present");
    }
    let part = |at: usize, otherwise: i64| -> Outcome<Option<i64>> {
        if !args.is_given(at) {
            return Ok(Some(otherwise));
        }
        match args.get(at) {
            value if is_nullish(value) => Ok(None),
            value => match value.and_then(Num::of).and_then(Num::integer) {
                Some(number) if (-32768..=32767).contains(&number) || at == 6 || at == 7 => Ok(Some(number)),
                Some(_) => refused(31034, "$dateFromParts: a part is out of its range"),
                None => refused(40515, format!("$dateFromParts takes whole numbers, found {}", kind(value))),
            },
        }
    };
    let Some(zone) = zone(args, 10)? else { return null() };
    let parts = [
        part(if is_iso { 1 } else { 0 }, 1)?,
        part(if is_iso { 8 } else { 2 }, 1)?,
        part(if is_iso { 9 } else { 3 }, 1)?,
        part(4, 0)?,
        part(5, 0)?,
        part(6, 0)?,
        part(7, 0)?,
    ];
    let [Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second), Some(millis)] = parts else {
        return null();
    };
    if !(1..=9999).contains(&year) {
        return refused(40523, "$dateFromParts requires a year from 1 to 9999");
    }
    let number = if is_iso {
        // In ISO 8601, week 1 is the week that contains 4 January.
        let fourth = Civil { year, month: 1, day: 4, hour: 0, minute: 0, second: 0, millis: 0 };
        fourth.number() - fourth.weekday() + 1 + (month - 1) * 7 + day - 1
    } else {
        calendar::days(year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1, 1) + day - 1
    };
    let time = [(hour, HOUR), (minute, MINUTE), (second, SECOND), (millis, 1), (number, DAY)];
    let sum = time.iter().try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?));
    some(DateTime::from_millis(
        sum.and_then(|sum| sum.checked_sub(zone)).ok_or_else(|| refusal(15, "a date is too large"))?,
    ))
}
