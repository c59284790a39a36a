//! The threads that run calls: each prepares a context, waits for a call, runs it, and discards the context.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bson::DateTime;
use rquickjs::{Context, Ctx, Error, Function, Object, Result, Runtime, Value};
use tokio::sync::oneshot;

use super::bridge::Bridge;
use super::bytecode::NoImports;
use super::state::{CallInput, CallState, Ended};
use super::stop::Stop;
use super::{bytecode, drive, host, host_data, host_text};
use crate::runtime::Shared;
use crate::{CallError, Options};

/// A call that is dispatched to a thread.
pub(crate) struct Job {
    pub(crate) shared: Arc<Shared>,
    pub(crate) input: CallInput,
    pub(crate) reply: oneshot::Sender<Ended>,
}

/// Gives host functions access to the running call.
#[derive(Default)]
pub(super) struct Slot {
    state: RefCell<Option<Rc<CallState>>>,
}

impl Slot {
    pub(super) fn state(&self, ctx: &Ctx<'_>) -> Result<Rc<CallState>> {
        let state = self.state.borrow().clone();
        state.ok_or_else(|| rquickjs::Exception::throw_internal(ctx, "no call runs"))
    }
}

/// The part of its thread's stack that the engine may use, in bytes.
const ENGINE_STACK: usize = 4 * 1024 * 1024;

/// The upper bound of the garbage-collection threshold, in bytes. Small calls end before they reach it.
const GC_THRESHOLD: usize = 2 * 1024 * 1024;

/// The lower bound of the garbage-collection threshold, in bytes: the engine's default.
const DEFAULT_GC_THRESHOLD: usize = 256 * 1024;

/// The size of a thread's stack, in bytes.
pub(crate) const THREAD_STACK: usize = 16 * 1024 * 1024;

/// Where a thread gets its calls from.
pub(crate) trait Source {
    /// Registers the thread as waiting, unless it already has a call. `false` ends the thread.
    fn stand_by(&mut self) -> bool;

    /// Waits for a call; `None` ends the thread.
    fn next(&mut self) -> Option<Job>;
}

/// The loop of a thread: runs calls one after the other.
pub(crate) fn work(options: &Options, mut source: impl Source) {
    loop {
        let job = match prepared(options, &mut source) {
            Ok(true) => continue,
            Ok(false) => return,
            Err(error) => (if source.stand_by() { source.next() } else { None }, error),
        };
        // The engine could not be started: the next caller receives the error.
        let (Some(job), error) = job else { return };
        let _ = job.reply.send(Ended::early(CallError::Engine(error.to_string())));
    }
}

fn prepared(options: &Options, source: &mut impl Source) -> Result<bool> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(options.memory);
    runtime.set_gc_threshold((options.memory / 16).clamp(DEFAULT_GC_THRESHOLD, GC_THRESHOLD));
    runtime.set_max_stack_size(ENGINE_STACK);
    runtime.set_loader(NoImports, NoImports);
    let stop: Rc<RefCell<Option<Stop>>> = Rc::default();
    let slot: Rc<Slot> = Rc::default();
    let interrupted = Rc::clone(&stop);
    runtime.set_interrupt_handler(Some(Box::new(move || {
        interrupted.try_borrow().is_ok_and(|stop| stop.as_ref().is_some_and(Stop::is_over))
    })));
    let tracked = Rc::clone(&slot);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
        if let Ok(state) = tracked.state(&ctx)
            && let Ok(mut rejections) = state.rejections.try_borrow_mut()
        {
            rejections.track(&ctx, promise, reason, is_handled);
        }
    })));
    let context = Context::full(&runtime)?;
    let kept = context.with(|ctx| {
        let bridge = bridge(&ctx, options, &slot)?;
        if !source.stand_by() {
            return Ok(None);
        }
        Ok::<_, Error>(Some(bridge.keep()))
    })?;
    let Some((kept, job)) = kept.and_then(|kept| source.next().map(|job| (kept, job))) else { return Ok(false) };
    runtime.set_memory_limit(options.memory >> job.input.level);
    context.with(|ctx| {
        let bridge = kept.restore(&ctx)?;
        *stop.borrow_mut() = Some(job.input.stop.clone());
        let Job { shared, input, reply } = job;
        let places = Arc::clone(&input.places);
        let state = Rc::new(CallState::new(shared, input));
        *state.bridge.borrow_mut() = Some(bridge.keep());
        *slot.state.borrow_mut() = Some(Rc::clone(&state));
        let running = Running { state, slot: &slot };
        let ended = drive::run(&running.state, &bridge);
        drop(running);
        let _ = reply.send(ended);
        drop(places);
        Ok(true)
    })
}

