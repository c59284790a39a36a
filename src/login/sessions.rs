use std::sync::Arc;
use std::time::Duration;

use super::{Authenticator, LoginError};
use crate::auth::Warning;
use crate::auth::token::TokenSession;
use crate::user::User;

/// The time after which a refresh by an anonymous user is recorded as the last login. More frequent ones are not worth
/// a write.
const RECORD_VISIT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The result of refreshing a session.
#[derive(Clone, PartialEq)]
pub struct Refreshed {
    /// The new access token.
    pub access_token: String,
    /// The user as contained in the token.
    pub user: User,
    /// The warnings, for the log.
    pub warnings: Vec<Warning>,
}

impl Authenticator {
    /// Issues a new access token for a refresh token, with the user's current data. The refresh token remains valid.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn refresh(&self, refresh_token: &str) -> Result<Refreshed, LoginError> {
        let now = self.clock.now();
        let token = self.issuer.verify_refresh(refresh_token, now)?;
        let session = self.session(&token.session.id, &token.user_id, now).await?;
        let account = self.assembler.account(&token.user_id, now).await?;
        if account.is_anonymous() && account.unseen_for(now) >= RECORD_VISIT_AFTER {
            self.accounts().users.touch(&account.id, now).await?;
        }
        let (user, warnings) = self.assembler.assemble(&account).await?;
        let reference = TokenSession { id: session.id, device_id: session.device_id };
        let access_token = self.issuer.issue_access(&user, &reference, now)?;
        // The session may have ended during the lookup, because of a change that the lookup has read.
        self.session(&reference.id, &token.user_id, now).await?;
        self.looked_up.insert(Arc::new(user.clone().into()), now);
        Ok(Refreshed { access_token, user, warnings })
    }

    /// Ends the session of an access token or refresh token. Returns whether it existed.
    ///
    /// # Errors
    /// If the token is invalid, or the session store fails.
    pub async fn log_out(&self, token: &str) -> Result<bool, LoginError> {
        let now = self.clock.now();
        let session = match self.issuer.verify_refresh(token, now) {
            Ok(token) => token.session,
            Err(refused) => self.issuer.verify_access(token, now).map_err(|_| refused)?.session,
        };
        Ok(self.assembler.accounts.sessions.end(&session.id).await?)
    }
}
