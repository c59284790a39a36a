use crate::record::{Record, account_fault, key};
use ::mongodb::Collection;
use ::mongodb::options::ReturnDocument;
use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use portcullis::store::shown;
use portcullis::store::{Account, AccountState, Identity};
use portcullis::value::DocumentRef;

/// The stored users of one application. All its filters include the application.
#[derive(Clone, Copy)]
pub(super) struct StoredUsers<'s> {
    pub(super) collection: &'s Collection<RawDocumentBuf>,
    pub(super) application: &'s str,
}

impl StoredUsers<'_> {
    /// The filter for the user with an ID.
    pub(super) fn by_id(&self, id: &str) -> Document {
        doc! { "_id": key(self.application, id) }
    }

    /// The filter for the user with an identity.
    pub(super) fn by_identity(&self, identity: &Identity) -> Document {
        doc! { "_id.application": self.application, "identities": element(identity) }
    }

    /// Reads a stored user.
    pub(super) fn read(&self, raw: &RawDocument) -> Result<Account, Failure> {
        Ok(Account::from_record(DocumentRef::Raw(raw).to_document()?, self.application)?)
    }

    pub(super) async fn find_one(&self, filter: Document) -> Result<Option<Account>, Failure> {
        let found = patiently(async { self.collection.find_one(filter).max_time(SERVER_TIME).await });
        found.await?.map(|account| self.read(&account)).transpose()
    }

    /// Updates the user that the filter matches; returns the user after the update.
    pub(super) async fn update(&self, filter: Document, change: Document) -> Result<Option<Account>, Failure> {
        let update = self.collection.find_one_and_update(filter, change);
        let update = update.return_document(ReturnDocument::After).max_time(SERVER_TIME);
        patiently(async { update.await }).await?.map(|account| self.read(&account)).transpose()
    }

    /// Deletes the user that the filter matches; returns the deleted user.
    pub(super) async fn delete_one(&self, filter: Document) -> Result<Option<Account>, Failure> {
        let delete = self.collection.find_one_and_delete(filter).max_time(SERVER_TIME);
        patiently(async { delete.await }).await?.map(|account| self.read(&account)).transpose()
    }

    /// Removes an identity from its user, unless it is the user's only one; returns the user's ID.
    pub(super) async fn pull_identity(&self, identity: &Identity) -> Result<Option<String>, Failure> {
        let mut among = self.by_identity(identity);
        among.insert("identities.1", doc! { "$exists": true });
        let person = doc! { "provider_type": identity.provider_type.name(), "id": &identity.id };
        Ok(self.update(among, doc! { "$pull": { "identities": person } }).await?.map(|account| account.id))
    }

    /// Records a login of a user who is not disabled; returns the user after the update.
    pub(super) async fn log_in(&self, identity: &Identity, now: DateTime) -> Result<Option<Account>, Failure> {
        let mut filter = self.by_identity(identity);
        let disabled = [AccountState::Disabled.name(), AccountState::DisabledPending.name()];
        filter.insert("state", doc! { "$nin": disabled });
        let set = doc! { "identities.$.data": &identity.data, "last_login_at": now };
        self.update(filter, doc! { "$set": set, "$unset": { UNCLAIMED: "" } }).await
    }

    pub(super) async fn insert(&self, account: &Account) -> Result<(), Failure> {
        if let Some(fault) = account_fault(account) {
            return Err(Failure::new(format!("the user `{}` {fault}", shown(&account.id))));
        }
        let users = self.collection.clone_with_type::<Document>();
        patiently(async { users.insert_one(account.to_record(self.application)).await }).await?;
        Ok(())
    }
}

/// The field that marks a user whom nobody has claimed yet.
pub(super) const UNCLAIMED: &str = "unclaimed";

/// The element of `identities` that stands for this person at this provider.
pub(super) fn element(identity: &Identity) -> Document {
    doc! { "$elemMatch": { "provider_type": identity.provider_type.name(), "id": &identity.id } }
}
