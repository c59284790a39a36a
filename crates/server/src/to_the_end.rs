//! Work in several steps that must not stop halfway if the client disconnects. Otherwise, for example, a user could be
//! left without a password, or a password could be changed while sessions opened with the old one remain.

use std::future::Future;
use std::time::Duration;

use portcullis_service::client::{ClientError, ErrorClass};

use crate::applications::State;
use crate::reply::Failure;

/// Completes the work even if the client disconnects. The amount of such work is limited to as much as there may be
/// concurrent requests.
pub(crate) async fn to_the_end<T: Send + 'static>(
    state: &State,
    work: impl Future<Output = Result<T, ClientError>> + Send + 'static,
) -> Result<T, Failure> {
    let Ok(place) = state.under_way().try_acquire_owned() else {
        state.metrics().refused("requests");
        let error = ClientError::plain(ErrorClass::TooManyRequests, "too many requests at once");
        return Err(Failure::after(error, Duration::from_secs(1)));
    };
    let done = tokio::spawn(async move {
        let _place = place;
        work.await
    });
    Ok(done.await.map_err(ClientError::internal)??)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::applications::Options;

    #[tokio::test]
    async fn work_continues_when_its_caller_is_gone() {
        let state = State::new(Vec::new(), Options::default());
        let (begin, begun) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut work = Box::pin(to_the_end(&state, async move {
            begun.await.map_err(ClientError::internal)?;
            end.send("the second step").map_err(ClientError::internal)
        }));
        assert!(futures_util::poll!(work.as_mut()).is_pending());
        drop(work);
        begin.send(()).unwrap();
        assert_eq!(ended.await, Ok("the second step"));
    }

    #[tokio::test]
    async fn work_in_progress_is_limited() {
        let state = State::new(Vec::new(), Options::default());
        let places = state.under_way().available_permits();
        let all = state.under_way().try_acquire_many_owned(u32::try_from(places).unwrap()).unwrap();
        let refused = to_the_end(&state, async { Ok(()) }).await.unwrap_err();
        assert_eq!((refused.error.class, refused.retry_after), (ErrorClass::TooManyRequests, Some(2)));
        drop(all);
        to_the_end(&state, async { Ok(()) }).await.unwrap();
    }
}
