use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use portcullis::access::{KnownUser, Unreadable};
use portcullis::app::{Collection, Secrets, ServiceAmbiguous};
use portcullis::eval::{Context, FunctionError, PendingCall, Request};
use portcullis::guarded::{GuardedError, LimitExceeded, Limits};
use portcullis::json::Node;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{App, Guard, GuardedCollection, User};

use super::action::Action;
use super::awaiting::Awaiting;
use super::client_error::{client_error, failed};
use super::found::Outcome;
use super::guarded::Guarded;
use super::joined::JoinedStore;
use super::reserved::Reserved;
use super::rule_functions::{RuleFunctions, Unanswered};
use super::store::DataStore;
use super::transactions::Transactions;
use crate::client::{ClientError, ErrorCode};
use crate::heavy::carry_out;

/// Access to the documents of an application, through its rules or without them.
pub(crate) struct Data {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Secrets,
    pub(super) store: DataStore,
    pub(super) reserved: Reserved,
    pub(super) transactions: Transactions,
    pub(super) functions: OnceLock<Weak<dyn RuleFunctions>>,
}

/// The user whose rules apply, and the request that is being made.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) user: Arc<KnownUser>,
    /// The value of `%%request`, if there is one.
    pub(crate) request: Option<Request>,
}

/// The collection that an action concerns.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The name of the data source.
    pub(crate) service: String,
    pub(crate) namespace: Namespace,
    /// The transaction in which the action runs, if any.
    pub(crate) transaction: Option<u64>,
    /// Whether the action comes from a function that a rule called. Then a rule that fails on a document fails the
    /// action, instead of hiding the document.
    pub(crate) by_rule: bool,
}

impl Target {
    /// A collection of a data source.
    ///
    /// # Errors
    /// The database or the collection has no valid name.
    pub(crate) fn of(service: &str, database: &str, collection: &str) -> Result<Self, ClientError> {
        let namespace = Namespace::parse(&format!("{database}.{collection}"));
        let is_valid = |found: &Namespace| found.database() == database && !found.to_string().contains('$');
        let namespace = namespace.filter(is_valid).ok_or_else(|| {
            ClientError::bad(ErrorCode::InvalidParameter, "the database or the collection has no valid name")
        })?;
        Ok(Self { service: service.to_owned(), namespace, transaction: None, by_rule: false })
    }
}

impl Asker {
    /// An asker whose user object is not shared with other requests.
    pub(crate) fn new(user: User, request: Option<Request>) -> Self {
        Self { user: Arc::new(user.into()), request }
    }
}

impl Data {
    pub(crate) fn new(app: Arc<App>, secrets: Secrets, store: DataStore, reserved: Reserved) -> Self {
        let transactions = Transactions::new();
        Self { app, secrets, store, reserved, transactions, functions: OnceLock::new() }
    }

    /// Sets what runs the functions that rules call. Only a weak reference is kept.
    pub(crate) fn call_functions_by(&self, functions: &Arc<dyn RuleFunctions>) {
        self.functions.get_or_init(|| Arc::downgrade(functions));
    }

    /// The document store, without rules.
    pub(crate) fn documents(&self) -> &Arc<dyn DocumentStore> {
        self.store.documents()
    }

    /// Whether the application has a data source of this name.
    pub(crate) fn has_source(&self, name: &str) -> bool {
        self.app.data_sources.iter().any(|source| source.name == name)
    }

    /// The collection whose schema has this title: clients with typed models name collections by their class.
    ///
    /// # Errors
    /// No collection of the data source has this title, or several have it.
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

    /// Whether the application has a service of this name that is not a data source.
    pub(crate) fn has_other_service(&self, name: &str) -> bool {
        self.app.other_services.contains_key(name)
    }

    /// The evaluation context of a request.
    pub(crate) fn context(&self, asker: &Asker) -> Context {
        let mut context =
            self.app.with_secrets(Context::new().with_shared_user(Arc::clone(asker.user.shared())), &self.secrets);
        if let Some(request) = &asker.request {
            context = context.with_request(request.clone());
        }
        if let Some(functions) = self.functions.get().and_then(Weak::upgrade) {
            context = context.with_functions(Arc::new(Unanswered(functions)));
        }
        context
    }

