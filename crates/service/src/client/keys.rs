use bson::DateTime;
use bson::oid::ObjectId;
use portcullis::auth::ProviderType;
use portcullis::auth::token::RefreshToken;
use portcullis::login::Accounts;
use portcullis::store::{ApiKey, Credentials, KeyAddition};

use super::error::TokenKind;
use super::random::{hash, is_id, secret};
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// An API key as shown to its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// The ID of the key.
    pub id: String,
    /// The name of the key.
    pub name: String,
    /// Whether the key cannot be used to log in at present.
    pub is_disabled: bool,
}

/// An API key that was just created: the only time that the key itself is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// The ID of the key.
    pub id: String,
    /// The key itself.
    pub key: String,
    /// The name of the key.
    pub name: String,
}

/// The most API keys of a user.
const PER_USER: usize = 20;

/// The most server keys.
pub(super) const PER_APP: usize = 100;

impl ClientApi {
    /// The API keys of the user of a refresh token.
    ///
    /// # Errors
    /// The token is rejected.
    pub async fn keys(&self, refresh_token: &str) -> Result<Vec<KeyView>, ClientError> {
        let bearer = self.refresh_bearer(refresh_token).await?;
        Ok(self.credentials.keys(Some(&bearer.user_id)).await?.iter().map(view).collect())
    }

    /// One of the keys of the user of a refresh token.
    ///
    /// # Errors
    /// The token is rejected, or there is no such key.
    pub async fn key(&self, refresh_token: &str, id: &str) -> Result<KeyView, ClientError> {
        let bearer = self.refresh_bearer(refresh_token).await?;
        Ok(view(&self.own(&bearer, id).await?))
    }

    /// Creates a key for the user of a refresh token.
    ///
    /// # Errors
    /// The token is rejected, the name is invalid or taken, or there are too many keys.
    pub async fn create_key(&self, refresh_token: &str, name: Option<&str>) -> Result<CreatedKey, ClientError> {
        let bearer = self.refresh_bearer(refresh_token).await?;
        let identities =
            self.authenticator.accounts().identities(&bearer.user_id).await.map_err(ClientError::internal)?;
        if identities.iter().all(|identity| identity.provider_type == ProviderType::Anonymous) {
            let message = "anonymous users cannot have API keys";
            return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
        }
        let made = self.make_key(Some(bearer.user_id.clone()), name, PER_USER).await?;
        // If the user was deleted in the meantime, that may have happened before the key existed, so the key must be
        // removed here.
        match self.authenticator.accounts().stored(&bearer.user_id).await {
            Ok(_) => Ok(made),
            Err(error) => {
                self.credentials.remove_key(&made.id).await?;
                Err(ClientError::of_token(&error, TokenKind::Refresh))
            }
        }
    }

    /// Creates a server key. Each has a user of its own.
    ///
    /// # Errors
    /// The name is invalid or taken, or there are too many keys.
    pub async fn create_server_key(&self, name: &str) -> Result<CreatedKey, ClientError> {
        self.make_key(None, Some(name), PER_APP).await
    }

    async fn make_key(
        &self,
        user_id: Option<String>,
        name: Option<&str>,
        most: usize,
    ) -> Result<CreatedKey, ClientError> {
        if !self.providers.has_keys() {
            let message = "authentication via 'api-key' is unsupported";
            return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
        }
        make_key(&*self.credentials, user_id, name, most).await
    }

    /// Disables or enables a key. Disabling a key ends its sessions.
    ///
    /// # Errors
    /// The token is rejected, or there is no such key.
    pub async fn set_key_disabled(&self, refresh_token: &str, id: &str, is_disabled: bool) -> Result<(), ClientError> {
        let bearer = self.refresh_bearer(refresh_token).await?;
        let key = self.own(&bearer, id).await?;
        self.credentials.set_key_disabled(&key.id, is_disabled).await?;
        if is_disabled {
            let accounts = self.authenticator.accounts();
            accounts.revoke_key(&bearer.user_id, &key.id).await.map_err(ClientError::internal)?;
        }
        Ok(())
    }

    /// Deletes a key, ends its sessions, and removes it from the user's profile.
    ///
    /// # Errors
    /// The token is rejected, there is no such key, or the current session was opened with it.
    pub async fn delete_key(&self, refresh_token: &str, id: &str) -> Result<(), ClientError> {
        let bearer = self.refresh_bearer(refresh_token).await?;
        let key = self.own(&bearer, id).await?;
        if bearer.identity.provider_type == ProviderType::ApiKey && bearer.identity.id == key.id {
            let message = "cannot delete the API key of the current session";
            return Err(ClientError::new(ErrorClass::Forbidden, ErrorCode::BadRequest, message));
        }
        remove_key(self.authenticator.accounts(), &*self.credentials, &key).await
    }

    /// A key of the user. For keys of other users, the error is the same as for one that does not exist.
    async fn own(&self, bearer: &RefreshToken, id: &str) -> Result<ApiKey, ClientError> {
        let unknown = || ClientError::new(ErrorClass::NotFound, ErrorCode::APIKeyNotFound, "API key not found");
        if !is_id(id) {
            return Err(unknown());
        }
        let key = self.credentials.key(id).await?;
        key.filter(|key| key.user_id.as_ref() == Some(&bearer.user_id)).ok_or_else(unknown)
    }
}

/// Creates a key of a user, or a server key if `user_id` is `None`, unless there are `most` already.
pub(super) async fn make_key(
    credentials: &dyn Credentials,
    user_id: Option<String>,
    name: Option<&str>,
    most: usize,
) -> Result<CreatedKey, ClientError> {
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ClientError::plain(ErrorClass::BadRequest, "'name' is a required string"))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let message = if !name.bytes().all(is_plain) {
        Some("can only contain ASCII letters, numbers, underscores, and hyphens")
    } else {
        (name.len() > 128).then_some("the name of a key can have at most 128 characters")
    };
    if let Some(message) = message {
        return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
    }
    let id = ObjectId::new().to_hex();
    let key = format!("{id}{}", secret(20)?);
    let made = ApiKey {
        id: id.clone(),
        user_id,
        name: name.to_owned(),
        hash: hash(&key),
        is_disabled: false,
        created_at: DateTime::now(),
    };
    match credentials.add_key(&made, most).await? {
        KeyAddition::Added => Ok(CreatedKey { id, key, name: made.name }),
        KeyAddition::NameTaken => {
            let message = "API key with name already exists";
            Err(ClientError::new(ErrorClass::Conflict, ErrorCode::APIKeyAlreadyExists, message))
        }
        KeyAddition::LimitReached => {
            Err(ClientError::bad(ErrorCode::InvalidParameter, format!("at most {most} API keys are allowed")))
        }
    }
}

/// Removes a key, its identity from its user's profile, and the sessions that were opened with it. The user of a server
/// key is deleted. A concurrent login checks afterwards whether the key still exists.
pub(super) async fn remove_key(
    accounts: &Accounts,
    credentials: &dyn Credentials,
    key: &ApiKey,
) -> Result<(), ClientError> {
    credentials.remove_key(&key.id).await?;
    accounts.remove_identity(ProviderType::ApiKey, &key.id).await.map_err(ClientError::internal)?;
    if let Some(user_id) = &key.user_id {
        accounts.revoke_key(user_id, &key.id).await.map_err(ClientError::internal)?;
    }
    Ok(())
}

pub(super) fn view(key: &ApiKey) -> KeyView {
    KeyView { id: key.id.clone(), name: key.name.clone(), is_disabled: key.is_disabled }
}
