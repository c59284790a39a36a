use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bson::{Bson, Document};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use portcullis::eval::Request;
use portcullis::{BoxFuture, User};
use rquickjs::{Ctx, Error, Exception, Result};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::bridge::{Bridge, KeptBridge};
use super::console::Console;
use super::exclusive::{Exclusive, Open};
use super::held::{Charge, Held, size};
use super::rejections::Rejections;
use super::stop::Stop;
use crate::pool::Pool;
use crate::runtime::{Inside, Shared};
use crate::shares::Places;
use crate::{BackendError, CallError, ConsoleLine, HttpRequest, HttpResponse, Rights};

/// The input of a call.
pub(crate) struct CallInput {
    pub(crate) function: String,
    pub(crate) arguments: Vec<Bson>,
    pub(crate) rights: Rights,
    /// Whether the function's script still has to determine the user.
    pub(crate) has_script: bool,
    pub(crate) user: User,
    pub(crate) request: Option<Request>,
    pub(crate) http: Option<HttpRequest>,
    /// Whether custom data that was not fetched is shown as an empty document, as endpoints do.
    pub(crate) shows_absent_data: bool,
    pub(crate) keeps_first_lines: bool,
    /// Whether a rule called the function.
    pub(crate) by_rule: bool,
    /// The number of enclosing calls made by rules.
    pub(crate) nesting: usize,
    /// The number of enclosing `functions.execute` calls.
    pub(crate) depth: u32,
    /// The number of enclosing engines, which belong to callers with other rights.
    pub(crate) level: usize,
    /// Whether an enclosing engine has an open transaction that blocks all other writers. Its caller is suspended, so
    /// the transaction stays open for the whole call.
    pub(crate) is_excluded: bool,
    /// The number of operations that the call has started, in all of its engines.
    pub(crate) begun: Arc<AtomicUsize>,
    pub(crate) pool: Arc<Pool>,
    /// The user in whose share the call and its nested calls are.
    pub(crate) owner: Option<Arc<str>>,
    /// Held until all threads of the call are free again, even if the caller has stopped waiting.
    pub(crate) places: Arc<Places>,
    pub(crate) handle: Handle,
    pub(crate) stop: Stop,
}

/// What a call returned, or why it failed.
pub(crate) type Answer = std::result::Result<crate::Returned, CallError>;

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) outcome: Answer,
    /// Whether the function returned a promise.
    pub(super) is_promised: bool,
    /// What it threw, if a calling function may catch it.
    pub(super) thrown: Option<Box<Thrown>>,
}

impl Ended {
    /// The outcome of a call that did not start.
    pub(super) const fn early(error: CallError) -> Self {
        Self { outcome: Err(error), is_promised: false, thrown: None }
    }
}

/// A thrown value.
pub(super) enum Thrown {
    /// An error, with the name of its built-in class.
    Error {
        class: String,
        name: String,
        message: String,
        stack: Option<String>,
        fields: Document,
        /// Its `cause`.
        cause: Option<Box<Thrown>>,
        /// The `errors` of an `AggregateError`.
        errors: Option<Vec<Thrown>>,
    },
    Value(Bson),
}

/// The result of a host operation.
pub(super) enum Outcome {
    Value(Bson),
    Begun(u64, Option<Open>),
    Nothing,
    Failed(BackendError),
}

/// An operation that has ended: its number, the bytes that its outcome holds, and its outcome.
pub(super) type Finished = (u32, Option<Charge>, Outcome);

/// A running operation.
pub(super) type Operation = BoxFuture<'static, Finished>;

/// The most concurrent HTTP requests of one call; further ones wait.
const MAX_REQUESTS: usize = 40;

/// The most concurrent operations of one call that return documents, of each [kind](Readers); further ones wait. The
/// store holds their results before anything can be charged for them.
const MAX_READERS: usize = 8;

/// Limits concurrent operations that return documents. Those that write outside a transaction may have to wait for one
/// of the call's own transactions, so they must not keep its operations waiting.
pub(super) struct Readers {
    pub(super) writing: Arc<Semaphore>,
    pub(super) other: Arc<Semaphore>,
}