    /// The guard of a collection in a data source, for a user.
    pub(crate) fn guard(&self, asker: &Asker, service: &str, namespace: &Namespace) -> Result<Guard, ClientError> {
        self.reserved.refuse(namespace.database(), namespace.collection())?;
        let guard = self.guard_of(asker, Some(service), namespace);
        guard.map_err(ClientError::internal)
    }

    /// Like [`guard`](Self::guard), for callers that do not name a data source.
    pub(crate) fn guard_anywhere(&self, asker: &Asker, namespace: &Namespace) -> Result<Guard, ClientError> {
        self.reserved.refuse(namespace.database(), namespace.collection())?;
        let guard = self.guard_of(asker, None, namespace);
        guard.map_err(|error| ClientError::bad(ErrorCode::BadRequest, error.to_string()))
    }

    fn guard_of(&self, asker: &Asker, service: Option<&str>, namespace: &Namespace) -> Result<Guard, ServiceAmbiguous> {
        self.app.guard_of_known_user(service, &namespace.to_string(), self.context(asker), &asker.user)
    }

    /// Calls the functions whose results the rules of a guard are waiting for. Returns whether there were any: if so,
    /// the guard must be asked again. It is bound anew if the results decide which filters apply.
    ///
    /// # Errors
    /// The time limit of a request that started at `began` is exceeded.
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

    /// Like [`answer`](Self::answer), but never binds the guard again: streams do that themselves.
    ///
    /// # Errors
    /// Those of [`answer`](Self::answer).
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
                return Err(client_error(&LimitExceeded::Time(Limits::TIME).into(), None));
            }
            let answer = match self.functions.get().and_then(Weak::upgrade) {
                Some(functions) => functions.call(&call, asker).await,
                None => Err(FunctionError::NotFound(call.name.clone())),
            };
            guard.context().supply(&call, answer).map_err(ClientError::internal)?;
        }
        Ok(waits)
    }

    /// Performs an action on a collection under the rules that apply to a user.
    ///
    /// # Errors
    /// The rules do not permit the action, or it fails.
    pub(crate) async fn act(
        &self,
        asker: &Asker,
        target: &Target,
        action: Action,
        options: &Node,
    ) -> Result<Outcome, ClientError> {
        let guard = self.guard(asker, &target.service, &target.namespace)?;
        let guarded = Guarded { action, options, is_own: false };
        match target.transaction {
            None => self.answered(&**self.documents(), target, guard, asker, &guarded).await,
            Some(number) => {
                let joined = self.transactions.held(number).await.map_err(failed)?;
                let store = JoinedStore::new(&**self.documents(), joined);
                self.answered(&store, target, guard, asker, &guarded).await
            }
        }
    }

    /// Repeats the action until no rule is waiting for a function. While one is waiting, nothing is written.
    async fn answered(
        &self,
        store: &dyn DocumentStore,
        target: &Target,
        mut guard: Guard,
        asker: &Asker,
        guarded: &Guarded<'_>,
    ) -> Result<Outcome, ClientError> {
        let began = Instant::now();
        loop {
            let awaiting = Awaiting::new(store, guard.context());
            let collection =
                GuardedCollection::new(&awaiting, target.namespace.clone(), &guard).with_heavy_work(carry_out);
            let result = guarded.carry_out(&collection).await;
            let calls = awaiting.calls();
            // A write that has succeeded must not be repeated.
            let is_done = calls.is_empty() || (guarded.action.writes() && result.is_ok());
            // Results of functions cannot undo an exceeded size limit.
            let is_too_much = |error: &ClientError| error.code == Some(ErrorCode::ReadSizeLimitExceeded);
            let unreadable = guard.take_unreadable();
            if is_done || result.as_ref().is_err_and(is_too_much) {
                if let (true, Some(unreadable)) = (target.by_rule, &unreadable) {
                    return Err(client_error(&GuardedError::Failed(unreadable.errors.clone()), None));
                }
                log_unreadable(unreadable, &target.namespace);
                return result;
            }
            Box::pin(self.answer(&mut guard, asker, calls, began)).await?;
        }
    }
}

/// Logs that a query omitted documents because a rule failed on them, which clients are not told.
pub(crate) fn log_unreadable(unreadable: Option<Unreadable>, namespace: &Namespace) {
    let Some(Unreadable { documents, errors, .. }) = unreadable else { return };
    let private = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    tracing::warn!(%namespace, documents, private, "documents are hidden because a rule failed on them");
}
