use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use crate::engine::{Job, THREAD_STACK, work};
use crate::{CallError, Options};

/// The threads that wait for calls, each with a context prepared.
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

    /// Hands a call to a thread that waits, or to a new one.
    pub(crate) fn dispatch(self: &Arc<Self>, job: Job) {
        let mut job = job;
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(idle) = idle else { return self.spawn(Some(job)) };
            match idle.send(job) {
                Ok(()) => return,
                Err(back) => job = back.0,
            }
        }
    }

    fn spawn(self: &Arc<Self>, first: Option<Job>) {
        let pool = Arc::downgrade(self);
        let options = self.options.clone();
        let mut first = first;
        let mut ready: Option<Receiver<Job>> = None;
        let builder = thread::Builder::new().name("portcullis-function".into()).stack_size(THREAD_STACK);
        let spawned = builder.spawn(move || {
            work(&options, || {
                if let Some(job) = first.take() {
                    return Some(job);
                }
                drop(ready.take());
                let waiting = ready.insert(register(&pool)?);
                waiting.recv().ok()
            });
        });
        // Without a thread the job is dropped, and with it the way back: the caller is told.
        drop(spawned);
    }
}

/// A place among those that wait; `None` where enough do, or nobody calls any more.
fn register(pool: &Weak<Pool>) -> Option<Receiver<Job>> {
    let pool = pool.upgrade()?;
    let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() >= pool.options.prepared {
        return None;
    }
    let (sender, receiver) = channel();
    idle.push(sender);
    Some(receiver)
}

/// What a caller is told whose job was dropped.
pub(crate) fn lost() -> CallError {
    CallError::Engine("the thread of the call ended without an answer".into())
}
