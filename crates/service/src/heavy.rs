//! Runs large units of work so that they do not occupy the threads that serve requests: on a machine with two cores,
//! two such requests would block everyone else. On a single-threaded runtime, nothing could take over, so all work is
//! run as usual.

use std::future::Future;

use bson::Bson;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use crate::client::ClientError;

/// Anything of more bytes is considered large.
pub const LARGE: usize = 64 * 1024;

/// The most large requests in progress, each on a thread of its own. Most of them wait at times for a store or a
/// function.
const MAX_CONCURRENT: usize = 256;

static PLACES: Semaphore = Semaphore::const_new(MAX_CONCURRENT);

/// Whether other threads of the runtime can take over from this one.
fn has_others() -> bool {
    Handle::try_current().is_ok_and(|runtime| matches!(runtime.runtime_flavor(), RuntimeFlavor::MultiThread))
}

/// Performs the work of a request of this many bytes. If it is large, the thread is detached from the runtime
/// meanwhile.
///
/// # Errors
/// Never in practice: the semaphore that limits large requests is not closed.
pub async fn apart<T>(bytes: usize, work: impl Future<Output = T>) -> Result<T, ClientError> {
    if bytes <= LARGE || !has_others() {
        return Ok(work.await);
    }
    let _place = PLACES.acquire().await.map_err(ClientError::internal)?;
    let runtime = Handle::current();
    Ok(block_in_place(|| runtime.block_on(work)))
}

/// Performs work on this many bytes. If they are many, other threads take over the tasks of this one meanwhile.
pub fn in_place<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes <= LARGE || !has_others() { work() } else { block_in_place(work) }
}

/// [`in_place`] in the form that collections take: [`HeavyWork`](portcullis::guarded::HeavyWork).
pub(crate) fn carry_out(bytes: usize, work: &mut dyn FnMut()) {
    in_place(bytes, work);
}

/// The approximate size of a value in bytes. Counting stops once the value is known to be large.
#[must_use]
pub fn weight(value: &Bson) -> usize {
    let mut weight = 0;
    weigh(value, &mut weight);
    weight
}

/// The bytes counted for each value in addition to its contents.
const VALUE_OVERHEAD: usize = 16;

fn weigh(value: &Bson, weight: &mut usize) {
    let own = match value {
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.len(),
        Bson::Binary(binary) => binary.bytes.len(),
        _ => 0,
    };
    *weight = weight.saturating_add(own).saturating_add(VALUE_OVERHEAD);
    match value {
        Bson::Document(document) => {
            for (key, value) in document {
                if *weight > LARGE {
                    return;
                }
                *weight = weight.saturating_add(key.len());
                weigh(value, weight);
            }
        }
        Bson::Array(elements) => {
            for element in elements {
                if *weight > LARGE {
                    return;
                }
                weigh(element, weight);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use bson::bson;

    use super::*;

    #[test]
    fn large_values_are_recognized_without_a_full_traversal() {
        assert_eq!(weight(&bson!({ "a": "four", "b": [1, 2] })), 5 * VALUE_OVERHEAD + 2 + 4);
        let many = Bson::Array(vec![Bson::Int32(1); 1_000_000]);
        assert!((LARGE + 1..LARGE + 100).contains(&weight(&many)));
        assert!(weight(&bson!(["x".repeat(LARGE)])) > LARGE);
    }

    #[tokio::test]
    async fn a_single_threaded_runtime_does_heavy_work_inline() {
        assert_eq!(in_place(usize::MAX, || 7), 7);
        assert_eq!(apart(usize::MAX, async { 7 }).await.unwrap(), 7);
    }

    /// The only worker thread must be replaced, or the second task, for which the first one waits, would never run.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_requests_are_answered_during_heavy_work() {
        let halves = async |large: usize| {
            let (answer, answered) = std::sync::mpsc::channel();
            let first = tokio::spawn(async move {
                let wait = move || answered.recv_timeout(std::time::Duration::from_secs(60)).is_ok();
                in_place(large, wait)
            });
            let second = tokio::spawn(async move { answer.send(()).is_ok() });
            (first.await.unwrap(), second.await.unwrap())
        };
        assert_eq!(halves(LARGE + 1).await, (true, true));
    }
}
