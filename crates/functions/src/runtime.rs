use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bson::{Bson, Document};
use portcullis::app::Secrets;
use portcullis::{App, UserType};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{timeout, timeout_at};

use crate::engine::{CallInput, Job, Stop};
use crate::http::HttpClient;
use crate::library::{Entry as Function, RunAs};
use crate::pool::{Pool, lost};
pub(crate) use crate::shared::Shared;
use crate::shares::Shares;
use crate::{Backend, Call, CallError, Entry, Failure, Library, Options, Returned, Rights, RunAsAnswer};

/// Runs the functions of an application.
pub struct Runtime {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    /// Limits on concurrent calls, by nesting level: first calls from outside, then calls made by rules during those,
    /// and so on.
    gates: Vec<Arc<Semaphore>>,
    waiting: AtomicUsize,
    shares: Shares,
}

/// How deeply calls may nest if rules call functions that read data under rules that call functions.
const MAX_NESTING: usize = 4;

/// How long after its time limit a call that does not stop is abandoned.
const GRACE: Duration = Duration::from_secs(1);

/// The calls that are waiting for the result of a call, directly or through a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inside {
    /// How many calls are waiting.
    pub(crate) nesting: usize,
    /// Whether one of them has a transaction open that blocks all other writers.
    pub(crate) is_excluded: bool,
}

tokio::task_local! {
    static INSIDE: Inside;
}

/// Runs a future for which a call is waiting: calls that begin within it count as nested. Each nesting level has
/// threads of its own, so that no call waits for a thread of a call that is waiting for it.
pub(crate) async fn inside_call<T>(inside: Inside, future: impl Future<Output = T>) -> T {
    INSIDE.scope(inside, future).await
}

impl Runtime {
    /// A runtime for an application and its secrets. It starts preparing contexts at once, on threads of its own.
    #[must_use]
    pub fn new(app: Arc<App>, secrets: Secrets, library: Library, backend: Arc<dyn Backend>, options: Options) -> Self {
        let http = HttpClient::new(&options);
        let pool = Pool::new(options.clone());
        let shares = Shares::new(&options);
        let gates = (0..MAX_NESTING).map(|level| Arc::new(Semaphore::new((options.running >> level).max(1))));
        let gates = gates.collect();
        let shared = Arc::new(Shared { app, secrets, library, backend, options, http });
        Self { shared, pool, gates, waiting: AtomicUsize::new(0), shares }
    }

