//! Host functions that start asynchronous operations: data, transactions, requests, timers.

use std::rc::Rc;
use std::sync::Arc;

use bson::{Bson, Document, doc};
use rquickjs::{Ctx, Exception, Function, Object, Result, Value};
use tokio::sync::Semaphore;

use super::bridge::Bridge;
use super::encode::{Encoder, Undefined};
use super::prepare::Slot;
use super::state::{CallState, Outcome};
use crate::http::{HttpError, OutgoingRequest};
use crate::integers::narrow;
use crate::runtime::{Shared, inside_call};
use crate::{ActionName, BackendError, DataAction, MAX_DOCUMENTS, Rights};

/// Adds these functions to the object `host`.
pub(super) fn add<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    add_data(ctx, host, slot)?;
    add_transactions(ctx, host, slot)?;
    add_requests(ctx, host, slot)
}

fn add_data<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    let at = Rc::clone(slot);
    // The arguments are more than the engine's conversions support individually.
    let data = move |ctx: Ctx<'js>, parts: rquickjs::function::Rest<Value<'js>>| {
        let state = at.state(&ctx)?;
        let bridge = state.bridge(&ctx)?;
        let part = |index: usize| parts.0.get(index).cloned().unwrap_or_else(|| Value::new_undefined(ctx.clone()));
        let text = |index: usize| -> Result<String> { bridge.text(&part(index)) };
        let rights = state.rights(&ctx, part(0).get()?)?;
        let collection = if part(3).is_undefined() { None } else { Some(text(3)?) };
        let Some(name) = ActionName::from_name(&text(4)?) else { return Err(bridge.type_error("unknown action")) };
        let is_administration = matches!(name, ActionName::GetCollectionNames | ActionName::GetDatabaseNames);
        if is_administration && !rights.is_system() {
            return Err(Exception::throw_message(&ctx, &format!("{} is for the system user only", name.name())));
        }
        let given: Object<'js> = part(5).get()?;
        let (mut arguments, bytes) = arguments(&state, &bridge, &given)?;
        if !rights.is_system() {
            // The option skips validation, which only the system may do.
            arguments.remove("bypassDocumentValidation");
        }
        match name {
            ActionName::Find => bound(&mut arguments),
            ActionName::Aggregate => bound_pipeline(&mut arguments),
            _ => {}
        }
        let (service, database) = (text(1)?, text(2)?);
        if let Some(collection) = collection.as_ref().filter(|_| name.writes()) {
            narrow(&state.shared.app, &service, &format!("{database}.{collection}"), &mut arguments);
        }
        let transaction = match part(6).as_number() {
            Some(number) => Some(transaction_number(&bridge, number)?),
            None => None,
        };
        let waits_for_others = name.writes() && transaction.is_none();
        if waits_for_others {
            state.refuse_excluded(&ctx, &service)?;
        }
        let is_stuck = (name.writes() || transaction.is_some()) && state.is_stuck(&service, transaction);
        if !is_stuck {
            state.acting.borrow_mut().extend(transaction);
        }
        let request = if rights.is_system() { None } else { state.input.request.clone() };
        let by_rule = state.input.by_rule;
        let action =
            DataAction { rights, service, database, collection, name, arguments, transaction, request, by_rule };
        let backend = Arc::clone(&state.shared.backend);
        let inside = state.inside();
        // One that waits for another operation to end a transaction must not keep that one from starting.
        let turns = if is_stuck { None } else { turns(&state, name, transaction.is_some()) };
        let outcome = async move {
            let _turn = match turns {
                Some(turns) => turns.acquire_owned().await.ok(),
                None => None,
            };
            match inside_call(inside, backend.data(action)).await {
                Ok(Bson::Array(mut documents)) if name != ActionName::Distinct => {
                    documents.truncate(usize::try_from(MAX_DOCUMENTS).unwrap_or(usize::MAX));
                    Outcome::Value(Bson::Array(documents))
                }
                Ok(value) => Outcome::Value(value),
                Err(error) => Outcome::Failed(error),
            }
        };
        if is_stuck { state.begin_stuck(&ctx, bytes, outcome) } else { state.begin(&ctx, bytes, outcome) }
    };
    host.set("data", Function::new(ctx.clone(), data)?)
}

/// Limits a `find` to [`MAX_DOCUMENTS`].
fn bound(arguments: &mut Document) {
    let limit = match arguments.get("limit") {
        Some(Bson::Int64(limit)) => Some(*limit),
        Some(Bson::Int32(limit)) => Some(i64::from(*limit)),
        // The host accepts only whole numbers and reports the error.
        Some(Bson::Double(_)) => return,
        Some(Bson::Null) | None => None,
        Some(_) => return,
    };
    let limit = match limit {
        Some(limit) if limit < 0 => return,
        Some(limit) if limit > 0 => limit.min(MAX_DOCUMENTS),
        _ => MAX_DOCUMENTS,
    };
    arguments.insert("limit", limit);
}

