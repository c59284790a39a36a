use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use thiserror::Error;

use super::StoreError;
use crate::auth::{ProviderType, union_of_identities};
use crate::future::BoxFuture;
use crate::text::{OneLine, excerpt};
use crate::user::{CustomData, User, UserType};

/// A way in which a provider knows somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The type of the provider.
    pub provider_type: ProviderType,
    /// The provider's own id of the person: the claim `sub` of a third party's token. Together with the type it belongs to
    /// one user of an application at most.
    pub id: String,
    /// What the provider says about the person.
    pub data: Document,
}

/// A user as stored: a stable ID assigned by Portcullis and the identities that lead to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// `%%user.id`: 24 hexadecimal digits if we made it, whatever it was if it was imported.
    pub id: String,
    /// `%%user.type`, never the system user.
    pub kind: UserType,
    /// Whether the user can log in.
    pub state: AccountState,
    /// At least one; no two with the same provider type and id, in all users of the application together.
    pub identities: Vec<Identity>,
    /// When the account was made, here or where it was imported from.
    pub created_at: DateTime,
    /// The last login; of an anonymous user also the last refresh, to the day.
    pub last_login_at: Option<DateTime>,
    /// Whether it was imported and nobody has logged in as it here yet, so that it can be [taken over](Users::take_over).
    pub is_unclaimed: bool,
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Made by a first login whose user-creation function has not yet succeeded; it is called again at the next one.
    Pending,
    /// As usual.
    Active,
    /// The user cannot log in.
    Disabled,
    /// Disabled while pending; pending again once it is enabled.
    DisabledPending,
}

impl AccountState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Active, "active"),
        (Self::Disabled, "disabled"),
        (Self::DisabledPending, "disabled-pending"),
    ];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// The state of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == name).map(|(state, _)| *state)
    }

    /// The state after disabling.
    #[must_use]
    pub const fn disabled(self) -> Self {
        match self {
            Self::Pending | Self::DisabledPending => Self::DisabledPending,
            Self::Active | Self::Disabled => Self::Disabled,
        }
    }

    /// The state after enabling.
    #[must_use]
    pub const fn enabled(self) -> Self {
        match self {
            Self::Pending | Self::DisabledPending => Self::Pending,
            Self::Active | Self::Disabled => Self::Active,
        }
    }

    /// Whether the user cannot log in.
    #[must_use]
    pub const fn is_disabled(self) -> bool {
        matches!(self, Self::Disabled | Self::DisabledPending)
    }
}

/// Why something cannot be done with a user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The store cannot be asked.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// There is no user of that id.
    #[error("there is no user `{}`", shown(.0))]
    Unknown(String),
    /// The user has another identity of a type of which there can be one.
    #[error("the user has another identity of the provider `{}`", .0.name())]
    SecondIdentity(ProviderType),
    /// The identity leads to another user already.
    #[error("the identity `{}` of the provider `{}` belongs to another user", shown(id), .provider_type.name())]
    IdentityTaken {
        /// The type of the provider.
        provider_type: ProviderType,
        /// The provider's id of the person.
        id: String,
    },
}

/// How much of an id a message shows, in characters: a third party chooses what it is.
const SHOWN: usize = 64;

/// As much of an id as a message shows, on one line.
#[must_use]
pub fn shown(id: &str) -> String {
    OneLine(excerpt(id, SHOWN)).to_string()
}

/// What became of one imported user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was added.
    Added,
    /// It was there already, exactly so but for the last login.
    Unchanged,
    /// Its id is that of another user.
    IdTaken,
    /// One of its identities belongs to another user.
    IdentityTaken {
        /// The type of the provider.
        provider_type: ProviderType,
        /// The provider's id of the person.
        id: String,
    },
}

/// What became of an identity's user when the identity was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The user has others and stays.
    FromUser(String),
    /// The user had no other and is deleted.
    WithUser(String),
}

/// The users of one application: users of other applications are not found, changed or listed through it.
pub trait Users: Send + Sync {
    /// The user that an identity leads to; one is made, [`AccountState::Pending`], where there is none. What the provider
    /// says now replaces what it said before, and `now` is the last login, unless the user is disabled; the user is
    /// claimed then. However many do this at once for one identity, all get the same user.
    fn find_or_create<'a>(
        &'a self,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Account, StoreError>>;

    /// A user.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Account>, StoreError>>;

    /// The id of the user that an identity leads to.
    fn owner<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, StoreError>>;

