// Evaluated first in every engine context: defines the globals of functions, and the bridge that the host calls. `host` holds the functions
// of the host, which the application's code can reach only through what is defined here. Rights are indices into a table of the host. They
// are kept in private fields and closures, so that code can neither create nor change them.
(function (host, limits) {
  "use strict";
  const { defineProperty, setPrototypeOf, getPrototypeOf, keys, freeze, is, create, prototype: objectPrototype } = Object;
  const { isArray } = Array;
  const { apply, ownKeys, getOwnPropertyDescriptor } = Reflect;
  const { isSafeInteger, isInteger } = Number;
  const { stringify, parse } = JSON;
  const textOf = String;
  const unbound = (method) => Function.prototype.call.bind(method);
  const DateType = Date, RegExpType = RegExp, PromiseType = Promise, MapType = Map, WeakMapType = WeakMap, SetType = Set;
  const ErrorType = Error, TypeErrorType = TypeError, RangeErrorType = RangeError, BigIntOf = BigInt, Bytes = Uint8Array;
  const timeOf = unbound(Date.prototype.getTime);
  const sourceOf = unbound(getOwnPropertyDescriptor(RegExp.prototype, "source").get);
  const flagsOf = unbound(getOwnPropertyDescriptor(RegExp.prototype, "flags").get);
  const then = unbound(Promise.prototype.then);
  const resolved = Promise.resolve.bind(Promise);
  const mapGet = unbound(Map.prototype.get), mapSet = unbound(Map.prototype.set), mapDelete = unbound(Map.prototype.delete);
  const weakGet = unbound(WeakMap.prototype.get), weakSet = unbound(WeakMap.prototype.set);
  const mapSize = unbound(getOwnPropertyDescriptor(Map.prototype, "size").get), setSize = unbound(getOwnPropertyDescriptor(Set.prototype, "size").get);
  const setHas = unbound(Set.prototype.has), setAdd = unbound(Set.prototype.add);
  const asIntN = BigInt.asIntN, asUintN = BigInt.asUintN;
  const lower = unbound(String.prototype.toLowerCase), cut = unbound(String.prototype.slice), unitAt = unbound(String.prototype.charCodeAt);
  const matches = unbound(RegExp.prototype.test), ofUnit = String.fromCharCode;
  const wellFormed = unbound(String.prototype.toWellFormed);
  // Bytes are passed to the host as base64.
  const pack = unbound(Uint8Array.prototype.toBase64);
  const packing = (name, ...places) => {
    const call = host[name];
    host[name] = (...parts) => { for (let at = 0; at < places.length; at++) parts[places[at]] = pack(parts[places[at]]); return apply(call, undefined, parts); };
  };
  const fromWellFormed = host.fromUtf8;
  host.fromUtf8 = (text) => fromWellFormed(wellFormed(text));
  host.toHex = unbound(Uint8Array.prototype.toHex);
  host.toBase64 = (bytes) => pack(bytes);
  // Code may replace every method of the built-in prototypes, including the array iterator and setters of indices. Whatever runs after it
  // must therefore read arrays by index and write with `defineProperty`: no array destructuring, no `for…of`, no spread in calls.
  const define = (target, name, value) => defineProperty(target, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const append = (list, value) => { define(list, list.length, value); };
  const hidden = (target, members) => {
    const names = ownKeys(members);
    for (let at = 0; at < names.length; at++) {
      const member = setPrototypeOf(getOwnPropertyDescriptor(members, names[at]), null);
      member.enumerable = false;
      defineProperty(target, names[at], member);
    }
    return target;
  };

  // Disables all ways to evaluate code from strings.
  const refuse = (what) => {
    const refused = function () { throw new TypeErrorType(`${what} is not available in functions`); };
    return refused;
  };
  for (const [sample, name] of [[function () {}, "Function"], [async function () {}, "AsyncFunction"], [function* () {}, "GeneratorFunction"], [async function* () {}, "AsyncGeneratorFunction"]]) {
    const prototype = getPrototypeOf(sample);
    const refused = refuse(`the constructor ${name}`);
    defineProperty(refused, "prototype", { value: prototype, writable: false });
    defineProperty(refused, "name", { value: name });
    defineProperty(prototype, "constructor", { value: refused, writable: true, configurable: true });
    if (name === "Function") hidden(globalThis, { Function: refused });
  }
  hidden(globalThis, { eval: refuse("eval") });
  // Call sites would expose the functions of this file.
  defineProperty(Error, "prepareStackTrace", { get: () => undefined, set() {}, configurable: false });
  for (const name of ["gc", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"]) delete globalThis[name];

  const mongoError = (name, message, code, stack) => {
    const error = new ErrorType(message);
    if (name !== "Error") hidden(error, { name });
    if (code !== undefined) error.code = code;
    if (stack !== undefined) hidden(error, { stack });
    return error;
  };

  // Errors that come from another engine. They keep their class where it is one that every engine has.
  const errorTypes = { __proto__: null, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError };
  const errorNames = keys(errorTypes);
  const classOf = (error) => {
    for (let at = 0; at < errorNames.length; at++) if (error instanceof errorTypes[errorNames[at]]) return errorNames[at];
    return "Error";
  };
  const aggregatePrototype = AggregateError.prototype;
  const passedError = ({ type, name, message, stack }, fields, cause, errors) => {
    // The constructor of one that holds others reads them by the iterator of arrays, which code may have replaced.
    const error = errors === undefined ? new (errorTypes[type] ?? ErrorType)(message) : setPrototypeOf(new ErrorType(message), aggregatePrototype);
    if (errors !== undefined) hidden(error, { errors });
    if (cause !== undefined) hidden(error, { cause: cause[0] });
    if (name !== type) hidden(error, { name });
    if (stack !== undefined) hidden(error, { stack });
    const names = keys(fields);
    for (let at = 0; at < names.length; at++) define(error, names[at], fields[names[at]]);
    return error;
  };

  // The rights with which something runs: an index into the host's table that code can neither read nor create.
  class Rights {
    #number;
    constructor(number) { this.#number = number; }
    static number(rights) { return rights.#number; }
  }
  const numberOf = Rights.number;

  // --- BSON values --------------------------------------------------------------------------------------------------------------
  class Held {
    #kind;
    #data;
    constructor(kind, data) {
      this.#kind = kind;
      this.#data = data;
    }
    static kind(value) {
      return typeof value === "object" && value !== null && #kind in value ? value.#kind : undefined;
    }
    static data(value, kind) {
      if (!(typeof value === "object" && value !== null && #kind in value) || (kind !== undefined && value.#kind !== kind)) {
        throw new TypeErrorType(`this is no value of the type ${kind}`);
      }
      return value.#data;
    }
  }
  const { kind: kindOf, data: dataOf } = Held;
  // The BSON types, by kind, and the other parts of the prelude are created on first use, or in advance if there is time.
  const types = create(null);
  const parts = create(null);
  const part = (name) => parts[name] ?? (parts[name] = host.part(host, name)(core));
  const hold = (kind, data) => { part("bson"); return setPrototypeOf(new Held(kind, data), types[kind].prototype); };
  const binary = (bytes, subtype) => hold("binary", { subtype: subtype === undefined ? 0 : subtype & 255, bytes });
  // `g`, `y` and `d` determine how to search, not what matches.
  const bsonFlags = (flags) => { let kept = ""; for (let at = 0; at < flags.length; at++) { const flag = flags[at]; if (flag === "i" || flag === "m" || flag === "s" || flag === "u") kept += flag; } return kept; };
  const numeric = (value) => {
    const kind = kindOf(value);
    if (kind === "long") return Number(dataOf(value));
    if (kind === "int32" || kind === "double") return dataOf(value);
    return Number(value);
  };

  // For objects from outside, which of their numbers were int32, or doubles without a fraction. The numbers themselves are recorded, too:
  // a field keeps its BSON type only while its value is unchanged. The record is also a field of the object, which `{...object}` and
  // `Object.assign` copy; what lists the symbols of an object leaves it out.
  const remembered = new WeakMapType(), record = Symbol("BSON types of numbers");
  const remember = (object, ints, doubles) => {
    const types = [ints, doubles];
    weakSet(remembered, object, types);
    define(object, record, types);
  };
  const both = (own, copied) => own === undefined ? copied : copied === undefined ? own : { __proto__: null, ...own, ...copied };
  const recall = (object) => {
    const own = weakGet(remembered, object), copied = object[record];
    if (own === undefined || copied === undefined || own === copied) return own === undefined ? copied : own;
    return [both(own[0], copied[0]), both(own[1], copied[1])];
  };
  const without = (names) => {
    const kept = [];
    for (let at = 0; at < names.length; at++) if (names[at] !== record) append(kept, names[at]);
    return kept;
  };
  const { getOwnPropertySymbols: symbolsOf, getOwnPropertyDescriptors: descriptorsOf } = Object;
  hidden(Object, {
    getOwnPropertySymbols(object) { return without(symbolsOf(object)); },
    getOwnPropertyDescriptors(object) {
      const descriptors = descriptorsOf(object);
      delete descriptors[record];
      return descriptors;
    },
  });
  hidden(Reflect, { ownKeys(object) { return without(ownKeys(object)); } });

  // For the host: the kind and the parts of an object that represents a BSON value; `undefined` for any other object.
  const unwrap = (object) => {
    if (typeof object === "function") return object === types.minKey ? ["minKey"] : object === types.maxKey ? ["maxKey"] : undefined;
    const kind = kindOf(object);
    if (kind !== undefined) {
      const data = dataOf(object);
      switch (kind) {
        case "long": return [kind, `${data}`];
        case "binary": return [kind, data.subtype, pack(data.bytes)];
        case "regex": return [kind, data.pattern, data.options];
        case "timestamp": return [kind, data.t, data.i];
        case "codeWithScope": return [kind, data.code, data.scope];
        default: return [kind, data];
      }
    }
    if (object instanceof DateType) { try { return ["date", timeOf(object)]; } catch { return undefined; } }
    if (object instanceof RegExpType) { try { return ["regex", sourceOf(object), host.sorted(bsonFlags(flagsOf(object)))]; } catch { return undefined; } }
    if (object instanceof Bytes) return ["binary", 0, pack(object)];
    if (object instanceof ArrayBuffer) return ["binary", 0, pack(new Bytes(object))];
    if (object instanceof Number || object instanceof String || object instanceof Boolean) return ["value", object.valueOf()];
    return undefined;
  };
  // Whether an object is a container that does not have its values as fields.
  const holds = (size, object) => { try { size(object); return true; } catch { return false; } };
  const container = (object) => (isCursor(object) ? "cursor" : holds(mapSize, object) ? "Map" : holds(setSize, object) ? "Set" : undefined);
  // Creates a value from outside.
  const make = (kind, first, second) => {
    switch (kind) {
      case "date": return new DateType(first);
      case "long": return hold(kind, BigIntOf(first));
      case "binary": return hold(kind, { subtype: first, bytes: second });
      case "regex": return hold(kind, { pattern: first, options: second });
      case "timestamp": return hold(kind, { t: first, i: second });
      case "codeWithScope": return hold(kind, { code: first, scope: second });
      default: return hold(kind, first);
    }
  };

  // --- Pending host operations --------------------------------------------------------------------------------------------------
  const waiting = new MapType();
  const asked = (id) => new PromiseType((resolve, reject) => { mapSet(waiting, id, [resolve, reject]); });
  const deliver = (id, good, value) => {
    const entry = mapGet(waiting, id);
    if (entry === undefined) return;
    mapDelete(waiting, id);
    if (typeof entry === "function") then(resolved(), entry);
    else (good ? entry[0] : entry[1])(value);
  };
  // --- context ------------------------------------------------------------------------------------------------------------------
  const lazily = (target, name, read) => defineProperty(target, name, {
    __proto__: null,
    get() { const value = read(); define(this === undefined ? target : this, name, value); return value; },
    set(value) { define(this, name, value); },
    enumerable: true, configurable: true,
  });
  let shared;
  const share = () => {
    const user = () => {
      const { user, isShown } = host.user();
      if (!isShown) defineProperty(user, "custom_data", { __proto__: null, get() { throw new ErrorType("the custom data of the user was not looked up"); }, enumerable: true, configurable: true });
      return user;
    };
    const known = create(null);
    const once = (name, read) => () => (name in known ? known[name] : (known[name] = read()));
    return {
      user: once("user", user), environment: once("environment", () => host.environment()), request: once("request", () => host.request()), app: once("app", () => host.app()),
    };
  };
  const contextOf = (rights, depth) => {
    shared ??= share();
    const context = {
      values: { get: (name) => host.value(`${name}`) },
      functions: { execute: (name, ...parts) => execute(rights, depth, `${name}`, parts) },
      services: { get: (name) => service(rights, `${name}`) },
      runningAsSystem: () => host.isSystem(numberOf(rights)),
    };
    lazily(context, "user", shared.user);
    lazily(context, "environment", shared.environment);
    lazily(context, "request", shared.request);
    lazily(context, "app", shared.app);
    lazily(context, "http", () => part("client").httpClient(undefined, undefined));
    return context;
  };
  const service = (rights, name) => {
    switch (host.service(name)) {
      case "data": return new (part("client").Client)(name, rights);
      case "http": return part("client").httpClient(name, rights);
      default: return undefined;
    }
  };
  const sources = new MapType(), scripts = new MapType();
  const instantiate = (name, isScript, rights, depth) => {
    const known = isScript ? scripts : sources;
    let compiled = mapGet(known, name);
    if (compiled === undefined) { compiled = host.compile(name, isScript); mapSet(known, name, compiled); }
    const { factory, file } = compiled;
    const exported = factory(contextOf(rights, depth), requirer(file), undefined)();
    if (typeof exported !== "function") throw new TypeErrorType(`${file}: \`exports\` is not a function`);
    return exported;
  };
  const execute = (rights, depth, name, parts) => {
    if (depth >= limits.depth) throw new RangeErrorType(`functions call each other more than ${limits.depth} levels deep`);
    const number = host.enter(numberOf(rights), name);
    if (number === numberOf(rights)) return apply(instantiate(name, false, rights, depth + 1), undefined, parts);
    // What code did to this engine must not affect functions with other rights, so these run in an engine of their own.
    return host.visit(numberOf(rights), number, name, parts, depth + 1);
  };
  // The rights that a function's script determines.
  const scripted = (name, rights, depth, parts) => new Rights(host.rightsBy(name, host.wait(apply(instantiate(name, true, rights, depth), undefined, parts))));

  // --- Results ------------------------------------------------------------------------------------------------------------------
  const isCursor = (value) => parts.client !== undefined && parts.client.Cursor.is(value);
  const isNested = (value) => isArray(value) || (typeof value === "object" && value !== null && kindOf(value) === undefined);
  const unsettled = (value, seen, room) => {
    if (isCursor(value) || value instanceof PromiseType) return true;
    if (!isNested(value) || setHas(seen, value) || --room.left < 0) return false;
    setAdd(seen, value);
    if (!isArray(value)) { const prototype = getPrototypeOf(value); if (prototype !== objectPrototype && prototype !== null && unwrap(value) !== undefined) return false; }
    const names = keys(value);
    for (let at = 0; at < names.length; at++) if (unsettled(value[names[at]], seen, room)) return true;
    return false;
  };
  const settled = async (value, depth) => {
    if (depth > limits.nesting) throw new RangeErrorType("the result is nested too deeply");
    if (isCursor(value)) return settled(await value.toArray(), depth + 1);
    if (value instanceof PromiseType) return settled(await value, depth + 1);
    if (!unsettled(value, new SetType(), { left: 1e6 })) return value;
    const copy = isArray(value) ? [] : {};
    const names = keys(value);
    for (let at = 0; at < names.length; at++) define(copy, names[at], await settled(value[names[at]], depth + 1));
    const types = recall(value);
    if (types !== undefined) remember(copy, types[0], types[1]);
    return copy;
  };
  let isPromised = false;
  const start = async (name, number, script, parts, exchange, depth) => {
    const rights = new Rights(number);
    const inputs = exchange === undefined ? parts : [requestOf(exchange), responseOf()];
    if (exchange !== undefined) for (let at = 0; at < parts.length; at++) append(inputs, parts[at]);
    const given = script ? scripted(name, rights, depth, inputs) : rights;
    const result = apply(instantiate(name, false, given, depth), undefined, inputs);
    isPromised = result instanceof PromiseType;
    return settled(await result, 0);
  };
  const requestOf = ({ query, headers, body }) => ({ query, headers, body: body === undefined ? undefined : binary(body) });
  let response;
  const headerName = (name) => { if (typeof name !== "string") throw new TypeErrorType("the name of a header must be a string"); return name; };
  const responseOf = () => {
    response = { status: undefined, headers: [], body: undefined };
    return {
      setStatusCode(status) { const code = numeric(status); if (!(isInteger(code) && code >= 200 && code <= 599)) throw new RangeErrorType("the status must be a number from 200 to 599"); response.status = code; },
      setBody(body) {
        if (typeof body === "string") response.body = host.fromUtf8(body);
        else if (kindOf(body) === "binary") response.body = dataOf(body).bytes;
        else if (body instanceof Bytes) response.body = body;
        else throw new TypeErrorType("the body must be a string or a Binary");
      },
      setHeader(name, value) { const lowered = lower(headerName(name)), kept = []; for (let at = 0; at < response.headers.length; at++) if (lower(response.headers[at][0]) !== lowered) append(kept, response.headers[at]); append(kept, [name, `${value}`]); response.headers = kept; },
      addHeader(name, value) { append(response.headers, [headerName(name), `${value}`]); },
    };
  };

  // --- Other globals ------------------------------------------------------------------------------------------------------------
  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof ErrorType) return `${value}`;
    if (typeof value === "object" && value !== null) { try { return stringify(value) ?? `${value}`; } catch { return "[object]"; } }
    if (typeof value === "function") return `[function ${value.name}]`;
    return textOf(value);
  };
  const line = (level) => (...parts) => { let text = ""; for (let at = 0; at < parts.length; at++) text += (at ? " " : "") + shown(parts[at]); host.log(level, text); };
  const console = { log: line(0), info: line(0), debug: line(0), trace: line(0), warn: line(1), error: line(2) };
  hidden(globalThis, { console });
  const late = (names, read) => {
    for (const name of names) defineProperty(globalThis, name, {
      __proto__: null, get() { const value = read()[name]; defineProperty(globalThis, name, { __proto__: null, value, writable: true, configurable: true }); return value; },
      set(value) { defineProperty(globalThis, name, { __proto__: null, value, writable: true, configurable: true }); }, configurable: true,
    });
  };
  const globals = () => part("globals");
  late(["BSON"], () => part("bson"));
  late(["EJSON", "utils", "setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate", "btoa", "atob"], () => globals().names);
  late(["Buffer"], () => globals().load("buffer"));
  late(["URL", "URLSearchParams"], () => globals().load("url"));
  late(["TextEncoder", "TextDecoder"], () => globals().load("util"));
  const requirer = (file) => function require(name) { return globals().loadKey(host.resolve(file, `${name}`)); };

  const core = {
    host, Held, kindOf, dataOf, numberOf, unwrap, hidden, types, lower, cut, matches, unitAt, ofUnit, part, binary, numeric, bsonFlags, packing, asked, waiting, then, resolved, shown,
    append, create, freeze, getPrototypeOf, objectPrototype, defineProperty, setPrototypeOf, keys, isArray, apply, isSafeInteger, isInteger, stringify, parse, textOf, sourceOf, flagsOf, mapGet, mapSet, mapDelete,
    asIntN, asUintN, DateType, RegExpType, MapType, ErrorType, TypeErrorType, RangeErrorType, BigIntOf, Bytes, requirer,
  };

  return {
    make, unwrap, container, remember, recall, deliver, start, mongoError, classOf, passedError,
    isPlain: (object) => { const prototype = getPrototypeOf(object); return prototype === objectPrototype || prototype === null; },
    isError: (value) => value instanceof ErrorType,
    hasOwn: (object, name) => getOwnPropertyDescriptor(object, name) !== undefined,
    isPromised: () => isPromised,
    promise: (good, value) => new PromiseType((resolve, reject) => { (good ? resolve : reject)(value); }),
    response: () => response && [response.status, response.headers, response.body && pack(response.body)],
    bigText: (value) => `${value}`,
    wellFormed,
  };
})