/// Limits an `aggregate` to [`MAX_DOCUMENTS`], unless it writes its result to a collection.
fn bound_pipeline(arguments: &mut Document) {
    let Some(Bson::Array(stages)) = arguments.get_mut("pipeline") else { return };
    let writes = |stage: &Document| stage.contains_key("$out") || stage.contains_key("$merge");
    if !stages.last().and_then(Bson::as_document).is_some_and(writes) {
        stages.push(Bson::Document(doc! { "$limit": MAX_DOCUMENTS }));
    }
}

/// What limits concurrent actions of this kind: those that return documents.
fn turns(state: &CallState, name: ActionName, is_in_transaction: bool) -> Option<Arc<Semaphore>> {
    use ActionName::{Aggregate, Distinct, Find, FindOne, FindOneAndDelete, FindOneAndReplace, FindOneAndUpdate};
    let readers = &state.readers;
    match name {
        FindOneAndUpdate | FindOneAndReplace | FindOneAndDelete if !is_in_transaction => {
            Some(Arc::clone(&readers.writing))
        }
        Find | FindOne | Aggregate | Distinct | FindOneAndUpdate | FindOneAndReplace | FindOneAndDelete => {
            Some(Arc::clone(&readers.other))
        }
        _ => None,
    }
}

/// The arguments of an action, and their size in bytes. `undefined` in conditions is an error: omitting it would match
/// more documents than intended. In written documents it becomes null, as in MongoDB's drivers.
fn arguments<'js>(state: &CallState, bridge: &Bridge<'js>, given: &Object<'js>) -> Result<(Document, usize)> {
    let room = state.memory() / 4;
    let strict = Encoder::new(bridge, Undefined::Refuse, room)?;
    let written = Encoder::new(bridge, Undefined::Null, room)?;
    let mut arguments = Document::new();
    for property in given.props::<String, Value<'js>>() {
        let (key, value) = property?;
        if value.is_undefined() {
            continue;
        }
        let encoded = match key.as_str() {
            "document" | "documents" | "replacement" | "update" => written.value(&value, &key, 0)?,
            "operations" => operations(&strict, &written, bridge, &value)?,
            _ => condition(&strict, bridge, &key, &value)?,
        };
        arguments.insert(key, encoded);
    }
    let used = room.saturating_sub(strict.room()).saturating_add(room.saturating_sub(written.room()));
    Ok((arguments, used))
}

/// An argument that selects documents or shapes the answer. Dates, ids and boxed strings are objects in JavaScript,
/// too, so it is checked here that a filter is encoded as a document.
fn condition<'js>(strict: &Encoder<'_, 'js>, bridge: &Bridge<'js>, key: &str, value: &Value<'js>) -> Result<Bson> {
    match strict.value(value, key, 0)? {
        encoded if key != "filter" || matches!(encoded, Bson::Document(_)) => Ok(encoded),
        _ => Err(bridge.type_error("the filter must be an object")),
    }
}

/// The operations of `bulkWrite`: each is an object with a single key, whose value is an object of arguments.
fn operations<'js>(
    strict: &Encoder<'_, 'js>,
    written: &Encoder<'_, 'js>,
    bridge: &Bridge<'js>,
    value: &Value<'js>,
) -> Result<Bson> {
    let Some(array) = value.as_array() else { return Err(bridge.type_error("the operations must be an array")) };
    let mut operations = Vec::new();
    for operation in array.iter::<Object<'js>>() {
        let mut made = Document::new();
        for property in operation?.props::<String, Object<'js>>() {
            let (name, given) = property?;
            let mut arguments = Document::new();
            for property in given.props::<String, Value<'js>>() {
                let (key, value) = property?;
                if value.is_undefined() {
                    continue;
                }
                let encoded = match key.as_str() {
                    "document" | "replacement" | "update" => written.value(&value, &key, 0)?,
                    _ => condition(strict, bridge, &key, &value)?,
                };
                arguments.insert(key, encoded);
            }
            made.insert(name, arguments);
        }
        operations.push(Bson::Document(made));
    }
    Ok(Bson::Array(operations))
}

fn transaction_number(bridge: &Bridge<'_>, number: f64) -> Result<u64> {
    if number.trunc() != number || !(0.0..9e15).contains(&number) {
        return Err(bridge.type_error("the transaction is unknown"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(number as u64)
}

fn add_transactions<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    let at = Rc::clone(slot);
    let begin = move |ctx: Ctx<'js>, service: String, rights: u32| {
        let state = at.state(&ctx)?;
        let rights = state.rights(&ctx, rights)?;
        state.refuse_excluded(&ctx, &service)?;
        let open = state.shared.backend.is_exclusive(&service).then(|| state.exclusive.open());
        let (backend, inside) = (Arc::clone(&state.shared.backend), state.inside());
        let outcome = async move {
            match inside_call(inside, backend.begin(&service, &rights)).await {
                Ok(number) => Outcome::Begun(number, open),
                Err(error) => Outcome::Failed(error),
            }
        };
        state.begin(&ctx, 0, outcome)
    };
    host.set("begin", Function::new(ctx.clone(), begin)?)?;
    for (name, commits) in [("commit", true), ("abort", false)] {
        let at = Rc::clone(slot);
        let finish = move |ctx: Ctx<'js>, number: f64| {
            let state = at.state(&ctx)?;
            let number = transaction_number(&state.bridge(&ctx)?, number)?;
            state.acting.borrow_mut().remove(&number);
            if state.transactions.borrow_mut().remove(&number).is_some() {
                state.exclusive.release_waiting();
            }
            let (backend, inside) = (Arc::clone(&state.shared.backend), state.inside());
            state.begin(&ctx, 0, async move {
                let done = if commits { backend.commit(number) } else { backend.abort(number) };
                match inside_call(inside, done).await {
                    Ok(()) => Outcome::Nothing,
                    Err(error) => Outcome::Failed(error),
                }
            })
        };
        host.set(name, Function::new(ctx.clone(), finish)?)?;
    }
    Ok(())
}

