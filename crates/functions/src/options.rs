use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use crate::HttpAnswers;

/// Limits of calls, and what they may access. The defaults are those that App Services documents, if any.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The longest time that a call may take, including waiting.
    pub time: Duration,
    /// The most bytes that a call may use, in the engine and in the host.
    pub memory: usize,
    /// The most asynchronous operations that a call may start.
    pub operations: usize,
    /// The most bytes of arguments, headers and body together.
    pub arguments: usize,
    /// The deepest nesting of `context.functions.execute`.
    pub depth: usize,
    /// The most calls that run concurrently; each has a thread.
    pub running: usize,
    /// The most calls that may wait for one of these.
    pub waiting: usize,
    /// The divisor that limits each user: one user may have at most `running / share` running and `waiting / share`
    /// waiting calls.
    pub share: usize,
    /// The number of engine contexts that are kept prepared.
    pub prepared: usize,
    /// Whether `context.http` may reach private, loopback and link-local addresses.
    pub private_addresses: bool,
    /// The most bytes of a response to `context.http`.
    pub response: usize,
    /// The time that functions see; `None` for the current time.
    pub now: Option<DateTime>,
    /// Canned responses for the HTTP client instead of the network, for tests of functions.
    pub http_answers: Option<Arc<HttpAnswers>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(300),
            memory: 350 * 1024 * 1024,
            operations: 1000,
            arguments: 18 * 1024 * 1024,
            depth: 48,
            running: 128,
            waiting: 10_000,
            share: 8,
            prepared: 8,
            private_addresses: false,
            response: 16 * 1024 * 1024,
            now: None,
            http_answers: None,
        }
    }
}