    /// The functions.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.shared.library
    }

    /// Calls a function. Requires a tokio runtime with time and I/O. Dropping the future stops the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, call: Call) -> Result<Returned, CallError> {
        let shared = &self.shared;
        let Some(function) = shared.library.entry(&call.function) else {
            return Err(CallError::NotFound(call.function));
        };
        if call.entry == Entry::Client && function.private {
            return Err(CallError::Private(call.function));
        }
        if size(&call) > shared.options.arguments {
            return Err(CallError::ArgumentsTooLarge(call.function));
        }
        if let Some(reason) = &function.refused {
            return Err(CallError::NotRunnable { function: call.function, reason: reason.clone() });
        }
        let stop = Stop::at(Instant::now() + shared.options.time);
        let ended = || CallError::TimedOut { console: Vec::new() };
        let deadline = stop.deadline.into();
        let Inside { nesting, is_excluded } = INSIDE.try_with(|inside| *inside).unwrap_or_default();
        let gate = self.gates.get(nesting).ok_or_else(too_deep)?;
        let may_evaluate = match shared.may_evaluate(function, &call.user, call.request.as_ref()) {
            Ok(may_evaluate) => may_evaluate,
            Err(asked) => {
                let inside = Inside { nesting: nesting.saturating_add(1), is_excluded };
                timeout_at(deadline, inside_call(inside, asked)).await.map_err(|_| ended())?
            }
        };
        if !may_evaluate {
            return Err(CallError::RuleNotMatched(call.function));
        }
        // Nested calls claim no share: they must not wait for calls that are waiting for them.
        let is_own =
            nesting == 0 && matches!(call.entry, Entry::Client | Entry::Endpoint | Entry::Webhook | Entry::Rule);
        let caller = call.user.id.clone();
        let claim = if is_own && !caller.is_empty() { Some(self.shares.claim(&caller)?) } else { None };
        let (_share, permit) = {
            let _place = self.place()?;
            let share = match &claim {
                Some(claim) => timeout_at(deadline, claim.run()).await.map_err(|_| ended())?,
                None => None,
            };
            let permit = timeout_at(deadline, Arc::clone(gate).acquire_owned()).await.map_err(|_| ended())?;
            (share, Arc::new(permit.map_err(|_| lost())?))
        };
        let rights = timeout_at(deadline, self.rights(function, &call)).await.map_err(|_| ended())??;
        let (reply, answer) = oneshot::channel();
        let cancel = Cancel(stop.clone());
        let (rights, has_script) = rights;
        self.pool.dispatch(Job {
            shared: Arc::clone(shared),
            input: CallInput {
                function: call.function,
                arguments: call.arguments,
                rights,
                has_script,
                user: call.user,
                request: call.request,
                shows_absent_data: call.http.is_some(),
                http: call.http,
                keeps_first_lines: call.entry == Entry::Trigger,
                by_rule: call.entry == Entry::Rule,
                nesting,
                depth: 0,
                level: 0,
                is_excluded,
                begun: Arc::default(),
                pool: Arc::clone(&self.pool),
                permit,
                handle: Handle::current(),
                stop,
            },
            reply,
        });
        // A loop inside a single built-in function of the engine cannot be interrupted, so its thread is abandoned.
        let left = cancel.0.deadline.saturating_duration_since(Instant::now()).saturating_add(GRACE);
        match timeout(left, answer).await {
            Ok(Ok(ended)) => ended.outcome,
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(ended()),
        }
    }

    /// A place in the queue of waiting calls.
    fn place(&self) -> Result<Place<'_>, CallError> {
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.shared.options.waiting {
            return Err(CallError::Busy);
        }
        Ok(place)
    }

    /// The rights of a call, and whether the function's script must be run first to determine them.
    async fn rights(&self, function: &Function, call: &Call) -> Result<(Rights, bool), CallError> {
        let refused = |reason: String| CallError::RunAsRefused { function: call.function.clone(), reason };
        let is_system = call.user.kind == UserType::System;
        let caller = || match is_system {
            true => Rights::System,
            false => Rights::User(Arc::new(call.user.clone())),
        };
        if call.entry == Entry::Trigger {
            return Ok((Rights::System, false));
        }
        match &function.run_as {
            RunAs::System => Ok((Rights::System, false)),
            RunAs::User(id) => Ok((self.shared.user_rights(id).await.map_err(refused)?, false)),
            RunAs::Script(_) => match &call.run_as {
                Some(RunAsAnswer::System) => Ok((Rights::System, false)),
                Some(RunAsAnswer::User(id)) => Ok((self.shared.user_rights(id).await.map_err(refused)?, false)),
                // The user is not known yet: the script itself runs as the caller, or without a user.
                None => Ok((caller(), true)),
            },
            RunAs::Caller => match call.entry {
                Entry::UserCreation | Entry::Login | Entry::Trigger => Ok((Rights::System, false)),
                Entry::Webhook | Entry::Command => Ok((caller(), false)),
                Entry::Client | Entry::Endpoint | Entry::Rule if is_system => {
                    Err(refused("nobody is logged in, and it has no run_as_system or run_as_user_id".into()))
                }
                Entry::Client | Entry::Endpoint | Entry::Rule => Ok((caller(), false)),
            },
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("app", &self.shared.app.name).finish_non_exhaustive()
    }
}

struct Place<'r>(&'r AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Stops the call when its caller stops waiting.
struct Cancel(Stop);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn too_deep() -> CallError {
    let message = format!("Error: rules call functions inside of one another more than {MAX_NESTING} levels deep");
    CallError::Failed(Box::new(Failure { message, position: None, console: Vec::new() }))
}

/// The size of arguments, headers and body together, in bytes.
fn size(call: &Call) -> usize {
    let arguments = call.arguments.iter().map(bytes).fold(0, usize::saturating_add);
    let http = call.http.as_ref().map_or(0, |http| {
        let pairs = http.headers.iter().chain(&http.query).map(|(name, value)| name.len().saturating_add(value.len()));
        pairs.fold(http.body.as_ref().map_or(0, Vec::len), usize::saturating_add)
    });
    arguments.saturating_add(http)
}

/// The approximate size of a value in BSON.
fn bytes(value: &Bson) -> usize {
    let inner = match value {
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.len(),
        Bson::Document(document) => document_bytes(document),
        Bson::Array(elements) => elements.iter().map(bytes).fold(0, usize::saturating_add),
        Bson::Binary(binary) => binary.bytes.len(),
        Bson::RegularExpression(regex) => regex.pattern.len(),
        Bson::JavaScriptCodeWithScope(code) => code.code.len().saturating_add(document_bytes(&code.scope)),
        _ => 8,
    };
    inner.saturating_add(8)
}

fn document_bytes(document: &Document) -> usize {
    document.iter().map(|(key, value)| key.len().saturating_add(bytes(value))).fold(0, usize::saturating_add)
}
