//! The event loop of a call: runs the engine's jobs, then waits for the host's next operation, until there is a result.

use bson::Bson;
use futures_util::StreamExt;
use portcullis::endpoint::header_name;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Error, Exception, Function, IntoJs, Object, Promise, Result, TypedArray, Value};

use super::bridge::{Bridge, record};
use super::decode::Decoder;
use super::encode::{Encoder, Undefined};
use super::failure::{caught, describe, thrown};
use super::host::arguments;
use super::host_text::Bytes;
use super::numbers;
use super::state::{CallState, Ended, Finished, Outcome, Set, Thrown};
use super::visit;
use crate::{CallError, Failure, HttpRequest, Returned};

/// The result of one iteration of the loop.
#[derive(PartialEq, Eq)]
enum Turn {
    /// An operation ended, and its result was delivered to the engine.
    Delivered,
    /// No operation is pending.
    Idle,
    /// The time limit is reached.
    Over,
}

enum Event {
    Ended(Finished),
    Timer(u32),
    Idle,
    Over,
}

/// Runs jobs and operations until a promise is settled, nothing remains that could settle it, or the time limit is
/// reached.
pub(super) fn until<'js>(state: &CallState, bridge: &Bridge<'js>, promise: &Promise<'js>) -> Result<()> {
    loop {
        jobs(state, &bridge.ctx);
        if state.input.stop.is_over() {
            return Err(Exception::throw_internal(&bridge.ctx, "interrupted"));
        }
        if promise.state() != PromiseState::Pending || turn(state, bridge, true)? == Turn::Idle {
            return Ok(());
        }
    }
}

fn jobs(state: &CallState, ctx: &Ctx<'_>) {
    while !state.input.stop.is_over() && ctx.execute_pending_job() {}
}

fn turn<'js>(state: &CallState, bridge: &Bridge<'js>, with_timers: bool) -> Result<Turn> {
    match next(state, with_timers) {
        Event::Over => Ok(Turn::Over),
        Event::Idle => Ok(Turn::Idle),
        Event::Timer(number) => {
            bridge.function("deliver")?.call::<_, ()>((number, true, ()))?;
            Ok(Turn::Delivered)
        }
        Event::Ended((number, charge, outcome)) => {
            state.exclusive.forget(number);
            let deliver = bridge.function("deliver")?;
            match outcome {
                Outcome::Nothing => deliver.call::<_, ()>((number, true, ()))?,
                Outcome::Begun(begun, open) => {
                    state.transactions.borrow_mut().insert(begun, open);
                    #[expect(clippy::cast_precision_loss, reason = "hosts count from a small number")]
                    deliver.call::<_, ()>((number, true, begun as f64))?;
                }
                Outcome::Value(value) => {
                    let made = Decoder::new(bridge)?.value(&value)?;
                    drop((value, charge));
                    deliver.call::<_, ()>((number, true, made))?;
                }
                Outcome::Failed(error) => {
                    let made: Value<'js> =
                        bridge.function("mongoError")?.call((error.name, error.message, error.code))?;
                    deliver.call::<_, ()>((number, false, made))?;
                }
            }
            Ok(Turn::Delivered)
        }
    }
}

/// Waits for the next operation to end. The engine does not run meanwhile.
fn next(state: &CallState, with_timers: bool) -> Event {
    if let Some(finished) = state.ended.borrow_mut().pop_front() {
        return Event::Ended(finished);
    }
    let mut operations = state.operations.borrow_mut();
    let timer = with_timers.then(|| state.timers.borrow().first_key_value().map(|(key, ())| *key)).flatten();
    if operations.is_empty() && timer.is_none() {
        return Event::Idle;
    }
    if timer.is_none() {
        state.exclusive.give_up_stuck(operations.len());
    }
    let event = state.input.handle.block_on(async {
        let due = async {
            match timer {
                Some((at, _)) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = state.input.stop.wait() => Event::Over,
            Some(finished) = operations.next(), if !operations.is_empty() => Event::Ended(finished),
            () = due => timer.map_or(Event::Idle, |(_, number)| Event::Timer(number)),
        }
    });
    if let (Event::Timer(_), Some(key)) = (&event, timer) {
        state.timers.borrow_mut().remove(&key);
    }
    event
}

/// Runs the call to its end.
pub(super) fn run<'js>(state: &CallState, bridge: &Bridge<'js>) -> Ended {
    let (answer, thrown) = match answer(state, bridge) {
        Ok(returned) => (Ok(returned), None),
        Err((error, thrown)) => (Err(error), thrown),
    };
    let is_promised = bridge.function("isPromised").and_then(|asked| asked.call(())).unwrap_or(false);
    // Inspecting a thrown value may run code, so the time limit is checked last.
    if state.input.stop.is_over() {
        let console = match answer {
            Ok(returned) => returned.console,
            Err(error) => error.console().to_vec(),
        };
        return Ended::early(CallError::TimedOut { console });
    }
    Ended { outcome: answer, is_promised, thrown }
}

/// An error, and what was thrown if a caller with other rights may catch it.
type Refusal = (CallError, Option<Box<Thrown>>);

