use portcullis::login::LoginError;
use portcullis::store::StoreError;
use tokio::sync::Semaphore;

/// How many calls of [`to_the_end`] may run at once, including those whose client has disconnected. Further ones are
/// queued.
const MAX_CONCURRENT: usize = 10_000;

static PLACES: Semaphore = Semaphore::const_new(MAX_CONCURRENT);

/// Runs work of several steps to completion once it has begun, even if the client disconnects.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, LoginError>> + Send + 'static,
) -> Result<T, LoginError> {
    let failed = |error: &dyn std::error::Error| StoreError::new("cannot go on", error.to_string());
    let place = PLACES.acquire().await.map_err(|error| failed(&error))?;
    let done = tokio::spawn(async move {
        let _place = place;
        work.await
    });
    done.await.map_err(|error| failed(&error))?
}
