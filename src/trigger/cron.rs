use std::str::FromStr;

use bson::DateTime;
use thiserror::Error;

use crate::calendar::{Civil, DAY, HOUR, MINUTE, days};
use crate::text::{OneLine, excerpt};

/// A schedule in UTC with a resolution of one minute, in the format of App Services: [CRON
/// expressions](https://www.mongodb.com/docs/atlas/app-services/triggers/cron-expressions/).
///
/// Five fields: minute, hour, day of the month, month (1 to 12, or `JAN`), weekday (0 to 6 from Sunday, or `SUN`). Each
/// is `*`, a value, a range (`1-5`), or a list of these. For minutes and hours, `/n` selects multiples of `n`: `*/25`
/// is 0, 25 and 50. **All fields must match**: unlike in cron, if day and weekday are both given, a time must match
/// both.
///
/// ```
/// use bson::DateTime;
/// use portcullis::trigger::Cron;
/// let friday_13: Cron = "0 8 13 * FRI".parse().unwrap();
/// let time = |text| DateTime::parse_rfc3339_str(text).unwrap();
/// assert_eq!(friday_13.next_after(time("2026-01-01T00:00:00Z")), Some(time("2026-02-13T08:00:00Z")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Values,
    hours: Values,
    days: Values,
    months: Values,
    weekdays: Values,
}

/// Why a schedule is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CronError {
    /// The number of fields is not five: `* * * *`
    #[error("a schedule has five fields (minute, hour, day of the month, month, weekday), not {0}")]
    FieldCount(usize),
    /// A value is invalid or out of range: `60 * * * *`
    #[error("`{}` is not a {field}: {expected}", excerpt(&OneLine(text).to_string(), 32))]
    Value {
        /// The name of the field.
        field: &'static str,
        /// The value found.
        text: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// The end of a range precedes its start: `5-1 * * * *`
    #[error("the range `{}` ends before it begins", excerpt(&OneLine(.0).to_string(), 32))]
    RangeReversed(String),
    /// A step in a field other than minutes and hours: `0 0 */2 * *`
    #[error("`/` is allowed in minutes and hours only, not in the {0}")]
    StepPlace(&'static str),
    /// A step that is zero or no number: `*/0 * * * *`
    #[error("`{}` needs a positive number after `/`", excerpt(&OneLine(.0).to_string(), 32))]
    StepValue(String),
    /// A step after a value, which has a different meaning in cron: `5/15 * * * *`
    #[error(
        "`/` does not follow a single value: it leaves the values that a number divides; write `*/15`, or list the values"
    )]
    StepBase,
    /// A schedule that no time matches: `0 0 30 2 *`
    #[error("no time ever matches all five fields")]
    Never,
}

/// A set of numbers from 0 to 63, as a bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Values(u64);

impl Values {
    fn contains(self, value: i64) -> bool {
        u32::try_from(value).ok().and_then(|value| self.0.checked_shr(value)).is_some_and(|bits| bits & 1 == 1)
    }

    /// The smallest value in the set that is at least `least`.
    fn from(self, least: i64) -> Option<i64> {
        let rest = u32::try_from(least).ok().and_then(|least| u64::MAX.checked_shl(least)).unwrap_or(0) & self.0;
        (rest != 0).then(|| i64::from(rest.trailing_zeros()))
    }
}

/// One of the five fields.
struct Field {
    name: &'static str,
    expected: &'static str,
    least: u32,
    most: u32,
    /// The names of the values, in ascending order.
    names: &'static [&'static str],
    has_steps: bool,
}

const MINUTES: Field = Field { name: "minute", expected: "0 to 59", least: 0, most: 59, names: &[], has_steps: true };
const HOURS: Field = Field { name: "hour", expected: "0 to 23", least: 0, most: 23, names: &[], has_steps: true };
const DAYS: Field =
    Field { name: "day of the month", expected: "1 to 31", least: 1, most: 31, names: &[], has_steps: false };
const MONTHS: Field = Field {
    name: "month",
    expected: "1 to 12, or JAN to DEC",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    has_steps: false,
};
const WEEKDAYS: Field = Field {
    name: "weekday",
    expected: "0 (Sunday) to 6, or SUN to SAT",
    least: 0,
    most: 6,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    has_steps: false,
};

/// The number of days to search. Within forty years, every date falls on every weekday, even if one of the leap days is
/// omitted.
const MAX_SEARCH_DAYS: i64 = 50 * 366;

