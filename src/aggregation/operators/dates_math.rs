//! Date arithmetic, in UTC or at a fixed offset from UTC.

use bson::{Bson, DateTime};

use super::dates::{moment, zone};
use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refusal, refused};
use crate::aggregation::number::Num;
use crate::aggregation::value::{is_nullish, kind};
use crate::calendar::{Civil, DAY, HOUR, MINUTE, SECOND, days, length};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A number of months.
    Months(i64),
    /// A number of milliseconds, for days and shorter units.
    Millis(i64),
    Week,
}

fn unit(args: &Args<'_>, at: usize) -> Outcome<Option<Unit>> {
    let name = match args.get(at) {
        value if is_nullish(value) => return Ok(None),
        Some(Bson::String(name)) => name.as_str(),
        other => {
            return refused(5439013, format!("{} requires 'unit' to be a string, but got {}", args.name, kind(other)));
        }
    };
    Ok(Some(match name {
        "year" => Unit::Months(12),
        "quarter" => Unit::Months(3),
        "month" => Unit::Months(1),
        "week" => Unit::Week,
        "day" => Unit::Millis(DAY),
        "hour" => Unit::Millis(HOUR),
        "minute" => Unit::Millis(MINUTE),
        "second" => Unit::Millis(SECOND),
        "millisecond" => Unit::Millis(1),
        _ => return refused(9, format!("{} parameter 'unit' value cannot be recognized as a time unit", args.name)),
    }))
}

fn too_large() -> crate::aggregation::FindError {
    refusal(5166406, "a date is too large")
}

/// `$dateAdd` and `$dateSubtract`.
pub(crate) fn add(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (start, unit) = (args.get(0), unit(args, 1)?);
    if is_nullish(start) || args.is_nullish(2) {
        return null();
    }
    let (Some(unit), Some(zone)) = (unit, zone(args, 3)?) else { return null() };
    let Ok(Some(start)) = moment(start) else {
        return refused(5166403, format!("{} requires startDate to be convertible to a date", args.name));
    };
    let amount = args.get(2).and_then(Num::of).and_then(Num::integer);
    let Some(amount) = amount else {
        return refused(5166405, format!("{} expects integer amount of time units", args.name));
    };
    let amount = if args.name == "$dateSubtract" { amount.checked_neg().ok_or_else(too_large)? } else { amount };
    let millis = match unit {
        Unit::Millis(unit) => amount.checked_mul(unit).and_then(|amount| start.checked_add(amount)),
        Unit::Week => amount.checked_mul(7 * DAY).and_then(|amount| start.checked_add(amount)),
        Unit::Months(count) => amount.checked_mul(count).and_then(|months| {
            let mut civil = Civil::of(start.checked_add(zone)?);
            let month = civil.month.checked_add(months)?.checked_sub(1)?;
            civil.year = civil.year.checked_add(month.div_euclid(12)).filter(|year| year.abs() < 400_000_000)?;
            civil.month = month.rem_euclid(12) + 1;
            civil.day = civil.day.min(length(civil.year, civil.month));
            civil.millis()?.checked_sub(zone)
        }),
    };
    some(DateTime::from_millis(millis.ok_or_else(too_large)?))
}

/// The first day of the week, from 1 (Monday) to 7 (Sunday).
fn week_start(args: &Args<'_>, at: usize) -> Outcome<Option<i64>> {
    let name = match args.get(at) {
        _ if !args.is_given(at) => return Ok(Some(7)),
        value if is_nullish(value) => return Ok(None),
        Some(Bson::String(name)) => name.to_lowercase(),
        other => {
            return refused(
                5439015,
                format!("{} requires 'startOfWeek' to be a string, but got {}", args.name, kind(other)),
            );
        }
    };
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let position = names.iter().position(|day| *day == name || day.get(..3) == Some(name.as_str()));
    let position = position.and_then(|at| i64::try_from(at).ok());
    position.map_or_else(|| refused(9, "startOfWeek must be a day of the week"), |at| Ok(Some(at + 1)))
}

pub(crate) fn diff(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let (from, to) = (moment(args.get(0)), moment(args.get(1)));
    let (Ok(from), Ok(to)) = (from, to) else {
        return refused(5166307, "$dateDiff requires dates");
    };
    let (unit, zone) = (unit(args, 2)?, zone(args, 3)?);
    let start = if unit == Some(Unit::Week) { week_start(args, 4)? } else { Some(7) };
    let (Some(from), Some(to), Some(unit), Some(zone), Some(start)) = (from, to, unit, zone, start) else {
        return null();
    };
    let (from, to) = (from.saturating_add(zone), to.saturating_add(zone));
    let months = |millis: i64| {
        let civil = Civil::of(millis);
        civil.year * 12 + civil.month - 1
    };
    let week = |millis: i64| (millis.div_euclid(DAY) + 3 - (start - 1)).div_euclid(7);
    some(match unit {
        Unit::Months(count) => months(to).div_euclid(count) - months(from).div_euclid(count),
        Unit::Millis(1) => to.checked_sub(from).ok_or_else(too_large)?,
        Unit::Millis(unit) => to.div_euclid(unit) - from.div_euclid(unit),
        Unit::Week => week(to) - week(from),
    })
}

pub(crate) fn trunc(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let unit = unit(args, 1)?;
    let size = match args.get(2) {
        _ if !args.is_given(2) => Some(1),
        value if is_nullish(value) => None,
        value => match value.and_then(Num::of).and_then(Num::integer) {
            Some(size) if size > 0 => Some(size),
            _ => return refused(5439017, "$dateTrunc requires 'binSize' to be a whole number above 0"),
        },
    };
    let zone = zone(args, 3)?;
    let start = if unit == Some(Unit::Week) { week_start(args, 4)? } else { Some(7) };
    let Ok(moment) = moment(args.get(0)) else { return refused(5439012, "$dateTrunc requires 'date' to be a date") };
    let (Some(moment), Some(unit), Some(size), Some(zone), Some(start)) = (moment, unit, size, zone, start) else {
        return null();
    };
    let local = moment.checked_add(zone).ok_or_else(too_large)?;
    // Bins are aligned to 2000-01-01.
    let reference = days(2000, 1, 1) * DAY;
    let bin = |unit: i64, reference: i64| {
        let unit = unit.checked_mul(size)?;
        local.checked_sub(reference)?.div_euclid(unit).checked_mul(unit)?.checked_add(reference)
    };
    let millis = match unit {
        Unit::Millis(unit) => bin(unit, reference),
        Unit::Week => {
            // The first such day in 2000, whose 1 January was a Saturday.
            let first = (start - 6).rem_euclid(7);
            bin(7 * DAY, reference + first * DAY)
        }
        Unit::Months(count) => count.checked_mul(size).and_then(|count| {
            let civil = Civil::of(local);
            let months = (civil.year - 2000) * 12 + civil.month - 1;
            let months = months.div_euclid(count).checked_mul(count)?;
            days(2000 + months.div_euclid(12), months.rem_euclid(12) + 1, 1).checked_mul(DAY)
        }),
    };
    some(DateTime::from_millis(millis.and_then(|millis| millis.checked_sub(zone)).ok_or_else(too_large)?))
}
