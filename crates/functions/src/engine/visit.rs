//! Calls a function that runs with other rights than its caller, in a separate engine on a separate thread. Values are
//! passed like results, so nothing that the caller's code did to its own engine affects the callee.

use std::sync::Arc;

use bson::{Bson, Document};
use rquickjs::object::Property;
use rquickjs::{Array, Exception, IntoJs, Object, Result, Value};
use tokio::sync::oneshot;

use super::bridge::{Bridge, record};
use super::decode::Decoder;
use super::encode::{Encoder, Undefined};
use super::failure::caught;
use super::host::unconfigured;
use super::prepare::Job;
use super::state::{CallInput, CallState, Ended, Thrown};
use super::stop::Stop;
use crate::{CallError, Rights};

/// The deepest nesting of engines within one call. Each has half the memory of the enclosing one, so all of them
/// together have less than twice the memory of a call.
const MAX_ENGINES: usize = 5;

/// The function to call, and its caller.
pub(super) struct Visit {
    /// The rights of the caller.
    pub(super) caller: u32,
    /// The rights of the callee; `None` if its script determines them.
    pub(super) callee: Option<u32>,
    pub(super) name: String,
    /// The number of enclosing `functions.execute` calls.
    pub(super) depth: u32,
}

/// Calls a function with other rights; returns its result. If that was a promise, returns a promise that is already
/// settled.
pub(super) fn visit<'js>(
    state: &CallState,
    bridge: &Bridge<'js>,
    visit: Visit,
    parts: &Array<'js>,
) -> Result<Value<'js>> {
    let ctx = &bridge.ctx;
    let level = state.input.level + 1;
    if level >= MAX_ENGINES {
        let message = format!("functions with different rights call each other more than {MAX_ENGINES} levels deep");
        return Err(Exception::throw_range(ctx, &message));
    }
    state.count(ctx)?;
    state.is_informed.set(true);
    let name = visit.name.clone();
    let encoder = Encoder::new(bridge, Undefined::Pass, state.shared.options.arguments)?;
    let arguments = encoder.array(parts, "arguments", 0)?;
    let rights = match visit.callee {
        Some(number) => state.rights(ctx, number)?,
        None => state.rights(ctx, visit.caller)?,
    };
    let ended = state.stand_still(run(state, visit, rights, arguments, level));
    let Some(ended) = ended else { return Err(Exception::throw_internal(ctx, "interrupted")) };
    let Ok(ended) = ended else { return Err(Exception::throw_internal(ctx, "internal error")) };
    outcome(state, bridge, &name, ended)
}

/// Runs the callee on a thread of its own.
fn run(
    state: &CallState,
    visit: Visit,
    rights: Rights,
    arguments: Vec<Bson>,
    level: usize,
) -> impl Future<Output = std::result::Result<Ended, oneshot::error::RecvError>> {
    let input = &state.input;
    let stop = Stop::at(input.stop.deadline);
    let guard = stop.guard();
    let (reply, ended) = oneshot::channel();
    let (user, request) = (input.user.clone(), input.request.clone());
    let input = CallInput {
        function: visit.name,
        arguments,
        rights,
        has_script: visit.callee.is_none(),
        user,
        request,
        http: None,
        shows_absent_data: input.shows_absent_data,
        keeps_first_lines: input.keeps_first_lines,
        by_rule: input.by_rule,
        nesting: input.nesting,
        depth: visit.depth,
        level,
        is_excluded: input.is_excluded || state.exclusive.is_open(),
        begun: Arc::clone(&input.begun),
        pool: Arc::clone(&input.pool),
        owner: input.owner.clone(),
        places: Arc::clone(&input.places),
        handle: input.handle.clone(),
        stop,
    };
    state.input.pool.dispatch(Job { shared: Arc::clone(&state.shared), input, reply });
    async move {
        let _guard = guard;
        ended.await
    }
}