impl Field {
    fn read(&self, text: &str) -> Result<Values, CronError> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= self.item(item)?;
        }
        Ok(Values(bits))
    }

    fn item(&self, item: &str) -> Result<u64, CronError> {
        let (range, step) = match item.split_once('/') {
            None => (item, 1),
            Some(_) if !self.has_steps => return Err(CronError::StepPlace(self.name)),
            Some((range, step)) => {
                let number = number(step).filter(|step| *step > 0);
                // According to the documentation, `/n` alone is a step, too.
                (if range.is_empty() { "*" } else { range }, number.ok_or_else(|| CronError::StepValue(item.into()))?)
            }
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first, item)?, self.value(last, item)?),
            None if step != 1 || item.contains('/') => {
                self.value(range, item)?;
                return Err(CronError::StepBase);
            }
            None => (self.value(range, item)?, self.value(range, item)?),
        };
        if first > last {
            return Err(CronError::RangeReversed(item.into()));
        }
        let values = (first..=last).filter(|value| value % step == 0);
        Ok(values.filter_map(|value| 1_u64.checked_shl(value)).fold(0, |bits, bit| bits | bit))
    }

    fn value(&self, text: &str, item: &str) -> Result<u32, CronError> {
        let named = || (self.least..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
        let value = number(text).or_else(|| named().map(|(value, _)| value));
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| CronError::Value {
            field: self.name,
            text: item.into(),
            expected: self.expected,
        })
    }
}

/// Parses digits, without sign or white space.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(CronError::FieldCount(fields.len()));
        };
        let cron = Self {
            text: text.to_owned(),
            minutes: MINUTES.read(minute)?,
            hours: HOURS.read(hour)?,
            days: DAYS.read(day)?,
            months: MONTHS.read(month)?,
            weekdays: WEEKDAYS.read(weekday)?,
        };
        if cron.next_after(DateTime::from_millis(0)).is_some() { Ok(cron) } else { Err(CronError::Never) }
    }
}

impl Cron {
    /// The schedule in source form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first matching minute after `time`; `None` if it is beyond the range of dates.
    #[must_use]
    pub fn next_after(&self, time: DateTime) -> Option<DateTime> {
        let first = time.timestamp_millis().div_euclid(MINUTE).checked_add(1)?.checked_mul(MINUTE)?;
        let civil = Civil::of(first);
        let mut day = civil.number();
        let (mut hour, mut minute) = (civil.hour, civil.minute);
        let end = day.checked_add(MAX_SEARCH_DAYS)?;
        while day < end {
            let midnight = day.checked_mul(DAY)?;
            if self.has_day(&Civil::of(midnight))
                && let Some((hour, minute)) = self.time_from(hour, minute)
            {
                return Some(DateTime::from_millis(midnight.checked_add(hour * HOUR + minute * MINUTE)?));
            }
            (hour, minute) = (0, 0);
            day = self.next_day(&Civil::of(midnight), day);
        }
        None
    }

    fn has_day(&self, date: &Civil) -> bool {
        self.months.contains(date.month) && self.days.contains(date.day) && self.weekdays.contains(date.weekday() % 7)
    }

    /// The next day that may match. Months that do not match are skipped.
    fn next_day(&self, date: &Civil, day: i64) -> i64 {
        if self.months.contains(date.month) {
            return day + 1;
        }
        match self.months.from(date.month) {
            Some(month) => days(date.year, month, 1),
            None => days(date.year + 1, 1, 1),
        }
    }

    /// The first matching time of day from the given one on.
    fn time_from(&self, hour: i64, minute: i64) -> Option<(i64, i64)> {
        if self.hours.contains(hour)
            && let Some(minute) = self.minutes.from(minute)
        {
            return Some((hour, minute));
        }
        Some((self.hours.from(hour + 1)?, self.minutes.from(0)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bson::DateTime;
    use proptest::prelude::*;

    use super::{Cron, CronError};
    use crate::calendar::{Civil, DAY, MINUTE};

    /// An independent parser of a single field, written from the documentation alone.
    fn matches(field: &str, value: i64, names: &[&str]) -> bool {
        let number = |text: &str| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(text))
                .map_or_else(|| text.parse().unwrap(), |at| i64::try_from(at).unwrap() + i64::from(names.len() == 12))
        };
        field.split(',').any(|item| {
            let (range, step) = item.split_once('/').unwrap_or((item, "1"));
            let inside = match range.split_once('-') {
                Some((first, last)) => number(first) <= value && value <= number(last),
                None => range == "*" || range.is_empty() || number(range) == value,
            };
            inside && value % step.parse::<i64>().unwrap() == 0
        })
    }

    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    fn is_due(text: &str, millis: i64) -> bool {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let civil = Civil::of(millis);
        // 1 January 1970 was a Thursday.
        let weekday = (millis.div_euclid(DAY) + 4).rem_euclid(7);
        matches(fields[0], civil.minute, &[])
            && matches(fields[1], civil.hour, &[])
            && matches(fields[2], civil.day, &[])
            && matches(fields[3], civil.month, &MONTHS)
            && matches(fields[4], weekday, &WEEKDAYS)
    }

    fn field(least: u32, most: u32, steps: bool, names: &'static [&'static str]) -> impl Strategy<Value = String> {
        let written = move |value: u32| match names.get(usize::try_from(value - least).unwrap()) {
            Some(name) if value.is_multiple_of(2) => name.to_uppercase(),
            _ => value.to_string(),
        };
        let range = move |(a, b): (u32, u32)| format!("{}-{}", written(a.min(b)), written(a.max(b)));
        let value = (least..=most).prop_map(written);
        let ranges = (least..=most, least..=most).prop_map(range);
        let item = if steps {
            let stepped =
                prop_oneof![Just("*".to_owned()), Just(String::new()), (least..=most, least..=most).prop_map(range)];
            prop_oneof![
                Just("*".to_owned()),
                value,
                ranges,
                (stepped, 1_u32..=70).prop_map(|(range, step)| format!("{range}/{step}")),
            ]
            .boxed()
        } else {
            prop_oneof![2 => Just("*".to_owned()), 1 => value, 1 => ranges].boxed()
        };
        prop::collection::vec(item, 1..4).prop_map(|items| items.join(","))
    }

