use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use thiserror::Error;

use super::StoreError;
use crate::auth::{ProviderType, union_of_identities};
use crate::future::BoxFuture;
use crate::text::{OneLine, excerpt};
use crate::user::{CustomData, User, UserType};

/// A user's identity at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The type of the provider.
    pub provider_type: ProviderType,
    /// The id of the person at the provider: the claim `sub` of a third-party token. Together with the type, it belongs
    /// to at most one user of an application.
    pub id: String,
    /// The provider's data about the person.
    pub data: Document,
}

/// A user as stored: a stable id and the identities that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// `%%user.id`: 24 hexadecimal digits if assigned by Portcullis, any string if it was imported.
    pub id: String,
    /// `%%user.type`, never the system user.
    pub kind: UserType,
    /// Whether the user can log in.
    pub state: AccountState,
    /// At least one. The pairs of provider type and id are unique among all users of the application.
    pub identities: Vec<Identity>,
    /// When the account was created, here or where it was imported from.
    pub created_at: DateTime,
    /// The last login, or for an anonymous user also the last refresh, to the day.
    pub last_login_at: Option<DateTime>,
    /// Whether it was imported and nobody has logged in as this user here yet, so that it can be [taken
    /// over](Users::take_over).
    pub is_unclaimed: bool,
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Created by a first login whose user-creation function has not yet succeeded; it is called again at the next
    /// login.
    Pending,
    /// The user can log in.
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

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// The state with this name.
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

/// Why an operation on a user failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// There is no user with this id.
    #[error("there is no user `{}`", shown(.0))]
    Unknown(String),
    /// The user already has an identity of a type of which there can be only one.
    #[error("the user has another identity of the provider `{}`", .0.name())]
    SecondIdentity(ProviderType),
    /// The identity already belongs to another user.
    #[error("the identity `{}` of the provider `{}` belongs to another user", shown(id), .provider_type.name())]
    IdentityTaken {
        /// The type of the provider.
        provider_type: ProviderType,
        /// The id of the person at the provider.
        id: String,
    },
}

/// The most characters of an id that a message quotes: a third party chooses the id.
const SHOWN: usize = 64;

/// An id as quoted in messages: shortened, on one line.
#[must_use]
pub fn shown(id: &str) -> String {
    OneLine(excerpt(id, SHOWN)).to_string()
}

/// The outcome of importing one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was added.
    Added,
    /// It already existed, identical except for the last login.
    Unchanged,
    /// Another user has its id.
    IdTaken,
    /// One of its identities belongs to another user.
    IdentityTaken {
        /// The type of the provider.
        provider_type: ProviderType,
        /// The id of the person at the provider.
        id: String,
    },
}

/// The outcome of removing an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The user has other identities and stays.
    FromUser(String),
    /// It was the user's only identity, so the user was deleted.
    WithUser(String),
}

/// The users of one application. Users of other applications cannot be found, changed or listed through it.
pub trait Users: Send + Sync {
    /// The user to whom an identity belongs; if there is none, one is created as [`AccountState::Pending`]. Unless the
    /// user is disabled, the identity's data is replaced, `now` becomes the last login, and the user counts as claimed.
    /// Concurrent calls for one identity all get the same user.
    fn find_or_create<'a>(
        &'a self,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Account, StoreError>>;

    /// A user.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Account>, StoreError>>;

    /// The id of the user to whom an identity belongs.
    fn owner<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, StoreError>>;

    /// Adds an identity to a user, or replaces its data if the user already has it; the user then counts as claimed. A
    /// second identity of the type `local-userpass` is rejected.
    fn link<'a>(&'a self, id: &'a str, identity: &'a Identity) -> BoxFuture<'a, Result<Account, UsersError>>;

    /// Links an identity to a user who is unclaimed, active and not a server, and records the login. `None` if the user
    /// is not all of these, or the identity belongs to another. Of several concurrent calls for one user, one succeeds.
    fn take_over<'a>(
        &'a self,
        id: &'a str,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>>;

    /// Removes an identity from its user, if there is one. A user without other identities is deleted.
    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>>;

    /// Records that a user was seen: the last login becomes no earlier than this. Returns whether there is such a user.
    fn touch<'a>(&'a self, id: &'a str, now: DateTime) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Sets the state of a user.
    fn set_state<'a>(&'a self, id: &'a str, state: AccountState) -> BoxFuture<'a, Result<(), UsersError>>;

    /// Makes a pending user active. It leaves any other user unchanged, so that it cannot re-enable a disabled one.
    fn activate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), UsersError>>;

    /// Deletes a user with all identities, and returns these as they were at that moment; `None` if there was no user. Of one that
    /// does not read back there are none.
    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>>;

    /// Adds users under their own ids; never changes an existing user. Returns one outcome for each, in the same order.
    fn import<'a>(&'a self, accounts: &'a [Account]) -> BoxFuture<'a, Result<Vec<ImportOutcome>, StoreError>>;

    /// At most `limit` users whose ids follow `after`, in the order of their ids (bytewise).
    fn list<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Account>, StoreError>>;
}

impl Account {
    /// How long an anonymous user's account lasts after the last login or refresh: 90 days.
    pub const ANONYMOUS_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// A user with one identity, as created by a first login.
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

    /// Whether the user may not have this identity in addition to the present ones.
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

    /// Replaces an identity's data, or adds the identity.
    pub fn put_identity(&mut self, identity: &Identity) {
        match self.identities.iter_mut().find(|known| known.is_same_person(identity)) {
            Some(known) => known.data.clone_from(&identity.data),
            None => self.identities.push(identity.clone()),
        }
    }

    /// Whether all identities of the user are anonymous.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.identities.iter().all(|identity| identity.provider_type == ProviderType::Anonymous)
    }

    /// Whether this is the account of an anonymous user last seen 90 days ago or earlier.
    #[must_use]
    pub fn has_expired(&self, now: DateTime) -> bool {
        self.is_anonymous() && self.unseen_for(now) >= Self::ANONYMOUS_LIFETIME
    }

    /// The time since the user was last seen, or the account was created.
    #[must_use]
    pub fn unseen_for(&self, now: DateTime) -> Duration {
        let seen = self.last_login_at.map_or(self.created_at, |time| time.max(self.created_at));
        let millis = now.timestamp_millis().saturating_sub(seen.timestamp_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The user object, `%%user`, with the given custom data.
    #[must_use]
    pub fn to_user(&self, custom_data: CustomData) -> User {
        let identities: Vec<Bson> =
            self.identities.iter().map(|identity| Bson::Document(identity.to_document())).collect();
        let data = union_of_identities(&identities);
        User { id: self.id.clone(), kind: self.kind, data, custom_data, identities }
    }
}

impl Identity {
    /// The identity as an element of `%%user.identities`.
    #[must_use]
    pub fn to_document(&self) -> Document {
        doc! { "id": &self.id, "provider_type": self.provider_type.name(), "data": self.data.clone() }
    }

    /// Whether a user can have only one identity of this type: one e-mail address with a password.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.provider_type == ProviderType::EmailPassword
    }

    /// Whether both are the same person at the same provider, whatever their data.
    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.provider_type == other.provider_type && self.id == other.id
    }
}
