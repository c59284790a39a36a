use std::time::Duration;

/// How triggers are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerOptions {
    /// How long a lease lasts that is not renewed: so long after a server is gone its triggers stand still.
    pub lease: Duration,
    /// How long is waited before a lease that somebody else has is asked for again, and after a failure of a store.
    pub pause: Duration,
    /// How long a function may take; the runtime of functions ends it earlier.
    pub limit: Duration,
    /// How long functions that have begun are waited for when the runner is to end.
    pub grace: Duration,
    /// How often progress is noted at most, while events come without a break: after a crash, the functions of what happened since are run
    /// again.
    pub noting: Duration,
    /// How many events of users, or unordered changes, one trigger handles at once.
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
