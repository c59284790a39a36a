//! A backend on the embedded store, under the rules of the application.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::eval::Request;
use portcullis::guarded::{FindRequest, GuardedError, Pipeline, Written, parse_writes};
use portcullis::json::{Node, parse};
use portcullis::predicate::Predicate;
use portcullis::store::documents::Namespace;
use portcullis::{App, BoxFuture, GuardedCollection, User};
use portcullis_functions::{ActionName, Backend, BackendError, Call, DataAction, Entry, Rights, Runtime};
use portcullis_store::EmbeddedDocuments;
use tokio::sync::Notify;

use super::world::SOURCE;

/// The store, and a log of the operations on it.
pub(crate) struct Stored {
    app: Arc<App>,
    users: Vec<User>,
    documents: EmbeddedDocuments,
    transactions: AtomicU64,
    pub(crate) log: Mutex<Vec<String>>,
    /// Actions on the collection `gate` wait until this is notified.
    pub(crate) gate: Notify,
    pub(crate) open: Mutex<HashSet<u64>>,
    /// For actions on the collection `asking`, which call the function `asked` as rules do.
    pub(crate) runtime: OnceLock<Weak<Runtime>>,
}

impl Stored {
    pub(crate) fn new(app: Arc<App>, users: Vec<User>) -> Self {
        Self {
            app,
            users,
            documents: EmbeddedDocuments::in_memory().unwrap(),
            transactions: AtomicU64::new(1),
            log: Mutex::default(),
            gate: Notify::new(),
            open: Mutex::default(),
            runtime: OnceLock::new(),
        }
    }

    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    /// Writes documents without rules.
    pub(crate) async fn insert(&self, collection: &str, documents: Vec<Document>) {
        let action = DataAction {
            rights: Rights::System,
            service: SOURCE.into(),
            database: "db".into(),
            collection: Some(collection.into()),
            name: ActionName::InsertMany,
            arguments: doc! { "documents": documents },
            transaction: None,
            request: None,
            by_rule: false,
        };
        self.carry_out(action).await.unwrap();
    }

    /// Reads all documents without rules.
    pub(crate) async fn all(&self, collection: &str) -> Vec<Document> {
        let action = DataAction {
            rights: Rights::System,
            service: SOURCE.into(),
            database: "db".into(),
            collection: Some(collection.into()),
            name: ActionName::Find,
            arguments: doc! { "filter": {}, "sort": { "_id": 1 } },
            transaction: None,
            request: None,
            by_rule: false,
        };
        let found = self.carry_out(action).await.unwrap();
        found.as_array().unwrap().iter().map(|found| found.as_document().unwrap().clone()).collect()
    }

    async fn carry_out(&self, action: DataAction) -> Result<Bson, GuardedError> {
        let user = match &action.rights {
            Rights::System => User::system(),
            Rights::User(user) => (**user).clone(),
        };
        let collection = action.collection.unwrap_or_default();
        if matches!(action.name, ActionName::GetCollectionNames | ActionName::GetDatabaseNames) {
            return Ok(bson::bson!(["db"]));
        }
        let full = format!("{}.{collection}", action.database);
        let guard = self.app.guard_in(&action.service, &full, Context::new().with_user(user)).unwrap();
        let collection = GuardedCollection::new(&self.documents, Namespace::parse(&full).unwrap(), &guard);
        let arguments = action.arguments;
        match action.name {
            ActionName::Find => {
                let found = collection.find(&request(&arguments)?).await?.all().await?;
                Ok(Bson::Array(found.iter().map(plain).collect()))
            }
            ActionName::FindOne => {
                let found = collection.find_one(&request(&arguments)?).await?;
                Ok(found.as_ref().map_or(Bson::Null, plain))
            }
            ActionName::Count => {
                let count = collection.count(&request(&arguments)?).await?;
                Ok(Bson::Int64(i64::try_from(count).unwrap()))
            }
            ActionName::Distinct => {
                let found = collection.find(&request(&arguments)?).await?.all().await?;
                let key = arguments.get_str("key").unwrap();
                let mut values: Vec<Bson> = Vec::new();
                for found in found.iter().map(plain) {
                    let value = found.as_document().unwrap().get(key).cloned();
                    values.extend(value.filter(|value| !values.contains(value)));
                }
                Ok(Bson::Array(values))
            }
            ActionName::Aggregate => {
                let pipeline = node(arguments.get("pipeline").unwrap());
                let found = collection.aggregate(&Pipeline::parse(&pipeline)?).await?.all().await?;
                Ok(Bson::Array(found.iter().map(plain).collect()))
            }
            ActionName::BulkWrite => {
                collection.write(&parse_writes(&node(arguments.get("operations").unwrap()))?).await?;
                Ok(Bson::Null)
            }
            name => {
                let mut arguments = arguments;
                arguments.remove("ordered");
                arguments.remove("bypassDocumentValidation");
                let write = bson::bson!({ name.name(): arguments });
                let written = collection.write(&parse_writes(&node(&write))?).await?;
                Ok(result(name, written.into_iter().next().unwrap()))
            }
        }
    }
}

