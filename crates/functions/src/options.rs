use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use crate::HttpAnswers;

/// The limits of calls, and what they may reach. The defaults are those of App Services, where it documents one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long a call may take, all that it waits for included.
    pub time: Duration,
    /// How many bytes a call may hold, in the engine and for it.
    pub memory: usize,
    /// How many asynchronous operations a call may begin.
    pub operations: usize,
    /// How many bytes arguments, headers and body may have together.
    pub arguments: usize,
    /// How deep `context.functions.execute` may nest.
    pub depth: usize,
    /// How many calls run at the same time; each has a thread.
    pub running: usize,
    /// How many calls may wait for one of these.
    pub waiting: usize,
    /// How many engine contexts are kept prepared.
    pub prepared: usize,
    /// Whether `context.http` may reach private, loopback and link-local addresses.
    pub private_addresses: bool,
    /// How many bytes an answer to `context.http` may have.
    pub response: usize,
    /// The time that functions see; `None`: the present.
    pub now: Option<DateTime>,
    /// What the HTTP client is answered in place of the network, for tests of functions.
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
            prepared: 8,
            private_addresses: false,
            response: 16 * 1024 * 1024,
            now: None,
            http_answers: None,
        }
    }
}
