use std::collections::{BTreeSet, HashMap};

use bson::raw::{RawBsonRef, cstr};
use bson::{Bson, RawDocument, RawDocumentBuf};

use crate::mongodb::failure::Failure;
use portcullis::value::{DocumentRef, Malformed};

/// The maximum number of documents that name a user.
pub(super) const MAX_DOCUMENTS: usize = 1_000_000;

/// The maximum total size of the documents' `_id`s and user IDs in bytes, 256 MiB.
pub(super) const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Which user each document names. It is needed because the event of a deletion contains only the document's `_id`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owners {
    documents: HashMap<Key, Owner>,
    bytes: usize,
}

/// An `_id`, encoded as a BSON document with that value under the empty key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Box<[u8]>);

/// The users whom a document may name. An event and a later lookup of the document can disagree: the path `a.b` in an
/// event may also be a field whose name contains a dot, and the document may have changed again. Therefore both
/// count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// According to the events.
    pub(super) told: Option<Box<str>>,
    /// According to the latest lookup of the document.
    pub(super) seen: Option<Box<str>>,
}

impl Key {
    pub(super) fn new(id: RawBsonRef<'_>) -> Self {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!(""), id);
        Self(document.as_bytes().into())
    }

    pub(super) fn to_bson(&self) -> Result<Bson, Malformed> {
        let document = DocumentRef::Raw(RawDocument::from_bytes(&self.0)?).to_document()?;
        document.into_iter().next().map(|(_, id)| id).ok_or_else(|| Malformed::new("no `_id`"))
    }
}

impl Owner {
    pub(super) fn told(user: Option<String>) -> Self {
        Self { told: user.map(Into::into), seen: None }
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.told.as_deref().into_iter().chain(self.seen.as_deref())
    }
}

impl Owners {
    /// The users whom the document names so far.
    pub(super) fn get(&self, key: &Key) -> Owner {
        self.documents.get(key).cloned().unwrap_or_default()
    }

    /// Sets the users whom a document names; a document that names nobody is removed.
    pub(super) fn set(&mut self, key: Key, owner: Owner) -> Result<(), Failure> {
        if owner.users().next().is_none() {
            self.remove(&key);
            return Ok(());
        }
        let before = self.documents.get(&key).map(|owner| size(&key, owner));
        let bytes = self.bytes.saturating_sub(before.unwrap_or(0)).saturating_add(size(&key, &owner));
        if bytes > MAX_BYTES || (before.is_none() && self.documents.len() >= MAX_DOCUMENTS) {
            return Err(Failure::new(format!(
                "more than {MAX_DOCUMENTS} documents, or {MAX_BYTES} bytes of ids, name users; so many cannot be watched"
            )));
        }
        self.bytes = bytes;
        self.documents.insert(key, owner);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &Key) -> Owner {
        let owner = self.documents.remove(key);
        if let Some(owner) = &owner {
            self.bytes = self.bytes.saturating_sub(size(key, owner));
        }
        owner.unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Owner)> {
        self.documents.iter()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.documents.values().flat_map(Owner::users)
    }

    /// The users of all documents whose owners differ between `self` and `other`, from both sides.
    pub(super) fn differing(&self, other: &Self) -> BTreeSet<String> {
        let lost = self.iter().map(move |entry| (entry, other));
        let gained = other.iter().map(move |entry| (entry, self));
        lost.chain(gained)
            .filter(|((key, owner), other)| other.documents.get(key) != Some(owner))
            .flat_map(|((_, owner), _)| owner.users())
            .map(str::to_owned)
            .collect()
    }
}

fn size(key: &Key, owner: &Owner) -> usize {
    owner.users().map(str::len).sum::<usize>().saturating_add(key.0.len())
}