fn result(name: ActionName, written: Written) -> Bson {
    let count = |count: u64| i64::try_from(count).unwrap();
    match name {
        ActionName::InsertOne => bson::bson!({ "insertedId": written.inserted[0].clone() }),
        ActionName::InsertMany => bson::bson!({ "insertedIds": written.inserted }),
        ActionName::DeleteOne | ActionName::DeleteMany => bson::bson!({ "deletedCount": count(written.deleted) }),
        ActionName::UpdateOne | ActionName::UpdateMany | ActionName::ReplaceOne => {
            let mut made = doc! { "matchedCount": count(written.matched), "modifiedCount": count(written.modified) };
            made.extend(written.upserted.map(|id| ("upsertedId".to_owned(), id)));
            Bson::Document(made)
        }
        _ => written.document.as_ref().map_or(Bson::Null, plain),
    }
}

fn node(value: &Bson) -> Node {
    parse(&value.clone().into_canonical_extjson().to_string()).unwrap()
}

fn request(arguments: &Document) -> Result<FindRequest, GuardedError> {
    let mut arguments = arguments.clone();
    arguments.remove("key");
    FindRequest::parse(&node(&Bson::Document(arguments)))
}

fn plain(raw: &RawDocumentBuf) -> Bson {
    Bson::Document(portcullis::value::DocumentRef::Raw(raw).to_document().unwrap())
}

impl Backend for Stored {
    fn user<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>> {
        Box::pin(async move { Ok(self.users.iter().find(|user| user.id == id).cloned()) })
    }

    /// Holds for everyone but eve, once `gate` is notified.
    fn holds<'a>(&'a self, _: &'a Predicate, user: &'a User, _: Option<&'a Request>) -> BoxFuture<'a, bool> {
        Box::pin(async {
            self.note(format!("{}: condition", user.id));
            if user.id == "eve" {
                return false;
            }
            self.gate.notified().await;
            true
        })
    }

    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>> {
        Box::pin(async move {
            let transaction = action.transaction.map_or_else(String::new, |number| format!(" in {number}"));
            let who = match &action.rights {
                Rights::System => "system",
                Rights::User(user) => &user.id,
            };
            let collection = action.collection.clone().unwrap_or_default();
            self.note(format!("{who}: {} {collection}{transaction}", action.name.name()));
            if collection == "gate" {
                self.gate.notified().await;
                return Ok(Bson::Null);
            }
            if let ("asking", Rights::User(user)) = (collection.as_str(), &action.rights) {
                let runtime = self.runtime.get().and_then(Weak::upgrade).unwrap();
                let answer = runtime.call(Call::new("asked", vec![], Entry::Rule, User::clone(user))).await;
                return answer.map(|returned| returned.value).map_err(|error| BackendError::new(error.to_string()));
            }
            assert_ne!(collection, "panic", "the host panics");
            if collection == "broken" {
                return Err(BackendError::new("duplicate key").with_code(11000));
            }
            self.carry_out(action).await.map_err(|error| BackendError::new(error.to_string()))
        })
    }

    fn begin<'a>(&'a self, _service: &'a str, _rights: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move {
            let number = self.transactions.fetch_add(1, Ordering::Relaxed);
            self.open.lock().unwrap().insert(number);
            self.note(format!("begin {number}"));
            Ok(number)
        })
    }

    fn commit(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.open.lock().unwrap().remove(&transaction);
            self.note(format!("commit {transaction}"));
            Ok(())
        })
    }

    fn abort(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.open.lock().unwrap().remove(&transaction);
            self.note(format!("abort {transaction}"));
            self.gate.notify_one();
            Ok(())
        })
    }

    fn is_exclusive(&self, _service: &str) -> bool {
        true
    }

    fn has_data_source(&self, name: &str) -> bool {
        self.app.data_sources.iter().any(|source| source.name == name)
    }
}
