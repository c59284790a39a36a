use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bson::Bson;
use thiserror::Error;

/// The functions that rules may call with `%function`, implemented by the host.
///
/// Results are cached for the rest of the request, so a function is called once for equal arguments (of a host that
/// answers immediately, the first 100,000 results are). A host that cannot
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
    /// The arguments exceed the size of a BSON document.
    #[error("the arguments of function '{0}' are too large")]
    ArgumentsTooLarge(String),
}

/// The maximum number of results of functions that answer immediately to keep for a request. A function whose result is
/// not kept is called again.
///
/// This bounds memory only. A limit on the number of calls would fail the request, depending on how many hidden documents
/// match the client's filter, and so tell their hidden fields.
const MAX_KEPT: usize = 100_000;

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

/// The function calls of one request.
#[derive(Default)]
pub(super) struct Calls {
    keys: Keys,
    results: Mutex<HashMap<Key, Answer>>,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    calls: Vec<PendingCall>,
    keys: HashSet<Key>,
}

impl Pending {
    fn add(&mut self, key: Key, call: impl FnOnce() -> PendingCall) {
        if self.keys.insert(key) {
            self.calls.push(call());
        }
    }
}

impl Calls {
    pub(super) fn call(
        &self,
        host: &dyn Functions,
        name: &str,
        arguments: &[Bson],
    ) -> Result<Arc<Bson>, FunctionError> {
        let key = self.keys.of(name, arguments)?;
        if let Some(result) = locked(&self.results).get(&key) {
            return result.clone();
        }
        // The lock is released before calling the host, since the function may evaluate rules of the same request.
        let result = host.call(name, arguments).map(Arc::new);
        if let Err(FunctionError::Pending(_)) = result {
            let call = || PendingCall { name: name.to_owned(), arguments: arguments.to_vec() };
            locked(&self.pending).add(key, call);
            return result;
        }
        let mut results = locked(&self.results);
        if results.len() < MAX_KEPT {
            results.insert(key, result.clone());
        }
        result
    }

    /// A copy of the results, without pending calls.
    pub(super) fn copied(&self) -> Self {
        let results = locked(&self.results).clone();
        Self { keys: self.keys.clone(), results: Mutex::new(results), pending: Mutex::default() }
    }

    /// Moves the pending calls of `other`, a copy of this one, to this one.
    pub(super) fn await_those_of(&self, other: &Self) {
        let mut pending = locked(&self.pending);
        for call in other.take_pending() {
            if let Ok(key) = self.keys.of(&call.name, &call.arguments) {
                pending.add(key, || call);
            }
        }
    }

    /// Drops all results and pending calls.
    pub(super) fn forget(&self) {
        locked(&self.results).clear();
        self.take_pending();
    }

    pub(super) fn take_pending(&self) -> Vec<PendingCall> {
        std::mem::take(&mut *locked(&self.pending)).calls
    }

    pub(super) fn supply(&self, call: &PendingCall, result: Result<Bson, FunctionError>) -> Result<(), FunctionError> {
        let key = self.keys.of(&call.name, &call.arguments)?;
        locked(&self.results).insert(key, result.map(Arc::new));
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identifies a call by two keyed hashes of its name and arguments, which may be as large as whole documents. The keys are
/// random, so nobody can find two calls with equal hashes.
type Key = (u64, u64);

/// The random keys of both hashes.
#[derive(Clone, Default)]
struct Keys(RandomState, RandomState);

impl Keys {
    fn of(&self, name: &str, arguments: &[Bson]) -> Result<Key, FunctionError> {
        let call = bson::doc! { "name": name, "arguments": arguments };
        let call = bson::serialize_to_vec(&call).map_err(|_| FunctionError::ArgumentsTooLarge(name.to_owned()))?;
        Ok((self.0.hash_one(&call), self.1.hash_one(&call)))
    }
}
