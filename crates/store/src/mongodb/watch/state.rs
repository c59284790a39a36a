//! The state of a watcher, as a document that can be saved across restarts.

use std::collections::BTreeSet;

use ::mongodb::change_stream::event::ResumeToken;
use bson::{Bson, Document, doc};
use thiserror::Error;

use super::change::CustomDataChange;
use super::owners::{Key, Owner, Owners};
use portcullis::auth::CustomDataSource;

const VERSION: i32 = 1;

/// Why a watcher cannot resume from a document. The remedy is to open a new watcher; changes since the state was
/// saved are then unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WatchStateError {
    /// It is the state of a watcher of another collection or another field.
    #[error("the saved state is of another collection or another `user_id_field`")]
    OtherSource,
    /// It is not a watcher's state, or was saved by another version of this program.
    #[error("the saved state cannot be read: {0} is missing or wrong")]
    Malformed(&'static str),
}

/// The progress of a watcher.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) owners: Owners,
    /// The event after which to resume; `None` if the collection has to be scanned first.
    pub(super) token: Option<ResumeToken>,
    /// Set if `owners` may no longer match the collection.
    pub(super) rescan: Option<Rescan>,
    /// The change that was returned last, until it is settled.
    pub(super) unsettled: Option<CustomDataChange>,
}

/// Where the stream continues after a scan of the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rescan {
    /// After the token: the stream was invalidated together with its collection.
    FromToken,
    /// From the current time: the history is lost.
    FromNow,
}

impl State {
    pub(super) fn to_document(&self, source: &CustomDataSource) -> Document {
        let text = |user: &Option<Box<str>>| user.as_deref().map_or(Bson::Null, Bson::from);
        let owners = self.owners.iter().filter_map(|(key, owner)| {
            // Cannot fail, since the key was created from a BSON value.
            Some(Bson::from(vec![key.to_bson().ok()?, text(&owner.told), text(&owner.seen)]))
        });
        doc! {
            "version": VERSION,
            "source": identity_of(source),
            "token": self.token.as_ref().and_then(|token| bson::serialize_to_bson(token).ok()),
            "rescan": self.rescan.map(|rescan| match rescan {
                Rescan::FromToken => "token",
                Rescan::FromNow => "now",
            }),
            "unsettled": self.unsettled.as_ref().map(change_to_document),
            "owners": owners.collect::<Vec<_>>(),
        }
    }

    pub(super) fn from_document(mut document: Document, source: &CustomDataSource) -> Result<Self, WatchStateError> {
        let malformed = WatchStateError::Malformed;
        let mut take = |key: &'static str| document.remove(key).ok_or(malformed(key));
        if take("version")? != Bson::Int32(VERSION) {
            return Err(malformed("version"));
        }
        if take("source")? != Bson::Document(identity_of(source)) {
            return Err(WatchStateError::OtherSource);
        }
        let token = match take("token")? {
            Bson::Null => None,
            token @ Bson::Document(_) => Some(bson::deserialize_from_bson(token).map_err(|_| malformed("token"))?),
            _ => return Err(malformed("token")),
        };
        let rescan = match take("rescan")? {
            Bson::Null => None,
            Bson::String(from) if from == "token" => Some(Rescan::FromToken),
            Bson::String(from) if from == "now" => Some(Rescan::FromNow),
            _ => return Err(malformed("rescan")),
        };
        let unsettled = match take("unsettled")? {
            Bson::Null => None,
            Bson::Document(change) => Some(change_from_document(&change).ok_or(malformed("unsettled"))?),
            _ => return Err(malformed("unsettled")),
        };
        let Bson::Array(entries) = take("owners")? else { return Err(malformed("owners")) };
        let mut owners = Owners::default();
        for entry in entries {
            let (key, owner) = owner_from(entry).ok_or(malformed("owners"))?;
            owners.set(key, owner).map_err(|_| malformed("owners"))?;
        }
        Ok(Self { owners, token, rescan, unsettled })
    }
}

fn identity_of(source: &CustomDataSource) -> Document {
    doc! {
        "database": &source.database,
        "collection": &source.collection,
        "user_id_field": source.user_id_field.to_string(),
    }
}

fn owner_from(entry: Bson) -> Option<(Key, Owner)> {
    let Bson::Array(entry) = entry else { return None };
    let [id, told, seen] = <[Bson; 3]>::try_from(entry).ok()?;
    let id = bson::RawBson::try_from(id).ok()?;
    let text = |value: Bson| match value {
        Bson::Null => Some(None),
        Bson::String(user) => Some(Some(user.into_boxed_str())),
        _ => None,
    };
    Some((Key::new(id.as_raw_bson_ref()), Owner { told: text(told)?, seen: text(seen)? }))
}

fn change_to_document(change: &CustomDataChange) -> Document {
    let list = |users: &BTreeSet<String>| users.iter().map(Bson::from).collect::<Vec<_>>();
    match change {
        CustomDataChange::Users(users) => doc! { "users": list(users) },
        CustomDataChange::Everything { known, differing } => {
            doc! { "known": list(known), "differing": list(differing) }
        }
    }
}

fn change_from_document(document: &Document) -> Option<CustomDataChange> {
    let set = |key: &str| {
        let users = document.get_array(key).ok()?;
        users.iter().map(|user| user.as_str().map(str::to_owned)).collect::<Option<BTreeSet<_>>>()
    };
    match set("users") {
        Some(users) => Some(CustomDataChange::Users(users)),
        None => Some(CustomDataChange::Everything { known: set("known")?, differing: set("differing")? }),
    }
}