    fn schedule() -> impl Strategy<Value = String> {
        (
            field(0, 59, true, &[]),
            field(0, 23, true, &[]),
            field(1, 31, false, &[]),
            field(1, 12, false, &MONTHS),
            field(0, 6, false, &WEEKDAYS),
        )
            .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_next_time_is_the_first_minute_that_matches(text in schedule(), from in 0_i64..4_102_444_800_000) {
            let Ok(cron) = text.parse::<Cron>() else {
                // The generated schedules have only one possible error: that no time matches.
                prop_assert_eq!(text.parse::<Cron>(), Err(CronError::Never));
                return Ok(());
            };
            let next = cron.next_after(DateTime::from_millis(from)).unwrap().timestamp_millis();
            prop_assert!(next > from && next % MINUTE == 0 && is_due(&text, next), "{text} {from} {next}");
            // All minutes are tried, up to a limit.
            let first = (from / MINUTE + 1) * MINUTE;
            for minute in (first..next).step_by(60_000).take(90 * 24 * 60) {
                prop_assert!(!is_due(&text, minute), "{text}: {minute} was passed over for {next}");
            }
        }

        #[test]
        fn no_input_panics_or_hangs(text in "[0-9*/,\\- a-zA-Z]{0,40}") {
            let _ = text.parse::<Cron>();
        }
    }

    #[test]
    fn all_fields_of_a_schedule_must_match() {
        let time = |text: &str| DateTime::parse_rfc3339_str(text).unwrap();
        let next = |cron: &str, from: &str| cron.parse::<Cron>().unwrap().next_after(time(from)).unwrap();
        for (cron, from, then) in [
            ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            ("* * * * *", "2026-01-01T00:00:59.999Z", "2026-01-01T00:01:00Z"),
            ("*/25 * * * *", "2026-01-01T00:50:00Z", "2026-01-01T01:00:00Z"),
            ("/20 */7 * * *", "2026-01-01T21:40:00Z", "2026-01-02T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 29 FEB MON", "2026-01-01T00:00:00Z", "2044-02-29T00:00:00Z"),
            ("59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
            ("0 12 1-7 * sun", "2026-03-01T12:00:00Z", "2026-04-05T12:00:00Z"),
            ("0 0 1 1 *", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(next(cron, from), time(then), "{cron} from {from}");
        }
    }

    #[test]
    fn invalid_schedules_are_refused_with_a_reason() {
        for (text, message) in [
            ("", "five fields"),
            ("* * * * * *", "not 6"),
            ("60 * * * *", "`60` is not a minute: 0 to 59"),
            ("-1 * * * *", "`-1` is not a minute"),
            ("+1 * * * *", "is not a minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of the month: 1 to 31"),
            ("* * * 13 *", "month"),
            ("* * * * 7", "0 (Sunday) to 6"),
            ("* * * SUN *", "JAN to DEC"),
            ("* * ? * *", "is not a day of the month"),
            ("* * L * *", "is not a day of the month"),
            ("* * */2 * *", "in minutes and hours only"),
            ("*/0 * * * *", "`*/0` needs a positive number after `/`"),
            ("*/x * * * *", "`*/x` needs a positive number after `/`"),
            ("5/15 * * * *", "write `*/15`"),
            ("20-10 * * * *", "ends before it begins"),
            ("* * * * FRI-MON", "ends before it begins"),
            ("1,,2 * * * *", "`` is not a minute"),
            ("0 0 30 2 *", "no time ever matches"),
            ("0 0 31 4,6,9,11 *", "no time ever matches"),
            ("7-8/50 * * * *", "no time ever matches"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }
}
