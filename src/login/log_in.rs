use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{DateTime, Document};

use super::assembler::admissible;
use super::authenticator::{Anonymous, Authenticator, lost, standing};
use super::{Accounts, Freshness, LoginError};
use crate::auth::token::{AccessToken, RefreshGrant, RefreshToken, TokenIdentity, TokenSession};
use crate::auth::{Assembly, ProviderType, VerifiedClaims, Warning, assemble};
use crate::store::{Account, AccountState, Identity, ImportOutcome, Session, UsersError};
use crate::user::{CustomData, User};

/// The result of a login.
#[derive(Clone, PartialEq)]
pub struct Login {
    /// The access token, to be sent with requests.
    pub access_token: String,
    /// The refresh token, to obtain further access tokens.
    pub refresh_token: String,
    /// The id of the device, which clients send at their next login.
    pub device_id: String,
    /// The user as contained in the access token.
    pub user: User,
    /// The warnings, for the log.
    pub warnings: Vec<Warning>,
}

impl Authenticator {
    /// Logs a user in with a third-party token. `provider` is the name of the provider that vouches for it; `device_id`
    /// is the id that the device received at an earlier login.
    ///
    /// # Errors
    /// See [`LoginError`]. A failed login leaves nothing behind, except possibly a new user.
    pub async fn log_in(&self, provider: &str, token: &str, device_id: Option<&str>) -> Result<Login, LoginError> {
        let (identity, claims) = self.identify_with_claims(provider, token).await?;
        if let Some(takeover) = &self.takeover
            && self.accounts().user_of(identity.provider_type, &identity.id).await?.is_none()
            && let Some(account) = takeover.take_over(&claims, &identity, self.clock.now()).await?
        {
            self.looked_up.remove(&account.id);
            return self.enter_account(account, identity, device_id).await;
        }
        self.enter(identity, device_id).await
    }

    /// Creates a user who has never logged in, with an identity for which an administrator vouches. If the
    /// user-creation function rejects the user, the user is deleted again.
    ///
    /// # Errors
    /// See [`LoginError`], in particular if the identity belongs to a user already.
    pub async fn create_user(&self, identity: &Identity) -> Result<Account, LoginError> {
        let now = self.clock.now();
        let account = Account { last_login_at: None, ..Account::new(ObjectId::new().to_hex(), identity.clone(), now) };
        let users = &self.assembler.accounts.users;
        if users.import(std::slice::from_ref(&account)).await?.first() != Some(&ImportOutcome::Added) {
            let Identity { provider_type, id, .. } = identity.clone();
            return Err(UsersError::IdentityTaken { provider_type, id }.into());
        }
        let admitted = self.admit(&account, identity.provider_type, now).await;
        if admitted.is_err() {
            users.delete(&account.id).await?;
        }
        admitted.map(|()| Account { state: AccountState::Active, ..account })
    }

