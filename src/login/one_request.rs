use super::authenticator::Authenticator;
use super::{Authenticated, LoginError};
use crate::store::{Account, AccountState, Identity};

/// What happens to valid credentials that do not belong to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomers {
    /// They are rejected.
    Refused,
    /// They create a user, as a first login does.
    Welcome,
}

impl Authenticator {
    /// The user of an identity for which the caller vouches, as after a login, but for a single request: no session is
    /// started.
    ///
    /// # Errors
    /// See [`LoginError`], in particular [`LoginError::UserUnknown`] if the identity belongs to no user and new users
    /// are rejected.
    pub async fn user_by(&self, identity: &Identity, newcomers: Newcomers) -> Result<Authenticated, LoginError> {
        let users = &self.assembler.accounts.users;
        let owner = match users.owner(identity.provider_type, &identity.id).await? {
            Some(id) => users.find(&id).await?,
            None => None,
        };
        let nobody = || LoginError::UserUnknown(identity.id.clone());
        let is_pending = |account: &Account| matches!(account.state, AccountState::Pending);
        match owner {
            // Rules use the provider's current data, so the stored identity must be the same, including its data.
            Some(account) if !is_pending(&account) && account.identities.contains(identity) => {
                self.look_up(&account.id).await
            }
            None if newcomers == Newcomers::Refused => Err(nobody()),
            Some(account) if newcomers == Newcomers::Refused && is_pending(&account) => Err(nobody()),
            _ => {
                let now = self.clock.now();
                let account = users.find_or_create(identity, now).await?;
                // The user was deleted in the meantime and has just been created again.
                if newcomers == Newcomers::Refused && is_pending(&account) {
                    return Err(nobody());
                }
                self.admit(&account, identity.provider_type, now).await?;
                self.look_up(&account.id).await
            }
        }
    }

    /// The user of a third-party token, as after a login, but for a single request. If new users are accepted and the
    /// token would take over an imported user at a login, it does so here as well.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn user_by_token(
        &self,
        provider: &str,
        token: &str,
        newcomers: Newcomers,
    ) -> Result<Authenticated, LoginError> {
        let (identity, claims) = self.identify_with_claims(provider, token).await?;
        if newcomers == Newcomers::Welcome
            && let Some(takeover) = &self.takeover
            && self.accounts().user_of(identity.provider_type, &identity.id).await?.is_none()
            && let Some(account) = takeover.take_over(&claims, &identity, self.clock.now()).await?
        {
            self.looked_up.remove(&account.id);
            return self.look_up(&account.id).await;
        }
        self.user_by(&identity, newcomers).await
    }

    /// An existing user, by one of the user's identities, for which the caller vouches, for a single request. This
    /// never creates a user.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn owner_by(&self, user_id: &str, identity: &Identity) -> Result<Authenticated, LoginError> {
        let account = self.assembler.account(user_id, self.clock.now()).await?;
        if !account.identities.contains(identity) {
            self.link_as(user_id, identity).await?;
        }
        self.look_up(user_id).await
    }
}