/// Adds the functions that set and clear timers.
pub(super) fn add_timers<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    let at = Rc::clone(slot);
    let timer = move |ctx: Ctx<'js>, pause: f64| at.state(&ctx)?.add_timer(&ctx, pause);
    host.set("timer", Function::new(ctx.clone(), timer)?)?;
    let at = Rc::clone(slot);
    let clear = move |ctx: Ctx<'js>, number: u32| -> Result<()> {
        at.state(&ctx)?.clear_timer(number);
        Ok(())
    };
    host.set("clearTimer", Function::new(ctx.clone(), clear)?)
}

fn add_requests<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    let at = Rc::clone(slot);
    let http = move |ctx: Ctx<'js>, service: Option<String>, rights: Option<u32>, request: Object<'js>| {
        let state = at.state(&ctx)?;
        let bridge = state.bridge(&ctx)?;
        let encoder = Encoder::new(&bridge, Undefined::Keep, state.shared.options.arguments.saturating_mul(2))?;
        let document = encoder.document(&request, 0)?;
        let failed = |message: String| Exception::throw_message(&ctx, &message);
        let request = OutgoingRequest::read(&document).map_err(|error| failed(error.to_string()))?;
        let service = match (service, rights) {
            (Some(name), Some(rights)) => Some((name, state.rights(&ctx, rights)?)),
            (None, _) => None,
            (Some(_), None) => return Err(Exception::throw_internal(&ctx, "a service without rights")),
        };
        let sender = Sender { shared: Arc::clone(&state.shared), service };
        sender.allow(&request).map_err(|error| failed(error.to_string()))?;
        let turns = Arc::clone(&state.requests);
        state.begin(&ctx, bson_size(&document), async move {
            // A response stays in the host's memory until it is delivered to the engine, so the available memory limits
            // the number of requests in flight.
            let _turn = turns.acquire_owned().await;
            match sender.shared.http.send(request, |next| sender.allow(next)).await {
                Ok(response) => Outcome::Value(Bson::Document(response)),
                Err(error) => {
                    let mut failed = BackendError::new(error.to_string());
                    failed.name = "Error".into();
                    Outcome::Failed(failed)
                }
            }
        })
    };
    host.set("http", Function::new(ctx.clone(), http)?)
}

/// The sender of a request: a service, whose rules apply to users but not to the system, or `context.http`, which has no
/// rules.
struct Sender {
    shared: Arc<Shared>,
    /// The service's name, and whose rules apply.
    service: Option<(String, Rights)>,
}

impl Sender {
    /// Whether the rules allow a request. Checked before each request is sent, including redirects.
    fn allow(&self, request: &OutgoingRequest) -> std::result::Result<(), HttpError> {
        let Some((service, Rights::User(user))) = &self.service else { return Ok(()) };
        if self.shared.may_send(service, request.action(), request.arguments(), user) {
            return Ok(());
        }
        Err(HttpError(format!("no rule of the service `{service}` allows this {}", request.action())))
    }
}

fn bson_size(document: &Document) -> usize {
    document.to_vec().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregations_are_limited_by_the_store_unless_they_write() {
        let limit = doc! { "$limit": MAX_DOCUMENTS };
        for (pipeline, is_limited) in [
            (vec![], true),
            (vec![doc! { "$match": { "$out": 1 } }], true),
            (vec![doc! { "$out": "c" }, doc! { "$sort": { "a": 1 } }], true),
            (vec![doc! { "$sort": { "a": 1 } }, doc! { "$out": "c" }], false),
            (vec![doc! { "$merge": { "into": "c" } }], false),
        ] {
            let mut arguments = doc! { "pipeline": pipeline.clone() };
            bound_pipeline(&mut arguments);
            let expected = pipeline.iter().cloned().chain(is_limited.then(|| limit.clone())).collect::<Vec<_>>();
            assert_eq!(arguments, doc! { "pipeline": expected }, "{pipeline:?}");
        }
        let mut broken = doc! { "pipeline": 1 };
        bound_pipeline(&mut broken);
        assert_eq!(broken, doc! { "pipeline": 1 });
    }
}
