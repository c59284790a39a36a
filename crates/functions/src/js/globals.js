// Rarely used globals, and `require`.
(function (core) {
  "use strict";
  const { host, packing, unitAt, ofUnit, kindOf, dataOf, binary, part, asked, waiting, then, shown, unwrap, isArray, append, apply, stringify, parse, textOf, resolved, mapGet, mapSet, mapDelete, MapType, TypeErrorType, RangeErrorType, Bytes, requirer } = core;
  part("bson");
  packing("hash", 1); packing("hmacBytes", 1, 2); packing("hmac", 0, 1); packing("encrypt", 1, 2); packing("decrypt", 1, 2);
  packing("sign", 1); packing("verify", 1, 3); packing("cipher", 2, 3, 4, 5);
  // The longest delay of Node.js, which takes any other that it does not know for one millisecond.
  const maxDelay = 0x7fffffff;
  const pauseOf = (delay) => { const asked = Number(delay); return asked >= 1 && asked <= maxDelay ? asked : 1; };
  const timer = (again) => (callback, delay, ...parts) => begin(again, callback, pauseOf(delay), parts);
  const begin = (again, callback, pause, parts) => {
    if (typeof callback !== "function") throw new TypeErrorType("a timer needs a function");
    let id;
    const start = () => {
      const inner = host.timer(pause);
      mapSet(waiting, inner, () => { if (again) mapSet(handles, id, start()); return apply(callback, undefined, parts); });
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

  // A replacer sees extended JSON, but what it returns may be a BSON value, whose extended JSON it does not see again.
  const isTyped = (value) => typeof value === "number" || typeof value === "bigint" || ((typeof value === "object" ? value !== null : typeof value === "function") && unwrap(value) !== undefined);
  // The keys under which extended JSON has plain numbers.
  const isPart = (key) => key === "t" || key === "i" || key === "$minKey" || key === "$maxKey";
  const replacing = (replacer) => {
    const written = new MapType();
    return function (key, value) {
      if (mapGet(written, this) === true) {
        if (typeof value === "object" && value !== null) mapSet(written, value, true);
        return value;
      }
      // What a replacer returned may hold BSON values, of which `value` is what their `toJSON` gives.
      const kept = isTyped(this[key]) ? this[key] : value;
      const given = apply(replacer, this, [key, kept]);
      if (!isTyped(given) || (given === kept && isPart(key))) return given;
      const made = parse(host.ejson(given, undefined));
      if (typeof made === "object" && made !== null) mapSet(written, made, true);
      return made;
    };
  };
  const namesIn = (list) => {
    const names = [];
    for (let at = 0; at < list.length; at++) {
      const name = list[at];
      if (typeof name === "string" || typeof name === "number" || name instanceof String || name instanceof Number) append(names, textOf(name));
    }
    return names;
  };
  const EJSON = {
    stringify(value, replacer, space) {
      const isFunction = typeof replacer === "function";
      const text = host.ejson(value, isArray(replacer) ? namesIn(replacer) : undefined);
      if (!isFunction && space === undefined) return text;
      return stringify(text === undefined ? undefined : parse(text), isFunction ? replacing(replacer) : undefined, space);
    },
    parse: (text) => host.parse(`${text}`),
  };
  const bytesOf = (value) => (kindOf(value) === "binary" ? dataOf(value).bytes : value instanceof Bytes ? value : host.fromUtf8(`${value}`));
  const keyText = (value) => { if (typeof value !== "string") throw new TypeErrorType("the key must be a string"); return value; };
  const utils = {
    jwt: {
      encode: (algorithm, payload, key, headers) => host.jwtEncode(`${algorithm}`, stringify(payload), keyText(key), headers === undefined ? "{}" : stringify(headers)),
      decode(token, key, returnHeader, algorithms) {
        const given = [];
        if (isArray(algorithms)) for (let at = 0; at < algorithms.length; at++) append(given, textOf(algorithms[at]));
        const { header, payload } = host.jwtDecode(`${token}`, keyText(key), given);
        return returnHeader === true ? { header: parse(header), payload: parse(payload) } : parse(payload);
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
  const names = {
    EJSON, utils,
    setTimeout: timer(false), setInterval: timer(true), setImmediate: (callback, ...parts) => begin(false, callback, 0, parts),
    clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
    btoa(text) { const units = `${text}`, bytes = new Bytes(units.length); for (let at = 0; at < bytes.length; at++) { const code = unitAt(units, at); if (code > 255) throw new RangeErrorType("btoa takes characters up to U+00FF"); bytes[at] = code; } return host.toBase64(bytes); },
    atob(text) { const bytes = host.fromBase64(`${text}`.replace(/\s/g, ""), false); let made = ""; for (let at = 0; at < bytes.length; at++) made += ofUnit(bytes[at]); return made; },
  };
  // --- require ------------------------------------------------------------------------------------------------------------------
  const internal = {
    toHex: host.toHex, fromHex: host.fromHex, toBase64: host.toBase64, fromBase64: host.fromBase64, toUtf8: host.toUtf8, fromUtf8: host.fromUtf8, hash: host.hash,
    hmac: host.hmacBytes, random: host.random, cipher: host.cipher, bytesOf, kindOf, get http() { return part("client").httpClient(undefined, undefined); }, shown,
  };
  const modules = new MapType();
  const processStub = { env: { NODE_ENV: "production" }, argv: [], version: "v10.18.1", versions: {}, platform: "linux", browser: true, cwd: () => "/", nextTick: (callback, ...parts) => { then(resolved(), () => apply(callback, undefined, parts)); }, on() {}, emitWarning() {} };
  const own = (name) => `own:${name}`;
  const load = (name) => loadKey(own(name));
  const loadKey = (key) => {
    const known = mapGet(modules, key);
    if (known !== undefined) return known.exports;
    const made = host.module(key);
    const module = { exports: {}, id: key, loaded: false };
    mapSet(modules, key, module);
    if (made.kind === "json") module.exports = parse(made.content);
    else {
      const inner = made.kind === "own" ? (name) => load(name) : requirer(key);
      apply(made.content, module.exports, [module.exports, inner, module, `/${key}`, "/", globalThis, processStub, made.kind === "own" ? internal : undefined]);
    }
    module.loaded = true;
    return module.exports;
  };
  return { names, load, loadKey };
})
