use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bson::{Bson, Document};
use portcullis::app::Secrets;
use portcullis::{App, UserType};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout_at;

use crate::engine::{CallInput, Job, Stop};
use crate::http::HttpClient;
use crate::library::{Entry as Function, RunAs};
use crate::pool::{Pool, lost};
pub(crate) use crate::shared::Shared;
use crate::shares::{Places, Running, Shares};
use crate::{Backend, Call, CallError, Entry, Failure, Library, Options, Returned, Rights, RunAsAnswer};

/// Runs the functions of an application.
pub struct Runtime {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    /// Limits on concurrent calls, by nesting level: first calls from outside, then calls made by rules during those,
    /// and so on.
    levels: Vec<Level>,
    waiting: AtomicUsize,
}

/// Limits on the concurrent calls of one nesting level. A call gets a place in its user's share first, then one among
/// all calls of the level, and then waits for calls of deeper levels only, so no two calls wait for each other.
struct Level {
    gate: Arc<Semaphore>,
    shares: Arc<Shares>,
}

impl Level {
    fn new(options: &Options, nesting: usize) -> Self {
        let part = |all: usize| all.checked_div(options.share).unwrap_or(all).max(1);
        let running = (options.running >> nesting).max(1);
        Self { gate: Arc::new(Semaphore::new(running)), shares: Shares::new(part(running), part(options.waiting)) }
    }
}

/// How deeply calls may nest if rules call functions that read data under rules that call functions.
const MAX_NESTING: usize = 4;

/// How long after its time limit a call that does not stop is abandoned.
const GRACE: Duration = Duration::from_secs(1);

/// The calls that are waiting for the result of a call, directly or through a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inside {
    /// How many calls are waiting.
    pub(crate) nesting: usize,
    /// Whether one of them has a transaction open that blocks all other writers.
    pub(crate) is_excluded: bool,
    /// The user in whose share the outermost of them is, if it is in one. Nested calls count towards the share of the
    /// same user, whichever user they run as: a user of `run_as_user_id` works for many.
    pub(crate) owner: Option<Arc<str>>,
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
        let levels = (0..MAX_NESTING).map(|nesting| Level::new(&options, nesting)).collect();
        let shared = Arc::new(Shared { app, secrets, library, backend, options, http });
        Self { shared, pool, levels, waiting: AtomicUsize::new(0) }
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
        let deadline: tokio::time::Instant = stop.deadline.into();
        let mut inside = INSIDE.try_with(Inside::clone).unwrap_or_default();
        let level = self.levels.get(inside.nesting).ok_or_else(too_deep)?;
        if inside.nesting == 0 {
            inside.owner = owner_of(&call);
        }
        let share = self.admitted(function, &call, &inside, level, deadline).await?;
        let gate = {
            let _place = self.place()?;
            timeout_at(deadline, Arc::clone(&level.gate).acquire_owned()).await.map_err(|_| ended())?
        };
        let places = Arc::new(Places::new(gate.map_err(|_| lost())?, share));
        let Inside { nesting, is_excluded, owner } = inside;
        let rights = timeout_at(deadline, self.rights(function, &call)).await.map_err(|_| ended())??;
        let (reply, answer) = oneshot::channel();
        let _guard = stop.guard();
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
                owner,
                places,
                handle: Handle::current(),
                stop,
            },
            reply,
        });
        // A loop inside a single built-in function of the engine cannot be interrupted, so its thread is abandoned.
        match timeout_at(deadline + GRACE, answer).await {
            Ok(Ok(ended)) => ended.outcome,
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(ended()),
        }
    }

    /// Waits for a place in the share of the call's user, if it is in one; then evaluates `can_evaluate`, which may call
    /// functions itself.
    async fn admitted(
        &self,
        function: &Function,
        call: &Call,
        inside: &Inside,
        level: &Level,
        deadline: tokio::time::Instant,
    ) -> Result<Option<Running>, CallError> {
        let ended = |_| CallError::TimedOut { console: Vec::new() };
        let refused = || CallError::RuleNotMatched(call.function.clone());
        let asked = match self.shared.may_evaluate(function, &call.user, call.request.as_ref()) {
            Ok(true) => None,
            Ok(false) => return Err(refused()),
            Err(asked) => Some(asked),
        };
        let share = match &inside.owner {
            Some(owner) => {
                let claim = level.shares.claim(owner)?;
                let _place = self.place()?;
                timeout_at(deadline, claim.run()).await.map_err(ended)?
            }
            None => None,
        };
        if let Some(asked) = asked {
            let inside = Inside { nesting: inside.nesting.saturating_add(1), ..inside.clone() };
            if !timeout_at(deadline, inside_call(inside, asked)).await.map_err(ended)? {
                return Err(refused());
            }
        }
        Ok(share)
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
        let refused =
            |reason: String| CallError::RunAsRefused { function: call.function.clone(), reason, console: Vec::new() };
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

fn too_deep() -> CallError {
    let message = format!("Error: rules call functions inside of one another more than {MAX_NESTING} levels deep");
    CallError::Failed(Box::new(Failure { message, position: None, console: Vec::new() }))
}

/// The user in whose share a call from outside is. What the application does by itself is in none.
fn owner_of(call: &Call) -> Option<Arc<str>> {
    let is_own = matches!(call.entry, Entry::Client | Entry::Endpoint | Entry::Webhook | Entry::Rule);
    (is_own && !call.user.id.is_empty()).then(|| call.user.id.as_str().into())
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
