//! The source of the current time.

use bson::DateTime;

/// A source of the current time, which tests and replays can control.
pub trait Clock: Send + Sync {
    /// The current time, in milliseconds.
    fn now(&self) -> DateTime;
}

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime {
        DateTime::now()
    }
}
