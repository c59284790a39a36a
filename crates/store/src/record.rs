//! The stored form of users and sessions.

use bson::{Bson, Document, doc};
use thiserror::Error;

use portcullis::UserType;
use portcullis::auth::ProviderType;
use portcullis::store::{Account, AccountState, Identity, Session, shown};

/// A stored user or session that cannot be read because something else has written it. Missing fields are never
/// replaced by defaults, since a default could grant access.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    /// It has no ID by which to name it, or belongs to another application.
    #[error("a stored {0} has no `_id` of the form {{application, id}}, with this application and a string")]
    NoId(&'static str),
    #[error("a stored session names no user")]
    SessionOfNobody,
    #[error("the stored {what} `{id}` {fault}")]
    Fault { what: &'static str, id: String, fault: &'static str },
    #[error("the stored user `{id}` {fault}")]
    Account { id: String, fault: AccountFault },
}

/// Why an account cannot be created by a login or an import.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum AccountFault {
    #[error("is the system user")]
    System,
    #[error("has no identity")]
    NoIdentity,
    #[error("has the identity `{0}` twice")]
    IdentityTwice(String),
}

/// The `_id` of a record. All applications share one store, but each has its own identity provider, so an ID means
/// nothing without its application.
pub(crate) fn key(application: &str, id: impl Into<Bson>) -> Document {
    doc! { "application": application, "id": id.into() }
}

/// The ID in an `_id`, if the `_id` belongs to this application.
pub(crate) fn id_of(stored: Option<Bson>, application: &str) -> Option<String> {
    let Some(Bson::Document(mut stored)) = stored else { return None };
    match (stored.remove("application"), stored.remove("id")) {
        (Some(Bson::String(owner)), Some(Bson::String(id))) if owner == application && stored.is_empty() => Some(id),
        _ => None,
    }
}

/// A value that is stored as a document of its own.
pub(crate) trait Record: Sized {
    /// Converts the value to its stored form.
    fn to_record(&self, application: &str) -> Document;

    /// Reads the stored form, which must belong to this application.
    fn from_record(record: Document, application: &str) -> Result<Self, RecordError>;
}

/// A user is stored as `{_id: {application, id}, type, state, identities: [{provider_type, id, data}], created_at,
/// last_login_at, unclaimed}`; `unclaimed` is present only if it is true.
impl Record for Account {
    fn to_record(&self, application: &str) -> Document {
        let identities: Vec<Bson> = self.identities.iter().map(|found| Bson::Document(found.to_document())).collect();
        let mut record = doc! {
            "_id": key(application, &self.id),
            "type": self.kind.name(),
            "state": self.state.name(),
            "identities": identities,
            "created_at": self.created_at,
        };
        record.extend(self.last_login_at.map(|time| ("last_login_at".to_owned(), Bson::DateTime(time))));
        record.extend(self.is_unclaimed.then(|| ("unclaimed".to_owned(), Bson::Boolean(true))));
        record
    }

    fn from_record(mut record: Document, application: &str) -> Result<Self, RecordError> {
        let id = id_of(record.remove("_id"), application).ok_or(RecordError::NoId("user"))?;
        let account =
            read_account(&id, record).map_err(|fault| RecordError::Fault { what: "user", id: shown(&id), fault })?;
        match account_fault(&account) {
            None => Ok(account),
            Some(fault) => Err(RecordError::Account { id: shown(&id), fault }),
        }
    }
}

fn read_account(id: &str, mut record: Document) -> Result<Account, &'static str> {
    let mut take = |key: &str| record.remove(key);
    let kind = match take("type") {
        Some(Bson::String(name)) => UserType::from_name(&name).ok_or("has an unknown `type`")?,
        _ => return Err("has no string as `type`"),
    };
    let state = match take("state") {
        Some(Bson::String(name)) => AccountState::from_name(&name).ok_or("has an unknown `state`")?,
        _ => return Err("has no string as `state`"),
    };
    let identities = match take("identities") {
        Some(Bson::Array(found)) => found.into_iter().map(read_identity).collect::<Result<_, _>>()?,
        _ => return Err("has no array as `identities`"),
    };
    let Some(Bson::DateTime(created_at)) = take("created_at") else { return Err("has no date as `created_at`") };
    let last_login_at = match take("last_login_at") {
        None | Some(Bson::Null) => None,
        Some(Bson::DateTime(time)) => Some(time),
        Some(_) => return Err("has no date as `last_login_at`"),
    };
    let is_unclaimed = match take("unclaimed") {
        None => false,
        Some(Bson::Boolean(flag)) => flag,
        Some(_) => return Err("has no boolean as `unclaimed`"),
    };
    Ok(Account { id: id.to_owned(), kind, state, identities, created_at, last_login_at, is_unclaimed })
}

