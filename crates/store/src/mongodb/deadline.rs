use std::time::Duration;

use ::mongodb::error::Result as DriverResult;
use tokio::time::timeout;

use super::failure::Failure;

/// How long the server may work on one command: `maxTimeMS`.
pub(super) const SERVER_TIME: Duration = Duration::from_secs(5);

/// How long a caller waits for one command, looking for a server and one repetition included.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// How long the server may work on one read of an application's documents, all batches of its cursor together.
pub(super) const READ_TIME: Duration = Duration::from_secs(30);

/// How long a caller waits for the first batch of such a read, or for the next.
pub(super) const READ_PATIENCE: Duration = Duration::from_secs(40);

/// Waits for the driver at most [`PATIENCE`].
pub(super) async fn patiently<T>(work: impl Future<Output = DriverResult<T>>) -> Result<T, Failure> {
    within(PATIENCE, work).await
}

/// Waits for the driver no longer than this: on a network that swallows packets it would wait for ever.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = DriverResult<T>>) -> Result<T, Failure> {
    Ok(timeout(limit, work).await.map_err(|_| Failure::late(limit))??)
}
