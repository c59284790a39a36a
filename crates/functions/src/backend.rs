use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::eval::Request;
use portcullis::predicate::Predicate;
use portcullis::{BoxFuture, User};
use thiserror::Error;

/// The rights with which data is accessed.
#[derive(Clone, Debug)]
pub enum Rights {
    /// No rules and no validation.
    System,
    /// The rules, filters and schemas of this user.
    User(Arc<User>),
}

impl Rights {
    /// Whether no rules apply.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        matches!(self, Self::System)
    }
}

/// Everything outside the engine that a call can access. The host implements it on top of its stores.
///
/// The thread that runs the call polls the futures, inside the caller's tokio runtime. They are dropped when the call
/// is dropped or reaches its time limit.
pub trait Backend: Send + Sync {
    /// The user with this id, for `run_as_user_id`: `None` if there is none or it is disabled.
    fn user<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>>;

    /// Whether a `can_evaluate` condition that calls functions holds for a user.
    fn holds<'a>(
        &'a self,
        condition: &'a Predicate,
        user: &'a User,
        request: Option<&'a Request>,
    ) -> BoxFuture<'a, bool>;

    /// Performs an action on a data source. See [`ActionName`] for the results.
    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>>;

    /// Begins a transaction on a data source. The number goes into [`DataAction::transaction`].
    fn begin<'a>(&'a self, service: &'a str, rights: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Commits a transaction.
    fn commit(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Aborts a transaction. It may have ended already. If the call that began it is gone, nobody waits for the result.
    fn abort(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Whether an open transaction on this data source blocks all other writers from its first operation on. If so, a
    /// function that runs with other rights than its caller may not write while the caller has a transaction open: it
    /// cannot join that transaction, and the two would deadlock.
    fn is_exclusive(&self, service: &str) -> bool;

    /// Whether a data source of this name exists, for `context.services.get`.
    fn has_data_source(&self, name: &str) -> bool;
}

/// Why an operation of the host failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct BackendError {
    /// The name of the JavaScript error: `MongoError`, …
    pub name: String,
    /// Its message. The function sees it and may show it to anyone, so it must not reveal anything that the user may
    /// not read.
    pub message: String,
    /// Its `code`, if MongoDB has one for it: 11000 for a duplicate key.
    pub code: Option<i32>,
}

impl BackendError {
    /// An error with the name `MongoError`.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { name: "MongoError".into(), message: message.into(), code: None }
    }

    /// Adds a MongoDB error code.
    #[must_use]
    pub const fn with_code(mut self, code: i32) -> Self {
        self.code = Some(code);
        self
    }
}

/// One action on a data source.
#[derive(Clone, Debug)]
pub struct DataAction {
    /// The rights that apply.
    pub rights: Rights,
    /// The data source.
    pub service: String,
    /// The database; empty for [`ActionName::GetDatabaseNames`].
    pub database: String,
    /// The collection, if the action concerns one.
    pub collection: Option<String>,
    /// The action.
    pub name: ActionName,
    /// Its arguments; see [`ActionName`].
    pub arguments: Document,
    /// The transaction that it is part of, if any.
    pub transaction: Option<u64>,
    /// `%%request` for the rules of a user: the request of the call.
    pub request: Option<Request>,
    /// Whether a rule called the function. Hiding documents on which other rules fail could then make that rule grant
    /// access, so the action must fail instead.
    pub by_rule: bool,
}

/// The actions of a MongoDB client in a function, each with its arguments and the result that [`Backend::data`]
/// returns. Omitted arguments are absent, except for `filter`, which is then `{}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActionName {
    /// `filter, projection, sort, limit, skip` → array of documents. `limit` is always present, and at most
    /// [`MAX_DOCUMENTS`].
    Find,
    /// `filter, projection` → document or null
    FindOne,
    /// `pipeline` → array of documents
    Aggregate,
    /// `filter` → number
    Count,
    /// `key, filter` → array
    Distinct,
    /// `document` → `{insertedId}`
    InsertOne,
    /// `documents, ordered` → `{insertedIds: [...]}`
    InsertMany,
    /// `filter, update, upsert, arrayFilters` → `{matchedCount, modifiedCount, upsertedId?}`; `update` is a document,
    /// or an array: a pipeline
    UpdateOne,
    /// Like [`UpdateOne`](Self::UpdateOne)
    UpdateMany,
    /// `filter, replacement, upsert` → like [`UpdateOne`](Self::UpdateOne)
    ReplaceOne,
    /// `filter` → `{deletedCount}`
    DeleteOne,
    /// `filter` → `{deletedCount}`
    DeleteMany,
    /// `filter, update, projection, sort, upsert, returnNewDocument, arrayFilters` → document or null
    FindOneAndUpdate,
    /// `filter, replacement, projection, sort, upsert, returnNewDocument` → document or null
    FindOneAndReplace,
    /// `filter, projection, sort` → document or null
    FindOneAndDelete,
    /// `operations, ordered` → null; each operation is `{insertOne: {document}}`,
    /// `{updateOne | updateMany: {filter, update, upsert, arrayFilters}}`,
    /// `{replaceOne: {filter, replacement, upsert}}` or `{deleteOne | deleteMany: {filter}}`
    BulkWrite,
    /// No arguments → array of names; performed as the system only
    GetCollectionNames,
    /// No arguments → array of names; performed as the system only
    GetDatabaseNames,
}

/// The most documents that a query in a function returns.
///
/// Source: the limits of App Services.
pub const MAX_DOCUMENTS: i64 = 50_000;

impl ActionName {
    /// Every action with its JavaScript name.
    pub const ALL: [(Self, &'static str); 18] = [
        (Self::Find, "find"),
        (Self::FindOne, "findOne"),
        (Self::Aggregate, "aggregate"),
        (Self::Count, "count"),
        (Self::Distinct, "distinct"),
        (Self::InsertOne, "insertOne"),
        (Self::InsertMany, "insertMany"),
        (Self::UpdateOne, "updateOne"),
        (Self::UpdateMany, "updateMany"),
        (Self::ReplaceOne, "replaceOne"),
        (Self::DeleteOne, "deleteOne"),
        (Self::DeleteMany, "deleteMany"),
        (Self::FindOneAndUpdate, "findOneAndUpdate"),
        (Self::FindOneAndReplace, "findOneAndReplace"),
        (Self::FindOneAndDelete, "findOneAndDelete"),
        (Self::BulkWrite, "bulkWrite"),
        (Self::GetCollectionNames, "getCollectionNames"),
        (Self::GetDatabaseNames, "getDBNames"),
    ];

    /// The JavaScript name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// The action with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(action, _)| *action)
    }

    /// Whether the action may change documents.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(
            self,
            Self::Find
                | Self::FindOne
                | Self::Aggregate
                | Self::Count
                | Self::Distinct
                | Self::GetCollectionNames
                | Self::GetDatabaseNames
        )
    }
}
