use bson::{Document, doc};
use portcullis::User;
use portcullis::auth::ProviderType;
use portcullis::json::Node;
use portcullis::login::Login;
use portcullis::store::{ApiKey, Identity, PasswordLogin};

use super::passwords::is_length;
use super::random::{is_id, is_of};
use super::sessions::log_warnings;
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// The response to a login.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginReply {
    /// The access token, which authenticates requests.
    pub access_token: String,
    /// The refresh token, which obtains new access tokens. Clients that link an identity do not read it.
    pub refresh_token: String,
    /// The user's ID.
    pub user_id: String,
    /// The device's ID, which the client sends again at later logins.
    pub device_id: String,
}

/// The result of linking.
pub type LinkedUser = LoginReply;

impl ClientApi {
    /// Logs in with the payload that a client sends to a provider.
    ///
    /// # Errors
    /// The provider is disabled, or the credentials are rejected.
    pub async fn log_in(&self, provider: &str, payload: Option<&Node>) -> Result<LoginReply, ClientError> {
        let device = device(payload);
        let device = device.as_deref();
        let login = match self.kind(provider)? {
            ProviderType::Anonymous => self.authenticator.log_in_anonymously(device).await,
            ProviderType::CustomToken => {
                let token = text(payload, "token")?;
                self.authenticator.log_in(provider, token, device).await
            }
            _ => return self.log_in_by(self.identify(provider, payload).await?, device).await,
        };
        Ok(reply(login.map_err(|error| ClientError::of_login(&error))?))
    }

    async fn log_in_by(&self, proven: Proven, device: Option<&str>) -> Result<LoginReply, ClientError> {
        let identity = proven.identity.clone();
        let login = match &proven.proof {
            Proof::Key { owner: Some(owner), .. } => self.authenticator.log_in_owner(owner, identity, device).await,
            _ => self.authenticator.log_in_as(identity, device).await,
        };
        // The credentials may have been revoked in the meantime, which ended earlier sessions but not this one.
        let standing = self.standing(&proven).await?;
        if standing != ProofStatus::Holds {
            if let Ok(login) = login {
                self.authenticator.log_out(&login.refresh_token).await.map_err(ClientError::internal)?;
            }
            if standing == ProofStatus::Gone {
                // These credentials can never be used again. If this login created a user for them, that user is
                // removed.
                self.forget_identity(&proven.identity).await?;
            }
            return Err(ClientError::unauthorized(proven.refusal()));
        }
        login.map(reply).map_err(|error| ClientError::of_login(&error))
    }

    /// Whether the password or the key is still the one that was verified.
    async fn standing(&self, proven: &Proven) -> Result<ProofStatus, ClientError> {
        let id = &proven.identity.id;
        let holds = match &proven.proof {
            Proof::Password { hash } => {
                let login = self.credentials.login_by_id(id).await?;
                login.map(|login| login.is_confirmed && login.hash.as_ref() == Some(hash))
            }
            Proof::Key { .. } => self.credentials.key(id).await?.map(|key| !key.is_disabled),
            Proof::Function => Some(true),
        };
        Ok(match holds {
            Some(true) => ProofStatus::Holds,
            Some(false) => ProofStatus::Withdrawn,
            None => ProofStatus::Gone,
        })
    }

    /// Whether the credentials are still valid. If they have been deleted, whatever the request created with them is
    /// removed, too.
    pub(super) async fn still_stands(&self, proven: &Proven) -> Result<bool, ClientError> {
        let standing = self.standing(proven).await?;
        if standing == ProofStatus::Gone {
            self.forget_identity(&proven.identity).await?;
        }
        Ok(standing == ProofStatus::Holds)
    }

    async fn forget_identity(&self, identity: &Identity) -> Result<(), ClientError> {
        let removed = self.authenticator.accounts().remove_identity(identity.provider_type, &identity.id).await;
        removed.map(drop).map_err(ClientError::internal)
    }

    /// Links the credentials in a payload to the user of an access token, as another way to log in.
    ///
    /// # Errors
    /// The credentials are rejected, or belong to another user.
    pub async fn link(
        &self,
        access_token: &str,
        provider: &str,
        payload: Option<&Node>,
    ) -> Result<LinkedUser, ClientError> {
        let user = self.bearer_now(access_token).await?;
        self.link_to(&user, access_token, provider, payload).await.map_err(not_alone)
    }