/// Converts what the callee returned or threw into a value of the caller's engine.
fn outcome<'js>(state: &CallState, bridge: &Bridge<'js>, name: &str, ended: Ended) -> Result<Value<'js>> {
    let ctx = &bridge.ctx;
    let Ended { outcome, is_promised, thrown } = ended;
    let console = match &outcome {
        Ok(returned) => returned.console.as_slice(),
        Err(error) => error.console(),
    };
    for line in console {
        state.console.borrow_mut().write(line.level, &line.text);
    }
    let error = match outcome {
        Ok(returned) => {
            let value = Decoder::new(bridge)?.value(&returned.value)?;
            return if is_promised { promise(bridge, true, value) } else { Ok(value) };
        }
        Err(error) => error,
    };
    let made = match (error, thrown) {
        (CallError::TimedOut { .. }, _) => return Err(Exception::throw_internal(ctx, "interrupted")),
        (CallError::Failed(_), Some(thrown)) => thrown.made(bridge)?,
        (error, _) => {
            let text = match error {
                CallError::Failed(failure) => failure.message.clone(),
                CallError::RunAsRefused { reason, .. } => unconfigured(state, name, &reason),
                _ => format!("function '{name}' ended without an answer"),
            };
            let text = text.strip_prefix("Error: ").unwrap_or(&text);
            bridge.function("mongoError")?.call(("Error", text))?
        }
    };
    if is_promised { promise(bridge, false, made) } else { Err(ctx.throw(made)) }
}

/// A settled promise.
fn promise<'js>(bridge: &Bridge<'js>, is_good: bool, value: Value<'js>) -> Result<Value<'js>> {
    bridge.function("promise")?.call((is_good.into_js(&bridge.ctx)?, value))
}

/// What a callee threw, in the form in which it is passed to the caller; `None` if it cannot be.
pub(super) fn thrown<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> Option<Thrown> {
    let reason = match read_alone(bridge, value) {
        Ok(thrown) => return Some(thrown),
        Err(error) => caught(&bridge.ctx, &error)?,
    };
    // Reading the value failed because a getter threw or because it cannot be passed: that error is thrown in its
    // place, unless it comes from the engine itself.
    match read_alone(bridge, &reason) {
        Ok(thrown @ Thrown::Error { .. }) if !thrown.is_internal() => Some(thrown),
        Ok(_) => None,
        Err(error) => caught(&bridge.ctx, &error).and(None),
    }
}

impl Thrown {
    /// Whether the engine ran out of memory or was interrupted.
    fn is_internal(&self) -> bool {
        matches!(self, Self::Error { name, .. } if name == "InternalError")
    }

    /// Creates the thrown value in the caller's engine.
    fn made<'js>(&self, bridge: &Bridge<'js>) -> Result<Value<'js>> {
        let (class, name, message, stack, fields, cause, errors) = match self {
            Self::Value(value) => return Decoder::new(bridge)?.value(value),
            Self::Error { class, name, message, stack, fields, cause, errors } => {
                (class, name, message, stack, fields, cause, errors)
            }
        };
        let ctx = &bridge.ctx;
        let texts = record(
            ctx,
            [
                ("type", class.as_str().into_js(ctx)?),
                ("name", name.as_str().into_js(ctx)?),
                ("message", message.as_str().into_js(ctx)?),
                ("stack", stack.as_deref().into_js(ctx)?),
            ],
        )?;
        let fields = Decoder::new(bridge)?.document(fields)?;
        // A cause may be any value, even undefined, so it is passed in an array of its own.
        let cause = match cause {
            Some(cause) => Some(list(bridge, [&**cause])?),
            None => None,
        };
        let errors = errors.as_ref().map(|errors| list(bridge, errors)).transpose()?;
        bridge.function("passedError")?.call((texts, fields, cause, errors))
    }
}

/// An array of thrown values in the caller's engine. Each element is defined as a property, since the caller's code may
/// have changed the prototype of arrays.
fn list<'js, 't>(bridge: &Bridge<'js>, all: impl IntoIterator<Item = &'t Thrown>) -> Result<Array<'js>> {
    let array = Array::new(bridge.ctx.clone())?;
    for (index, thrown) in (0_u32..).zip(all) {
        let made = thrown.made(bridge)?;
        array.as_object().prop(index, Property::from(made).configurable().enumerable().writable())?;
    }
    Ok(array)
}

fn read_alone<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> Result<Thrown> {
    let encoder = Encoder::new(bridge, Undefined::Pass, MAX_THROWN)?;
    read(bridge, &encoder, value, 0)
}

