//! How a user is stored.

use bson::{Bson, DateTime, Document, RawDocument, doc};

use super::failure::Failure;
use crate::auth::ProviderType;
use crate::store::{Account, AccountState, Identity};
use crate::text::OneLine;
use crate::user::UserType;
use crate::value::DocumentRef;

pub(super) fn to_document(account: &Account) -> Document {
    let identities: Vec<Bson> = account.identities.iter().map(|identity| identity.to_document().into()).collect();
    let mut document = doc! {
        "_id": &account.id,
        "type": account.kind.name(),
        "state": account.state.name(),
        "identities": identities,
        "created_at": account.created_at,
    };
    if let Some(at) = account.last_login_at {
        document.insert("last_login_at", at);
    }
    document
}

/// Whether both are the same user but for the last login, to the byte.
pub(super) fn is_unchanged(one: &Account, other: &Account) -> bool {
    let bytes = |account: &Account| {
        let mut document = to_document(account);
        document.remove("last_login_at");
        document.to_vec().ok()
    };
    bytes(one).is_some_and(|one| Some(one) == bytes(other))
}

/// Why an account is none that a login or an import may make.
pub(super) fn fault_of(account: &Account) -> Option<String> {
    if account.kind == UserType::System {
        return Some("is the system user".to_owned());
    }
    if account.identities.is_empty() {
        return Some("has no identity".to_owned());
    }
    let twice = account
        .identities
        .iter()
        .enumerate()
        .find(|(at, identity)| account.identities.iter().take(*at).any(|earlier| earlier.is_same_person(identity)));
    twice.map(|(_, identity)| format!("has the identity `{}` twice", shown(&identity.id)))
}

/// As much of an id as a message shows.
pub(super) fn shown(id: &str) -> String {
    let text: String = id.chars().take(64).collect();
    let dots = if text.len() < id.len() { "…" } else { "" };
    format!("{}{dots}", OneLine(text))
}

/// Reads a stored user. What does not read is an error: a default in its place could grant.
pub(super) fn from_raw(raw: &RawDocument) -> Result<Account, Failure> {
    let mut document = DocumentRef::Raw(raw).to_document()?;
    let id = match document.remove("_id") {
        Some(Bson::String(id)) => id,
        Some(other) => {
            return Err(Failure::new(format!("the stored user {} has no string as `_id`", shown(&other.to_string()))));
        }
        None => return Err(Failure::new("a stored user has no `_id`")),
    };
    read(&id, document).map_err(|fault| Failure::new(format!("the stored user `{}` {fault}", shown(&id))))
}

fn read(id: &str, mut document: Document) -> Result<Account, String> {
    let mut take = |key: &str| document.remove(key);
    let kind = match take("type") {
        Some(Bson::String(name)) => UserType::from_name(&name).ok_or("has an unknown `type`")?,
        _ => return Err("has no string as `type`".to_owned()),
    };
    let state = match take("state") {
        Some(Bson::String(name)) => AccountState::from_name(&name).ok_or("has an unknown `state`")?,
        _ => return Err("has no string as `state`".to_owned()),
    };
    let identities = match take("identities") {
        Some(Bson::Array(identities)) => identities.into_iter().map(identity).collect::<Result<_, _>>()?,
        _ => return Err("has no array as `identities`".to_owned()),
    };
    let created_at = date(take("created_at").as_ref(), "created_at")?.ok_or("has no date as `created_at`")?;
    let last_login_at = date(take("last_login_at").as_ref(), "last_login_at")?;
    let account = Account { id: id.to_owned(), kind, state, identities, created_at, last_login_at };
    fault_of(&account).map_or(Ok(account), Err)
}

fn identity(value: Bson) -> Result<Identity, String> {
    let Bson::Document(mut document) = value else { return Err("has an identity that is no document".to_owned()) };
    let mut take = |key: &str| document.remove(key);
    match (take("provider_type"), take("id"), take("data")) {
        (Some(Bson::String(name)), Some(Bson::String(id)), Some(Bson::Document(data))) => {
            let provider_type = ProviderType::from_name(&name).ok_or("has an identity of an unknown provider type")?;
            Ok(Identity { provider_type, id, data })
        }
        _ => Err("has an identity without `provider_type`, `id` or `data`".to_owned()),
    }
}

fn date(value: Option<&Bson>, key: &str) -> Result<Option<DateTime>, String> {
    match value {
        None | Some(Bson::Null) => Ok(None),
        Some(Bson::DateTime(at)) => Ok(Some(*at)),
        Some(_) => Err(format!("has no date as `{key}`")),
    }
}
