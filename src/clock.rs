//! The time, from outside.

use bson::DateTime;

/// Where the time comes from, so that a test or a replay can set it.
pub trait Clock: Send + Sync {
    /// The time, to the millisecond.
    fn now(&self) -> DateTime;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime {
        DateTime::now()
    }
}