fn read<'js>(bridge: &Bridge<'js>, encoder: &Encoder<'_, 'js>, value: &Value<'js>, depth: usize) -> Result<Thrown> {
    let is_error: bool = bridge.function("isError")?.call((value.clone(),))?;
    let Some(object) = value.as_object().filter(|_| is_error) else {
        return encoder.value(value, "result", 0).map(Thrown::Value);
    };
    let text = |key: &str| -> Result<Option<String>> {
        let value: Value<'js> = object.get(key)?;
        if !value.is_string() {
            return Ok(None);
        }
        let text = bridge.text(&value)?;
        Ok(Some(super::beginning::beginning(&text, MAX_THROWN_TEXT).to_owned()))
    };
    // Each error is charged, which bounds the number that is read even if errors contain each other.
    encoder.take(ERROR_COST)?;
    Ok(Thrown::Error {
        class: bridge.function("classOf")?.call((object.clone(),))?,
        name: text("name")?.unwrap_or_else(|| "Error".into()),
        message: text("message")?.unwrap_or_default(),
        stack: text("stack")?,
        fields: fields(bridge, encoder, object)?,
        cause: cause(bridge, encoder, object, depth)?,
        errors: errors(bridge, encoder, object, depth)?,
    })
}

/// The `cause` of an error, if it can be passed.
fn cause<'js>(
    bridge: &Bridge<'js>,
    encoder: &Encoder<'_, 'js>,
    object: &Object<'js>,
    depth: usize,
) -> Result<Option<Box<Thrown>>> {
    if depth >= MAX_CAUSES || !bridge.function("hasOwn")?.call::<_, bool>((object.clone(), "cause"))? {
        return Ok(None);
    }
    let read = object.get("cause").and_then(|cause: Value<'js>| read(bridge, encoder, &cause, depth + 1));
    Ok(passing(bridge, read)?.map(Box::new))
}

/// The `errors` of an `AggregateError`, without those that cannot be passed; `None` for other errors.
fn errors<'js>(
    bridge: &Bridge<'js>,
    encoder: &Encoder<'_, 'js>,
    object: &Object<'js>,
    depth: usize,
) -> Result<Option<Vec<Thrown>>> {
    let class: String = bridge.function("classOf")?.call((object.clone(),))?;
    if class != AGGREGATE {
        return Ok(None);
    }
    let listed: Value<'js> = object.get("errors")?;
    let Some(listed) = listed.as_array().filter(|_| depth < MAX_CAUSES) else { return Ok(Some(Vec::new())) };
    let length: f64 = listed.as_object().get("length")?;
    let mut errors = Vec::new();
    for index in 0..MAX_ERRORS {
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        if index as f64 >= length {
            break;
        }
        let read = listed.get(index).and_then(|error: Value<'js>| read(bridge, encoder, &error, depth + 1));
        errors.extend(passing(bridge, read)?);
    }
    Ok(Some(errors))
}

/// A part of an error, or `None` if it cannot be passed: that must not hide the rest of the error.
fn passing<T>(bridge: &Bridge<'_>, part: Result<T>) -> Result<Option<T>> {
    let error = match part {
        Ok(part) => return Ok(Some(part)),
        Err(error) => error,
    };
    let Some(reason) = caught(&bridge.ctx, &error) else { return Err(error) };
    // The time limit was exceeded.
    if reason.is_uncatchable_error() { Err(bridge.ctx.throw(reason)) } else { Ok(None) }
}

/// The fields of an error other than the standard ones, and its `code`, which may be inherited from its class. Fields
/// that cannot be passed are left out, so that they do not hide the rest of the error.
fn fields<'js>(bridge: &Bridge<'js>, encoder: &Encoder<'_, 'js>, object: &Object<'js>) -> Result<Document> {
    let mut fields = Document::new();
    for property in object.props::<Value<'js>, Value<'js>>() {
        let field = property.and_then(|(key, value)| encoder.field(&key, &value));
        let Some((key, value)) = passing(bridge, field)? else { continue };
        if !["name", "message", "stack", "cause"].contains(&key.as_str()) {
            fields.insert(key, value);
        }
    }
    let code: Value<'js> = object.get("code")?;
    if !fields.contains_key("code") && (code.is_number() || code.is_string()) {
        fields.insert("code", encoder.value(&code, "code", 1)?);
    }
    Ok(fields)
}

/// The most bytes of a thrown value that are passed, and of each string of an error.
const MAX_THROWN: usize = 1024 * 1024;
const MAX_THROWN_TEXT: usize = 16 * 1024;

/// How many levels of nested errors are passed, and how many errors of one `AggregateError`.
const MAX_CAUSES: usize = 8;
const MAX_ERRORS: usize = 100;

/// The bytes charged for each error.
const ERROR_COST: usize = 4 * 1024;

/// The class of errors that contain other errors.
const AGGREGATE: &str = "AggregateError";