/// Cleans up when a call ends, even by a panic: nothing in the engine may outlive it.
struct Running<'s> {
    state: Rc<CallState>,
    slot: &'s Slot,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.slot.state.borrow_mut() = None;
        *self.state.bridge.borrow_mut() = None;
        *self.state.rejections.borrow_mut() = super::rejections::Rejections::default();
        abort_transactions(&self.state);
    }
}

fn abort_transactions(state: &CallState) {
    for (transaction, _) in state.transactions.borrow_mut().drain() {
        let backend = Arc::clone(&state.shared.backend);
        state.input.handle.spawn(async move {
            let _ = backend.abort(transaction).await;
        });
    }
}

/// Adds the host functions that a part needs in addition to those of the prelude.
fn add_part<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>, now: Option<DateTime>, name: &str) -> Result<()> {
    match name {
        "bson" => {
            host_text::add_texts(ctx, host, now)?;
            host::add_comparison(ctx, host, slot)
        }
        "client" => {
            host_data::add(ctx, host, slot)?;
            host::add_extended_json(ctx, host, slot)
        }
        "globals" => {
            host_text::add_crypto(ctx, host)?;
            host_text::add_tokens(ctx, host, now)?;
            host_data::add_timers(ctx, host, slot)?;
            host::add_extended_json(ctx, host, slot)
        }
        _ => Ok(()),
    }
}

/// Evaluates the prelude.
fn bridge<'js>(ctx: &Ctx<'js>, options: &Options, slot: &Rc<Slot>) -> Result<Bridge<'js>> {
    // No prototype: parts are added after application code has run, which may have defined setters on
    // `Object.prototype` that would receive the added functions.
    let functions = Object::new_proto(ctx.clone(), None)?;
    host_text::add(ctx, &functions)?;
    host::add(ctx, &functions, slot)?;
    let (now, at) = (options.now, Rc::clone(slot));
    let part = move |ctx: Ctx<'js>, host: Object<'js>, name: String| {
        add_part(&ctx, &host, &at, now, &name)?;
        bytecode::load(&ctx, &name)
    };
    functions.set("part", Function::new(ctx.clone(), part)?)?;
    let limits = Object::new(ctx.clone())?;
    limits.set("depth", u32::try_from(options.depth).unwrap_or(u32::MAX))?;
    limits.set("nesting", u32::try_from(super::encode::MAX_DEPTH).unwrap_or(u32::MAX))?;
    let plain: Object<'js> = Object::new(ctx.clone())?;
    let prototype = plain.get_prototype().ok_or(Error::Unknown)?;
    if let Some(now) = options.now {
        let stand_still = bytecode::load(ctx, "clock")?;
        #[expect(clippy::cast_precision_loss, reason = "JavaScript's dates are such numbers")]
        stand_still.call::<_, ()>((now.timestamp_millis() as f64,))?;
    }
    let made: Result<Object<'js>> = bytecode::load(ctx, "prelude")?.call((functions, limits));
    match made {
        Ok(api) => Ok(Bridge::new(ctx.clone(), api, prototype)),
        Err(error) => {
            // For developers who change the prelude.
            let thrown: Value<'js> = ctx.catch();
            let message = thrown.as_exception().map(ToString::to_string).unwrap_or_default();
            Err(if message.is_empty() { error } else { Error::new_from_js_message("prelude", "functions", message) })
        }
    }
}
