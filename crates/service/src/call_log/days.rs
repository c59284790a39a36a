//! The names of log files, which are days in UTC.

use std::path::{Path, PathBuf};

use bson::DateTime;
use portcullis::value::iso_8601;

/// A day in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The extension of log files.
pub(super) const ENDING: &str = ".ndjson";

/// The number of the day of a time, counted from 1970.
pub(super) const fn day_of(time: DateTime) -> i64 {
    time.timestamp_millis().div_euclid(DAY)
}

/// The name of the file for a day.
pub(super) fn file_of(day: i64) -> String {
    let text = iso_8601(DateTime::from_millis(day.saturating_mul(DAY))).unwrap_or_default();
    format!("{}{ENDING}", text.get(..10).unwrap_or("unknown"))
}

/// The suffix, before the extension, of a file that was full and has been replaced.
const EARLIER: &str = ".earlier";

/// The name under which a full file of a day is kept.
pub(super) fn earlier(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("{}{EARLIER}{ENDING}", name.strip_suffix(ENDING).unwrap_or(&name)))
}

/// The day in the name of a file.
pub(super) fn day_of_file(name: &str) -> Option<i64> {
    let day = name.strip_suffix(ENDING)?;
    let day = day.strip_suffix(EARLIER).unwrap_or(day);
    DateTime::parse_rfc3339_str(format!("{day}T00:00:00Z")).ok().map(day_of)
}

/// The name of an application's directory: letters, digits, `_` and `-` are kept, other bytes are written as `%2F`.
pub(super) fn folder_of(application: &str) -> String {
    let mut folder = String::new();
    for byte in application.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            folder.push(char::from(byte));
        } else {
            folder.push_str(&format!("%{byte:02X}"));
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_file_names_contain_the_day_and_never_leave_the_directory() {
        let time = DateTime::parse_rfc3339_str("2026-02-28T23:59:59.999Z").unwrap();
        assert_eq!(file_of(day_of(time)), "2026-02-28.ndjson");
        assert_eq!(day_of_file("2026-02-28.ndjson"), Some(day_of(time)));
        assert_eq!(file_of(day_of(DateTime::from_millis(-1))), "1969-12-31.ndjson");
        assert_eq!(day_of_file("2026-02-28.ndjson.gz"), None);
        let earlier = earlier(Path::new("logs/shop/2026-02-28.ndjson"));
        assert_eq!(earlier, Path::new("logs/shop/2026-02-28.earlier.ndjson"));
        assert_eq!(day_of_file("2026-02-28.earlier.ndjson"), Some(day_of(time)));
        assert_eq!(folder_of("shop-abcde"), "shop-abcde");
        assert_eq!(folder_of("../a b"), "%2E%2E%2Fa%20b");
    }
}
