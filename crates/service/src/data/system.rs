//! Data actions of the application itself, without rules and without schema validation.

use bson::{Bson, Document};
use portcullis::Context;
use portcullis::guarded::Limits;
use portcullis::json::Node;
use portcullis::store::documents::DocumentStore;
use portcullis::{Guard, GuardedCollection, User};

use super::access::{Data, Target};
use super::action::Action;
use super::client_error::failed;
use super::found::{Outcome, documents};
use super::guarded::Guarded;
use super::joined::JoinedStore;
use super::joins::{joined, joins};
use super::nodes::{array, member, object, of_bson};
use super::store::Kind;
use crate::client::{ClientError, ErrorCode};
use crate::heavy::carry_out;

/// The most documents that one write may change on the embedded store.
const MAX_WRITTEN: usize = 100_000;

impl Data {
    /// Performs an action on a collection without rules. On a MongoDB server it may use all of MongoDB's language; on
    /// the embedded store, the part that the store supports.
    ///
    /// # Errors
    /// The action fails, or the collection is reserved and not accessible to applications.
    pub(crate) async fn act_as_system(
        &self,
        target: &Target,
        action: Action,
        options: &Document,
    ) -> Result<Bson, ClientError> {
        let namespace = &target.namespace;
        self.reserved.refuse(namespace.database(), namespace.collection())?;
        if let Some(stages) = options.get("pipeline").and_then(Bson::as_array) {
            self.reserved.refuse_in(namespace.database(), stages)?;
        }
        let joined = match target.transaction {
            Some(number) => Some(self.transactions.held(number).await.map_err(failed)?),
            None => None,
        };
        match (&self.store.kind, joined) {
            #[cfg(feature = "mongodb")]
            (Kind::Server(server), joined) => {
                super::commands::Commanded { commands: server.commands(), namespace, options, joined }
                    .carry_out(action)
                    .await
            }
            #[cfg(not(feature = "mongodb"))]
            (Kind::Server(server), _) => match *server {},
            (Kind::Embedded(documents), None) => act_on(documents, target, action, options).await,
            (Kind::Embedded(documents), Some(joined)) => {
                act_on(&JoinedStore::new(documents, joined), target, action, options).await
            }
        }
    }

    /// The names of the databases, without those that are reserved.
    pub(crate) async fn database_names(&self) -> Result<Bson, ClientError> {
        let mut names = self.store.database_names().await.map_err(failed)?;
        names.retain(|name| self.reserved.shows_database(name));
        Ok(Bson::from(names))
    }

    /// The names of the collections of a database, without those that are reserved.
    pub(crate) async fn collection_names(&self, database: &str) -> Result<Bson, ClientError> {
        let mut names = self.store.collection_names(database).await.map_err(failed)?;
        names.retain(|name| self.reserved.shows(database, name));
        Ok(Bson::from(names))
    }

    /// Begins a transaction; returns its number. It is aborted if it is neither committed nor aborted within the
    /// store's time limit.
    pub(crate) async fn begin(&self) -> Result<u64, ClientError> {
        self.transactions.begin(&self.store).await.map_err(failed)
    }

    /// Whether an open transaction blocks all other writers from its first read or write on.
    pub(crate) const fn has_exclusive_transactions(&self) -> bool {
        self.store.is_exclusive()
    }

    /// Commits a transaction.
    pub(crate) async fn commit(&self, transaction: u64) -> Result<(), ClientError> {
        self.transactions.commit(transaction).await.map_err(failed)
    }

    /// Aborts a transaction unless it has already ended.
    pub(crate) async fn abort(&self, transaction: u64) {
        self.transactions.abort(transaction).await;
    }
}

/// Performs an action on the embedded store, with a guard that has no rules.
async fn act_on(
    store: &dyn DocumentStore,
    target: &Target,
    action: Action,
    options: &Document,
) -> Result<Bson, ClientError> {
    if let Some(stages) = options.get("pipeline").and_then(Bson::as_array).filter(|stages| joins(stages))
        && action == Action::Aggregate
    {
        return documents(joined(store, &target.namespace, stages).await.map_err(failed)?);
    }
    let guard = Guard::without_rules(&target.namespace.to_string(), Context::new().with_user(User::system()));
    let limits = Limits { written_documents: MAX_WRITTEN, written_checked: usize::MAX, ..Limits::default() };
    let collection =
        GuardedCollection::new(store, target.namespace.clone(), &guard).with_limits(limits).with_heavy_work(carry_out);
    let node = of_bson(&Bson::Document(options.clone()))
        .map_err(|error| ClientError::bad(ErrorCode::InvalidParameter, error.to_string()))?;
    let done = Guarded { action, options: &node, is_own: true }.carry_out(&collection).await;
    match (done, parts(action, &node)) {
        // Like MongoDB, write them one by one: if ordered, up to the first failure; otherwise all that succeed.
        (Err(_), Some(parts)) if target.transaction.is_none() && parts.len() > 1 => {
            one_by_one(&collection, action, &node, parts).await
        }
        (done, _) => done?.into_value(),
    }
}

/// Splits an action that writes several independent documents into one action for each.
fn parts(action: Action, options: &Node) -> Option<Vec<(Action, Node)>> {
    let (name, one) = match action {
        Action::InsertMany => ("documents", Action::InsertOne),
        Action::BulkWrite => ("operations", Action::BulkWrite),
        _ => return None,
    };
    let part = |node: &Node| {
        let part = match one {
            Action::InsertOne => object(vec![member("document", node.clone())]),
            _ => object(vec![member(name, array(vec![node.clone()]))]),
        };
        (one, part)
    };
    Some(options.get(name)?.as_array()?.iter().map(part).collect())
}

/// Performs the writes one after the other; returns the first failure.
async fn one_by_one(
    collection: &GuardedCollection<'_>,
    action: Action,
    options: &Node,
    parts: Vec<(Action, Node)>,
) -> Result<Bson, ClientError> {
    let is_ordered = options.get("ordered").and_then(Node::as_bool) != Some(false);
    let mut inserted = Vec::new();
    let mut failure = None;
    for (one, part) in parts {
        match (Guarded { action: one, options: &part, is_own: true }).carry_out(collection).await {
            Ok(Outcome::Value(Bson::Document(mut result))) => inserted.extend(result.remove("insertedId")),
            Ok(_) => {}
            Err(error) => {
                failure.get_or_insert(error);
                if is_ordered {
                    break;
                }
            }
        }
    }
    match (failure, action) {
        (Some(error), _) => Err(error),
        (None, Action::InsertMany) => Ok(Bson::Document(bson::doc! { "insertedIds": inserted })),
        (None, _) => Ok(Bson::Null),
    }
}
