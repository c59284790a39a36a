use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use bson::Bson;
use portcullis::access::Unreadable;
use portcullis::app::{Collection, Secrets};
use portcullis::eval::{Context, FunctionError, MAX_CALLS, PendingCall, Request};
use portcullis::guarded::{GuardedError, LimitExceeded, Limits};
use portcullis::json::Node;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{App, Guard, GuardedCollection, User};

use super::action::Action;
use super::awaiting::Awaiting;
use super::guarded::Guarded;
use super::joined::JoinedStore;
use super::reserved::Reserved;
use super::rule_functions::{RuleFunctions, Unanswered};
use super::store::DataStore;
use super::told::told;
use super::transactions::Transactions;
use crate::client::{ClientError, ErrorCode};

/// The documents of an application, by its rules or without.
pub(crate) struct Data {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Secrets,
    pub(super) store: DataStore,
    pub(super) reserved: Reserved,
    pub(super) transactions: Transactions,
    pub(super) functions: OnceLock<Weak<dyn RuleFunctions>>,
}

/// By whose rules something is done, and in which request.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) user: User,
    /// `%%request`, where there is one.
    pub(crate) request: Option<Request>,
}

/// What is acted on.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The name of the data source.
    pub(crate) service: String,
    pub(crate) namespace: Namespace,
    /// The transaction that it is part of.
    pub(crate) transaction: Option<u64>,
    /// Whether a function of a rule acts, for whom a rule that fails on a document is a failure.
    pub(crate) by_rule: bool,
}

impl Target {
    /// A collection by its names.
    pub(crate) fn of(service: &str, database: &str, collection: &str) -> Result<Self, ClientError> {
        let namespace = Namespace::parse(&format!("{database}.{collection}"));
        let is_valid = |found: &Namespace| found.database() == database && !found.to_string().contains('$');
        let namespace = namespace.filter(is_valid).ok_or_else(|| {
            ClientError::bad(ErrorCode::InvalidParameter, "the database or the collection has no valid name")
        })?;
        Ok(Self { service: service.to_owned(), namespace, transaction: None, by_rule: false })
    }
}

impl Data {
    pub(crate) fn new(app: Arc<App>, secrets: Secrets, store: DataStore, reserved: Reserved) -> Self {
        let transactions = Transactions::new();
        Self { app, secrets, store, reserved, transactions, functions: OnceLock::new() }
    }

    /// Says what carries out the functions of rules. Whoever does holds it.
    pub(crate) fn call_functions_by(&self, functions: &Arc<dyn RuleFunctions>) {
        self.functions.get_or_init(|| Arc::downgrade(functions));
    }

    /// Its store, without any rules.
    pub(crate) fn documents(&self) -> &Arc<dyn DocumentStore> {
        self.store.documents()
    }

    /// Whether there is a data source of this name.
    pub(crate) fn has_source(&self, name: &str) -> bool {
        self.app.data_sources.iter().any(|source| source.name == name)
    }

    /// The collection whose schema has a title, as clients with classes of their own name it.
    ///
    /// # Errors
    /// No collection of the data source has it, or several have.
    pub(crate) fn titled(&self, service: &str, title: &str) -> Result<Target, ClientError> {
        let has_title = |collection: &&Collection| {
            let schema = collection.schema.present().filter(|_| collection.service == service);
            schema.and_then(|schema| schema.node.get("title")?.as_str()) == Some(title)
        };
        let mut found = self.app.collections.iter().filter(has_title);
        match (found.next(), found.next()) {
            (Some(one), None) => Target::of(service, &one.database, &one.collection),
            _ => {
                let title: String = title.chars().take(128).collect();
                let message = format!("no matching collection found that maps to a table with title \"{title}\"");
                Err(ClientError::bad(ErrorCode::InvalidParameter, message))
            }
        }
    }

    /// Whether a service of this name is no data source.
    pub(crate) fn has_other_service(&self, name: &str) -> bool {
        self.app.other_services.contains(name)
    }

    /// The context of a request.
    pub(crate) fn context(&self, asker: &Asker) -> Context {
        let mut context = self.app.with_secrets(Context::new().with_user(asker.user.clone()), &self.secrets);
        if let Some(request) = &asker.request {
            context = context.with_request(request.clone());
        }
        if let Some(functions) = self.functions.get().and_then(Weak::upgrade) {
            context = context.with_functions(Arc::new(Unanswered(functions)));
        }
        context
    }

    /// The guard of a collection for a user.
    pub(crate) fn guard(&self, asker: &Asker, service: &str, namespace: &Namespace) -> Result<Guard, ClientError> {
        self.reserved.refuse(namespace.database(), namespace.collection())?;
        let guard = self.app.guard_in(service, &namespace.to_string(), self.context(asker));
        guard.map_err(ClientError::internal)
    }

