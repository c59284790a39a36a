use super::authenticator::Authenticator;
use super::{Authenticated, LoginError};
use crate::store::{Account, AccountState, Identity};

/// What becomes of credentials that are good, and nobody's yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomers {
    /// They are refused.
    Refused,
    /// They make a user, as a first login does.
    Welcome,
}

impl Authenticator {
    /// The user of an identity for which the caller vouches, as a login would see them, for one request: no session begins.
    ///
    /// # Errors
    /// See [`LoginError`]; [`LoginError::UserUnknown`] where there is nobody, and newcomers are refused.
    pub async fn user_by(&self, identity: &Identity, newcomers: Newcomers) -> Result<Authenticated, LoginError> {
        let users = &self.assembler.accounts.users;
        let owner = match users.owner(identity.provider_type, &identity.id).await? {
            Some(id) => users.find(&id).await?,
            None => None,
        };
        let nobody = || LoginError::UserUnknown(identity.id.clone());
        let is_pending = |account: &Account| matches!(account.state, AccountState::Pending);
        match owner {
            // What the provider says now may be another thing than before: rules go by it.
            Some(account) if !is_pending(&account) && account.identities.contains(identity) => {
                self.look_up(&account.id).await
            }
            None if newcomers == Newcomers::Refused => Err(nobody()),
            Some(account) if newcomers == Newcomers::Refused && is_pending(&account) => Err(nobody()),
            _ => {
                let now = self.clock.now();
                let account = users.find_or_create(identity, now).await?;
                // Deleted since.
                if newcomers == Newcomers::Refused && is_pending(&account) {
                    return Err(nobody());
                }
                self.admit(&account, identity.provider_type, now).await?;
                self.look_up(&account.id).await
            }
        }
    }

    /// The user of a third party's token, as a login by it would see them, for one request. Whoever would take over an imported user at
    /// a login does so here, where newcomers are welcome.
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

    /// A user who is known, by an identity of theirs for which the caller vouches, for one request. It makes no user.
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
