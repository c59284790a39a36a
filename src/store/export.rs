use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document};
use thiserror::Error;

use super::{Account, AccountState, Identity};
use crate::auth::ProviderType;
use crate::user::UserType;

/// Why an exported user cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The `_id` is missing.
    #[error("the user has no `_id`, a string or an ObjectId")]
    Id,
    /// A field has the wrong type.
    #[error("the user's `{field}` must be {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// The user is the system user: `"type": "system"`
    #[error("the user's `type` must be \"normal\" or \"server\"")]
    UserType,
    /// The user has no identities: `"identities": []`
    #[error("the user has no identity: nobody could log in")]
    IdentityMissing,
    /// An identity lacks `id`.
    #[error("an identity of the user has no `id`, a string")]
    IdentityId,
    /// The type of an identity's provider is unknown: `"provider_type": "x"`
    #[error("an identity of the user has no known `provider_type`")]
    ProviderType,
    /// The same identity occurs twice.
    #[error("the user has a duplicate identity")]
    IdentityDuplicate,
}

/// A user that has been parsed from an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The user.
    pub account: Account,
    /// The names of ignored fields, such as `custom_data`, which has a collection of its own.
    pub ignored: Vec<String>,
}

impl Account {
    /// Parses a user in the format of the App Services administration API:
    ///
    /// ```json
    /// {"_id": "…", "type": "normal", "disabled": false, "creation_date": 1600000000,
    ///  "last_authentication_date": 1600000000,
    ///  "identities": [{"id": "…", "provider_type": "local-userpass", "provider_id": "…", "provider_data": {…}}],
    ///  "data": {…}}
    /// ```
    ///
    /// `"pending": true`, which occurs only in exports of Portcullis, marks a user whose creation function has not
    /// succeeded. The user counts as unclaimed.
    ///
    /// The id may be an ObjectId, and dates may be BSON dates. If no identity has `data`, the user's `data` become
    /// those of the first identity. A user without a creation date was created at the time in the id, if that is an
    /// ObjectId, so that importing the user again makes no difference; otherwise at `now`.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn from_export(mut exported: Document, now: DateTime) -> Result<Exported, ExportError> {
        let id = match exported.remove("_id").or_else(|| exported.remove("id")) {
            Some(Bson::String(id)) if !id.is_empty() => id,
            Some(Bson::ObjectId(id)) => id.to_hex(),
            _ => return Err(ExportError::Id),
        };
        let kind = match exported.remove("type") {
            None => UserType::Normal,
            Some(Bson::String(name)) => UserType::from_name(&name).ok_or(ExportError::UserType)?,
            Some(_) => return Err(ExportError::UserType),
        };
        if kind == UserType::System {
            return Err(ExportError::UserType);
        }
        let mut flag = |field| match exported.remove(field) {
            None => Ok(false),
            Some(Bson::Boolean(flag)) => Ok(flag),
            Some(_) => Err(ExportError::Field { field, expected: "a boolean" }),
        };
        let state = match (flag("disabled")?, flag("pending")?) {
            (false, false) => AccountState::Active,
            (false, true) => AccountState::Pending,
            (true, false) => AccountState::Disabled,
            (true, true) => AccountState::DisabledPending,
        };
        let created_at = time(exported.remove("creation_date").as_ref(), "creation_date")?;
        let created_at = created_at.unwrap_or_else(|| ObjectId::parse_str(&id).map_or(now, |id| id.timestamp()));
        let last_login_at = time(exported.remove("last_authentication_date").as_ref(), "last_authentication_date")?;
        let (mut identities, mut ignored) = identities(exported.remove("identities"))?;
        let data = match exported.remove("data") {
            None | Some(Bson::Null) => Document::new(),
            Some(Bson::Document(data)) => data,
            Some(_) => return Err(ExportError::Field { field: "data", expected: "a document" }),
        };
        if identities.iter().all(|identity| identity.data.is_empty())
            && let Some(first) = identities.first_mut()
        {
            first.data = data;
        }
        let account = Self { id, kind, state, identities, created_at, last_login_at, is_unclaimed: true };
        ignored.extend(exported.keys().cloned());
        Ok(Exported { account, ignored })
    }
}

/// Parses the identities. Also returns the names of ignored fields, such as `provider_id`, the id of the provider's
/// stored configuration.
fn identities(value: Option<Bson>) -> Result<(Vec<Identity>, Vec<String>), ExportError> {
    let wrong = ExportError::Field { field: "identities", expected: "an array of documents" };
    let listed = match value {
        None => return Err(ExportError::IdentityMissing),
        Some(Bson::Array(listed)) if listed.is_empty() => return Err(ExportError::IdentityMissing),
        Some(Bson::Array(listed)) => listed,
        Some(_) => return Err(wrong),
    };
    let (mut identities, mut ignored): (Vec<Identity>, Vec<String>) = (Vec::new(), Vec::new());
    for identity in listed {
        let Bson::Document(mut identity) = identity else { return Err(wrong) };
        let provider_type = match identity.remove("provider_type") {
            Some(Bson::String(name)) => ProviderType::from_name(&name).ok_or(ExportError::ProviderType)?,
            _ => return Err(ExportError::ProviderType),
        };
        let id = match identity.remove("id") {
            Some(Bson::String(id)) if !id.is_empty() => id,
            Some(Bson::ObjectId(id)) => id.to_hex(),
            _ => return Err(ExportError::IdentityId),
        };
        let data = match identity.remove("provider_data").or_else(|| identity.remove("data")) {
            None | Some(Bson::Null) => Document::new(),
            Some(Bson::Document(data)) => data,
            Some(_) => return Err(ExportError::Field { field: "provider_data", expected: "a document" }),
        };
        ignored.extend(identity.keys().map(|key| format!("identities.{key}")));
        let identity = Identity { provider_type, id, data };
        if identities.iter().any(|known| known.is_same_person(&identity)) {
            return Err(ExportError::IdentityDuplicate);
        }
        identities.push(identity);
    }
    Ok((identities, ignored))
}

/// Parses a date: a BSON date, or a number of seconds since the Unix epoch, as used by App Services. Numbers that are
/// too large for seconds are milliseconds.
fn time(value: Option<&Bson>, field: &'static str) -> Result<Option<DateTime>, ExportError> {
    const SECONDS_AT_MOST: i64 = 100_000_000_000;
    let number = match value {
        None | Some(Bson::Null) => return Ok(None),
        Some(Bson::DateTime(time)) => return Ok(Some(*time)),
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        Some(_) => return Err(ExportError::Field { field, expected: "a date or a number of seconds since 1970" }),
    };
    let is_seconds = number.unsigned_abs() < SECONDS_AT_MOST.unsigned_abs();
    Ok(Some(DateTime::from_millis(if is_seconds { number.saturating_mul(1000) } else { number })))
}