    /// As [`guard`](Self::guard), for who names no data source.
    pub(crate) fn guard_anywhere(&self, asker: &Asker, namespace: &Namespace) -> Result<Guard, ClientError> {
        self.reserved.refuse(namespace.database(), namespace.collection())?;
        let guard = self.app.guard(&namespace.to_string(), self.context(asker));
        guard.map_err(|error| ClientError::bad(ErrorCode::BadRequest, error.to_string()))
    }

    /// Calls the functions that the rules of a guard wait for; whether there were any, so that it is to be asked again, bound anew
    /// where they decide which filters apply.
    ///
    /// # Errors
    /// It takes longer than a request that began at a time may.
    pub(crate) async fn answer(
        &self,
        guard: &mut Guard,
        asker: &Asker,
        calls: Vec<PendingCall>,
        began: Instant,
    ) -> Result<bool, ClientError> {
        let waits = self.supply(guard, asker, calls, began).await?;
        if waits && let Some(rebound) = guard.rebound() {
            *guard = rebound;
        }
        Ok(waits)
    }

    /// As [`answer`](Self::answer), for a stream, which binds its guard anew by itself.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn supply(
        &self,
        guard: &Guard,
        asker: &Asker,
        calls: Vec<PendingCall>,
        began: Instant,
    ) -> Result<bool, ClientError> {
        let waits = !calls.is_empty();
        for call in calls {
            if began.elapsed() >= Limits::TIME {
                return Err(told(&LimitExceeded::Time(Limits::TIME).into(), None));
            }
            let answer = match self.functions.get().and_then(Weak::upgrade) {
                Some(functions) => functions.call(&call, asker).await,
                None => Err(FunctionError::NotFound(call.name.clone())),
            };
            guard.context().supply(&call, answer).map_err(ClientError::internal)?;
        }
        Ok(waits)
    }

    /// Acts on a collection by the rules for a user.
    ///
    /// # Errors
    /// It is not permitted, or fails.
    pub(crate) async fn act(
        &self,
        asker: &Asker,
        target: &Target,
        action: Action,
        options: &Node,
    ) -> Result<Bson, ClientError> {
        let guard = self.guard(asker, &target.service, &target.namespace)?;
        let guarded = Guarded { action, options };
        match target.transaction {
            None => self.answered(&**self.documents(), target, guard, asker, &guarded).await,
            Some(number) => {
                let joined = self.transactions.held(number).await.map_err(refused)?;
                let store = JoinedStore::new(&**self.documents(), joined);
                self.answered(&store, target, guard, asker, &guarded).await
            }
        }
    }

    /// Asks until no rule waits for a function any more. Nothing has happened while one waits.
    async fn answered(
        &self,
        store: &dyn DocumentStore,
        target: &Target,
        mut guard: Guard,
        asker: &Asker,
        guarded: &Guarded<'_>,
    ) -> Result<Bson, ClientError> {
        let began = Instant::now();
        // Each time there is one call less of those that one request may make.
        for _ in 0..=MAX_CALLS {
            let awaiting = Awaiting::new(store, guard.context());
            let collection = GuardedCollection::new(&awaiting, target.namespace.clone(), &guard);
            let result = guarded.carry_out(&collection).await;
            let calls = awaiting.calls();
            // What has been written is not written again.
            let is_done = calls.is_empty() || (guarded.action.writes() && result.is_ok());
            // What is too much already does not become less by answers.
            let is_too_much = |error: &ClientError| error.code == Some(ErrorCode::ReadSizeLimitExceeded);
            let unreadable = guard.take_unreadable();
            if is_done || result.as_ref().is_err_and(is_too_much) {
                if let (true, Some(unreadable)) = (target.by_rule, &unreadable) {
                    return Err(told(&GuardedError::Failed(unreadable.errors.clone()), None));
                }
                log_unreadable(unreadable, &target.namespace);
                return result;
            }
            Box::pin(self.answer(&mut guard, asker, calls, began)).await?;
        }
        Err(told(&LimitExceeded::Calls.into(), None))
    }
}

/// Logs that a query left out documents because a rule failed on them, which clients are not told.
pub(crate) fn log_unreadable(unreadable: Option<Unreadable>, namespace: &Namespace) {
    let Some(Unreadable { documents, errors, .. }) = unreadable else { return };
    let private = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    tracing::warn!(%namespace, documents, private, "documents are hidden because a rule failed on them");
}

/// The error for a transaction that cannot continue.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it an error")]
pub(super) fn refused(error: portcullis::store::documents::DocumentsError) -> ClientError {
    ClientError::bad(ErrorCode::MongoDBError, error.to_string())
}
