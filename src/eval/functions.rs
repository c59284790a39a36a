use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bson::Bson;
use thiserror::Error;

/// The functions that rules may call with `%function`. The host implements it.
///
/// A call is remembered for the rest of the request: a function is called once for equal arguments. A host that cannot
/// answer at once, because the function runs elsewhere, answers [`FunctionError::Pending`]: the decision then denies,
/// the call is listed by [`Context::pending`](super::Context::pending), and once its result was handed over with
/// [`Context::supply`](super::Context::supply) the decision can be asked for again.
pub trait Functions: Send + Sync {
    /// Whether there is a function of this name.
    fn contains(&self, name: &str) -> bool;

    /// Calls a function.
    ///
    /// # Errors
    /// See [`FunctionError`]; any of them denies what depends on the call.
    fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, FunctionError>;
}

/// Why there is no result of a function.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// There is no function of this name.
    #[error("function not found: '{0}'")]
    NotFound(String),
    /// The function failed.
    #[error("function '{name}' failed: {message}")]
    Failed {
        /// The function.
        name: String,
        /// What it says.
        message: String,
    },
    /// The function took too long.
    #[error("function '{0}' took too long")]
    TimedOut(String),
    /// The result is not there yet.
    #[error("function '{0}' has not answered yet")]
    Pending(String),
    /// More calls than [`MAX_CALLS`].
    #[error("more than {MAX_CALLS} function calls in one request")]
    TooManyCalls,
    /// The arguments do not fit a BSON document.
    #[error("the arguments of function '{0}' are too large")]
    ArgumentsTooLarge(String),
}

/// How many different calls one request may make.
pub const MAX_CALLS: usize = 1000;

/// A call whose result the host still has to supply.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    /// The function.
    pub name: String,
    /// What it is to be called with.
    pub arguments: Vec<Bson>,
}

type Closure = dyn Fn(&[Bson]) -> Result<Bson, String> + Send + Sync;

/// Functions that are closures.
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
    /// No functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function; an `Err` is its message.
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

/// The results of one request's calls, by the bytes of name and arguments.
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
        // The lock is not held meanwhile: the function may come back to this very request.
        let result = host.call(name, arguments).map(Arc::new);
        if let Err(FunctionError::Pending(_)) = result {
            let call = PendingCall { name: name.to_owned(), arguments: arguments.to_vec() };
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.contains(&call) {
                return result;
            }
            // Nothing is gained by fetching the others.
            if answered.saturating_add(pending.len()) >= MAX_CALLS {
                return Err(FunctionError::TooManyCalls);
            }
            pending.push(call);
            return result;
        }
        self.results.lock().unwrap_or_else(PoisonError::into_inner).insert(key, result.clone());
        result
    }

    /// The results so far, for calls that go on by themselves.
    pub(super) fn copied(&self) -> Self {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { results: Mutex::new(results), pending: Mutex::default() }
    }

    /// Adds the calls that others wait for.
    pub(super) fn await_those_of(&self, others: &Self) {
        let others = others.take_pending();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for call in others {
            if pending.len() < MAX_CALLS && !pending.contains(&call) {
                pending.push(call);
            }
        }
    }

    /// Forgets all results, so that every function is called anew.
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
