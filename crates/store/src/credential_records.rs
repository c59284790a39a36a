//! The stored form of passwords, one-time tokens and API keys.

use bson::{Bson, DateTime, Document, doc};

use crate::record::{Record, RecordError, id_of, key};
use portcullis::store::{ApiKey, OneTimeToken, PasswordLogin, TokenPurpose, shown};

/// Takes the fields out of one record and checks their types.
struct Fields {
    what: &'static str,
    id: String,
    record: Document,
}

impl Fields {
    fn of(what: &'static str, mut record: Document, application: &str) -> Result<Self, RecordError> {
        let id = id_of(record.remove("_id"), application).ok_or(RecordError::NoId(what))?;
        Ok(Self { what, id, record })
    }

    fn fault(&self, fault: &'static str) -> RecordError {
        RecordError::Fault { what: self.what, id: shown(&self.id), fault }
    }

    fn text(&mut self, name: &str) -> Result<String, RecordError> {
        match self.record.remove(name) {
            Some(Bson::String(text)) => Ok(text),
            _ => Err(self.fault("lacks a string")),
        }
    }

    /// A string, or null.
    fn optional_text(&mut self, name: &str) -> Result<Option<String>, RecordError> {
        match self.record.remove(name) {
            Some(Bson::Null) => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text)),
            _ => Err(self.fault("lacks a string or null")),
        }
    }

    fn flag(&mut self, name: &str) -> Result<bool, RecordError> {
        match self.record.remove(name) {
            Some(Bson::Boolean(flag)) => Ok(flag),
            _ => Err(self.fault("lacks a boolean")),
        }
    }

    fn date(&mut self, name: &str) -> Result<DateTime, RecordError> {
        match self.record.remove(name) {
            Some(Bson::DateTime(date)) => Ok(date),
            _ => Err(self.fault("lacks a date")),
        }
    }
}

/// Stored as `{_id: {application, id}, email, hash, confirmed, created_at}`; `hash` is null until a password is set.
impl Record for PasswordLogin {
    fn to_record(&self, application: &str) -> Document {
        doc! {
            "_id": key(application, &self.id),
            "email": &self.email,
            "hash": self.hash.clone(),
            "confirmed": self.is_confirmed,
            "created_at": self.created_at,
        }
    }

    fn from_record(record: Document, application: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::of("password", record, application)?;
        Ok(Self {
            email: fields.text("email")?,
            hash: fields.optional_text("hash")?,
            is_confirmed: fields.flag("confirmed")?,
            created_at: fields.date("created_at")?,
            id: fields.id,
        })
    }
}

/// Stored as `{_id: {application, id}, hash, purpose, login_id, expires_at}`.
impl Record for OneTimeToken {
    fn to_record(&self, application: &str) -> Document {
        doc! {
            "_id": key(application, &self.id),
            "hash": &self.hash,
            "purpose": self.purpose.name(),
            "login_id": &self.login_id,
            "expires_at": self.expires_at,
        }
    }

    fn from_record(record: Document, application: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::of("one-time token", record, application)?;
        let purpose = TokenPurpose::from_name(&fields.text("purpose")?);
        Ok(Self {
            hash: fields.text("hash")?,
            purpose: purpose.ok_or_else(|| fields.fault("has an unknown `purpose`"))?,
            login_id: fields.text("login_id")?,
            expires_at: fields.date("expires_at")?,
            id: fields.id,
        })
    }
}

/// Stored as `{_id: {application, id}, user_id, name, hash, disabled, created_at}`; `user_id` is null for a server's
/// key.
impl Record for ApiKey {
    fn to_record(&self, application: &str) -> Document {
        doc! {
            "_id": key(application, &self.id),
            "user_id": self.user_id.clone(),
            "name": &self.name,
            "hash": &self.hash,
            "disabled": self.is_disabled,
            "created_at": self.created_at,
        }
    }

    fn from_record(record: Document, application: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::of("API key", record, application)?;
        Ok(Self {
            user_id: fields.optional_text("user_id")?,
            name: fields.text("name")?,
            hash: fields.text("hash")?,
            is_disabled: fields.flag("disabled")?,
            created_at: fields.date("created_at")?,
            id: fields.id,
        })
    }
}
