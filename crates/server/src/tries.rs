//! Limits attempts with passwords that are sent with requests to endpoints and the Data API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_service::client::{ClientError, Tries};

use crate::applications::State;
use crate::peer::Client;
use crate::reply::Failure;

/// The attempts of one request.
pub(crate) struct PasswordTries<'a> {
    state: &'a State,
    app: &'a str,
    client: &'a Client,
    /// The number of seconds after which a client may retry if an attempt exceeded a limit; otherwise 0.
    retry_after: AtomicU64,
}

impl<'a> PasswordTries<'a> {
    pub(crate) const fn new(state: &'a State, app: &'a str, client: &'a Client) -> Self {
        Self { state, app, client, retry_after: AtomicU64::new(0) }
    }

    /// Converts an error of the request into the failure to send.
    pub(crate) fn failure(&self, error: ClientError) -> Failure {
        let wait = self.retry_after.load(Ordering::Relaxed);
        Failure { error: Arc::new(error), retry_after: (wait > 0).then_some(wait) }
    }
}

impl Tries for PasswordTries<'_> {
    fn begin(&self, account: &str, password: &str) -> Result<(), ClientError> {
        let Some(limits) = self.state.limits() else { return Ok(()) };
        let checked = limits.check_password(self.app, self.client.network(), account, password);
        checked.map_err(|Failure { error, retry_after }| {
            self.state.metrics().refused("attempts");
            self.retry_after.store(retry_after.unwrap_or(0), Ordering::Relaxed);
            ClientError::plain(error.class, error.message.clone())
        })
    }

    fn succeeded(&self, account: &str, password: &str) {
        if let Some(limits) = self.state.limits() {
            limits.password_was_right(self.app, self.client.network(), account, password);
        }
    }
}
