// What every engine context begins with: the globals of functions, and the bridge that the host calls. `host` holds the functions of the
// host; nothing of it reaches the code of an application but through what stands here. Rights are numbers of the host's table, kept in
// private fields and closures: code cannot make or change them.
(function (host, limits) {
  "use strict";
  const { defineProperty, defineProperties, setPrototypeOf, getPrototypeOf, keys, freeze, is, create, prototype: objectPrototype } = Object;
  const { isArray, prototype: { push, slice, map } } = Array;
  const { apply, ownKeys, getOwnPropertyDescriptor } = Reflect;
  const { isSafeInteger, isInteger } = Number;
  const { stringify } = JSON;
  const unbound = (method) => Function.prototype.call.bind(method);
  const DateType = Date, RegExpType = RegExp, PromiseType = Promise, MapType = Map, WeakMapType = WeakMap, SetType = Set;
  const ErrorType = Error, TypeErrorType = TypeError, RangeErrorType = RangeError, BigIntOf = BigInt, Bytes = Uint8Array;
  const timeOf = unbound(Date.prototype.getTime);
  const sourceOf = unbound(getOwnPropertyDescriptor(RegExp.prototype, "source").get);
  const flagsOf = unbound(getOwnPropertyDescriptor(RegExp.prototype, "flags").get);
  const then = unbound(Promise.prototype.then);
  const mapGet = unbound(Map.prototype.get), mapSet = unbound(Map.prototype.set), mapDelete = unbound(Map.prototype.delete);
  const weakGet = unbound(WeakMap.prototype.get), weakSet = unbound(WeakMap.prototype.set);
  const setHas = unbound(Set.prototype.has), setAdd = unbound(Set.prototype.add);
  const asIntN = BigInt.asIntN, asUintN = BigInt.asUintN;
  const wellFormed = unbound(String.prototype.toWellFormed);
  // Bytes go to the host as base64.
  const pack = unbound(Uint8Array.prototype.toBase64);
  const packing = (name, ...places) => {
    const call = host[name];
    host[name] = (...parts) => { for (const place of places) parts[place] = pack(parts[place]); return apply(call, undefined, parts); };
  };
  for (const entry of [["toUtf8", 0], ["hash", 1], ["hmacBytes", 1, 2], ["hmac", 0, 1], ["encrypt", 1, 2], ["decrypt", 1, 2], ["sign", 1], ["verify", 1, 3], ["cipher", 2, 3, 4, 5]]) packing(...entry);
  const fromWellFormed = host.fromUtf8;
  host.fromUtf8 = (text) => fromWellFormed(wellFormed(text));
  host.toHex = unbound(Uint8Array.prototype.toHex);
  host.toBase64 = (bytes) => pack(bytes);
  const hidden = (target, members) => {
    for (const name of ownKeys(members)) {
      const { value, get, set } = getOwnPropertyDescriptor(members, name);
      defineProperty(target, name, get || set ? { get, set, enumerable: false, configurable: true } : { value, writable: true, enumerable: false, configurable: true });
    }
    return target;
  };

  // Code from text is off, by every way that leads to it.
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
  // Call sites would hand out the functions of this file.
  defineProperty(Error, "prepareStackTrace", { get: () => undefined, set() {}, configurable: false });
  for (const name of ["gc", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"]) delete globalThis[name];

  const mongoError = (name, message, code) => {
    const error = new ErrorType(message);
    if (name !== "Error") hidden(error, { name });
    if (code !== undefined) error.code = code;
    return error;
  };

  // Under whose rules something runs: a number of the host's, which code can neither read nor make.
  class Rights {
    #number;
    constructor(number) { this.#number = number; }
    static number(rights) { return rights.#number; }
  }
  const numberOf = Rights.number;

  // --- Values of BSON -----------------------------------------------------------------------------------------------------------
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
  const types = create(null);
  const hold = (kind, data) => setPrototypeOf(new Held(kind, data), types[kind].prototype);
  const define = (name, kind, read, methods) => {
    const type = function (...parts) {
      const held = new Held(kind, apply(read, undefined, parts));
      return setPrototypeOf(held, new.target ? new.target.prototype : type.prototype);
    };
    defineProperty(type, "name", { value: name, configurable: true });
    hidden(type.prototype, methods);
    hidden(type.prototype, { equals: function equals(other) { return kindOf(other) === kind && host.same(this, other); } });
    defineProperty(type.prototype, "_bsontype", { get: () => name === "ObjectId" ? "ObjectID" : name, configurable: true });
    types[kind] = type;
    return type;
  };
  const HEX24 = /^[0-9a-fA-F]{24}$/;
  const matches = unbound(RegExp.prototype.test), lower = unbound(String.prototype.toLowerCase), cut = unbound(String.prototype.slice);
  const ObjectId = define("ObjectId", "objectId", (id) => {
    if (id === undefined || id === null) return host.newObjectId();
    if (kindOf(id) === "objectId") return dataOf(id, "objectId");
    if (id instanceof Bytes && id.length === 12) return host.toHex(id);
    if (typeof id === "string" && id.length === 24 && matches(HEX24, id)) return lower(id);
    throw new TypeErrorType("an ObjectId needs a string of 24 hexadecimal digits");
  }, {
    toString() { return dataOf(this, "objectId"); },
    toHexString() { return dataOf(this, "objectId"); },
    toJSON() { return dataOf(this, "objectId"); },
    valueOf() { return dataOf(this, "objectId"); },
    getTimestamp() { return new DateType(parseInt(cut(dataOf(this, "objectId"), 0, 8), 16) * 1000); },
    inspect() { return `ObjectId("${dataOf(this, "objectId")}")`; },
  });
  hidden(ObjectId, {
    isValid: (id) => kindOf(id) === "objectId" || (typeof id === "string" && matches(HEX24, id)),
    createFromHexString: (hex) => new ObjectId(hex),
  });
  const numeric = (value) => {
    const kind = kindOf(value);
    if (kind === "long") return Number(dataOf(value));
    if (kind === "int32" || kind === "double") return dataOf(value);
    return Number(value);
  };
  const Double = define("Double", "double", numeric, {
    toString() { return `${dataOf(this, "double")}`; },
    valueOf() { return dataOf(this, "double"); },
    toJSON() { return dataOf(this, "double"); },
  });
  const Int32 = define("Int32", "int32", (value) => {
    const number = numeric(value);
    if (!(isInteger(number) && number >= -2147483648 && number <= 2147483647)) throw new RangeErrorType("an Int32 needs a whole number of 32 bits");
    return number | 0;
  }, {
    toString() { return `${dataOf(this, "int32")}`; },
    valueOf() { return dataOf(this, "int32"); },
    toJSON() { return dataOf(this, "int32"); },
  });
  const whole = (value) => {
    if (typeof value === "bigint") return value;
    const kind = kindOf(value);
    if (kind === "long") return dataOf(value);
    if (typeof value === "string") return BigIntOf(value);
    const number = numeric(value);
    if (!isInteger(number)) throw new RangeErrorType("a Long needs a whole number");
    return BigIntOf(number);
  };
  const wide = (value) => {
    const number = whole(value);
    if (asIntN(64, number) !== number) throw new RangeErrorType("a Long needs a whole number of 64 bits");
    return number;
  };
  const Long = define("Long", "long", (low, high) => {
    if (high === undefined || typeof high === "boolean") return low === undefined ? 0n : wide(low);
    return asIntN(64, (asIntN(64, BigIntOf(high | 0)) << 32n) | asUintN(32, BigIntOf(low | 0)));
  }, {
    toString(radix) { return radix === undefined ? `${dataOf(this, "long")}` : dataOf(this, "long").toString(radix); },
    toNumber() { return Number(dataOf(this, "long")); },
    toInt() { return Number(asIntN(32, dataOf(this, "long"))); },
    toBigInt() { return dataOf(this, "long"); },
    valueOf() { const number = dataOf(this, "long"); return isSafeInteger(Number(number)) ? Number(number) : number; },
    toJSON() { const number = dataOf(this, "long"); return isSafeInteger(Number(number)) ? Number(number) : `${number}`; },
    getLowBits() { return Number(asIntN(32, dataOf(this, "long"))); },
    getHighBits() { return Number(asIntN(32, dataOf(this, "long") >> 32n)); },
    add(other) { return hold("long", asIntN(64, dataOf(this, "long") + whole(other))); },
    subtract(other) { return hold("long", asIntN(64, dataOf(this, "long") - whole(other))); },
    multiply(other) { return hold("long", asIntN(64, dataOf(this, "long") * whole(other))); },
    compare(other) { const a = dataOf(this, "long"), b = whole(other); return a < b ? -1 : a > b ? 1 : 0; },
    isZero() { return dataOf(this, "long") === 0n; },
    isNegative() { return dataOf(this, "long") < 0n; },
  });
  hidden(Long, {
    fromString: (text) => new Long(`${text}`), fromNumber: (number) => new Long(number), fromInt: (number) => new Long(number | 0),
    fromBits: (low, high) => new Long(low | 0, high | 0), fromBigInt: (number) => new Long(number),
    MAX_VALUE: hold("long", 9223372036854775807n), MIN_VALUE: hold("long", -9223372036854775808n), ZERO: hold("long", 0n), ONE: hold("long", 1n),
  });
  const Decimal128 = define("Decimal128", "decimal", (text) => host.decimal(kindOf(text) === "decimal" ? dataOf(text) : `${text}`), {
    toString() { return dataOf(this, "decimal"); },
    toJSON() { return dataOf(this, "decimal"); },
  });
  hidden(Decimal128, { fromString: (text) => new Decimal128(text) });
  const BSONRegExp = define("BSONRegExp", "regex", (pattern, flags) => {
    if (kindOf(pattern) === "regex") return dataOf(pattern);
    if (pattern instanceof RegExpType) return { pattern: sourceOf(pattern), options: flags === undefined ? bsonFlags(flagsOf(pattern)) : `${flags}` };
    return { pattern: `${pattern}`, options: flags === undefined ? "" : [...`${flags}`].sort().join("") };
  }, {
    get pattern() { return dataOf(this, "regex").pattern; },
    get options() { return dataOf(this, "regex").options; },
    get source() { return dataOf(this, "regex").pattern; },
    get flags() { return dataOf(this, "regex").options; },
    test(text) { const { pattern, options } = dataOf(this, "regex"); return new RegExpType(pattern, options.replace(/[^ims]/g, "")).test(text); },
    toString() { const { pattern, options } = dataOf(this, "regex"); return `/${pattern}/${options}`; },
    toJSON() { const { pattern, options } = dataOf(this, "regex"); return { Pattern: pattern, Options: options }; },
  });
  // `g`, `y`, `d` say how to search, not what matches.
  const bsonFlags = (flags) => { let kept = ""; for (const flag of flags) if (flag === "i" || flag === "m" || flag === "s" || flag === "u") kept += flag; return kept; };
  const MinKey = define("MinKey", "minKey", () => null, { toJSON() { return {}; }, toString() { return "MinKey"; } });
  const MaxKey = define("MaxKey", "maxKey", () => null, { toJSON() { return {}; }, toString() { return "MaxKey"; } });
  const Timestamp = define("Timestamp", "timestamp", (first, increment) => {
    if (kindOf(first) === "timestamp") return dataOf(first);
    if (typeof first === "object" && first !== null && kindOf(first) === undefined) return { t: first.t >>> 0, i: first.i >>> 0 };
    if (increment === undefined) { const all = asUintN(64, whole(first)); return { t: Number(all >> 32n), i: Number(asUintN(32, all)) }; }
    return { t: first >>> 0, i: increment >>> 0 };
  }, {
    get t() { return dataOf(this, "timestamp").t; },
    get i() { return dataOf(this, "timestamp").i; },
    getHighBits() { return dataOf(this, "timestamp").t; },
    getLowBits() { return dataOf(this, "timestamp").i; },
    toString() { const { t, i } = dataOf(this, "timestamp"); return `Timestamp(${t}, ${i})`; },
    toJSON() { const { t, i } = dataOf(this, "timestamp"); return { T: t, I: i }; },
  });
  const Binary = define("Binary", "binary", (bytes, subtype) => {
    if (kindOf(bytes) === "binary") return dataOf(bytes);
    const copy = typeof bytes === "string" ? host.fromUtf8(bytes) : bytes === undefined ? new Bytes(0) : new Bytes(bytes instanceof Bytes || isArray(bytes) || bytes instanceof ArrayBuffer ? bytes : host.fromUtf8(`${bytes}`));
    return { subtype: subtype === undefined ? 0 : subtype & 255, bytes: copy };
  }, {
    text() { return host.toUtf8(dataOf(this, "binary").bytes); },
    toString(encoding) { const { bytes } = dataOf(this, "binary"); return encoding === "hex" ? host.toHex(bytes) : encoding === "base64" ? host.toBase64(bytes) : host.toUtf8(bytes); },
    toBase64() { return host.toBase64(dataOf(this, "binary").bytes); },
    toHex() { return host.toHex(dataOf(this, "binary").bytes); },
    length() { return dataOf(this, "binary").bytes.length; },
    value() { return new Bytes(dataOf(this, "binary").bytes); },
    get buffer() { return Buffer.from(dataOf(this, "binary").bytes); },
    get sub_type() { return dataOf(this, "binary").subtype; },
    toJSON() { const { bytes, subtype } = dataOf(this, "binary"); return { Subtype: subtype, Data: host.toBase64(bytes) }; },
  });
  const binary = (bytes, subtype) => hold("binary", { subtype: subtype === undefined ? 0 : subtype & 255, bytes });
  hidden(Binary, {
    fromBase64: (text, subtype) => binary(host.fromBase64(`${text}`, true), subtype),
    fromHex: (text, subtype) => binary(host.fromHex(`${text}`), subtype),
    fromText: (text, subtype) => binary(host.fromUtf8(`${text}`), subtype),
  });
  define("Code", "code", (code) => `${code}`, { toString() { return dataOf(this, "code"); }, toJSON() { return { $code: dataOf(this, "code") }; } });
  define("CodeWithScope", "codeWithScope", (code, scope) => ({ code: `${code}`, scope }), { toJSON() { const { code, scope } = dataOf(this); return { $code: code, $scope: scope }; } });
  define("BSONSymbol", "symbol", (text) => `${text}`, { toString() { return dataOf(this, "symbol"); }, toJSON() { return dataOf(this, "symbol"); } });
  define("BSONDate", "bsonDate", () => { throw new TypeErrorType("a date beyond the range of Date cannot be made"); }, { getTime() { return Number(dataOf(this, "bsonDate")); }, valueOf() { return Number(dataOf(this, "bsonDate")); }, toString() { return `Date(${dataOf(this, "bsonDate")})`; }, toJSON() { return { $date: { $numberLong: dataOf(this, "bsonDate") } }; } });
  define("DBPointer", "dbPointer", () => { throw new TypeErrorType("a DBPointer cannot be made"); }, {});
  const BSON = { ObjectId, ObjectID: ObjectId, Double, Int32, Long, Decimal128, BSONRegExp, MinKey, MaxKey, Timestamp, Binary, Code: types.code, BSONSymbol: types.symbol };

  // Which numbers of an object came from outside as int32, or as doubles without a fraction: each with its number, so that what still
  // holds the same one keeps its type.
  const remembered = new WeakMapType();
  const remember = (object, ints, doubles) => { weakSet(remembered, object, [ints, doubles]); };
  const recall = (object) => weakGet(remembered, object);

  // What an object is to BSON, if it is no plain one: for the host.
  const unwrap = (object) => {
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
  // Makes a value that came from outside.
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

  // --- What waits for the host --------------------------------------------------------------------------------------------------
  const waiting = new MapType();
  const asked = (id) => new PromiseType((resolve, reject) => { mapSet(waiting, id, [resolve, reject]); });
  const deliver = (id, good, value) => {
    const entry = mapGet(waiting, id);
    if (entry === undefined) return;
    mapDelete(waiting, id);
    if (typeof entry === "function") then(PromiseType.resolve(), entry);
    else (good ? entry[0] : entry[1])(value);
  };
  const timer = (again) => function (callback, delay, ...parts) {
    if (typeof callback !== "function") throw new TypeErrorType("a timer needs a function");
    const pause = Number(delay) > 0 ? Number(delay) : again ? 1 : 0;
    let id;
    const start = () => {
      const inner = host.timer(pause);
      mapSet(waiting, inner, () => { if (again) { start(); mapSet(handles, id, inner); } return apply(callback, undefined, parts); });
      return inner;
    };
    id = start();
    if (again) mapSet(handles, id, id);
    return id;
  };
  const handles = new MapType();
  const clear = (id) => {
    if (typeof id !== "number") return;
    const inner = mapGet(handles, id) ?? id;
    mapDelete(handles, id);
    if (typeof mapGet(waiting, inner) === "function") { mapDelete(waiting, inner); host.clearTimer(inner); }
  };

  // --- The MongoDB client -------------------------------------------------------------------------------------------------------
  const textOf = (value, what) => {
    if (typeof value !== "string" || value === "") throw new TypeErrorType(`the ${what} must be a string that is not empty`);
    return value;
  };
  const plain = (value) => typeof value === "object" && value !== null && !isArray(value);
  const optionsOf = (value) => (plain(value) ? value : {});
  // An absent argument of a read is an empty filter; one that is there and undefined is an error, or it would match everything.
  const filterOf = (parts, optional) => {
    if (parts.length === 0 && optional) return {};
    if (!plain(parts[0])) throw new TypeErrorType(parts.length === 0 ? "a filter is needed" : "the filter must be an object");
    return parts[0];
  };

  class Session {
    #service; #rights; #begun; #ended = false;
    constructor(service, rights) { this.#service = service; this.#rights = rights; }
    static transaction(session) {
      if (!(plain(session) && #begun in session)) throw new TypeErrorType("`session` must be a session of startSession()");
      if (session.#ended) throw new ErrorType("the session has ended");
      return session.#begun;
    }
    startTransaction() {
      if (this.#ended) throw new ErrorType("the session has ended");
      if (this.#begun !== undefined) throw new ErrorType("a transaction is in progress");
      const begun = asked(host.begin(this.#service, numberOf(this.#rights)));
      then(begun, undefined, () => {});
      this.#begun = begun;
    }
    #finish(how) {
      const begun = this.#begun;
      if (begun === undefined) throw new ErrorType("no transaction has begun");
      this.#begun = undefined;
      return then(begun, (number) => asked(how(number)));
    }
    async commitTransaction() { return this.#finish(host.commit); }
    async abortTransaction() { return this.#finish(host.abort); }
    async withTransaction(body, options) {
      void options;
      this.startTransaction();
      let result;
      try {
        result = await body(this);
      } catch (error) {
        if (this.#begun !== undefined) try { await this.#finish(host.abort); } catch { /* what failed first is told */ }
        throw error;
      }
      if (this.#begun !== undefined) await this.#finish(host.commit);
      return result;
    }
    inTransaction() { return this.#begun !== undefined; }
    async endSession() {
      if (this.#begun !== undefined) await this.#finish(host.abort);
      this.#ended = true;
    }
  }

  const act = (place, action, parts, options) => {
    const session = plain(options) ? options.session : undefined;
    const begun = session === undefined || session === null ? undefined : Session.transaction(session);
    if (begun === undefined) return asked(host.data(numberOf(place.rights), place.service, place.database, place.collection, action, parts, undefined));
    return then(begun, (number) => asked(host.data(numberOf(place.rights), place.service, place.database, place.collection, action, parts, number)));
  };

  class Cursor {
    #read; #settings; #changed; #documents; #next = 0;
    constructor(read, settings, changed) { this.#read = read; this.#settings = settings; this.#changed = changed; }
    static is(value) { return typeof value === "object" && value !== null && #read in value; }
    #load() {
      this.#documents ??= then(this.#read(this.#settings), (documents) => {
        if (this.#changed) for (let at = 0; at < documents.length; at++) documents[at] = this.#changed(documents[at]);
        return documents;
      });
      return this.#documents;
    }
    #set(name, value) {
      if (this.#settings === undefined) throw new TypeErrorType(`the cursor of an aggregation has no ${name}()`);
      if (this.#documents !== undefined) throw new ErrorType(`${name}() comes too late: the cursor has been read`);
      this.#settings[name] = value;
      return this;
    }
    sort(order) { return this.#set("sort", order); }
    limit(count) { return this.#set("limit", count); }
    skip(count) { return this.#set("skip", count); }
    async toArray() { const all = await this.#load(); const rest = apply(slice, all, [this.#next]); this.#next = all.length; return rest; }
    async next() { const all = await this.#load(); return this.#next < all.length ? all[this.#next++] : undefined; }
    async hasNext() { return this.#next < (await this.#load()).length; }
    async forEach(body) { for (let document; (document = await this.next()) !== undefined; ) await body(document); }
    map(change) { const before = this.#changed; return new Cursor(this.#read, this.#settings && { ...this.#settings }, before ? (document) => change(before(document)) : change); }
    async count() { return (await this.#load()).length; }
    async close() { this.#documents = PromiseType.resolve([]); }
    async *[Symbol.asyncIterator]() { for (let document; (document = await this.next()) !== undefined; ) yield document; }
  }

  const updateParts = (parts) => {
    const [, update, options] = parts;
    if (!(plain(update) || isArray(update))) throw new TypeErrorType("the update must be an object or an array");
    const { upsert, arrayFilters, bypassDocumentValidation } = optionsOf(options);
    return { filter: filterOf(parts), update, upsert, arrayFilters, bypassDocumentValidation };
  };
  const replaceParts = (parts) => {
    const [, replacement, options] = parts;
    if (!plain(replacement)) throw new TypeErrorType("the replacement must be an object");
    const { upsert, bypassDocumentValidation } = optionsOf(options);
    return { filter: filterOf(parts), replacement, upsert, bypassDocumentValidation };
  };
  const found = (options) => {
    const { upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation } = optionsOf(options);
    return { upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation };
  };
  const operationOf = (operation) => {
    if (!plain(operation)) throw new TypeErrorType("an operation of bulkWrite must be an object");
    const [name] = keys(operation);
    const value = operation[name];
    switch (name) {
      case "insertOne": return { insertOne: { document: plain(value) && plain(value.document) && keys(value).length === 1 ? value.document : value } };
      case "updateOne": case "updateMany": return { [name]: updateParts([value?.filter, value?.update, value]) };
      case "replaceOne": return { replaceOne: replaceParts([value?.filter, value?.replacement, value]) };
      case "deleteOne": case "deleteMany": return { [name]: { filter: filterOf([value?.filter]) } };
      default: throw new TypeErrorType(`bulkWrite has no operation ${name}`);
    }
  };

  class BulkFind {
    #bulk; #filter; #upsert = false; #arrayFilters;
    constructor(bulk, filter) { this.#bulk = bulk; this.#filter = filter; }
    upsert() { this.#upsert = true; return this; }
    arrayFilters(filters) { this.#arrayFilters = filters; return this; }
    #change(name, update) { return this.#bulk.raw({ [name]: { filter: this.#filter, update, upsert: this.#upsert, arrayFilters: this.#arrayFilters } }); }
    update(update) { return this.#change("updateMany", update); }
    updateOne(update) { return this.#change("updateOne", update); }
    replaceOne(replacement) { return this.#bulk.raw({ replaceOne: { filter: this.#filter, replacement, upsert: this.#upsert } }); }
    remove() { return this.#bulk.raw({ deleteMany: { filter: this.#filter } }); }
    removeOne() { return this.#bulk.raw({ deleteOne: { filter: this.#filter } }); }
    delete() { return this.remove(); }
    deleteOne() { return this.removeOne(); }
  }
  class Bulk {
    #collection; #ordered; #operations = [];
    constructor(collection, ordered) { this.#collection = collection; this.#ordered = ordered; }
    find(filter) { return new BulkFind(this, filterOf([filter])); }
    insert(document) { return this.raw({ insertOne: { document } }); }
    raw(operation) { apply(push, this.#operations, [operation]); return this; }
    async execute(options) { const operations = this.#operations; this.#operations = []; return this.#collection.bulkWrite(operations, { ...optionsOf(options), ordered: this.#ordered }); }
  }

  class Collection {
    #place;
    constructor(place) { this.#place = place; }
    get name() { return this.#place.collection; }
    find(...parts) {
      const [, projection, options] = parts;
      const place = this.#place;
      const { sort, limit, skip, session, projection: other } = optionsOf(options);
      const filter = filterOf(parts, true);
      return new Cursor((settings) => act(place, "find", { filter, projection: projection ?? other, ...settings }, { session }), { sort, limit, skip });
    }
    async findOne(...parts) {
      const [, projection, options] = parts;
      return act(this.#place, "findOne", { filter: filterOf(parts, true), projection: projection ?? optionsOf(options).projection }, options);
    }
    aggregate(pipeline, options) {
      if (!isArray(pipeline)) throw new TypeErrorType("the pipeline must be an array");
      const place = this.#place;
      return new Cursor(() => act(place, "aggregate", { pipeline }, options));
    }
    async findOneAndUpdate(...parts) { return act(this.#place, "findOneAndUpdate", { ...found(parts[2]), filter: filterOf(parts), update: updateParts(parts).update }, parts[2]); }
    async findOneAndReplace(...parts) { return act(this.#place, "findOneAndReplace", { ...found(parts[2]), filter: filterOf(parts), replacement: replaceParts(parts).replacement }, parts[2]); }
    async findOneAndDelete(...parts) { const { sort, projection } = optionsOf(parts[1]); return act(this.#place, "findOneAndDelete", { filter: filterOf(parts), sort, projection }, parts[1]); }
    async insertOne(document, options) {
      if (!plain(document)) throw new TypeErrorType("the document must be an object");
      return act(this.#place, "insertOne", { document, bypassDocumentValidation: optionsOf(options).bypassDocumentValidation }, options);
    }
    async insertMany(documents, options) {
      if (!isArray(documents) || documents.length === 0) throw new TypeErrorType("the documents must be an array that is not empty");
      const { ordered, bypassDocumentValidation } = optionsOf(options);
      return act(this.#place, "insertMany", { documents, ordered, bypassDocumentValidation }, options);
    }
    async updateOne(...parts) { return act(this.#place, "updateOne", updateParts(parts), parts[2]); }
    async updateMany(...parts) { return act(this.#place, "updateMany", updateParts(parts), parts[2]); }
    async replaceOne(...parts) { return act(this.#place, "replaceOne", replaceParts(parts), parts[2]); }
    async deleteOne(...parts) { return act(this.#place, "deleteOne", { filter: filterOf(parts) }, parts[1]); }
    async deleteMany(...parts) { return act(this.#place, "deleteMany", { filter: filterOf(parts) }, parts[1]); }
    async count(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, parts[1]); }
    async countDocuments(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, parts[1]); }
    async distinct(key, ...parts) { return act(this.#place, "distinct", { key: textOf(key, "field"), filter: filterOf(parts, true) }, parts[1]); }
    async bulkWrite(operations, options) {
      if (!isArray(operations) || operations.length === 0) throw new TypeErrorType("the operations must be an array that is not empty");
      const { ordered, bypassDocumentValidation } = optionsOf(options);
      return act(this.#place, "bulkWrite", { operations: apply(map, operations, [operationOf]), ordered, bypassDocumentValidation }, options);
    }
    initializeOrderedBulkOp() { return new Bulk(this, true); }
    initializeUnorderedBulkOp() { return new Bulk(this, false); }
    watch() { throw new TypeErrorType("watch() is not available in functions: use a trigger"); }
  }
  class Database {
    #place;
    constructor(place) { this.#place = place; }
    get name() { return this.#place.database; }
    collection(name) { return new Collection({ ...this.#place, collection: textOf(name, "name of a collection") }); }
    async getCollectionNames() { return act(this.#place, "getCollectionNames", {}); }
  }
  class Client {
    #place;
    constructor(service, rights) { this.#place = { service, rights, database: "", collection: undefined }; }
    db(name) { return new Database({ ...this.#place, database: textOf(name, "name of a database") }); }
    admin() { const place = this.#place; return { getDBNames: async () => act(place, "getDBNames", {}) }; }
    startSession() { return new Session(this.#place.service, this.#place.rights); }
  }

  for (const { prototype } of [Held, Session, Cursor, BulkFind, Bulk, Collection, Database, Client]) delete prototype.constructor;

  // --- The HTTP client ----------------------------------------------------------------------------------------------------------
  const sendBy = (service) => (method) => async (options) => {
    if (!plain(options)) throw new TypeErrorType("the argument of a request must be an object with a `url`");
    const request = { ...options, method };
    if (plain(request.body) && kindOf(request.body) === undefined && !(request.body instanceof Bytes)) {
      if (request.encodeBodyAsJSON !== true) throw new TypeErrorType("a body that is an object needs `encodeBodyAsJSON: true`");
    }
    if (request.encodeBodyAsJSON === true && request.body !== undefined) {
      request.body = host.ejson(request.body, undefined);
      delete request.encodeBodyAsJSON;
      request.json = true;
    }
    return asked(host.http(service, request));
  };
  const httpClient = (service) => {
    const send = sendBy(service);
    const client = {};
    for (const method of ["get", "post", "put", "patch", "delete", "head"]) client[method] = send(method);
    return client;
  };

  // --- context ------------------------------------------------------------------------------------------------------------------
  const lazily = (target, name, read) => defineProperty(target, name, {
    get() { const value = read(); defineProperty(this === undefined ? target : this, name, { value, writable: true, enumerable: true, configurable: true }); return value; },
    set(value) { defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true }); },
    enumerable: true, configurable: true,
  });
  let shared;
  const share = () => {
    const made = {};
    const user = () => {
      const [user, loaded] = host.user();
      if (!loaded) defineProperty(user, "custom_data", { get() { throw new ErrorType("the custom data of the user was not looked up"); }, enumerable: true, configurable: true });
      return user;
    };
    const known = create(null);
    const once = (name, read) => () => (name in known ? known[name] : (known[name] = read()));
    return {
      user: once("user", user), environment: once("environment", () => host.environment()), request: once("request", () => host.request()), app: once("app", () => host.app()), made,
    };
  };
  const contextOf = (rights, depth) => {
    shared ??= share();
    const context = {
      values: { get: (name) => host.value(`${name}`) },
      functions: { execute: (name, ...parts) => execute(rights, depth, `${name}`, parts) },
      services: { get: (name) => service(rights, `${name}`) },
      http: httpClient(undefined),
      runningAsSystem: () => host.isSystem(numberOf(rights)),
    };
    for (const name of ["user", "environment", "request", "app"]) lazily(context, name, shared[name]);
    return context;
  };
  const service = (rights, name) => {
    switch (host.service(name)) {
      case "data": return new Client(name, rights);
      case "http": return httpClient(name);
      default: return undefined;
    }
  };
  const factories = new MapType();
  const instantiate = (key, rights, depth) => {
    let entry = mapGet(factories, key);
    if (entry === undefined) { entry = host.compile(key); mapSet(factories, key, entry); }
    const [factory, file] = entry;
    const exported = factory(contextOf(rights, depth), requirer(file), undefined)();
    if (typeof exported !== "function") throw new TypeErrorType(`${file}: \`exports\` is no function`);
    return exported;
  };
  const execute = (rights, depth, name, parts) => {
    if (depth >= limits.depth) throw new RangeErrorType(`functions call each other more than ${limits.depth} levels deep`);
    const [script, number] = host.enter(numberOf(rights), name);
    let callee = number === numberOf(rights) ? rights : new Rights(number);
    if (script) {
      const answer = host.wait(PromiseType.resolve(apply(instantiate(`${name}#script`, rights, depth + 1), undefined, parts)));
      callee = new Rights(host.rightsBy(name, answer));
    }
    return apply(instantiate(name, callee, depth + 1), undefined, parts);
  };

  // --- Results ------------------------------------------------------------------------------------------------------------------
  const isNested = (value) => isArray(value) || (typeof value === "object" && value !== null && kindOf(value) === undefined);
  const unsettled = (value, seen, room) => {
    if (Cursor.is(value) || value instanceof PromiseType) return true;
    if (!isNested(value) || setHas(seen, value) || --room.left < 0) return false;
    setAdd(seen, value);
    if (!isArray(value)) { const prototype = getPrototypeOf(value); if (prototype !== objectPrototype && prototype !== null && unwrap(value) !== undefined) return false; }
    for (const key of keys(value)) if (unsettled(value[key], seen, room)) return true;
    return false;
  };
  const settled = async (value, depth) => {
    if (depth > limits.nesting) throw new RangeErrorType("the result is nested too deeply");
    if (Cursor.is(value)) return settled(await value.toArray(), depth + 1);
    if (value instanceof PromiseType) return settled(await value, depth + 1);
    if (!unsettled(value, new SetType(), { left: 1e6 })) return value;
    const copy = isArray(value) ? [] : {};
    for (const key of keys(value)) defineProperty(copy, key, { value: await settled(value[key], depth + 1), writable: true, enumerable: true, configurable: true });
    const types = recall(value);
    if (types !== undefined) remember(copy, types[0], types[1]);
    return copy;
  };
  const start = async (name, number, script, parts, exchange) => {
    const rights = new Rights(number);
    let given = rights;
    const inputs = exchange === undefined ? parts : [requestOf(exchange), responseOf(), ...parts];
    if (script) given = new Rights(host.rightsBy(name, await apply(instantiate(`${name}#script`, rights, 0), undefined, inputs)));
    return settled(await apply(instantiate(name, given, 0), undefined, inputs), 0);
  };
  const requestOf = ([query, headers, body]) => ({ query, headers, body: body === undefined ? undefined : binary(body) });
  let response;
  const headerName = (name) => { if (typeof name !== "string") throw new TypeErrorType("the name of a header must be a string"); return name; };
  const responseOf = () => {
    response = { status: undefined, headers: [], body: undefined };
    return {
      setStatusCode(status) { const code = numeric(status); if (!(isInteger(code) && code >= 100 && code <= 599)) throw new RangeErrorType("the status must be a number from 100 to 599"); response.status = code; },
      setBody(body) {
        if (typeof body === "string") response.body = host.fromUtf8(body);
        else if (kindOf(body) === "binary") response.body = dataOf(body).bytes;
        else if (body instanceof Bytes) response.body = body;
        else throw new TypeErrorType("the body must be a string or a Binary");
      },
      setHeader(name, value) { const lowered = lower(headerName(name)); response.headers = response.headers.filter(([known]) => lower(known) !== lowered); response.headers.push([name, `${value}`]); },
      addHeader(name, value) { response.headers.push([headerName(name), `${value}`]); },
    };
  };

  // --- Other globals ------------------------------------------------------------------------------------------------------------
  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof ErrorType) return `${value}`;
    if (typeof value === "object" && value !== null) { try { return stringify(value) ?? `${value}`; } catch { return "[object]"; } }
    if (typeof value === "function") return `[function ${value.name}]`;
    return String(value);
  };
  const line = (level) => (...parts) => { let text = ""; for (let at = 0; at < parts.length; at++) text += (at ? " " : "") + shown(parts[at]); host.log(level, text); };
  const console = { log: line(0), info: line(0), debug: line(0), trace: line(0), warn: line(1), error: line(2) };
  const EJSON = {
    stringify(value, replacer, space) {
      const kept = typeof replacer === "function" || isArray(replacer) ? JSON.parse(stringify(value, replacer)) : value;
      return host.ejson(kept, typeof space === "number" ? space : typeof space === "string" ? space.length : undefined);
    },
    parse: (text) => host.parse(`${text}`),
  };
  const bytesOf = (value) => (kindOf(value) === "binary" ? dataOf(value).bytes : value instanceof Bytes ? value : host.fromUtf8(`${value}`));
  const keyText = (value) => { if (typeof value !== "string") throw new TypeErrorType("the key must be a string"); return value; };
  const utils = {
    jwt: {
      encode: (algorithm, payload, key, headers) => host.jwtEncode(`${algorithm}`, stringify(payload), keyText(key), headers === undefined ? "{}" : stringify(headers)),
      decode(token, key, returnHeader, algorithms) {
        const given = apply(map, isArray(algorithms) ? algorithms : [], [String]);
        const [header, payload] = host.jwtDecode(`${token}`, keyText(key), given);
        return returnHeader === true ? { header: JSON.parse(header), payload: JSON.parse(payload) } : JSON.parse(payload);
      },
    },
    crypto: {
      hmac: (input, secret, hash, form) => host.hmac(bytesOf(input), bytesOf(secret), `${hash}`, `${form}`),
      hash: (name, input) => binary(host.hash(`${name}`, bytesOf(input))),
      encrypt: (kind, message, key) => binary(host.encrypt(`${kind}`, bytesOf(message), bytesOf(key))),
      decrypt: (kind, message, key) => binary(host.decrypt(`${kind}`, bytesOf(message), bytesOf(key))),
      sign: (kind, message, key, scheme) => binary(host.sign(`${kind}`, bytesOf(message), keyText(key), `${scheme}`)),
      verify: (kind, message, key, signature, scheme) => host.verify(`${kind}`, bytesOf(message), keyText(key), bytesOf(signature), `${scheme}`),
    },
  };
  hidden(globalThis, {
    BSON, EJSON, console, utils,
    setTimeout: timer(false), setInterval: timer(true), setImmediate: (callback, ...parts) => setTimeout(callback, 0, ...parts),
    clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
    btoa(text) { const bytes = new Bytes(`${text}`.length); let at = 0; for (const unit of `${text}`) { const code = unit.charCodeAt(0); if (code > 255) throw new RangeErrorType("btoa takes characters up to U+00FF"); bytes[at++] = code; } return host.toBase64(bytes); },
    atob(text) { let made = ""; for (const byte of host.fromBase64(`${text}`.replace(/\s/g, ""), false)) made += String.fromCharCode(byte); return made; },
  });
  const setTimeout = globalThis.setTimeout;
  // The larger globals are made when they are asked for.
  const late = (name, module, member) => defineProperty(globalThis, name, {
    get() { const value = member ? load(module)[member] : load(module); defineProperty(globalThis, name, { value, writable: true, configurable: true }); return value; },
    set(value) { defineProperty(globalThis, name, { value, writable: true, configurable: true }); }, configurable: true,
  });
  late("Buffer", "buffer", "Buffer");
  late("URL", "url", "URL");
  late("URLSearchParams", "url", "URLSearchParams");
  late("TextEncoder", "util", "TextEncoder");
  late("TextDecoder", "util", "TextDecoder");

  // --- require ------------------------------------------------------------------------------------------------------------------
  const internal = {
    toHex: host.toHex, fromHex: host.fromHex, toBase64: host.toBase64, fromBase64: host.fromBase64, toUtf8: host.toUtf8, fromUtf8: host.fromUtf8, hash: host.hash,
    hmac: host.hmacBytes, random: host.random, cipher: host.cipher, bytesOf, kindOf, http: httpClient(undefined), shown,
  };
  const modules = new MapType();
  const processStub = { env: { NODE_ENV: "production" }, argv: [], version: "v10.18.1", versions: {}, platform: "linux", browser: true, cwd: () => "/", nextTick: (callback, ...parts) => { then(PromiseType.resolve(), () => callback(...parts)); }, on() {}, emitWarning() {} };
  const own = (name) => `own:${name}`;
  const load = (name) => loadKey(own(name));
  const loadKey = (key) => {
    const known = mapGet(modules, key);
    if (known !== undefined) return known.exports;
    const made = host.module(key);
    const module = { exports: {}, id: key, loaded: false };
    mapSet(modules, key, module);
    if (made[0] === "json") module.exports = JSON.parse(made[1]);
    else {
      const inner = made[0] === "own" ? (name) => load(name) : requirer(key);
      apply(made[1], module.exports, [module.exports, inner, module, `/${key}`, "/", globalThis, processStub, made[0] === "own" ? internal : undefined]);
    }
    module.loaded = true;
    return module.exports;
  };
  const requirer = (file) => function require(name) {
    return loadKey(host.resolve(file, `${name}`));
  };

  return {
    make, unwrap, remember, recall, deliver, start, mongoError,
    isPlain: (object) => { const prototype = getPrototypeOf(object); return prototype === objectPrototype || prototype === null; },
    isError: (value) => value instanceof ErrorType,
    response: () => response && [response.status, response.headers, response.body && pack(response.body)],
    isHeld: (value) => kindOf(value) !== undefined,
    json: (value) => stringify(value),
    bigText: (value) => `${value}`,
    wellFormed,
  };
})
