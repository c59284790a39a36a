//! The log of function calls, kept for some days in files next to the state: `logs/<application>/<day>.ndjson`, one
//! call a line. The files can be read while a server has exclusive access to the store. Calls do not wait for the log:
//! entries that do not fit into the queue are only counted.
//!
//! Secrets, values under names such as `password` and `token`, and anything that looks like a token are removed before
//! writing.

mod days;
mod hidden;
mod names;
mod patterns;
mod reading;
mod record;
mod redaction;
mod writing;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use bson::Bson;
use portcullis::App;
use portcullis::app::Secrets;
use portcullis_functions::{Call, CallError, Returned};

pub use reading::LogReader;

use self::hidden::hidden;
use self::record::{Begun, Record};
use self::redaction::Redaction;
use self::writing::{Line, Message, Writer};

/// The most calls that wait to be written. Each has a bounded size.
const QUEUE_SIZE: usize = 1024;

/// The longest time to wait for the queue to be written.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// How often to look for room in a queue that is full.
const FLUSH_INTERVAL: Duration = Duration::from_millis(10);

/// The call log of all applications that are served together.
#[derive(Clone, Debug)]
pub struct CallLog {
    sender: SyncSender<Message>,
    /// The number of calls that did not fit into the queue.
    dropped: Arc<AtomicU64>,
}

impl CallLog {
    /// Opens the log in a directory. Entries are kept for this many days; older ones are removed on opening.
    ///
    /// # Errors
    /// The directory cannot be created, or the writing thread cannot be started.
    pub fn open(directory: PathBuf, days: u32) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_SIZE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer::new(directory, days, Arc::clone(&dropped))?;
        std::thread::Builder::new().name("portcullis-call-log".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, dropped })
    }

    /// The log of one application.
    pub(crate) fn of(&self, id: &str) -> CallLogOf {
        CallLogOf { log: self.clone(), application: id.into() }
    }

    /// Waits until the queue has been written, for a few seconds at most.
    pub fn flush(&self) {
        self.flush_within(FLUSH_TIME);
    }

    /// Waits for this long at most, also for room in the queue, which a writer that hangs never makes.
    fn flush_within(&self, time: Duration) {
        let start = Instant::now();
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        loop {
            message = match self.sender.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(message)) if start.elapsed() < time => message,
                Err(_) => return,
            };
            std::thread::sleep(FLUSH_INTERVAL);
        }
        let _ = written.recv_timeout(time.saturating_sub(start.elapsed()));
    }
}

/// The log of one application.
pub(crate) struct CallLogOf {
    log: CallLog,
    application: Arc<str>,
}

impl CallLogOf {
    fn keep(&self, record: &Record) {
        let line = Line {
            application: Arc::clone(&self.application),
            time: record.time(),
            text: record.to_json().to_string(),
        };
        if self.log.sender.try_send(Message::Line(line)).is_err() {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Records the results of one application's calls: on standard error, and in the call log if there is one. Both are
/// derived from the same record, from which passwords and tokens have been removed.
pub(crate) struct CallRecorder {
    app: Arc<App>,
    redaction: Redaction,
    kept: Option<CallLogOf>,
}

impl CallRecorder {
    pub(crate) fn new(app: Arc<App>, secrets: &Secrets, kept: Option<CallLogOf>) -> Self {
        Self { app, redaction: Redaction::new(secrets), kept }
    }

    /// The data known before a call; `None` if the call is not logged anywhere.
    pub(crate) fn begin(&self, call: &Call) -> Option<Begun> {
        (self.kept.is_some() || Record::is_told()).then(|| Begun::of(&self.app, call))
    }

    /// An error as it may be shown outside the call log: without secrets, and without passwords and tokens among these
    /// arguments of the call.
    pub(crate) fn shown(&self, error: &CallError, arguments: &[Bson]) -> String {
        self.redaction.told(&error.to_string(), hidden(arguments, None).as_deref())
    }

    /// Records its result.
    pub(crate) fn end(&self, begun: Begun, took: Duration, result: &Result<Returned, CallError>) {
        let record = Record::of(begun, took, result, &self.redaction);
        record.tell();
        if let Some(kept) = &self.kept {
            kept.keep(&record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_ends_even_if_the_writer_hangs() {
        for room in [0, 1] {
            let (sender, receiver) = sync_channel(room);
            let log = CallLog { sender, dropped: Arc::default() };
            let (done, flushed) = sync_channel(1);
            std::thread::spawn(move || {
                log.flush_within(Duration::from_millis(50));
                let _ = done.send(());
            });
            flushed.recv_timeout(Duration::from_secs(60)).unwrap();
            drop(receiver);
        }
    }
}
