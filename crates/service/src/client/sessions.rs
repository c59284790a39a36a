use std::sync::Arc;

use portcullis::User;
use portcullis::access::KnownUser;
use portcullis::auth::ProviderType;
use portcullis::auth::Warning;
use portcullis::auth::token::{AccessToken, MAX_OWN_TOKEN, RefreshToken};
use portcullis::login::{Accounts, LoginError};
use portcullis::store::{Credentials, Identity};
use portcullis::text::OneLine;

use super::error::TokenKind;
use super::{ClientApi, ClientError};

/// The token in the value of an `Authorization` header of the scheme `Bearer`, whose name is case-insensitive.
#[must_use]
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(char::is_whitespace)?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

impl ClientApi {
    /// The application that a token names. The token is not verified.
    #[must_use]
    pub fn application_of(token: &str) -> Option<String> {
        // The rest of the claims, which may be megabytes of anything, is skipped.
        #[derive(serde::Deserialize)]
        struct Claims {
            baas_domain_id: String,
        }
        let payload = token.split('.').nth(1).filter(|payload| payload.len() <= MAX_OWN_TOKEN)?;
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).ok()?;
        serde_json::from_slice::<Claims>(&bytes).ok().map(|claims| claims.baas_domain_id)
    }

    /// Issues a new access token, with current data about the user.
    ///
    /// # Errors
    /// The refresh token is rejected.
    pub async fn refresh(&self, refresh_token: &str) -> Result<String, ClientError> {
        let refreshed = self.authenticator.refresh(refresh_token).await;
        let refreshed = refreshed.map_err(|error| ClientError::of_token(&error, TokenKind::Refresh))?;
        log_warnings(&refreshed.user.id, &refreshed.warnings);
        Ok(refreshed.access_token)
    }

    /// Ends the session of a refresh token, and no other.
    ///
    /// # Errors
    /// The refresh token is rejected, or its session has ended already.
    pub async fn log_out(&self, refresh_token: &str) -> Result<(), ClientError> {
        self.refresh_bearer(refresh_token).await?;
        let ended = self.authenticator.log_out(refresh_token).await;
        match ended.map_err(|error| ClientError::of_token(&error, TokenKind::Refresh))? {
            true => Ok(()),
            false => Err(ClientError::of_token(&LoginError::SessionEnded, TokenKind::Refresh)),
        }
    }

    /// The user of an access token, as rules see them.
    ///
    /// # Errors
    /// The token is rejected, or a store fails.
    pub async fn bearer(&self, access_token: &str) -> Result<Arc<KnownUser>, ClientError> {
        let bearer = self.authenticator.bearer(access_token, self.freshness).await;
        bearer.map_err(|error| ClientError::of_token(&error, TokenKind::Access))
    }

    /// A user by ID, with current custom data.
    ///
    /// # Errors
    /// There is no such user, the user is disabled, or a store fails.
    pub async fn user(&self, id: &str) -> Result<User, LoginError> {
        Ok(self.authenticator.look_up(id).await?.user)
    }

    /// Like [`bearer`](Self::bearer), but always with current data.
    pub(super) async fn bearer_now(&self, access_token: &str) -> Result<User, ClientError> {
        let freshness = portcullis::login::Freshness::Live;
        let authenticated = self.authenticator.authenticate(access_token, freshness).await;
        Ok(authenticated.map_err(|error| ClientError::of_token(&error, TokenKind::Access))?.user)
    }

    /// Verifies a refresh token and its session.
    pub(super) async fn refresh_bearer(&self, refresh_token: &str) -> Result<RefreshToken, ClientError> {
        let token = self.authenticator.verify_refresh(refresh_token).await;
        token.map_err(|error| ClientError::of_token(&error, TokenKind::Refresh))
    }

    /// Verifies an access token and its session.
    pub(super) async fn access_bearer(&self, access_token: &str) -> Result<AccessToken, ClientError> {
        let token = self.authenticator.verify_access(access_token).await;
        token.map_err(|error| ClientError::of_token(&error, TokenKind::Access))
    }

    /// Whether a user still exists, is not disabled, and has not changed.
    pub(super) async fn is_still(&self, user: &User) -> bool {
        self.authenticator.look_up(&user.id).await.is_ok_and(|found| found.user == *user)
    }

    /// Deletes the user of an access token with all sessions, keys and passwords, but not the custom-data document.
    ///
    /// # Errors
    /// The token is rejected, or a store fails.
    pub async fn delete_user(&self, access_token: &str) -> Result<(), ClientError> {
        let token = self.access_bearer(access_token).await?;
        delete(self.authenticator.accounts(), &*self.credentials, &token.user.id)
            .await
            .map_err(ClientError::internal)?;
        Ok(())
    }
}

/// Logs warnings about the custom data in a new token.
pub(super) fn log_warnings(user_id: &str, warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!(user_id = %OneLine(user_id), %warning, "custom data");
    }
}

/// Deletes a user with their passwords, keys and sessions; returns whether the user existed. Passwords and keys are
/// removed first, so that a concurrent login cannot create the user again.
///
/// # Errors
/// A store fails.
pub async fn delete(accounts: &Accounts, credentials: &dyn Credentials, user_id: &str) -> Result<bool, LoginError> {
    let identities = match accounts.identities(user_id).await {
        Ok(identities) => identities,
        Err(LoginError::UserUnknown(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    for identity in &identities {
        remove_credential(credentials, identity).await?;
    }
    remove_keys(credentials, user_id).await?;
    let Some(had) = accounts.delete(user_id).await? else { return Ok(false) };
    // Credentials that were linked in the meantime would otherwise stay registered without a user.
    for identity in had.iter().filter(|one| identities.iter().all(|known| !known.is_same_person(one))) {
        if remove_credential(credentials, identity).await? {
            // A login with them since the deletion created a new user, who could never log in again.
            accounts.remove_identity(identity.provider_type, &identity.id).await?;
        }
    }
    remove_keys(credentials, user_id).await?;
    Ok(true)
}

/// Removes the password or the key of an identity, if it has one; returns whether it had.
async fn remove_credential(credentials: &dyn Credentials, identity: &Identity) -> Result<bool, LoginError> {
    Ok(match identity.provider_type {
        ProviderType::EmailPassword => credentials.remove_login(&identity.id).await?,
        ProviderType::ApiKey => credentials.remove_key(&identity.id).await?,
        _ => false,
    })
}

async fn remove_keys(credentials: &dyn Credentials, user_id: &str) -> Result<(), LoginError> {
    for key in credentials.keys(Some(user_id)).await? {
        credentials.remove_key(&key.id).await?;
    }
    Ok(())
}
