//! Host functions that depend on the call: its user, its values, and the application's other functions.

use std::collections::HashMap;
use std::rc::Rc;

use bson::{Bson, Document, doc};
use portcullis::json::count_values;
use portcullis::{CustomData, User, UserType};
use rquickjs::{Array, Ctx, Exception, Function, IntoJs, Object, Result, Value};

use super::bridge::{Bridge, record};
use super::bytecode::{self, OWN};
use super::compile;
use super::decode::Decoder;
use super::drive;
use super::encode::{Encoder, Undefined};
use super::prepare::Slot;
use super::state::CallState;
use super::visit::{Visit, visit};
use crate::library::{Entry, Resolution, RunAs, unavailable};
use crate::runtime::inside_call;
use crate::{ConsoleLevel, Rights, RunAsAnswer};

/// Adds these functions to the object `host`.
pub(super) fn add<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    add_context(ctx, host, slot)?;
    add_functions(ctx, host, slot)
}

macro_rules! function {
    ($ctx:ident, $host:ident, $slot:ident, $name:literal, |$state:ident, $bridge:ident $(, $argument:ident: $type:ty)*| $body:expr) => {{
        let slot = Rc::clone($slot);
        let function = move |ctx: Ctx<'js> $(, $argument: $type)*| {
            let $state = slot.state(&ctx)?;
            let $bridge = $state.bridge(&ctx)?;
            $body
        };
        $host.set($name, Function::new($ctx.clone(), function)?)?;
    }};
}

/// The host's memory for a value that `EJSON.parse` reads, as JSON and as BSON.
const PARSED_VALUE: usize = 320;

fn add_context<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    function!(ctx, host, slot, "user", |state, bridge| {
        state.is_informed.set(true);
        let user = &state.input.user;
        let made = Decoder::new(&bridge)?.document(&user_document(user))?;
        // If an endpoint does not fetch custom data, its function sees an empty document.
        let is_shown = user.custom_data != CustomData::NotLoaded || state.input.shows_absent_data;
        let ctx = &bridge.ctx;
        record(ctx, [("user", made.into_value()), ("isShown", is_shown.into_js(ctx)?)])
    });
    function!(ctx, host, slot, "environment", |state, bridge| {
        state.is_informed.set(true);
        let environment = &state.shared.app.environment;
        let document = doc! { "tag": &environment.tag, "values": environment.values.clone() };
        Decoder::new(&bridge)?.document(&document)
    });
    function!(ctx, host, slot, "request", |state, bridge| {
        state.is_informed.set(true);
        match &state.input.request {
            Some(request) => Ok(Decoder::new(&bridge)?.document(request.fields())?.into_value()),
            None => Ok::<_, rquickjs::Error>(Value::new_undefined(bridge.ctx.clone())),
        }
    });
    function!(ctx, host, slot, "app", |state, bridge| {
        Decoder::new(&bridge)?.document(&state.shared.app_document())
    });
    function!(ctx, host, slot, "value", |state, bridge, name: String| {
        state.is_informed.set(true);
        match state.shared.value(&name) {
            Some(value) => Decoder::new(&bridge)?.value(&value),
            None => Ok(Value::new_undefined(bridge.ctx.clone())),
        }
    });
    function!(ctx, host, slot, "isSystem", |state, bridge, rights: u32| {
        Ok::<_, rquickjs::Error>(state.rights(&bridge.ctx, rights)?.is_system())
    });
    function!(ctx, host, slot, "service", |state, _bridge, name: String| {
        Ok::<_, rquickjs::Error>(state.shared.service_kind(&name))
    });
    function!(ctx, host, slot, "log", |state, bridge, level: u8, text: Value<'js>| {
        let level = match level {
            2 => ConsoleLevel::Error,
            1 => ConsoleLevel::Warn,
            _ => ConsoleLevel::Log,
        };
        state.console.borrow_mut().write(level, &bridge.text(&text)?);
        Ok::<_, rquickjs::Error>(())
    });
    Ok(())
}

/// Adds `same`, which compares two values as BSON.
pub(super) fn add_comparison<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    function!(ctx, host, slot, "same", |state, bridge, left: Value<'js>, right: Value<'js>| {
        let encoder = Encoder::new(&bridge, Undefined::Keep, state.memory() / 4)?;
        Ok::<_, rquickjs::Error>(encoder.value(&left, "", 0)? == encoder.value(&right, "", 0)?)
    });
    Ok(())
}

