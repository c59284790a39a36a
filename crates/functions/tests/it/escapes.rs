//! Code that tries to escape from its call: each attempt ends in a clear error or has no effect, and the next call is
//! not affected.

use std::time::{Duration, Instant};

use portcullis_functions::CallError;
use serde_json::json;

use super::world::{Draft, World, bson, one};

fn two(attempt: &str, milliseconds: u64) -> World {
    let probe = "exports = () => [typeof leaked, typeof {}.polluted, [1, 2].map((n) => n * 2), JSON.stringify({ a: 1 }), \
                 new BSON.ObjectId('5f1a2b3c4d5e6f7081920304').toString(), Object.keys({ b: 1 }), context.user.id];";
    Draft::new()
        .function("attempt", attempt, json!({}))
        .function("probe", probe, json!({}))
        .options(|options| {
            options.time = Duration::from_millis(milliseconds);
            options.memory = 48 * 1024 * 1024;
            options.running = 2;
        })
        .build()
}

async fn is_untouched(world: &World) {
    let two = json!([{"$numberLong": "2"}, {"$numberLong": "4"}]);
    let untouched = json!(["undefined", "undefined", two, "{\"a\":1}", "5f1a2b3c4d5e6f7081920304", ["b"], "ada"]);
    for _ in 0..3 {
        assert_eq!(world.value("probe", vec![]).await, untouched);
    }
}

/// The result of an attempt, after checking that the next call succeeds.
async fn attempts(source: &str) -> Result<serde_json::Value, CallError> {
    attempts_within(source, 20_000).await
}

async fn attempts_within(source: &str, milliseconds: u64) -> Result<serde_json::Value, CallError> {
    let world = two(source, milliseconds);
    let answer = world.call("attempt", vec![]).await;
    is_untouched(&world).await;
    answer.map(|returned| returned.value.into_canonical_extjson())
}

