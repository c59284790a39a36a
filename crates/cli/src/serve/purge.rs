use std::time::Duration;

use portcullis::login::Accounts;
use portcullis::{Clock, SystemClock};

/// How often users and sessions that have expired are deleted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes anonymous users who have not been here for 90 days, and sessions that have expired: now and every day. They are good for
/// nothing before that, either.
pub(super) async fn purge(applications: Vec<Accounts>) {
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        for accounts in &applications {
            match accounts.delete_expired(SystemClock.now()).await {
                Ok(0) => {}
                Ok(users) => tracing::info!(users, "anonymous users who stayed away for 90 days were deleted"),
                Err(error) => tracing::warn!(%error, "expired users and sessions stay until tomorrow"),
            }
        }
    }
}