/// Adds the functions that write and parse extended JSON.
pub(super) fn add_extended_json<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    function!(ctx, host, slot, "ejson", |state, bridge, value: Value<'js>, wanted: Option<Vec<String>>| {
        if value.is_undefined() {
            return Ok(None);
        }
        let encoder = Encoder::new(&bridge, Undefined::Keep, state.memory() / 8)?;
        let encoded = without_undefined(encoder.value(&value, "", 0)?);
        let encoded = match wanted {
            Some(wanted) => {
                // Of a name that repeats, the first place counts.
                let ranks = wanted.iter().enumerate().rev().map(|(rank, name)| (name.as_str(), rank));
                only(encoded, &ranks.collect())
            }
            None => encoded,
        };
        Ok::<_, rquickjs::Error>(Some(encoded.into_canonical_extjson().to_string()))
    });
    function!(ctx, host, slot, "parse", |state, bridge, text: String| {
        if text.len() > state.memory() / 8 || count_values(text.as_bytes()) > state.memory() / 2 / PARSED_VALUE {
            return Err(bridge.range_error("the text is too large"));
        }
        let parsed: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Exception::throw_syntax(&bridge.ctx, &format!("EJSON.parse: {error}")))?;
        let value = Bson::try_from(parsed)
            .map_err(|error| Exception::throw_syntax(&bridge.ctx, &format!("EJSON.parse: {error}")))?;
        Decoder::new(&bridge)?.value(&value)
    });
    Ok(())
}

fn add_functions<'js>(ctx: &Ctx<'js>, host: &Object<'js>, slot: &Rc<Slot>) -> Result<()> {
    function!(ctx, host, slot, "compile", |state, bridge, name: String, is_script: bool| {
        let ctx = &bridge.ctx;
        let Some(entry) = state.shared.library.entry(&name) else {
            return Err(Exception::throw_internal(ctx, "the function is unknown"));
        };
        let source = if is_script { script(&bridge, entry)? } else { &entry.source };
        let factory = compile::function(ctx, &entry.file, source)?;
        record(ctx, [("factory", factory.into_value()), ("file", entry.file.as_str().into_js(ctx)?)])
    });
    function!(ctx, host, slot, "enter", |state, bridge, rights: u32, name: String| {
        enter(&state, &bridge, rights, &name)
    });
    function!(ctx, host, slot, "visit", |state,
                                         bridge,
                                         caller: u32,
                                         callee: Option<u32>,
                                         name: String,
                                         parts: Array<'js>,
                                         depth: u32| {
        visit(&state, &bridge, Visit { caller, callee, name, depth }, &parts)
    });
    function!(ctx, host, slot, "rightsBy", |state, bridge, name: String, answer: Value<'js>| {
        rights_by(&state, &bridge, &name, &answer)
    });
    function!(ctx, host, slot, "wait", |state, bridge, value: Value<'js>| {
        // Reads the promise's own result: its `then` may have been replaced.
        let Some(promise) = value.as_promise() else { return Ok(value) };
        drive::until(&state, &bridge, promise)?;
        match promise.result::<Value<'js>>() {
            Some(result) => result,
            None => Err(Exception::throw_message(&bridge.ctx, "the promise cannot settle")),
        }
    });
    function!(ctx, host, slot, "resolve", |state, bridge, file: String, name: String| {
        match state.shared.library.packages.resolve(&file, &name) {
            Resolution::Own(name) => Ok(format!("{OWN}{name}")),
            Resolution::Package(key) => Ok(key),
            other => {
                // The code by which a package that catches the error recognizes it.
                let message = unavailable(&name, &other);
                let made: Value<'js> = bridge.function("mongoError")?.call(("Error", message, "MODULE_NOT_FOUND"))?;
                Err(bridge.ctx.throw(made))
            }
        }
    });
    function!(ctx, host, slot, "module", |state, bridge, key: String| {
        let ctx = &bridge.ctx;
        if key.starts_with(OWN) {
            let module = bytecode::load(ctx, &key)?;
            return record(ctx, [("kind", "own".into_js(ctx)?), ("content", module.into_value())]);
        }
        let packages = &state.shared.library.packages;
        let Some(text) = packages.text(&key) else { return Err(bridge.type_error("there is no such module")) };
        if key.ends_with(".json") {
            return record(ctx, [("kind", "json".into_js(ctx)?), ("content", text.into_js(ctx)?)]);
        }
        let module = compile::module(ctx, &format!("functions/{key}"), text)?;
        record(ctx, [("kind", "script".into_js(ctx)?), ("content", module.into_value())])
    });
    Ok(())
}

/// The script that determines the user of a function. An error if its settings contain none, whatever the calling code
/// claims.
fn script<'e>(bridge: &Bridge<'_>, entry: &'e Entry) -> Result<&'e str> {
    match &entry.run_as {
        RunAs::Script(script) => Ok(script),
        _ => Err(Exception::throw_internal(&bridge.ctx, "the function has no script that says who runs it")),
    }
}

