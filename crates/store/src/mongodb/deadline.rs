use std::time::Duration;

use ::mongodb::error::Result as DriverResult;
use tokio::time::timeout;

use super::failure::Failure;

/// The server's time limit for one command (`maxTimeMS`).
pub(super) const SERVER_TIME: Duration = Duration::from_secs(5);

/// How long a caller waits for one command, including server selection and one retry.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The server's time limit for one read of an application's documents, including all batches of its cursor.
pub(super) const READ_TIME: Duration = Duration::from_secs(30);

/// How long a caller waits for each batch of such a read.
pub(super) const READ_PATIENCE: Duration = Duration::from_secs(40);

/// Waits for the driver for at most [`PATIENCE`].
pub(super) async fn patiently<T>(work: impl Future<Output = DriverResult<T>>) -> Result<T, Failure> {
    within(PATIENCE, work).await
}

/// Waits for the driver for at most `limit`: on a network that drops packets, it would wait forever.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = DriverResult<T>>) -> Result<T, Failure> {
    Ok(timeout(limit, work).await.map_err(|_| Failure::late(limit))??)
}
