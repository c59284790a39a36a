use bson::{Bson, Document, doc};
use thiserror::Error;

use super::{Account, AccountState, Identity, Session};
use crate::auth::ProviderType;
use crate::user::UserType;

/// A stored document that does not read back: somebody else wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A field is missing or of the wrong type.
    #[error("the stored {what} `{id}` has no usable `{field}`")]
    Field {
        /// `user` or `session`.
        what: &'static str,
        /// Its id.
        id: String,
        /// The field.
        field: &'static str,
    },
    /// No BSON at all, or no id.
    #[error("a stored {0} cannot be read")]
    Unreadable(&'static str),
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
}

impl Account {
    /// The user as it is stored: `{_id, type, state, identities: [{provider_type, id, data}], created_at, last_login_at}`.
    #[must_use]
    pub fn to_record(&self) -> Document {
        let identities: Vec<Bson> = self.identities.iter().map(|found| Bson::Document(found.to_document())).collect();
        let mut record = doc! {
            "_id": &self.id,
            "type": self.kind.name(),
            "state": self.state.name(),
            "identities": identities,
            "created_at": self.created_at,
        };
        record.extend(self.last_login_at.map(|time| ("last_login_at".to_owned(), Bson::DateTime(time))));
        record
    }

    /// Reads a stored user. What it lacks is never made up.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn from_record(record: &Document) -> Result<Self, RecordError> {
        let id = record.get_str("_id").map_err(|_| RecordError::Unreadable("user"))?;
        let wrong = |field| RecordError::Field { what: "user", id: id.to_owned(), field };
        let kind = record.get_str("type").ok().and_then(UserType::from_name);
        let kind = kind.filter(|kind| *kind != UserType::System).ok_or_else(|| wrong("type"))?;
        let state = record.get_str("state").ok().and_then(AccountState::from_name).ok_or_else(|| wrong("state"))?;
        let identities = record.get_array("identities").map_err(|_| wrong("identities"))?;
        let identities: Option<Vec<Identity>> = identities.iter().map(Identity::from_record).collect();
        let identities = identities.filter(|found| !found.is_empty()).ok_or_else(|| wrong("identities"))?;
        let created_at = *record.get_datetime("created_at").map_err(|_| wrong("created_at"))?;
        let last_login_at = match record.get("last_login_at") {
            None => None,
            Some(time) => Some(*time.as_datetime().ok_or_else(|| wrong("last_login_at"))?),
        };
        Ok(Self { id: id.to_owned(), kind, state, identities, created_at, last_login_at })
    }
}

impl Identity {
    fn from_record(record: &Bson) -> Option<Self> {
        let record = record.as_document()?;
        Some(Self {
            provider_type: ProviderType::from_name(record.get_str("provider_type").ok()?)?,
            id: record.get_str("id").ok()?.to_owned(),
            data: record.get_document("data").ok()?.clone(),
        })
    }
}

impl Session {
    /// The session as it is stored: `{_id, user_id, device_id, started_at, expires_at}`.
    #[must_use]
    pub fn to_record(&self) -> Document {
        let mut record = doc! {
            "_id": &self.id,
            "user_id": &self.user_id,
            "device_id": &self.device_id,
            "started_at": self.started_at,
        };
        record.extend(self.expires_at.map(|time| ("expires_at".to_owned(), Bson::DateTime(time))));
        record
    }

    /// Reads a stored session.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn from_record(record: &Document) -> Result<Self, RecordError> {
        let id = record.get_str("_id").map_err(|_| RecordError::Unreadable("session"))?;
        let wrong = |field| RecordError::Field { what: "session", id: id.to_owned(), field };
        let text = |field| record.get_str(field).map(str::to_owned).map_err(|_| wrong(field));
        let time = |field| record.get_datetime(field).copied().map_err(|_| wrong(field));
        // Without its end a session would last for ever.
        let expires_at = if record.contains_key("expires_at") { Some(time("expires_at")?) } else { None };
        Ok(Self {
            id: id.to_owned(),
            user_id: text("user_id")?,
            device_id: text("device_id")?,
            started_at: time("started_at")?,
            expires_at,
        })
    }
}
