use std::time::Duration;

use portcullis::login::Accounts;
use portcullis::{Clock, SystemClock};

/// How often expired users and sessions are deleted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes anonymous users who have been inactive for 90 days, and expired sessions: at once and then once a day.
/// Neither can be used even before they are deleted.
pub(super) async fn purge(applications: Vec<Accounts>) {
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        for accounts in &applications {
            match accounts.delete_expired(SystemClock.now()).await {
                Ok(0) => {}
                Ok(users) => tracing::info!(users, "deleted anonymous users who had not logged in for 90 days"),
                Err(error) => {
                    tracing::warn!(%error, "expired users and sessions could not be deleted; the next attempt is tomorrow");
                }
            }
        }
    }
}
