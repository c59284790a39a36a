//! Stands in for the connection to a MongoDB server in builds without the driver; it cannot be constructed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bson::Document;
use portcullis::auth::{CustomDataConfig, CustomDataSource};
use portcullis::login::CustomDataChanges;
use portcullis::path::FieldPath;
use portcullis::store::documents::{ChangeFeed, DocumentStore, Namespace, Watch};
use portcullis::store::{CustomDataStore, StoreError};
use portcullis::value::DocumentRef;
use portcullis_store::{FindPlan, LiveFinding};

use crate::error::ServiceError;
use crate::places::AccountStores;

/// A connection to a MongoDB server. This build cannot create one.
#[derive(Clone, Debug)]
pub enum Server {}

#[expect(clippy::unused_async, reason = "as the server of a build with the driver")]
impl Server {
    pub(crate) async fn connect(_: &str) -> Result<Self, ServiceError> {
        Err(ServiceError::NoDriver)
    }

    pub(crate) async fn shut_down(self) {
        match self {}
    }

    pub(crate) fn account_stores(&self, _: &str, _: &str) -> AccountStores {
        match *self {}
    }

    pub(crate) fn custom_data(&self, _: &CustomDataConfig) -> Option<Arc<dyn CustomDataStore>> {
        match *self {}
    }

    pub(crate) fn watch_custom_data(&self, _: &CustomDataSource, _: Weak<CustomDataChanges>) {
        match *self {}
    }

    /// Never called.
    #[must_use]
    pub fn documents(&self) -> Box<dyn DocumentStore> {
        match *self {}
    }

    /// Never called.
    #[must_use]
    pub fn changes(&self) -> Box<dyn Watch> {
        match *self {}
    }

    /// Never called.
    #[must_use]
    pub fn feed(&self) -> Box<dyn ChangeFeed> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub async fn keep_images(&self, _: &Namespace) -> Result<bool, StoreError> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub async fn explain_find(&self, _: &Namespace, _: &Document) -> Result<FindPlan, StoreError> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub async fn check_custom_data(&self, _: &CustomDataSource, _: Duration) -> Result<Vec<LiveFinding>, StoreError> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub async fn scan_custom_data<E>(
        &self,
        _: &CustomDataSource,
        _: &[FieldPath],
        _: &mut (dyn FnMut(u64) + Send),
        _: &mut (dyn FnMut(DocumentRef<'_>) -> Result<(), E> + Send),
    ) -> Result<Result<(), E>, StoreError> {
        match *self {}
    }
}

/// Whether a collection in the database of users and sessions holds those.
pub(crate) fn holds_accounts(collection: &str) -> bool {
    ["users", "sessions", "password_logins", "one_time_tokens", "api_keys", "triggers", "account_events"]
        .contains(&collection)
}
