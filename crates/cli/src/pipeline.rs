//! Processes the values of standard input in parallel and in input order.
//!
//! One thread reads, others work, and the calling thread writes. A batch consists of the values from one call of
//! `read`, so that what has been read is never held back by what has not. The queues are bounded: a slow stage slows
//! down the others, and memory does not grow with the input.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use portcullis::json::{Chunk, Stream};

/// The size of the read buffer in bytes.
const READ_BUFFER: usize = 128 * 1024;

/// A batch of values from the input.
#[derive(Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// For each value, the number of the line on which it begins and its range in the text.
    values: Vec<(usize, Range<usize>)>,
}

impl Batch {
    fn push(&mut self, chunk: &Chunk) {
        let start = self.text.len();
        self.text.extend_from_slice(&chunk.bytes);
        self.values.push((chunk.line, start..self.text.len()));
    }

    /// The total size of the values in bytes.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Each value's text and the number of the line on which it begins.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.values.iter().map(|(line, range)| (*line, self.text.get(range.clone()).unwrap_or_default()))
    }
}

/// A batch for a worker, with the channel for its result.
type Job<T> = (Batch, SyncSender<T>);

/// For the writer: the channel with the next batch's result, or the error that ended the input.
type Next<T> = io::Result<Receiver<T>>;

/// Passes the batches of `input` to `work` in parallel, and the results to `finish` in order. Returns as soon as
/// `finish` fails; a thread that is then still blocked on input ends with the process.
pub(super) fn run<T: Send + 'static, E>(
    input: impl Read + Send + 'static,
    work: impl Fn(&Batch) -> T + Send + Sync + 'static,
    mut finish: impl FnMut(io::Result<T>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (to_workers, jobs) = sync_channel::<Job<T>>(workers);
    let (to_writer, results) = sync_channel::<Next<T>>(workers * 2);
    let (work, jobs) = (Arc::new(work), Arc::new(Mutex::new(jobs)));
    for _ in 0..workers {
        let (work, jobs) = (Arc::clone(&work), Arc::clone(&jobs));
        thread::spawn(move || {
            while let Some((batch, result)) = next(&jobs) {
                // After a write error, the receiver no longer exists.
                let _ = result.send(work(&batch));
            }
        });
    }
    thread::spawn(move || read(input, to_workers, to_writer));
    for result in results {
        let result = result.and_then(|result| {
            result.recv().map_err(|_| io::Error::other("a thread ended before its documents were decided"))
        });
        finish(result)?;
    }
    Ok(())
}

fn next<T>(jobs: &Mutex<Receiver<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn read<T>(input: impl Read, to_workers: SyncSender<Job<T>>, to_writer: SyncSender<Next<T>>) {
    let outbox = Rc::new(Outbox { batch: RefCell::default(), to_workers, to_writer });
    let reader = Sending { input, outbox: Rc::clone(&outbox) };
    for chunk in Stream::new(BufReader::with_capacity(READ_BUFFER, reader)) {
        match chunk {
            Ok(chunk) => outbox.batch.borrow_mut().push(&chunk),
            Err(error) => {
                if outbox.send() {
                    let _ = outbox.to_writer.send(Err(error));
                }
                return;
            }
        }
    }
    outbox.send();
}

/// Values that have been read but not sent to the workers yet.
struct Outbox<T> {
    batch: RefCell<Batch>,
    to_workers: SyncSender<Job<T>>,
    to_writer: SyncSender<Next<T>>,
}

impl<T> Outbox<T> {
    /// Sends the current batch; returns whether there is still a receiver.
    fn send(&self) -> bool {
        let batch = self.batch.take();
        if batch.values.is_empty() {
            return true;
        }
        let (result, awaited) = sync_channel(1);
        self.to_writer.send(Ok(awaited)).is_ok() && self.to_workers.send((batch, result)).is_ok()
    }
}

/// A reader that sends the current batch before each read, which may block indefinitely.
struct Sending<R, T> {
    input: R,
    outbox: Rc<Outbox<T>>,
}

impl<R: Read, T> Read for Sending<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.outbox.send() { self.input.read(buffer) } else { Ok(0) }
    }
}