/// The rights with which `functions.execute` runs a callee; `None` if its script must be run first.
fn enter<'js>(state: &CallState, bridge: &Bridge<'js>, rights: u32, name: &str) -> Result<Option<u32>> {
    let ctx = &bridge.ctx;
    let shared = &state.shared;
    // The library also contains webhooks and the script of the Data API, which are not functions.
    let entry = if shared.library.contains(name) { shared.library.entry(name) } else { None };
    let Some(entry) = entry else {
        return Err(Exception::throw_message(ctx, &format!("function not found: '{name}'")));
    };
    if let Some(reason) = &entry.refused {
        return Err(Exception::throw_message(ctx, &format!("function '{name}' cannot be loaded: {reason}")));
    }
    let may_evaluate = match shared.may_evaluate(entry, &state.input.user, state.input.request.as_ref()) {
        Ok(may_evaluate) => may_evaluate,
        Err(asked) => state.stand_still(inside_call(state.inside(), asked)).unwrap_or(false),
    };
    if !may_evaluate {
        return Err(Exception::throw_message(ctx, &format!("rule not matched for function \"{name}\"")));
    }
    match &entry.run_as {
        RunAs::Caller => Ok(Some(rights)),
        RunAs::System => Ok(Some(state.add_rights(Rights::System))),
        RunAs::User(id) => match user_rights(state, id) {
            Ok(rights) => Ok(Some(rights)),
            Err(reason) => Err(Exception::throw_message(ctx, &unconfigured(state, name, &reason))),
        },
        RunAs::Script(_) => Ok(None),
    }
}

/// The rights of the user with this id, or why there are none. The engine does not run meanwhile.
fn user_rights(state: &CallState, id: &str) -> std::result::Result<u32, String> {
    match state.stand_still(state.shared.user_rights(id)) {
        Some(found) => found.map(|rights| state.add_rights(rights)),
        None => Err("the time limit is exceeded".into()),
    }
}

/// What a function is told of a callee whose settings designate no user that it may run as. The reason only appears in
/// the log, with the console output: it is about settings, of which clients may not know.
pub(super) fn unconfigured(state: &CallState, name: &str, reason: &str) -> String {
    let told = format!("function \"{name}\" cannot run as configured");
    state.console.borrow_mut().write(ConsoleLevel::Error, &format!("{told}: {reason}"));
    told
}

/// The rights that the result of the script of the engine's own function designates.
fn rights_by<'js>(state: &CallState, bridge: &Bridge<'js>, name: &str, answer: &Value<'js>) -> Result<u32> {
    let Some(entry) = state.shared.library.entry(name) else {
        return Err(Exception::throw_internal(&bridge.ctx, "the function is unknown"));
    };
    script(bridge, entry)?;
    let encoder = Encoder::new(bridge, Undefined::Keep, 64 * 1024)?;
    let rights = match RunAsAnswer::read(&encoder.value(answer, "", 0)?) {
        Ok(RunAsAnswer::User(id)) => user_rights(state, &id),
        Ok(RunAsAnswer::System) => Ok(state.add_rights(Rights::System)),
        Err(reason) => Err(reason.to_owned()),
    };
    rights.map_err(|reason| {
        *state.refused.borrow_mut() = Some(format!("run_as_user_id_script_source: {reason}"));
        Exception::throw_message(&bridge.ctx, "the function cannot run as configured")
    })
}

/// `context.user`. The prelude handles custom data that was not fetched.
fn user_document(user: &User) -> Document {
    if user.kind == UserType::System {
        return doc! { "type": "system", "data": {}, "custom_data": {}, "identities": [] };
    }
    let custom_data = match &user.custom_data {
        CustomData::Loaded(data) => data.clone(),
        CustomData::Absent | CustomData::NotLoaded => Document::new(),
    };
    doc! {
        "id": &user.id,
        "type": user.kind.name(),
        "data": user.data.clone(),
        "custom_data": custom_data,
        "identities": user.identities.clone(),
    }
}

/// Like JSON, `EJSON.stringify` omits undefined fields, and writes undefined array elements as null.
fn without_undefined(value: Bson) -> Bson {
    match value {
        Bson::Document(document) => {
            let kept = document.into_iter().filter(|(_, value)| *value != Bson::Undefined);
            Bson::Document(kept.map(|(key, value)| (key, without_undefined(value))).collect())
        }
        Bson::Array(elements) => {
            let element = |value| if value == Bson::Undefined { Bson::Null } else { without_undefined(value) };
            Bson::Array(elements.into_iter().map(element).collect())
        }
        value => value,
    }
}

/// Keeps only the fields with these names, in their order, as `JSON.stringify` does with a list of names.
fn only(value: Bson, wanted: &HashMap<&str, usize>) -> Bson {
    match value {
        Bson::Document(document) => {
            let rank = |(key, value): (String, Bson)| Some((*wanted.get(key.as_str())?, key, value));
            let mut kept: Vec<_> = document.into_iter().filter_map(rank).collect();
            kept.sort_by_key(|(rank, ..)| *rank);
            Bson::Document(kept.into_iter().map(|(_, key, value)| (key, only(value, wanted))).collect())
        }
        Bson::Array(elements) => Bson::Array(elements.into_iter().map(|value| only(value, wanted)).collect()),
        value => value,
    }
}

/// The arguments of the call, as a JavaScript array.
pub(super) fn arguments<'js>(bridge: &Bridge<'js>, arguments: &[Bson]) -> Result<Array<'js>> {
    Decoder::new(bridge)?.array(arguments)
}