fn answer<'js>(state: &CallState, bridge: &Bridge<'js>) -> std::result::Result<Returned, Refusal> {
    let result = result(state, bridge);
    // Operations that were started but not awaited are also completed, within the limits.
    let rest = rest(state, bridge);
    let result = result.and_then(|result| rest.map(|()| result));
    let (value, is_plain) = result.map_err(|failed| refusal(state, bridge, failed))?;
    let rejections = state.rejections.borrow();
    if !rejections.is_empty() {
        let reason = rejections.first(&bridge.ctx);
        drop(rejections);
        let (reason, position) =
            reason.map(|reason| describe(bridge, &reason, &state.shared.library)).unwrap_or_default();
        return Err((said(state, format!("uncaught promise rejection: {reason}"), position), None));
    }
    drop(rejections);
    let response = match &state.input.http {
        Some(_) => Some(response(bridge).map_err(|error| refusal(state, bridge, error.into()))?.into()),
        None => None,
    };
    let is_computed = is_plain && !state.is_informed.get();
    Ok(Returned { value, is_computed, console: state.console(), response })
}

fn refusal<'js>(state: &CallState, bridge: &Bridge<'js>, failed: Failed<'js>) -> Refusal {
    if let Some(reason) = state.refused.borrow_mut().take() {
        let function = state.input.function.clone();
        return (CallError::RunAsRefused { function, reason, console: state.console() }, None);
    }
    let value = match failed {
        Failed::Thrown(value) => value,
        Failed::Engine(error) => match caught(&bridge.ctx, &error) {
            Some(value) => value,
            None if super::encode::is_allocation(&error) => {
                return (said(state, "InternalError: out of memory".into(), None), None);
            }
            None => return (said(state, format!("InternalError: {error}"), None), None),
        },
        Failed::Said(message) => return (said(state, message, None), None),
    };
    let passed = if state.input.level > 0 { visit::thrown(bridge, &value).map(Box::new) } else { None };
    (thrown(bridge, &value, &state.shared.library, state.console()), passed)
}

/// Why a call has no result: an error of the engine, a thrown value, or a message.
enum Failed<'js> {
    Engine(Error),
    Thrown(Value<'js>),
    Said(String),
}

impl From<Error> for Failed<'_> {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// The result of the function, and whether it is a whole number that JavaScript has no BSON type for.
fn result<'js>(state: &CallState, bridge: &Bridge<'js>) -> std::result::Result<(Bson, bool), Failed<'js>> {
    let start: Function<'js> = bridge.function("start")?;
    let input = &state.input;
    let parts = arguments(bridge, &input.arguments)?;
    let exchange = match &input.http {
        Some(http) => exchange(bridge, http)?,
        None => Value::new_undefined(bridge.ctx.clone()),
    };
    let promise: Promise<'js> =
        start.call((input.function.as_str(), 0_u32, input.has_script, parts, exchange, input.depth))?;
    until(state, bridge, &promise)?;
    match promise.result::<Value<'js>>() {
        Some(Ok(value)) => {
            // A caller with other rights gets an error for values that cannot be passed; any other caller gets
            // `undefined` in their place.
            let undefined = if input.level > 0 { Undefined::Pass } else { Undefined::Keep };
            let encoder = Encoder::new(bridge, undefined, state.memory() / 2)?;
            if let Some(number) = value.as_number() {
                return Ok(numbers::returned(&input.arguments, number));
            }
            Ok((encoder.value(&value, "result", 0)?, false))
        }
        Some(Err(error)) => match caught(&bridge.ctx, &error) {
            Some(value) => Err(Failed::Thrown(value)),
            None => Err(Failed::Engine(error)),
        },
        None => Err(Failed::Said("the promise that the function returned cannot settle".into())),
    }
}

fn rest<'js>(state: &CallState, bridge: &Bridge<'js>) -> std::result::Result<(), Failed<'js>> {
    loop {
        jobs(state, &bridge.ctx);
        if turn(state, bridge, false)? != Turn::Delivered {
            return Ok(());
        }
    }
}

fn said(state: &CallState, message: String, position: Option<crate::Position>) -> CallError {
    CallError::Failed(Box::new(Failure { message, position, console: state.console() }))
}

/// `{query, headers, body}` for the prelude.
fn exchange<'js>(bridge: &Bridge<'js>, http: &HttpRequest) -> Result<Value<'js>> {
    let ctx = &bridge.ctx;
    let mut query = bson::Document::new();
    for (name, value) in &http.query {
        if !query.contains_key(name) {
            query.insert(name, value.as_str());
        }
    }
    let mut headers = bson::Document::new();
    for (name, value) in &http.headers {
        let name = header_name(name);
        match headers.get_mut(&name) {
            Some(Bson::Array(values)) => values.push(value.as_str().into()),
            _ => {
                headers.insert(name, vec![value.as_str()]);
            }
        }
    }
    let decoder = Decoder::new(bridge)?;
    let body = match http.body.as_deref() {
        Some(body) if !body.is_empty() => Some(TypedArray::<u8>::new_copy(ctx.clone(), body)?),
        _ => None,
    };
    let (query, headers) = (decoder.document(&query)?.into_value(), decoder.document(&headers)?.into_value());
    Ok(record(ctx, [("query", query), ("headers", headers), ("body", body.into_js(ctx)?)])?.into_value())
}

/// The response as the function set it in the prelude.
fn response<'js>(bridge: &Bridge<'js>) -> Result<Set> {
    let parts: Option<Object<'js>> = bridge.function("response")?.call(())?;
    let Some(parts) = parts else { return Ok(Set { status: None, headers: Vec::new(), body: None }) };
    let status: Option<u16> = parts.get(0)?;
    let mut headers = Vec::new();
    let written: rquickjs::Array<'js> = parts.get(1)?;
    for pair in written.iter::<rquickjs::Array<'js>>() {
        let pair = pair?;
        headers.push((bridge.text(&pair.get(0)?)?, bridge.text(&pair.get(1)?)?));
    }
    let body: Option<Bytes> = parts.get(2)?;
    let body = body.map(|Bytes(body)| body);
    Ok(Set { status, headers, body })
}
