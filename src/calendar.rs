//! The Gregorian calendar: days and times in UTC, without leap seconds.

/// A point in time, by year, month, day and time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) millis: i64,
}

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The number of days from 1970-01-01 to this date.
pub(crate) const fn days(year: i64, month: i64, day: i64) -> i64 {
    // If years are taken to start in March, the leap day is the last day of a year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The years 0 to 9999, in milliseconds since the Unix epoch.
const FOUR_DIGITS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// A time in ISO 8601 in UTC, such as `2026-02-28T23:59:59.120Z`: with three digits of milliseconds, or none if they are zero, as
/// in relaxed extended JSON. `None` outside the years 0 to 9999.
///
/// ```
/// use bson::DateTime;
/// use portcullis::value::iso_8601;
///
/// assert_eq!(iso_8601(DateTime::from_millis(100)).as_deref(), Some("1970-01-01T00:00:00.100Z"));
/// assert_eq!(iso_8601(DateTime::MAX), None);
/// ```
#[must_use]
pub fn iso_8601(time: bson::DateTime) -> Option<String> {
    let millis = time.timestamp_millis();
    if !FOUR_DIGITS.contains(&millis) {
        return None;
    }
    let Civil { year, month, day, hour, minute, second, millis } = Civil::of(millis);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

impl Civil {
    pub(crate) fn of(millis: i64) -> Self {
        let (number, time) = (millis.div_euclid(DAY) + 719_468, millis.rem_euclid(DAY));
        let (era, of_era) = (number.div_euclid(146_097), number.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
        Self {
            year: year + era * 400 + i64::from(month <= 2),
            month,
            day,
            hour: time / HOUR,
            minute: time / MINUTE % 60,
            second: time / SECOND % 60,
            millis: time % SECOND,
        }
    }

    pub(crate) const fn number(&self) -> i64 {
        days(self.year, self.month, self.day)
    }

    pub(crate) fn millis(&self) -> Option<i64> {
        let time = self.hour.checked_mul(HOUR)?.checked_add(self.minute.checked_mul(MINUTE)?)?;
        let time = time.checked_add(self.second.checked_mul(SECOND)?)?.checked_add(self.millis)?;
        self.number().checked_mul(DAY)?.checked_add(time)
    }

    pub(crate) const fn day_of_year(&self) -> i64 {
        self.number() - days(self.year, 1, 1) + 1
    }

    /// The weekday, from 1 (Monday) to 7 (Sunday).
    pub(crate) const fn weekday(&self) -> i64 {
        (self.number() + 3).rem_euclid(7) + 1
    }

    /// The year and week number according to ISO 8601.
    pub(crate) const fn iso_week(&self) -> (i64, i64) {
        // A week belongs to the year that contains its Thursday.
        let thursday = self.number() - self.weekday() + 4;
        let mut year = self.year;
        if thursday < days(year, 1, 1) {
            year -= 1;
        } else if thursday >= days(year + 1, 1, 1) {
            year += 1;
        }
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }

    /// The number of the week, if weeks start on Sunday; 0 before the first Sunday of the year.
    pub(crate) const fn week(&self) -> i64 {
        (self.day_of_year() + 6 - self.weekday() % 7) / 7
    }
}

/// The number of days in a month.
pub(crate) const fn length(year: i64, month: i64) -> i64 {
    let (next, of) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next, of, 1) - days(year, month, 1)
}

/// Formats a date according to a MongoDB format string; `None` if that contains an unknown specifier, or the year does
/// not have four digits.
pub(crate) fn format(civil: &Civil, format: &str, zone: &str, minutes: i64) -> Option<String> {
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let (number, width) = match rest.next()? {
            '%' => {
                text.push('%');
                continue;
            }
            'z' => {
                text.push_str(zone);
                continue;
            }
            'Y' => (civil.year, 4),
            'G' => (civil.iso_week().0, 4),
            'm' => (civil.month, 2),
            'd' => (civil.day, 2),
            'H' => (civil.hour, 2),
            'M' => (civil.minute, 2),
            'S' => (civil.second, 2),
            'L' => (civil.millis, 3),
            'j' => (civil.day_of_year(), 3),
            'U' => (civil.week(), 2),
            'V' => (civil.iso_week().1, 2),
            'u' => (civil.weekday(), 1),
            'w' => (civil.weekday() % 7 + 1, 1),
            'Z' => (minutes, 1),
            _ => return None,
        };
        if width == 4 && !(0..=9999).contains(&number) {
            return None;
        }
        text.push_str(&format!("{number:0width$}"));
    }
    Some(text)
}

/// Parses an ISO 8601 date, with an optional time and an optional zone: UTC, or an offset in hours and minutes.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut number = |width: usize, before: &str| -> Option<i64> {
        let after = rest.strip_prefix(before)?;
        let digits = after.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        rest = after.get(width..)?;
        digits.parse().ok()
    };
    let (year, month, day) = (number(4, "")?, number(2, "-")?, number(2, "-")?);
    let mut civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, millis: 0 };
    if let Some(hour) = number(2, "T").or_else(|| number(2, " ")) {
        civil.hour = hour;
        civil.minute = number(2, ":")?;
        if let Some(second) = number(2, ":") {
            civil.second = second;
            if let Some(fraction) = rest.strip_prefix('.') {
                let digits: String = fraction.chars().take_while(char::is_ascii_digit).collect();
                if digits.is_empty() {
                    return None;
                }
                rest = fraction.get(digits.len()..)?;
                civil.millis = format!("{digits:0<3}").get(..3)?.parse().ok()?;
            }
        }
    }
    let is_date = (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    let is_time = civil.hour < 24 && civil.minute < 60 && civil.second < 60;
    let zone = if rest.is_empty() { 0 } else { offset(rest)? };
    if is_date && is_time { civil.millis()?.checked_sub(zone) } else { None }
}

/// The offset from UTC in milliseconds of a time zone, given as a name for UTC or as an offset in hours and minutes.
pub(crate) fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "GMT" | "Z" | "Etc/UTC") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let number = |text: &str| text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    Some(sign * (number(hours)? * HOUR + number(minutes)? * MINUTE))
}

#[cfg(test)]
mod tests {
    use super::iso_8601;

    #[test]
    fn dates_show_milliseconds_unless_they_are_zero() {
        let of = |millis| iso_8601(bson::DateTime::from_millis(millis));
        assert_eq!(of(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(of(100).as_deref(), Some("1970-01-01T00:00:00.100Z"));
        assert_eq!(of(1).as_deref(), Some("1970-01-01T00:00:00.001Z"));
        assert_eq!(of(-62_167_219_200_000).as_deref(), Some("0000-01-01T00:00:00Z"));
        assert_eq!(of(253_402_300_799_999).as_deref(), Some("9999-12-31T23:59:59.999Z"));
        for millis in [-62_167_219_200_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
            assert_eq!(of(millis), None);
        }
    }
}