    async fn link_to(
        &self,
        user: &User,
        access_token: &str,
        provider: &str,
        payload: Option<&Node>,
    ) -> Result<LinkedUser, ClientError> {
        let linked = match self.kind(provider)? {
            ProviderType::Anonymous => {
                return Err(ClientError::bad(ErrorCode::InvalidParameter, "anonymous users cannot be linked"));
            }
            ProviderType::CustomToken => {
                let token = text(payload, "token")?;
                self.authenticator.link(access_token, provider, token).await
            }
            _ => {
                let proven = self.identify(provider, payload).await?;
                if let Proof::Key { owner, .. } = &proven.proof
                    && owner.as_ref() != Some(&user.id)
                {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, "invalid user link request"));
                }
                let identity = &proven.identity;
                if self.standing(&proven).await? != ProofStatus::Holds {
                    return Err(ClientError::unauthorized(proven.refusal()));
                }
                let linked = self.authenticator.link_as(&user.id, identity).await;
                if linked.is_ok() && self.standing(&proven).await? == ProofStatus::Gone {
                    self.forget_identity(identity).await?;
                    return Err(ClientError::unauthorized(proven.refusal()));
                }
                linked
            }
        };
        linked.map_err(|error| ClientError::of_link(&error))?;
        let renewed = self.authenticator.renew(access_token).await;
        Ok(reply(renewed.map_err(|error| ClientError::of_login(&error))?))
    }

    fn kind(&self, provider: &str) -> Result<ProviderType, ClientError> {
        self.providers.kind(provider).ok_or_else(|| {
            let shown: String = provider.chars().take(64).collect();
            let message = format!("authentication via '{shown}' is unsupported");
            ClientError::new(ErrorClass::Unauthorized, ErrorCode::AuthProviderNotFound, message)
        })
    }

    /// The identity that a password, a key or a function proves.
    async fn identify(&self, provider: &str, payload: Option<&Node>) -> Result<Proven, ClientError> {
        match self.kind(provider)? {
            ProviderType::EmailPassword => {
                let (email, password) = (text(payload, "username")?, text(payload, "password")?);
                self.identify_by_password(email, password).await
            }
            ProviderType::CustomFunction => self.identify_by_function(payload).await,
            _ => self.identify_by_key(text(payload, "key")?).await,
        }
    }

    pub(super) async fn identify_by_password(&self, email: &str, password: &str) -> Result<Proven, ClientError> {
        let login = self.credentials.login(email).await?;
        let kept = login.as_ref().and_then(|login| login.hash.clone());
        // Verification takes the same time for an unknown address, an overlong password and a wrong one.
        let (password, kept) = if is_length(password) { (password, kept) } else { ("", None) };
        let verified = self.hashing.verify(password, kept).await?;
        let Some(login) = login.filter(|_| verified.is_right) else {
            return Err(ClientError::unauthorized(ErrorCode::InvalidPassword));
        };
        if !login.is_confirmed {
            return Err(ClientError::unauthorized(ErrorCode::AuthError));
        }
        let PasswordLogin { id, email, hash: Some(mut hash), .. } = login else {
            return Err(ClientError::unauthorized(ErrorCode::InvalidPassword));
        };
        if let Some(stronger) = verified.stronger
            && self.credentials.replace_hash(&id, Some(&hash), &stronger).await?
        {
            hash = stronger;
        }
        let identity = Identity { provider_type: ProviderType::EmailPassword, id, data: doc! { "email": email } };
        Ok(Proven { identity, proof: Proof::Password { hash } })
    }

    pub(super) async fn identify_by_key(&self, key: &str) -> Result<Proven, ClientError> {
        let refused = || ClientError::unauthorized(ErrorCode::AuthError);
        let id = key.get(..24).filter(|id| is_id(id)).ok_or_else(refused)?;
        let known = self.credentials.key(id).await?.filter(|known| is_of(key, &known.hash) && !known.is_disabled);
        let ApiKey { id, user_id: owner, name, .. } = known.ok_or_else(refused)?;
        let data = if owner.is_some() {
            Document::new()
        } else {
            doc! { "name": name }
        };
        let identity = Identity { provider_type: ProviderType::ApiKey, id, data };
        Ok(Proven { identity, proof: Proof::Key { owner } })
    }
}

/// An identity that has been proven.
pub(super) struct Proven {
    pub(super) identity: Identity,
    pub(super) proof: Proof,
}

/// Whether the proof of an identity is still valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProofStatus {
    Holds,
    /// The password was changed, or the key disabled.
    Withdrawn,
    /// The login or the key was deleted.
    Gone,
}

pub(super) enum Proof {
    /// The password with this hash.
    Password { hash: String },
    /// A key of a user, or a server key if there is no owner.
    Key { owner: Option<String> },
    /// The decision of the application's login function.
    Function,
}

impl Proven {
    /// The error code once the proof is invalid.
    const fn refusal(&self) -> ErrorCode {
        match self.proof {
            Proof::Password { .. } => ErrorCode::InvalidPassword,
            Proof::Key { .. } | Proof::Function => ErrorCode::AuthError,
        }
    }
}

fn reply(login: Login) -> LoginReply {
    log_warnings(&login.user.id, &login.warnings);
    LoginReply {
        access_token: login.access_token,
        refresh_token: login.refresh_token,
        user_id: login.user.id,
        device_id: login.device_id,
    }
}

/// A string in a payload. Other types are rejected before they can reach a store.
pub(super) fn text<'p>(payload: Option<&'p Node>, name: &str) -> Result<&'p str, ClientError> {
    let value = payload.and_then(|payload| payload.get(name)).and_then(Node::as_str);
    value.ok_or_else(|| ClientError::bad(ErrorCode::BadRequest, format!("'{name}' is a required string")))
}

/// The ID that the device received at an earlier login, if the client sent it.
fn device(payload: Option<&Node>) -> Option<String> {
    let id = payload?.get("options")?.get("device")?.get("deviceId")?;
    id.as_str().or_else(|| id.get("$oid")?.as_str()).map(str::to_owned)
}

/// The message of a rejected link must not be just `unauthorized`: web clients would take the access token for invalid,
/// refresh it and repeat the request endlessly.
fn not_alone(mut error: ClientError) -> ClientError {
    if error.message == "unauthorized" {
        error.message.push_str(": the credentials are refused");
    }
    error
}