    /// Adds an identity to a user, or replaces what it says where the user has it; the user is claimed then. A second identity
    /// of the type `local-userpass` is refused.
    fn link<'a>(&'a self, id: &'a str, identity: &'a Identity) -> BoxFuture<'a, Result<Account, UsersError>>;

    /// Gives an identity to a user who is unclaimed, active and no server, and notes the login; `None` where the user is none of
    /// these, or the identity is another's. Of several at once for one user one succeeds.
    fn take_over<'a>(
        &'a self,
        id: &'a str,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>>;

    /// Removes an identity from the user whom it leads to, if there is one. A user who has no other is deleted.
    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>>;

    /// Notes that a user was here: the last login is no earlier then. Whether there is such a user.
    fn touch<'a>(&'a self, id: &'a str, now: DateTime) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Puts a user into a state.
    fn set_state<'a>(&'a self, id: &'a str, state: AccountState) -> BoxFuture<'a, Result<(), UsersError>>;

    /// Makes a pending user active; does nothing to any other, so that it cannot undo a disabling.
    fn activate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), UsersError>>;

    /// Deletes a user with all identities, and returns these as they were at that moment; `None` if there was no user. Of one that
    /// does not read back there are none.
    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>>;

    /// Adds users with the ids that they have; never changes one that is there. One outcome each, in the same order.
    fn import<'a>(&'a self, accounts: &'a [Account]) -> BoxFuture<'a, Result<Vec<ImportOutcome>, StoreError>>;

    /// At most `limit` users whose ids follow `after`, in the order of their ids (bytewise).
    fn list<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Account>, StoreError>>;
}

impl Account {
    /// How long an anonymous user's account lasts after the last login or refresh: 90 days.
    pub const ANONYMOUS_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// A user of one identity, as a first login makes it.
    #[must_use]
    pub fn new(id: impl Into<String>, identity: Identity, now: DateTime) -> Self {
        let kind = if identity.provider_type == ProviderType::ApiKey { UserType::Server } else { UserType::Normal };
        Self {
            id: id.into(),
            kind,
            state: AccountState::Pending,
            identities: vec![identity],
            created_at: now,
            last_login_at: Some(now),
            is_unclaimed: false,
        }
    }

    /// Whether the user may not have this identity beside those that it has.
    #[must_use]
    pub fn has_another(&self, identity: &Identity) -> bool {
        identity.is_single()
            && self
                .identities
                .iter()
                .any(|known| known.provider_type == identity.provider_type && known.id != identity.id)
    }

    /// Whether the user can be [taken over](Users::take_over).
    #[must_use]
    pub fn can_be_taken_over(&self) -> bool {
        self.is_unclaimed && self.state == AccountState::Active && self.kind == UserType::Normal
    }

    /// Takes what a provider says now for what it said before, or as another identity.
    pub fn put_identity(&mut self, identity: &Identity) {
        match self.identities.iter_mut().find(|known| known.is_same_person(identity)) {
            Some(known) => known.data.clone_from(&identity.data),
            None => self.identities.push(identity.clone()),
        }
    }

    /// Whether the user has none but anonymous identities.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.identities.iter().all(|identity| identity.provider_type == ProviderType::Anonymous)
    }

    /// Whether this is the account of an anonymous user who was last here 90 days ago.
    #[must_use]
    pub fn has_expired(&self, now: DateTime) -> bool {
        self.is_anonymous() && self.unseen_for(now) >= Self::ANONYMOUS_LIFETIME
    }

    /// How long ago the user was here, or the account was made.
    #[must_use]
    pub fn unseen_for(&self, now: DateTime) -> Duration {
        let seen = self.last_login_at.map_or(self.created_at, |time| time.max(self.created_at));
        let millis = now.timestamp_millis().saturating_sub(seen.timestamp_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The user object, `%%user`, with custom data that was looked up for it.
    #[must_use]
    pub fn to_user(&self, custom_data: CustomData) -> User {
        let identities: Vec<Bson> =
            self.identities.iter().map(|identity| Bson::Document(identity.to_document())).collect();
        let data = union_of_identities(&identities);
        User { id: self.id.clone(), kind: self.kind, data, custom_data, identities }
    }
}

impl Identity {
    /// The identity as one of `%%user.identities`.
    #[must_use]
    pub fn to_document(&self) -> Document {
        doc! { "id": &self.id, "provider_type": self.provider_type.name(), "data": self.data.clone() }
    }

    /// Whether a user has at most one identity of this type: one address with a password.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.provider_type == ProviderType::EmailPassword
    }

    /// Whether both are the same person at the same provider, whatever it says about them.
    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.provider_type == other.provider_type && self.id == other.id
    }
}
