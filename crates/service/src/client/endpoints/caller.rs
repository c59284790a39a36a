use std::sync::Arc;

use portcullis::auth::ProviderType;
use portcullis::login::{Authenticated, LoginError, Newcomers};
use portcullis::store::StoreError;
use portcullis::{CustomData, User};

use super::credentials::Credentials;
use super::incoming::Incoming;
use super::to_the_end::to_the_end;
use crate::client::logins::{Proof, Proven};
use crate::client::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// The settings of an endpoint that concern its callers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callers {
    /// Whether valid credentials that belong to no user create one.
    pub(super) creates: bool,
    /// Whether rules and functions see the custom data of the user.
    pub(super) fetches_custom_data: bool,
}

impl Callers {
    /// The user, with or without custom data. A rule that reads custom data that was not fetched ends in an Error.
    pub(super) fn seen(self, user: User) -> User {
        let custom_data = if self.fetches_custom_data { user.custom_data } else { CustomData::NotLoaded };
        User { custom_data, ..user }
    }
}

/// The error for rejected credentials, whatever the reason.
pub(super) fn refused(private: &str) -> ClientError {
    let text = "invalid session: error finding user for endpoint";
    let mut error = ClientError::new(ErrorClass::Unauthorized, ErrorCode::InvalidSession, text);
    error.private = Some(private.to_owned());
    error
}

fn refusal(error: &LoginError) -> ClientError {
    if error.is_refusal() { refused(&error.to_string()) } else { ClientError::internal(error) }
}

impl ClientApi {
    /// The user of credentials, for one request.
    ///
    /// The creation of a user is completed even if the client disconnects.
    pub(super) async fn caller(
        self: &Arc<Self>,
        credentials: Credentials,
        callers: Callers,
        incoming: &Incoming<'_>,
    ) -> Result<User, ClientError> {
        let newcomers = if callers.creates { Newcomers::Welcome } else { Newcomers::Refused };
        let user = match credentials {
            Credentials::Bearer(token) => {
                return Ok(callers.seen(User::clone(&*self.bearer(&token).await.map_err(plain)?)));
            }
            Credentials::Password { email, password } => {
                self.need(ProviderType::EmailPassword)?;
                if let Some(tries) = incoming.tries {
                    tries.begin(&email, &password)?;
                }
                let proven = self.identify_by_password(&email, &password).await.map_err(plain)?;
                if let Some(tries) = incoming.tries {
                    tries.succeeded(&email, &password);
                }
                let api = Arc::clone(self);
                to_the_end(async move { api.proven(proven, newcomers).await }).await
            }
            Credentials::Key(key) => {
                self.need(ProviderType::ApiKey)?;
                let proven = self.identify_by_key(&key).await.map_err(plain)?;
                let api = Arc::clone(self);
                to_the_end(async move { api.proven(proven, newcomers).await }).await
            }
            Credentials::Token(token) => {
                self.need(ProviderType::CustomToken)?;
                let api = Arc::clone(self);
                to_the_end(async move {
                    let provider = api.authenticator.provider_name().unwrap_or_default();
                    api.authenticator.user_by_token(provider, &token, newcomers).await
                })
                .await
            }
        };
        Ok(callers.seen(user.map_err(|error| refusal(&error))?.user))
    }

    async fn proven(&self, proven: Proven, newcomers: Newcomers) -> Result<Authenticated, LoginError> {
        let found = self.found(&proven, newcomers).await?;
        // The credentials may have been revoked in the meantime, and must not bring back a deleted user.
        match self.still_stands(&proven).await {
            Ok(true) => Ok(found),
            Ok(false) => Err(LoginError::UserUnknown(found.user.id)),
            Err(error) => {
                let reason = error.private.unwrap_or(error.message);
                Err(StoreError::new("cannot look up the credentials again", reason).into())
            }
        }
    }

    async fn found(&self, proven: &Proven, newcomers: Newcomers) -> Result<Authenticated, LoginError> {
        match &proven.proof {
            Proof::Key { owner: Some(owner) } => self.authenticator.owner_by(owner, &proven.identity).await,
            // The operator created the server key, and the user with it.
            Proof::Key { owner: None } => self.authenticator.user_by(&proven.identity, Newcomers::Welcome).await,
            Proof::Password { .. } | Proof::Function => self.authenticator.user_by(&proven.identity, newcomers).await,
        }
    }

    /// The user with an ID from the configuration.
    pub(super) async fn named_user(&self, id: &str, callers: Callers) -> Result<User, ClientError> {
        let found = self.authenticator.look_up(id).await.map_err(|error| refusal(&error))?;
        Ok(callers.seen(found.user))
    }

    /// Rejects credentials of a disabled provider.
    fn need(&self, kind: ProviderType) -> Result<(), ClientError> {
        let is_on = self.providers.served.iter().any(|(_, served)| *served == kind);
        if is_on { Ok(()) } else { Err(refused("the provider is off")) }
    }
}

/// Moves the reason for a rejection into the log.
fn plain(error: ClientError) -> ClientError {
    match error.class {
        ErrorClass::Internal => error,
        _ => refused(error.private.as_deref().unwrap_or(&error.message)),
    }
}
