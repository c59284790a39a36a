//! What became of the calls of functions, kept for some days in files beside the state: `logs/<application>/<day>.ndjson`, one call a
//! line. A file can be read while a server has the store to itself. Calls do not wait for it: what cannot be queued is counted.
//!
//! Secrets, what stands under the names of passwords and tokens, and whatever looks like a token is left out before it is written.

mod days;
mod reading;
mod record;
mod redaction;
mod writing;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use portcullis::app::{App, Secrets};
use portcullis_functions::{Call, CallError, Returned};

pub use reading::LogReader;

use self::record::{Begun, Record};
use self::redaction::Redaction;
use self::writing::{Line, Message, Writer};

/// How many calls wait to be written. Each is of bounded size.
const QUEUE: usize = 1024;

/// The log of the calls of all applications that are served together.
#[derive(Clone, Debug)]
pub struct CallLog {
    sender: SyncSender<Message>,
    /// How many calls found no place in the queue.
    dropped: Arc<AtomicU64>,
}

impl CallLog {
    /// Keeps calls in a directory for so many days, and removes those that are older now.
    ///
    /// # Errors
    /// The directory cannot be made, or the thread that writes cannot be started.
    pub fn open(directory: PathBuf, days: u32) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer::new(directory, days, Arc::clone(&dropped))?;
        std::thread::Builder::new().name("portcullis-call-log".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, dropped })
    }

    /// The log of one application.
    pub(crate) fn of(&self, id: &str, app: &Arc<App>, secrets: &Secrets) -> CallLogOf {
        let redaction = Arc::new(Redaction::new(secrets));
        CallLogOf { log: self.clone(), application: id.into(), app: Arc::clone(app), redaction }
    }

    /// Waits until all that was queued is written, for some seconds at most.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(Duration::from_secs(5));
        }
    }
}

/// The log of one application.
pub(crate) struct CallLogOf {
    log: CallLog,
    application: Arc<str>,
    app: Arc<App>,
    redaction: Arc<Redaction>,
}

impl CallLogOf {
    /// What is known before a call.
    pub(crate) fn begin(&self, call: &Call) -> Begun {
        Begun::of(&self.app, call)
    }

    /// Keeps what became of it.
    pub(crate) fn end(&self, begun: Begun, took: Duration, result: &Result<Returned, CallError>) {
        let record = Record::of(begun, took, result);
        let (application, redaction) = (Arc::clone(&self.application), Arc::clone(&self.redaction));
        let line = Line { application, redaction, record };
        if self.log.sender.try_send(Message::Line(Box::new(line))).is_err() {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