/// The state of one call that host functions work with.
pub(super) struct CallState {
    pub(super) shared: Arc<Shared>,
    pub(super) input: CallInput,
    pub(super) rights: RefCell<Vec<Rights>>,
    pub(super) console: RefCell<Console>,
    /// Why the script of the engine's own function designates no user, once it has been refused.
    pub(super) refused: RefCell<Option<String>>,
    /// Whether something outside the engine may have delivered data to it.
    pub(super) is_informed: Cell<bool>,
    pub(super) operations: RefCell<FuturesUnordered<Operation>>,
    /// Operations that ended while the engine was suspended.
    pub(super) ended: RefCell<VecDeque<Finished>>,
    pub(super) timers: RefCell<BTreeMap<(Instant, u32), ()>>,
    pub(super) rejections: RefCell<Rejections>,
    pub(super) bridge: RefCell<Option<KeptBridge>>,
    /// The open transactions, by number.
    pub(super) transactions: RefCell<HashMap<u64, Option<Open>>>,
    /// The numbers of the transactions in which an operation has begun.
    pub(super) acting: RefCell<HashSet<u64>>,
    /// Counts those that block all other writers.
    pub(super) exclusive: Exclusive,
    /// Limits concurrent HTTP requests.
    pub(super) requests: Arc<Semaphore>,
    pub(super) readers: Readers,
    next: Cell<u32>,
    /// The bytes that operations hold.
    held: Held,
}

impl CallState {
    pub(super) fn new(shared: Arc<Shared>, input: CallInput) -> Self {
        let console = Console::new(input.keeps_first_lines);
        let memory = shared.options.memory >> input.level;
        let requests = memory.checked_div(shared.options.response).unwrap_or(1).clamp(1, MAX_REQUESTS);
        Self {
            requests: Arc::new(Semaphore::new(requests)),
            shared,
            rights: RefCell::new(vec![input.rights.clone()]),
            input,
            console: RefCell::new(console),
            refused: RefCell::default(),
            is_informed: Cell::default(),
            operations: RefCell::default(),
            ended: RefCell::default(),
            timers: RefCell::default(),
            rejections: RefCell::default(),
            bridge: RefCell::default(),
            transactions: RefCell::default(),
            acting: RefCell::default(),
            exclusive: Exclusive::default(),
            readers: Readers {
                writing: Arc::new(Semaphore::new(MAX_READERS)),
                other: Arc::new(Semaphore::new(MAX_READERS)),
            },
            next: Cell::new(1),
            held: Held::new(memory),
        }
    }

    /// The most bytes that this engine, and the host on its behalf, may hold: half of those of the enclosing engine.
    pub(super) fn memory(&self) -> usize {
        self.shared.options.memory >> self.input.level
    }

