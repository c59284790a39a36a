//! Lets imported users, whose passwords are not known, take over their accounts.

use std::str::FromStr;
use std::sync::Arc;

use bson::{Bson, DateTime, Document, doc};
use portcullis::BoxFuture;
use portcullis::auth::{MetadataPath, MetadataPathError, ProviderType, VerifiedClaims};
use portcullis::login::{Accounts, LoginError, Takeover};
use portcullis::store::{Account, Credentials, Identity, PasswordLogin};
use portcullis::text::OneLine;
use thiserror::Error;

use super::passwords::MAX_ADDRESS;
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// A claim in third-party tokens that identifies the imported user to whom the bearer corresponds: `id=CLAIM` or
/// `email=CLAIM`. The claim is a path as in `metadata_fields`.
///
/// An address counts only if the claim with the same name and the suffix `_verified` is `true`: `email_verified` for
/// `email`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimUsersBy {
    claim: MetadataPath,
    names: Names,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    /// The user's ID.
    Id,
    /// The user's address, provided that this claim is true.
    Address { verified: MetadataPath },
}

/// Why a text is not a valid [`ClaimUsersBy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimUsersByError {
    /// It starts with neither `id=` nor `email=`.
    #[error("write id=CLAIM or email=CLAIM, such as `email=email`")]
    Form,
    /// The path of the claim is invalid.
    #[error("the claim: {0}")]
    Path(#[from] MetadataPathError),
}

impl FromStr for ClaimUsersBy {
    type Err = ClaimUsersByError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (names, claim) = text.split_once('=').ok_or(ClaimUsersByError::Form)?;
        let claim = MetadataPath::parse(claim)?;
        let names = match names {
            "id" => Names::Id,
            "email" => Names::Address { verified: verified(&claim)? },
            _ => return Err(ClaimUsersByError::Form),
        };
        Ok(Self { claim, names })
    }
}

/// The claim that says whether an address is verified.
fn verified(claim: &MetadataPath) -> Result<MetadataPath, MetadataPathError> {
    let mut names = claim.names().to_vec();
    if let Some(last) = names.last_mut() {
        last.push_str("_verified");
    }
    MetadataPath::from_names(names)
}

/// The longest ID, in bytes.
const MAX_ID: usize = 1024;

impl ClaimUsersBy {
    /// The ID or address in the claims, if there is a valid one, and it is verified where required.
    fn text<'c>(&self, claims: &'c Document) -> Option<&'c str> {
        let most = match &self.names {
            Names::Id => MAX_ID,
            Names::Address { verified } if verified.look_up(claims) == Some(&Bson::Boolean(true)) => MAX_ADDRESS,
            Names::Address { .. } => return None,
        };
        self.claim.look_up(claims)?.as_str().filter(|text| !text.is_empty() && text.len() <= most)
    }
}

/// Finds imported users by the claims of tokens.
struct Claims {
    by: Vec<ClaimUsersBy>,
    accounts: Accounts,
    credentials: Arc<dyn Credentials>,
}

impl Claims {
    /// The user whom the claims identify. Claims that identify several users identify none.
    async fn named(&self, claims: &Document) -> Result<Option<Account>, LoginError> {
        let mut named: Option<Account> = None;
        for by in &self.by {
            let Some(text) = by.text(claims) else { continue };
            let user_id = match by.names {
                Names::Id => Some(text.to_owned()),
                Names::Address { .. } => match self.credentials.login(text).await? {
                    Some(login) => self.accounts.user_of(ProviderType::EmailPassword, &login.id).await?,
                    None => None,
                },
            };
            let Some(user_id) = user_id else { continue };
            let account = match self.accounts.stored(&user_id).await {
                Ok(account) => account,
                Err(LoginError::UserUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            if named.as_ref().is_some_and(|known| known.id != account.id) {
                return Ok(None);
            }
            named = Some(account);
        }
        Ok(named)
    }

    /// Whether a user has set a password here. Setting the first one claims the user beforehand: see [`set_password`].
    async fn has_password(&self, account: &Account) -> Result<bool, LoginError> {
        for identity in account.identities.iter().filter(|one| one.provider_type == ProviderType::EmailPassword) {
            if self.credentials.login_by_id(&identity.id).await?.is_some_and(|login| login.hash.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Takeover for Claims {
    fn take_over<'a>(
        &'a self,
        claims: &'a VerifiedClaims,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, LoginError>> {
        Box::pin(async move {
            let named = self.named(claims.document()).await?;
            let Some(account) = named.filter(Account::can_be_taken_over) else { return Ok(None) };
            if self.has_password(&account).await? {
                return Ok(None);
            }
            let taken = self.accounts.take_over(&account.id, identity, now).await?;
            if taken.is_some() {
                log(&account.id, "a token of a third party");
            }
            Ok(taken)
        })
    }
}

fn log(user_id: &str, by: &'static str) {
    tracing::info!(user_id = %OneLine(user_id), by, "an imported user was taken over");
}

impl ClientApi {
    /// Lets the bearers of third-party tokens take over imported users who have no password yet, if their claims
    /// identify these users.
    #[must_use]
    pub fn with_takeover(mut self, by: Vec<ClaimUsersBy>) -> Self {
        if !by.is_empty() {
            let accounts = self.authenticator.accounts().clone();
            let claims = Claims { by, accounts, credentials: Arc::clone(&self.credentials) };
            self.authenticator = self.authenticator.with_takeover(Arc::new(claims));
        }
        self
    }
}

/// What setting a user's password has revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordSet {
    /// The number of sessions that were ended.
    pub sessions: u64,
    /// The number of API keys that were disabled.
    pub keys: usize,
}

/// Sets the password of a login, possibly its first, for someone who has proven ownership of the address, or for an
/// administrator. Ends the user's sessions and disables the keys, since anyone who knew the old password may have
/// created them.
pub(super) async fn set_password(
    accounts: &Accounts,
    credentials: &dyn Credentials,
    login: &PasswordLogin,
    hash: &str,
    by: &'static str,
) -> Result<PasswordSet, ClientError> {
    let user_id = accounts.user_of(ProviderType::EmailPassword, &login.id).await.map_err(ClientError::internal)?;
    let first_of = user_id.as_ref().filter(|_| login.hash.is_none());
    if let Some(user_id) = first_of {
        // Done before the password is set, so that no token can take over a user who has a password.
        let data = doc! { "email": &login.email };
        let identity = Identity { provider_type: ProviderType::EmailPassword, id: login.id.clone(), data };
        accounts.claim(user_id, &identity).await.map_err(ClientError::internal)?;
    }
    if !credentials.set_hash(&login.id, hash).await? {
        return Err(ClientError::new(ErrorClass::NotFound, ErrorCode::UserNotFound, "user not found"));
    }
    credentials.confirm_login(&login.id).await?;
    if let Some(user_id) = first_of {
        log(user_id, by);
    }
    end_what_a_password_opened(accounts, credentials, user_id.as_deref()).await
}

/// Revokes what may have been obtained with the previous password.
pub(super) async fn end_what_a_password_opened(
    accounts: &Accounts,
    credentials: &dyn Credentials,
    user_id: Option<&str>,
) -> Result<PasswordSet, ClientError> {
    let mut done = PasswordSet::default();
    if let Some(user_id) = user_id {
        for key in credentials.keys(Some(user_id)).await?.iter().filter(|key| !key.is_disabled) {
            done.keys += usize::from(credentials.set_key_disabled(&key.id, true).await?);
        }
        done.sessions = accounts.revoke_sessions(user_id).await.map_err(ClientError::internal)?;
    }
    Ok(done)
}
