use std::time::Duration;

/// Timing and concurrency of triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerOptions {
    /// The lifetime of a lease that is not renewed, and so the longest interruption after a server is gone.
    pub lease: Duration,
    /// The pause before trying to acquire a lease again that another server holds, and after a failure of a store.
    pub pause: Duration,
    /// The time limit of a function. The runtime of functions has a lower one.
    pub limit: Duration,
    /// How long running functions may take to finish when the runner shuts down.
    pub grace: Duration,
    /// The minimum interval between updates of the stored progress, and the longest time from the end of a function to
    /// the update that includes it. After a crash, the functions for events since the last update run again.
    pub noting: Duration,
    /// The number of account events, or unordered changes, that one trigger handles concurrently.
    pub at_once: usize,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            pause: Duration::from_secs(5),
            limit: Duration::from_secs(330),
            grace: Duration::from_secs(10),
            noting: Duration::from_millis(500),
            at_once: 16,
        }
    }
}