    /// Logs in as a new anonymous user.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn log_in_anonymously(&self, device_id: Option<&str>) -> Result<Login, LoginError> {
        if self.anonymous == Anonymous::Refused {
            return Err(LoginError::AnonymousRefused);
        }
        let id = ObjectId::new().to_hex();
        let identity = Identity { provider_type: ProviderType::Anonymous, id, data: Document::new() };
        self.enter(identity, device_id).await
    }

    /// Logs a user in whom the caller has identified, for example by password or API key. The caller vouches for the
    /// identity.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn log_in_as(&self, identity: Identity, device_id: Option<&str>) -> Result<Login, LoginError> {
        self.enter(identity, device_id).await
    }

    /// Logs an existing user in by one of the user's identities, for which the caller vouches. Unlike
    /// [`log_in_as`](Self::log_in_as), this never creates a user, so that a deleted user stays deleted.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn log_in_owner(
        &self,
        user_id: &str,
        identity: Identity,
        device_id: Option<&str>,
    ) -> Result<Login, LoginError> {
        let account = self.link_as(user_id, &identity).await?;
        self.enter_account(account, identity, device_id).await
    }

    /// Adds an identity to a user. The caller vouches for it.
    ///
    /// # Errors
    /// See [`LoginError`], in particular if the identity belongs to another user.
    pub async fn link_as(&self, user_id: &str, identity: &Identity) -> Result<Account, LoginError> {
        let account = self.assembler.accounts.users.link(user_id, identity).await?;
        self.looked_up.remove(&account.id);
        Ok(account)
    }

    /// The content of a refresh token, provided that it is valid and its session has not ended.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn verify_refresh(&self, refresh_token: &str) -> Result<RefreshToken, LoginError> {
        let now = self.clock.now();
        let token = self.issuer.verify_refresh(refresh_token, now)?;
        self.session(&token.session.id, &token.user_id, now).await?;
        self.assembler.account(&token.user_id, now).await?;
        Ok(token)
    }

    /// The content of an access token, provided that it is valid and its session has not ended.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn verify_access(&self, access_token: &str) -> Result<AccessToken, LoginError> {
        let now = self.clock.now();
        let token = self.issuer.verify_access(access_token, now)?;
        self.session(&token.session.id, &token.user.id, now).await?;
        self.assembler.account(&token.user.id, now).await?;
        Ok(token)
    }

    /// Checks that the session of a token that was accepted earlier has not ended, and that its user may stay logged
    /// in.
    ///
    /// # Errors
    /// A store failed.
    pub async fn sessions_last(&self, asked: &[(&str, &str)]) -> Result<Vec<Result<(), LoginError>>, LoginError> {
        let now = self.clock.now();
        let Accounts { sessions, users, .. } = self.accounts();
        let (ids, user_ids): (Vec<&str>, Vec<&str>) = asked.iter().copied().unzip();
        let sessions = sessions.find_all(&ids).await?;
        let accounts = users.find_all(&user_ids).await?;
        let found = sessions.into_iter().zip(accounts).zip(user_ids);
        let judge = |((session, account), user_id)| {
            let account = admissible(account, user_id, now);
            match session {
                None => Err(lost(account)),
                Some(session) => standing(session, user_id, now).and(account).map(drop),
            }
        };
        Ok(found.map(judge).collect())
    }

    /// Issues another access token for the session of an access token, with the user's current data.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn renew(&self, access_token: &str) -> Result<Login, LoginError> {
        let now = self.clock.now();
        let token = self.issuer.verify_access(access_token, now)?;
        let session = self.session(&token.session.id, &token.user.id, now).await?;
        let account = self.assembler.account(&token.user.id, now).await?;
        let (user, warnings) = self.assembler.assemble(&account).await?;
        let access_token = self.issuer.issue_access(&user, &token.session, now)?;
        let refresh_token = self.refresh_again(&account, &session, now)?;
        Ok(Login { access_token, refresh_token, device_id: session.device_id, user, warnings })
    }

    /// Issues another refresh token for a session, which does not outlast it.
    fn refresh_again(&self, account: &Account, session: &Session, now: DateTime) -> Result<String, LoginError> {
        // Only the sessions of anonymous users do not expire.
        let opened =
            |identity: &&Identity| (identity.provider_type == ProviderType::Anonymous) == session.expires_at.is_none();
        let Some(identity) = account.identities.iter().find(opened) else { return Err(LoginError::SessionEnded) };
        let provider_type = identity.provider_type;
        let grant = RefreshGrant {
            user_id: account.id.clone(),
            session: TokenSession { id: session.id.clone(), device_id: session.device_id.clone() },
            identity: TokenIdentity {
                id: identity.id.clone(),
                provider_type,
                provider_id: provider_type.name().to_owned(),
            },
            expires_at: session.expires_at,
        };
        Ok(self.issuer.issue_refresh(&grant, now)?)
    }

    /// Links the identity of a third-party token to the user of an access token, as an additional way to log in. The
    /// next access token contains its data.
    ///
    /// # Errors
    /// See [`LoginError`], in particular if the identity belongs to another user.
    pub async fn link(&self, access_token: &str, provider: &str, token: &str) -> Result<Account, LoginError> {
        let bearer = self.authenticate(access_token, Freshness::Live).await?;
        let identity = self.identify(provider, token).await?;
        let account = self.assembler.accounts.users.link(&bearer.user.id, &identity).await?;
        self.looked_up.remove(&account.id);
        Ok(account)
    }

    /// The identity in a third-party token.
    async fn identify(&self, name: &str, token: &str) -> Result<Identity, LoginError> {
        Ok(self.identify_with_claims(name, token).await?.0)
    }

    pub(super) async fn identify_with_claims(
        &self,
        name: &str,
        token: &str,
    ) -> Result<(Identity, VerifiedClaims), LoginError> {
        let provider = self.provider.as_ref().filter(|provider| provider.provider().name() == name);
        let provider = provider.ok_or_else(|| LoginError::ProviderUnknown(name.to_owned()))?;
        // This is checked before keys are fetched.
        if provider.provider().is_disabled() {
            return Err(LoginError::ProviderDisabled(name.to_owned()));
        }
        let claims = provider.verify(token, self.clock.now()).await?;
        let assembly = Assembly { provider: Some(provider.provider()), custom_data: None };
        let User { id, data, .. } = assemble(&claims, &assembly)?.user;
        Ok((Identity { provider_type: provider.provider().kind(), id, data }, claims))
    }

    async fn enter(&self, identity: Identity, device_id: Option<&str>) -> Result<Login, LoginError> {
        let now = self.clock.now();
        let account = self.assembler.accounts.users.find_or_create(&identity, now).await?;
        self.enter_account(account, identity, device_id).await
    }

    async fn enter_account(
        &self,
        account: Account,
        identity: Identity,
        device_id: Option<&str>,
    ) -> Result<Login, LoginError> {
        let now = self.clock.now();
        self.admit(&account, identity.provider_type, now).await?;
        let expires_at = self.issuer.refresh_expiry(identity.provider_type, now);
        let session = Session {
            id: ObjectId::new().to_hex(),
            user_id: account.id.clone(),
            device_id: device(device_id),
            started_at: now,
            // The session of an anonymous user does not expire, but the user does.
            expires_at,
            key_id: (identity.provider_type == ProviderType::ApiKey).then(|| identity.id.clone()),
        };
        self.assembler.accounts.sessions.start(&session).await?;
        let entered = self.enter_by(&session, identity, expires_at, now).await;
        if entered.is_err() {
            // If ending it fails, the session remains, but nobody has a token for it.
            self.assembler.accounts.sessions.end(&session.id).await.ok();
        }
        entered
    }

    /// Issues the tokens of a session that has been started. Disabling or deleting the user, or changing the custom
    /// data, ends all sessions of the user, from now on including this one. Changes before that are visible here.
    async fn enter_by(
        &self,
        session: &Session,
        identity: Identity,
        expires_at: Option<DateTime>,
        now: DateTime,
    ) -> Result<Login, LoginError> {
        let account = self.assembler.account(&session.user_id, now).await?;
        let (user, warnings) = self.assembler.assemble(&account).await?;
        let reference = TokenSession { id: session.id.clone(), device_id: session.device_id.clone() };
        let access_token = self.issuer.issue_access(&user, &reference, now)?;
        let provider_type = identity.provider_type;
        let grant = RefreshGrant {
            user_id: account.id.clone(),
            session: reference,
            identity: TokenIdentity { id: identity.id, provider_type, provider_id: provider_type.name().to_owned() },
            expires_at,
        };
        let refresh_token = self.issuer.issue_refresh(&grant, now)?;
        self.session(&session.id, &account.id, now).await?;
        // The login is announced before anyone has the tokens, so that it is not missed if the process ends now.
        if let Some(announcer) = &self.assembler.accounts.announcer
            && !announcer.logged_in(&session.id, provider_type, &user).await?
        {
            return Err(LoginError::SessionEnded);
        }
        self.looked_up.insert(Arc::new(user.clone().into()), now);
        Ok(Login { access_token, refresh_token, device_id: session.device_id.clone(), user, warnings })
    }

    /// Admits a user. For a new user, the user-creation function is called.
    pub(super) async fn admit(
        &self,
        account: &Account,
        provider: ProviderType,
        now: DateTime,
    ) -> Result<(), LoginError> {
        match account.state {
            AccountState::Disabled | AccountState::DisabledPending => {
                return Err(LoginError::UserDisabled(account.id.clone()));
            }
            AccountState::Active | AccountState::Pending if account.has_expired(now) => {
                return Err(LoginError::UserExpired(account.id.clone()));
            }
            AccountState::Active => return Ok(()),
            AccountState::Pending => {}
        }
        if let Some(function) = &self.user_creation {
            function.user_created(&account.to_user(CustomData::NotLoaded)).await?;
        }
        match &self.assembler.accounts.announcer {
            Some(announcer) => announcer.activate(&account.id, provider).await?,
            None => self.assembler.accounts.users.activate(&account.id).await?,
        }
        Ok(())
    }
}

/// The id that the device received earlier, or a new one. Clients without an id send zeros.
fn device(known: Option<&str>) -> String {
    let is_id = |id: &&str| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known = known.filter(is_id).filter(|id| id.bytes().any(|byte| byte != b'0'));
    known.map_or_else(|| ObjectId::new().to_hex(), str::to_ascii_lowercase)
}
