use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use crate::engine::{Job, Source, THREAD_STACK, work};
use crate::{CallError, Options};

/// The threads that wait for calls, each with a prepared context.
pub(crate) struct Pool {
    idle: Mutex<Vec<Sender<Job>>>,
    options: Options,
}

impl Pool {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let pool = Arc::new(Self { idle: Mutex::default(), options });
        for _ in 0..pool.options.prepared {
            pool.spawn(None);
        }
        pool
    }

    /// Hands a call to a waiting thread, or to a new one.
    pub(crate) fn dispatch(self: &Arc<Self>, job: Job) {
        let mut job = job;
        while let Some(idle) = self.take() {
            match idle.send(job) {
                Ok(()) => return,
                Err(back) => job = back.0,
            }
        }
        self.spawn(Some(job));
    }

    /// Takes an idle thread.
    fn take(&self) -> Option<Sender<Job>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn spawn(self: &Arc<Self>, first: Option<Job>) {
        let waiter = Waiter { pool: Arc::downgrade(self), ready: first, place: None };
        let options = self.options.clone();
        let builder = thread::Builder::new().name("portcullis-function".into()).stack_size(THREAD_STACK);
        // If no thread can be created, the job is dropped together with its reply channel, so the caller gets an error.
        drop(builder.spawn(move || work(&options, waiter)));
    }
}

/// A thread's own end of its place in the pool.
struct Waiter {
    pool: Weak<Pool>,
    /// A call that arrived while the context was still being prepared.
    ready: Option<Job>,
    place: Option<Receiver<Job>>,
}

impl Source for Waiter {
    fn stand_by(&mut self) -> bool {
        self.place = None;
        if self.ready.is_some() {
            return true;
        }
        // The pool has been dropped, or there are enough idle threads.
        let Some(pool) = self.pool.upgrade() else { return false };
        let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= pool.options.prepared {
            return false;
        }
        let (sender, receiver) = channel();
        idle.push(sender);
        self.place = Some(receiver);
        true
    }

    fn next(&mut self) -> Option<Job> {
        match self.ready.take() {
            Some(job) => Some(job),
            None => self.place.as_ref()?.recv().ok(),
        }
    }
}

/// The error for a caller whose job was dropped.
pub(crate) fn lost() -> CallError {
    CallError::Engine("the thread of the call ended without an answer".into())
}