fn read_identity(record: Bson) -> Result<Identity, &'static str> {
    let Bson::Document(mut record) = record else { return Err("has an identity that is not a document") };
    let mut take = |key: &str| record.remove(key);
    match (take("provider_type"), take("id"), take("data")) {
        (Some(Bson::String(name)), Some(Bson::String(id)), Some(Bson::Document(data))) => {
            let provider_type = ProviderType::from_name(&name).ok_or("has an identity of an unknown provider type")?;
            Ok(Identity { provider_type, id, data })
        }
        _ => Err("has an identity without `provider_type`, `id` or `data`"),
    }
}

/// Why neither a login nor an import can create this account, if so.
pub(crate) fn account_fault(account: &Account) -> Option<AccountFault> {
    if account.kind == UserType::System {
        return Some(AccountFault::System);
    }
    if account.identities.is_empty() {
        return Some(AccountFault::NoIdentity);
    }
    let mut identities = account.identities.iter().enumerate();
    let twice =
        identities.find(|(at, one)| account.identities.iter().take(*at).any(|earlier| earlier.is_same_person(one)));
    twice.map(|(_, identity)| AccountFault::IdentityTwice(shown(&identity.id)))
}

/// Whether the two accounts are identical, byte for byte, except for the last login and whether the account has been
/// claimed.
pub(crate) fn is_unchanged(account: &Account, other: &Account) -> bool {
    let bytes = |account: &Account| {
        let plain = Account { last_login_at: None, is_unclaimed: false, ..account.clone() };
        plain.to_record("").to_vec().ok()
    };
    bytes(account).is_some_and(|mine| Some(mine) == bytes(other))
}

/// A session is stored as `{_id: {application, id}, user_id, device_id, started_at, expires_at, key_id}`. A session
/// that does not expire has null as `expires_at`, so that one from which the field was removed is an error.
impl Record for Session {
    fn to_record(&self, application: &str) -> Document {
        doc! {
            "_id": key(application, &self.id),
            "user_id": &self.user_id,
            "device_id": &self.device_id,
            "started_at": self.started_at,
            "expires_at": self.expires_at,
            "key_id": self.key_id.clone(),
        }
    }

    // The ID of a session is confidential, so error messages name the user instead.
    fn from_record(mut record: Document, application: &str) -> Result<Self, RecordError> {
        let mut take = |key: &str| record.remove(key);
        let id = id_of(take("_id"), application).ok_or(RecordError::NoId("session"))?;
        let Some(Bson::String(user_id)) = take("user_id") else { return Err(RecordError::SessionOfNobody) };
        let wrong = |fault| RecordError::Fault { what: "session of the user", id: shown(&user_id), fault };
        let Some(Bson::String(device_id)) = take("device_id") else {
            return Err(wrong("has no string as `device_id`"));
        };
        let Some(Bson::DateTime(started_at)) = take("started_at") else {
            return Err(wrong("has no date as `started_at`"));
        };
        let expires_at = match take("expires_at") {
            Some(Bson::Null) => None,
            Some(Bson::DateTime(time)) => Some(time),
            _ => return Err(wrong("has neither a date nor null as `expires_at`")),
        };
        let key_id = match take("key_id") {
            None | Some(Bson::Null) => None,
            Some(Bson::String(key_id)) => Some(key_id),
            Some(_) => return Err(wrong("has neither a string nor null as `key_id`")),
        };
        Ok(Self { id, user_id, device_id, started_at, expires_at, key_id })
    }
}
