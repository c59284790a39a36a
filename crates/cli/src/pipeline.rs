//! Work on the values of standard input, on all cores and in the order of the input.
//!
//! One thread reads, others work, and the calling one writes. What one call of `read` brings is one batch, so that nothing
//! that has been read waits for what has not. The queues are bounded: a slow end slows the others down, and memory does
//! not grow with the input.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use portcullis::json::{Chunk, Stream};

/// How much is read at a time, in bytes.
const READ: usize = 128 * 1024;

/// Some values of the input.
#[derive(Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// The line on which each begins and where it stands in the text.
    values: Vec<(usize, Range<usize>)>,
}

impl Batch {
    fn push(&mut self, chunk: &Chunk) {
        let start = self.text.len();
        self.text.extend_from_slice(&chunk.bytes);
        self.values.push((chunk.line, start..self.text.len()));
    }

    /// How many bytes the values have.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// The number of the line on which a value begins, and its text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.values.iter().map(|(line, range)| (*line, self.text.get(range.clone()).unwrap_or_default()))
    }
}

/// A batch on its way, with where its result is awaited.
type Job<T> = (Batch, SyncSender<T>);

/// What is awaited next: the result for a batch, or why there is no other.
type Next<T> = io::Result<Receiver<T>>;

/// Hands the batches of `input` to `work`, and its results to `finish`, one after the other. Returns as soon as `finish`
/// fails: a thread that waits for input then ends with the process.
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
                // Nobody waits for it any more if writing has failed.
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
    for chunk in Stream::new(BufReader::with_capacity(READ, reader)) {
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

/// What has been read and not been sent to the workers.
struct Outbox<T> {
    batch: RefCell<Batch>,
    to_workers: SyncSender<Job<T>>,
    to_writer: SyncSender<Next<T>>,
}

impl<T> Outbox<T> {
    /// Sends what there is; says whether anybody still wants it.
    fn send(&self) -> bool {
        let batch = self.batch.take();
        if batch.values.is_empty() {
            return true;
        }
        let (result, awaited) = sync_channel(1);
        self.to_writer.send(Ok(awaited)).is_ok() && self.to_workers.send((batch, result)).is_ok()
    }
}

/// An input that sends what has been read before it is read again, which can take as long as it likes.
struct Sending<R, T> {
    input: R,
    outbox: Rc<Outbox<T>>,
}

impl<R: Read, T> Read for Sending<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.outbox.send() { self.input.read(buffer) } else { Ok(0) }
    }
}
