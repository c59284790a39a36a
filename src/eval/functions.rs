use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bson::Bson;
use thiserror::Error;

/// The functions that rules may call with `%function`, implemented by the host.
///
/// Results are cached for the rest of the request, so a function is called once for equal arguments. A host that cannot
/// answer immediately, because the function runs elsewhere, returns [`FunctionError::Pending`]. The decision then
/// denies, and [`Context::pending`](super::Context::pending) lists the call; once the host has supplied the result with
/// [`Context::supply`](super::Context::supply), it can ask for the decision again.
pub trait Functions: Send + Sync {
    /// Whether there is a function of this name.
    fn contains(&self, name: &str) -> bool;

    /// Calls a function.
    ///
    /// # Errors
    /// See [`FunctionError`]. Every error is an Error in the rule, so that what depends on the call is denied.
    fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, FunctionError>;
}

/// Why a function call has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// There is no function of this name.
    #[error("function not found: '{0}'")]
    NotFound(String),
    /// The function threw an error.
    #[error("function '{name}' failed: {message}")]
    Failed {
        /// The name of the function.
        name: String,
        /// The error message of the function.
        message: String,
    },
    /// The function exceeded its time limit.
    #[error("function '{0}' took too long")]
    TimedOut(String),
    /// The result is not available yet; see [`Functions`].
    #[error("function '{0}' has not answered yet")]
    Pending(String),
    /// The request makes more than [`MAX_CALLS`] different calls.
    #[error("more than {MAX_CALLS} function calls in one request")]
    TooManyCalls,
    /// The arguments exceed the size of a BSON document.
    #[error("the arguments of function '{0}' are too large")]
    ArgumentsTooLarge(String),
}

/// The maximum number of different function calls in one request.
pub const MAX_CALLS: usize = 1000;

/// A function call whose result the host has not supplied yet.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    /// The name of the function.
    pub name: String,
    /// The evaluated arguments.
    pub arguments: Vec<Bson>,
}

type Closure = dyn Fn(&[Bson]) -> Result<Bson, String> + Send + Sync;

/// Functions implemented as closures.
///
/// ```
/// use portcullis::eval::{Closures, Functions};
/// let functions = Closures::new().with("isEven", |arguments| match arguments {
///     [bson::Bson::Int32(n)] => Ok((n % 2 == 0).into()),
///     _ => Err("isEven takes one integer".to_owned()),
/// });
/// assert_eq!(functions.call("isEven", &[4.into()]), Ok(true.into()));
/// ```
#[derive(Clone, Default)]
pub struct Closures(HashMap<String, Arc<Closure>>);

impl Closures {
    /// Creates an empty set of functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function. An `Err` of the closure becomes the message of [`FunctionError::Failed`].
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&[Bson]) -> Result<Bson, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name.into(), Arc::new(function));
        self
    }
}

impl fmt::Debug for Closures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Functions for Closures {
    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, FunctionError> {
        let function = self.0.get(name).ok_or_else(|| FunctionError::NotFound(name.to_owned()))?;
        function(arguments).map_err(|message| FunctionError::Failed { name: name.to_owned(), message })
    }
}

type Answer = Result<Arc<Bson>, FunctionError>;

/// The function calls of one request. The keys are the BSON of name and arguments.
#[derive(Default)]
pub(super) struct Calls {
    results: Mutex<HashMap<Vec<u8>, Answer>>,
    pending: Mutex<Vec<PendingCall>>,
}

impl Calls {
    pub(super) fn call(
        &self,
        host: &dyn Functions,
        name: &str,
        arguments: &[Bson],
    ) -> Result<Arc<Bson>, FunctionError> {
        let key = key(name, arguments)?;
        let answered = {
            let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(result) = results.get(&key) {
                return result.clone();
            }
            if results.len() >= MAX_CALLS {
                return Err(FunctionError::TooManyCalls);
            }
            results.len()
        };
        // The lock is released before calling the host, since the function may evaluate rules of the same request.
        let result = host.call(name, arguments).map(Arc::new);
        if let Err(FunctionError::Pending(_)) = result {
            let call = PendingCall { name: name.to_owned(), arguments: arguments.to_vec() };
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.contains(&call) {
                return result;
            }
            // A request with too many calls is denied anyway, so further results are not worth fetching.
            if answered.saturating_add(pending.len()) >= MAX_CALLS {
                return Err(FunctionError::TooManyCalls);
            }
            pending.push(call);
            return result;
        }
        self.results.lock().unwrap_or_else(PoisonError::into_inner).insert(key, result.clone());
        result
    }

    /// A copy of the results, without pending calls.
    pub(super) fn copied(&self) -> Self {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { results: Mutex::new(results), pending: Mutex::default() }
    }

    /// Moves the pending calls of `others` to this one.
    pub(super) fn await_those_of(&self, others: &Self) {
        let others = others.take_pending();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for call in others {
            if pending.len() < MAX_CALLS && !pending.contains(&call) {
                pending.push(call);
            }
        }
    }

    /// Drops all results and pending calls.
    pub(super) fn forget(&self) {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.take_pending();
    }

    pub(super) fn take_pending(&self) -> Vec<PendingCall> {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn supply(&self, call: &PendingCall, result: Result<Bson, FunctionError>) -> Result<(), FunctionError> {
        let key = key(&call.name, &call.arguments)?;
        self.results.lock().unwrap_or_else(PoisonError::into_inner).insert(key, result.map(Arc::new));
        Ok(())
    }
}

fn key(name: &str, arguments: &[Bson]) -> Result<Vec<u8>, FunctionError> {
    let call = bson::doc! { "name": name, "arguments": arguments };
    bson::serialize_to_vec(&call).map_err(|_| FunctionError::ArgumentsTooLarge(name.to_owned()))
}
