use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bson::{Bson, DateTime, Document};

use super::functions::Calls;
use super::{EvalError, FunctionError, Functions, PendingCall, Request};
use crate::predicate::{ContextRoot, Reference};
use crate::user::{CustomData, User};

/// Everything that rules of one request can refer to, except the documents. A rule that refers to a part that was not
/// supplied evaluates to an Error, which denies and names the part. Function results are cached here, so a context must
/// not outlive its request.
pub struct Context {
    pub(super) user: Option<Arc<User>>,
    pub(super) values: Option<Document>,
    pub(super) secrets: HashSet<String>,
    /// Whether values other than those supplied may exist.
    pub(super) values_partial: bool,
    pub(super) environment: Option<Environment>,
    pub(super) request: Option<Request>,
    pub(super) args: Option<Document>,
    pub(super) partition: Option<Bson>,
    pub(super) now: Option<DateTime>,
    functions: Option<Arc<dyn Functions>>,
    calls: Calls,
}

/// `%%environment`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    /// `%%environment.tag`: empty if the application has no environment.
    pub tag: String,
    /// `%%environment.values`
    pub values: Document,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Creates a context that supplies only `%%now`, as the current time.
    #[must_use]
    pub fn new() -> Self {
        Self {
            user: None,
            values: None,
            secrets: HashSet::new(),
            values_partial: false,
            environment: None,
            request: None,
            args: None,
            partition: None,
            now: Some(DateTime::now()),
            functions: None,
            calls: Calls::default(),
        }
    }

    /// Sets `%%now`; by default, it is the time at which the context was created.
    #[must_use]
    pub const fn with_now(mut self, now: DateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// `%%now`
    #[must_use]
    pub const fn now(&self) -> Option<DateTime> {
        self.now
    }

    /// A copy with another `%%now`, including the function results so far.
    pub(crate) fn at(&self, now: DateTime) -> Self {
        Self {
            user: self.user.clone(),
            values: self.values.clone(),
            secrets: self.secrets.clone(),
            values_partial: self.values_partial,
            environment: self.environment.clone(),
            request: self.request.clone(),
            args: self.args.clone(),
            partition: self.partition.clone(),
            now: Some(now),
            functions: self.functions.clone(),
            calls: self.calls.copied(),
        }
    }

    /// A copy, including the function results so far.
    pub(crate) fn copied(&self) -> Self {
        match self.now {
            Some(now) => self.at(now),
            None => self.at(DateTime::MIN).without_now(),
        }
    }

    /// Adds the pending calls of `other`, which is a copy of this context, to those of this one.
    pub(crate) fn await_calls_of(&self, other: &Self) {
        self.calls.await_those_of(&other.calls);
    }

    /// Removes `%%now`.
    #[must_use]
    pub const fn without_now(mut self) -> Self {
        self.now = None;
        self
    }

    /// Supplies `%%user`. If the `_id` of its custom data is an ObjectId, rules see it as its hex string.
    #[must_use]
    pub fn with_user(mut self, mut user: User) -> Self {
        if let CustomData::Loaded(data) = &mut user.custom_data
            && let Some(id) = data.get_mut("_id")
            && let Bson::ObjectId(hex) = id
        {
            *id = Bson::String(hex.to_hex());
        }
        self.user = Some(Arc::new(user));
        self
    }

    /// Like [`with_user`](Self::with_user), for a user object that several requests share.
    #[must_use]
    pub fn with_shared_user(self, user: Arc<User>) -> Self {
        match &user.custom_data {
            CustomData::Loaded(data) if matches!(data.get("_id"), Some(Bson::ObjectId(_))) => {
                self.with_user(Arc::unwrap_or_clone(user))
            }
            _ => Self { user: Some(user), ..self },
        }
    }

    /// A copy for another user, without cached function results.
    #[must_use]
    pub fn for_user(&self, user: User) -> Self {
        let shared = Self {
            user: None,
            values: self.values.clone(),
            secrets: self.secrets.clone(),
            values_partial: self.values_partial,
            environment: self.environment.clone(),
            request: self.request.clone(),
            args: self.args.clone(),
            partition: self.partition.clone(),
            now: self.now,
            functions: self.functions.clone(),
            calls: Calls::default(),
        };
        shared.with_user(user)
    }

    /// Supplies `%%values`.
    #[must_use]
    pub fn with_values(mut self, values: Document) -> Self {
        self.values = Some(values);
        self
    }

    /// Supplies secrets, which rules also see in `%%values` and which never appear in output.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Document) -> Self {
        let values = self.values.get_or_insert_with(Document::new);
        for (name, value) in secrets {
            self.secrets.insert(name.clone());
            values.insert(name, value);
        }
        self
    }

    /// Marks values as secrets: they never appear in output, and a reference to one that is not supplied is an Error.
    #[must_use]
    pub fn with_secret_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(names);
        self
    }

    /// Marks the supplied values as incomplete: a reference to any other value is an Error.
    #[must_use]
    pub const fn with_partial_values(mut self) -> Self {
        self.values_partial = true;
        self
    }

    /// Supplies `%%environment`.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Adds those of `values` whose names are not supplied yet.
    #[must_use]
    pub fn or_values(mut self, values: &Document) -> Self {
        let supplied = self.values.get_or_insert_with(Document::new);
        for (name, value) in values {
            if !supplied.contains_key(name) {
                supplied.insert(name, value.clone());
            }
        }
        self
    }

    /// Supplies `%%environment` unless it is already supplied.
    #[must_use]
    pub fn or_environment(mut self, environment: &Environment) -> Self {
        self.environment.get_or_insert_with(|| environment.clone());
        self
    }

    /// Whether the user's custom data was not looked up.
    pub(crate) fn lacks_custom_data(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.custom_data == CustomData::NotLoaded)
    }

    /// Declares that the user has no custom data.
    pub(crate) fn without_custom_data(mut self) -> Self {
        self.user = self.user.map(|user| Arc::new(Arc::unwrap_or_clone(user).without_custom_data()));
        self
    }

    /// Supplies `%%request`.
    #[must_use]
    pub fn with_request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }

    /// Supplies `%%args`.
    #[must_use]
    pub fn with_args(mut self, args: Document) -> Self {
        self.args = Some(args);
        self
    }

    /// Supplies `%%partition`.
    #[must_use]
    pub fn with_partition(mut self, partition: Bson) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Supplies the functions for `%function`.
    #[must_use]
    pub fn with_functions(mut self, functions: Arc<dyn Functions>) -> Self {
        self.functions = Some(functions);
        self
    }

    /// The user, if supplied.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.user.as_deref()
    }

    /// Whether the user is this very object.
    pub(crate) fn is_of(&self, user: &Arc<User>) -> bool {
        self.user.as_ref().is_some_and(|own| Arc::ptr_eq(own, user))
    }

    /// The function calls whose results are still missing. Calling this clears the list.
    #[must_use]
    pub fn pending(&self) -> Vec<PendingCall> {
        self.calls.take_pending()
    }

    /// Drops all function results, for requests that last long, such as change streams, and must call functions again.
    pub fn forget_calls(&self) {
        self.calls.forget();
    }

    /// Supplies the result of a pending call.
    ///
    /// # Errors
    /// [`FunctionError::ArgumentsTooLarge`] if the arguments exceed a BSON document; such a call cannot come from
    /// [`Self::pending`].
    pub fn supply(&self, call: &PendingCall, result: Result<Bson, FunctionError>) -> Result<(), FunctionError> {
        self.calls.supply(call, result)
    }

    /// Whether the value of a reference must not appear in output: a secret or a header.
    pub(super) fn hides(&self, reference: &Reference) -> bool {
        let first = reference.path.first();
        match reference.root {
            ContextRoot::Values => first.is_none_or(|name| self.secrets.contains(name)),
            ContextRoot::Request => first.is_none_or(|name| name == "requestHeaders"),
            _ => false,
        }
    }

    /// The values that must not appear in output, each with an expansion that resolves to it.
    pub(super) fn hidden_values(&self) -> Vec<(String, &Bson)> {
        let secrets = self.values.iter().flatten().filter(|(name, _)| self.secrets.contains(*name));
        let headers = self.request.iter().flat_map(Request::headers);
        let secrets = secrets.map(|(name, value)| (format!("%%values.{name}"), value));
        secrets.chain(headers.map(|(name, value)| (format!("%%request.requestHeaders.{name}"), value))).collect()
    }

    pub(super) fn has_function(&self, name: &str) -> bool {
        self.functions.as_ref().is_some_and(|functions| functions.contains(name))
    }

    pub(crate) fn call(&self, name: &str, arguments: &[Bson]) -> Result<Arc<Bson>, EvalError> {
        match &self.functions {
            Some(functions) => self.calls.call(&**functions, name, arguments),
            None => Err(FunctionError::NotFound(name.to_owned())),
        }
        .map_err(EvalError::Function)
    }

    /// Whether the value of this name is a secret.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether any value is a secret.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }
}

impl fmt::Debug for Context {
    /// Shows which parts are supplied, not their contents, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("user", &self.user.as_ref().map(|user| &user.id))
            .field("values", &self.values.is_some())
            .field("environment", &self.environment.is_some())
            .field("request", &self.request.is_some())
            .field("args", &self.args.is_some())
            .field("partition", &self.partition.is_some())
            .field("functions", &self.functions.is_some())
            .finish_non_exhaustive()
    }
}