async fn times_out(source: &str) {
    let began = Instant::now();
    let answer = attempts_within(source, 500).await;
    assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{source}: {answer:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{source}");
}

#[tokio::test]
async fn prototypes_and_globals_are_not_shared_between_calls() {
    let source = "exports = () => { leaked = 1; Object.prototype.polluted = 1; Array.prototype.map = () => 'mine'; \
                  JSON.stringify = () => 'mine'; BSON.ObjectId.prototype.toString = () => 'mine'; Object.keys = () => []; \
                  context.user.id = 'eve'; globalThis.context = {}; return 1; };";
    attempts(source).await.unwrap();
}

#[tokio::test]
async fn endless_loops_end() {
    for source in [
        "exports = () => { while (true) {} };",
        "exports = () => { for (;;) { try { for (;;) {} } catch { continue; } finally { continue; } } };",
        "exports = () => { function f() { try { for (;;) {} } finally { f(); } } f(); };",
        "exports = async () => { for (;;) await null; };",
        "exports = () => ({ get a() { for (;;) {} } });",
        "exports = () => JSON.stringify({ toJSON() { for (;;) {} } });",
        "exports = () => { throw { get message() { for (;;) {} }, get a() { for (;;) {} } }; };",
        "exports = () => /^(a+)+$/.test('a'.repeat(50) + 'b');",
        "exports = () => 'a'.repeat(50).replace(/^(a|a)+b/, '');",
        "exports = () => new Proxy({}, { ownKeys() { for (;;) {} } });",
        "exports = () => [3, 2, 1].sort(() => { for (;;) {} });",
        "exports = () => new Promise((r) => setTimeout(r, 3600000));",
        "exports = () => { setInterval(() => {}, 1); return new Promise(() => {}); };",
        "for (;;) {}",
        "exports = () => { const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;) {} } }); throw e; };",
        "exports = () => ({ then() { for (;;) {} } });",
    ] {
        times_out(source).await;
    }
}

#[tokio::test]
async fn a_loop_in_native_engine_code_does_not_block_the_caller() {
    // The engine does not check for interruption in there, so its thread is abandoned; the next call runs on another
    // one.
    let world = two(
        "exports = () => { try { return [].includes.call({ length: 2 ** 53 - 1 }, 1); } catch (e) { return e; } };",
        500,
    );
    let began = Instant::now();
    let answer = world.call("attempt", vec![]).await;
    assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    is_untouched(&world).await;
}

#[tokio::test]
async fn memory_is_limited() {
    for source in [
        "exports = () => { const a = []; for (;;) a.push(new Array(1000).fill('x')); };",
        "exports = () => { let s = 'x'; for (;;) s += s; };",
        "exports = () => { const a = []; try { for (;;) a.push('x'.repeat(100000) + a.length); } catch (e) { throw e; } };",
        "exports = () => new Uint8Array(1e9);",
        "exports = () => new Array(1e8).fill(0);",
        "exports = () => { const m = new Map(); for (let i = 0; ; i++) m.set(i, { i }); };",
        "exports = () => BSON.Binary.fromHex('00'.repeat(40000000));",
        "exports = () => Array.from({ length: 1e9 });",
        "exports = () => { const s = 'x'.repeat(1e6); return new Array(1000).fill(s); };",
        "exports = () => { const a = []; for (let i = 0; i < 1e6; i++) a.push(Promise.reject(i)); return 1; };",
        "exports = () => { const f = () => { try { f(); } finally { f(); } }; f(); };",
        "exports = () => { const again = () => Promise.resolve().then(again); return again(); };",
        "exports = () => { const a = []; for (let i = 0; i < 1e7; i++) { try { a.push({ i, a: [i] }); } catch { } } return a; };",
    ] {
        let answer = attempts_within(source, 3000).await;
        match answer {
            Err(CallError::Failed(_) | CallError::TimedOut { .. }) => {}
            answer => panic!("{source}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn pending_operations_are_limited() {
    let source = "exports = () => { const c = context.services.get('mongodb-atlas').db('db').collection('c'); \
                  return Promise.all(Array.from({ length: 10000 }, () => c.findOne({}))); };";
    let error = attempts(source).await.unwrap_err().to_string();
    assert_eq!(error, "RangeError: a call may begin at most 1000 asynchronous operations");
    let timers = "exports = () => { for (let i = 0; i < 10000; i++) setTimeout(() => {}, 1); };";
    let error = attempts(timers).await.unwrap_err().to_string();
    assert_eq!(error, "RangeError: a call may begin at most 1000 asynchronous operations");
    // Promises without host operations use only memory.
    let plain = "exports = () => Promise.all(Array.from({ length: 10000 }, (_, i) => Promise.resolve(i))).then((a) => a.length);";
    assert_eq!(attempts(plain).await.unwrap(), json!({"$numberLong": "10000"}));
}

#[tokio::test]
async fn code_cannot_be_evaluated_from_strings() {
    let ways = [
        "eval('1')",
        "(0, eval)('1')",
        "new Function('return 1')()",
        "Function('return 1')()",
        "(() => {}).constructor('return 1')()",
        "(async () => {}).constructor('return 1')()",
        "(function* () {}).constructor('yield 1')()",
        "(async function* () {}).constructor('yield 1')()",
        "Reflect.construct(Function, ['return 1'])()",
        "Object.getPrototypeOf(function () {}).constructor('return 1')()",
        "class extends Function {}.constructor('return 1')()",
        "new (class extends Function { constructor() { super('return 1'); } })()()",
        "Function.prototype.constructor.call(null, 'return 1')()",
        "Function.bind(null)('return 1')()",
        "context.values.get.constructor('return 1')()",
        "BSON.ObjectId.constructor('return 1')()",
        "setTimeout('leaked = 1')",
        "Object.getOwnPropertyDescriptor(Function.prototype, 'constructor').value('return 1')()",
        "require.constructor('return 1')()",
        "Error.prepareStackTrace.constructor('return 1')()",
        "console.log.constructor('return 1')()",
        "Reflect.apply(Function, null, ['return 1'])()",
    ];
    for way in ways {
        let source = format!("exports = () => {{ try {{ return ['ran', {way}]; }} catch (e) {{ return e.name; }} }};");
        assert_eq!(attempts(&source).await.unwrap(), json!("TypeError"), "{way}");
    }
    let imported = "exports = async () => { try { return await import('o' + 's'); } catch (e) { return 'refused'; } };";
    assert_eq!(attempts(imported).await.unwrap(), json!("refused"));
}

#[tokio::test]
async fn host_code_can_be_neither_imported_nor_read() {
    // All parts of the host are loaded before the function looks for them.
    let source = "exports = async () => { require('buffer'); setTimeout(() => {}, 0); BSON.ObjectId(); \
                  context.services.get('mongodb-atlas'); const found = []; \
                  for (const name of ['prel' + 'ude', 'bs' + 'on', 'cli' + 'ent', 'glob' + 'als', 'own' + ':buffer', './' + 'prelude']) { \
                  try { found.push(Object.keys(await import(name))); } catch (e) { found.push(e.name); } } \
                  const texts = [context.runningAsSystem, context.functions.execute, BSON.ObjectId, setTimeout, Buffer, console.log]; \
                  return [found, texts.map((code) => /=>|host|return/.test(`${code}`))]; };";
    assert_eq!(attempts(source).await.unwrap(), json!([vec!["ReferenceError"; 6], vec![false; 6]]));
}

#[tokio::test]
async fn stack_traces_do_not_reveal_host_code() {
    let source = "exports = () => { let seen = []; Error.prepareStackTrace = (e, frames) => { seen = frames; return frames; }; \
                  const e = new Error('x'); const stack = e.stack; \
                  try { context.functions.execute('none'); } catch (e) { void e.stack; } \
                  const found = []; for (const f of [].concat(seen)) if (f && f.getFunction) found.push(f.getFunction()); \
                  return [typeof stack, found.length, typeof (function () { return arguments.callee.caller; })()]; };";
    let answer = attempts(source).await;
    match answer {
        Ok(value) => assert_eq!((&value[0], &value[1]), (&json!("string"), &json!({"$numberLong": "0"}))),
        Err(error) => assert!(error.to_string().starts_with("TypeError"), "{error}"),
    }
}

#[tokio::test]
async fn objects_of_a_call_are_useless_after_it_ends() {
    // Each call has an engine of its own, so nothing can be kept; operations that are started but not awaited end with
    // the call.
    let source = "exports = () => { const c = context.services.get('mongodb-atlas').db('db').collection('c'); \
                  globalThis.kept = c; setTimeout(() => c.insertOne({ owner: 'ada' }), 50); return typeof kept; };";
    let world = two(source, 20_000);
    assert_eq!(world.value("attempt", vec![]).await, json!("object"));
    assert_eq!(world.value("attempt", vec![]).await, json!("object"));
    is_untouched(&world).await;
    assert_eq!(world.backend.all("c").await, vec![]);
}

#[tokio::test]
async fn rights_cannot_be_forged_or_taken_over() {
    let system = json!({"run_as_system": true});
    let helper = "exports = (tamper) => { if (tamper) tamper(context); return context.runningAsSystem(); };";
    let reading = "exports = async () => (await context.services.get('mongodb-atlas').db('db').collection('c').find().toArray()).length;";
    let attempts = [
        // Code cannot be passed to functions with other rights.
        "exports = async () => { let seen; try { context.functions.execute('helper', (c) => { c.runningAsSystem = () => false; }); } \
         catch (e) { seen = [e.message.includes('cannot pass')]; } return [seen, await own(), context.runningAsSystem()]; };",
        "exports = async () => { const proto = Object.getPrototypeOf(context.services.get('mongodb-atlas')); \
         try { proto.constructor('mongodb-atlas', 0); } catch {} try { new proto.constructor('mongodb-atlas', 1); } catch {} \
         return [[true], await own(), context.runningAsSystem()]; };",
        "exports = async () => { context.functions.execute('helper'); \
         const Client = context.services.get('mongodb-atlas').constructor; const forged = new Client('mongodb-atlas', 1); let n; \
         try { n = (await forged.db('db').collection('c').find().toArray()).length; } catch (e) { n = 'refused'; } \
         return [[n === 'refused' || n === 1], await own(), context.runningAsSystem()]; };",
    ];
    for attempt in attempts {
        let source = format!(
            "const own = async () => (await context.services.get('mongodb-atlas').db('db').collection('c').find().toArray()).length;\n{attempt}"
        );
        let world = Draft::new()
            .function("f", &source, json!({}))
            .function("helper", helper, system.clone())
            .function("reading", reading, json!({}))
            .build();
        let documents = [json!({"owner": "ada"}), json!({"owner": "eve"})];
        world.backend.insert("c", documents.into_iter().map(super::world::document).collect()).await;
        let found = world.value("f", vec![]).await;
        assert_eq!(found, json!([[true], {"$numberLong": "1"}, false]), "{attempt}");
    }
}

#[tokio::test]
async fn special_keys_in_arguments_are_plain_data() {
    let world = one(
        "exports = (a) => { const o = Object.assign({}, a); return [a.__proto__ === Object.prototype, ({}).polluted, \
                     Object.keys(a), typeof a.then, a._bsontype, a instanceof BSON.ObjectId]; };",
    );
    let arguments = json!({"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "then": "x", "_bsontype": "ObjectID"});
    let found = world.value("f", vec![bson(arguments)]).await;
    let keys = json!(["__proto__", "constructor", "then", "_bsontype"]);
    assert_eq!(found, json!([false, {"$undefined": true}, keys, "string", "ObjectID", false]));
}

#[tokio::test]
async fn a_host_panic_fails_only_its_operation() {
    let world =
        two("exports = () => context.services.get('mongodb-atlas').db('db').collection('panic').findOne({});", 20_000);
    assert_eq!(world.fails("attempt", vec![]).await, "MongoError: internal error");
    is_untouched(&world).await;
}

#[tokio::test]
async fn memory_may_run_out_at_any_point() {
    let source = "const qs = require('querystring'); exports = async (a) => { const c = context.services.get('mongodb-atlas').db('db').collection('c'); \
                  const all = []; for (let i = 0; i < 40; i++) { all.push(c.insertOne({ _id: i, owner: 'ada', id: BSON.ObjectId(), text: 'x'.repeat(i * 50) })); } \
                  await Promise.all(all); const docs = await c.find().toArray(); \
                  try { JSON.stringify(docs); EJSON.parse(EJSON.stringify(docs)); qs.stringify(a); throw new Error('x'); } catch (e) { console.log(e.stack); } \
                  return { docs, again: c.find(), a, r: /x+/.exec('xx') }; };";
    let (mut fine, mut failed) = (0, 0);
    for step in 0..60_usize {
        let world = Draft::new()
            .function("f", source, json!({}))
            .options(|options| options.memory = 150_000 + step * 40_000)
            .build();
        match world.call("f", vec![bson(json!({"a": [1, {"$oid": "5f1a2b3c4d5e6f7081920304"}]}))]).await {
            Ok(_) => fine += 1,
            Err(CallError::Failed(_) | CallError::Engine(_)) => failed += 1,
            Err(error) => panic!("{step}: {error:?}"),
        }
    }
    println!("{fine} fine, {failed} failed");
    assert!(fine > 0 && failed > 0, "{fine} fine, {failed} failed");
}