    pub(super) fn bridge<'js>(&self, ctx: &Ctx<'js>) -> Result<Bridge<'js>> {
        match &*self.bridge.borrow() {
            Some(kept) => kept.restore(ctx),
            None => Err(Error::Unknown),
        }
    }

    /// The rights with a given number.
    pub(super) fn rights(&self, ctx: &Ctx<'_>, number: u32) -> Result<Rights> {
        let rights = self.rights.borrow();
        let found = usize::try_from(number).ok().and_then(|number| rights.get(number));
        found.cloned().ok_or_else(|| Exception::throw_internal(ctx, "the rights are unknown"))
    }

    /// Whether an operation must wait for a transaction of this function to end. This concerns writes, and the first
    /// operation of another transaction, `own`: a transaction blocks all other writers from its first operation on.
    pub(super) fn is_stuck(&self, service: &str, own: Option<u64>) -> bool {
        let (transactions, acting) = (self.transactions.borrow(), self.acting.borrow());
        let is_own = own.is_some_and(|own| acting.contains(&own));
        let is_open = |number: &u64| transactions.get(number).is_some_and(Option::is_some);
        !is_own && self.shared.backend.is_exclusive(service) && acting.iter().any(is_open)
    }

    /// Starts an operation that waits for such a transaction to end. It holds this many bytes meanwhile.
    pub(super) fn begin_stuck(
        &self,
        ctx: &Ctx<'_>,
        bytes: usize,
        outcome: impl Future<Output = Outcome> + Send + 'static,
    ) -> Result<u32> {
        let number = self.begin(ctx, bytes, self.exclusive.cancellable(outcome))?;
        self.exclusive.register_waiting(number);
        Ok(number)
    }

    /// The number under which JavaScript refers to these rights.
    pub(super) fn add_rights(&self, rights: Rights) -> u32 {
        let mut known = self.rights.borrow_mut();
        // All system rights share one number; other rights are added at most once per call.
        if rights.is_system()
            && let Some(at) = known.iter().position(Rights::is_system)
        {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        known.push(rights);
        u32::try_from(known.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The [`Inside`] of calls that operations of this engine make.
    pub(super) fn inside(&self) -> Inside {
        let is_excluded = self.input.is_excluded || self.exclusive.is_open();
        Inside { nesting: self.input.nesting.saturating_add(1), is_excluded, owner: self.input.owner.clone() }
    }

    /// Throws if a write would wait for a transaction that cannot end before the write does.
    pub(super) fn refuse_excluded(&self, ctx: &Ctx<'_>, service: &str) -> Result<()> {
        if self.input.is_excluded && self.shared.backend.is_exclusive(service) {
            let message = match self.input.by_rule {
                true => {
                    "a transaction around this call keeps all other writers waiting: a function that a rule calls cannot write within it"
                }
                false => {
                    "the caller has a transaction open, which keeps all other writers waiting: it must end before a function with \
                     different rights writes"
                }
            };
            return Err(Exception::throw_message(ctx, message));
        }
        Ok(())
    }

    /// Counts an operation of the call towards its limit.
    pub(super) fn count(&self, ctx: &Ctx<'_>) -> Result<()> {
        let limit = self.shared.options.operations;
        // A caller is suspended while another engine of the call runs, so only one engine counts at a time.
        if self.input.begun.load(Ordering::Relaxed) >= limit {
            let message = format!("a call may begin at most {limit} asynchronous operations");
            return Err(Exception::throw_range(ctx, &message));
        }
        self.input.begun.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn number(&self, ctx: &Ctx<'_>) -> Result<u32> {
        self.count(ctx)?;
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        Ok(number)
    }

    /// Starts an operation that holds this many bytes until it ends. From then on, its outcome is charged in their
    /// place until it is delivered.
    pub(super) fn begin(
        &self,
        ctx: &Ctx<'_>,
        bytes: usize,
        outcome: impl Future<Output = Outcome> + Send + 'static,
    ) -> Result<u32> {
        let number = self.number(ctx)?;
        let Some(charge) = self.held.charge(bytes) else {
            return Err(Exception::throw_internal(ctx, "out of memory"));
        };
        self.is_informed.set(true);
        // A panic of the host must end only the operation: the engine could not be unwound safely.
        let outcome = AssertUnwindSafe(outcome).catch_unwind();
        self.operations.borrow_mut().push(Box::pin(async move {
            let internal = |_| Outcome::Failed(BackendError::new("internal error"));
            let outcome = outcome.await.unwrap_or_else(internal);
            let bytes = match &outcome {
                Outcome::Value(value) => size(value),
                _ => 0,
            };
            match charge.replace(bytes) {
                Some(charge) => (number, Some(charge), outcome),
                None => (number, None, Outcome::Failed(out_of_memory())),
            }
        }));
        Ok(number)
    }

    /// Waits for a future while the engine is suspended; `None` if the time limit is reached first. Running operations
    /// continue, since the future may need resources that they hold.
    pub(super) fn stand_still<T>(&self, wanted: impl Future<Output = T>) -> Option<T> {
        let mut operations = self.operations.borrow_mut();
        self.input.handle.block_on(async {
            let mut wanted = std::pin::pin!(wanted);
            loop {
                tokio::select! {
                    biased;
                    () = self.input.stop.wait() => return None,
                    found = &mut wanted => return Some(found),
                    Some(ended) = operations.next(), if !operations.is_empty() => {
                        self.ended.borrow_mut().push_back(ended);
                    }
                }
            }
        })
    }

    pub(super) fn add_timer(&self, ctx: &Ctx<'_>, milliseconds: f64) -> Result<u32> {
        let number = self.number(ctx)?;
        let pause = Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX);
        let at = Instant::now().checked_add(pause).unwrap_or(self.input.stop.deadline);
        // A time after the end of the call is equivalent to never.
        self.timers.borrow_mut().insert((at.min(self.input.stop.deadline), number), ());
        Ok(number)
    }

    pub(super) fn clear_timer(&self, number: u32) {
        self.timers.borrow_mut().retain(|(_, known), ()| *known != number);
    }

    pub(super) fn console(&self) -> Vec<ConsoleLine> {
        self.console.borrow_mut().take()
    }
}

/// The error of an operation whose result does not fit into the memory of the call.
fn out_of_memory() -> BackendError {
    let mut error = BackendError::new("out of memory");
    error.name = "InternalError".into();
    error
}

/// The response as the function set it, in the form in which the prelude passes it.
pub(super) struct Set {
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

impl From<Set> for HttpResponse {
    fn from(set: Set) -> Self {
        Self { status: set.status, headers: set.headers, body: set.body }
    }
}
