// The globals that few functions use, and `require`.
(function (core) {
  "use strict";
  const { host, kindOf, dataOf, binary, part, asked, waiting, then, shown, isArray, map, apply, stringify, mapGet, mapSet, mapDelete, PromiseType, MapType, TypeErrorType, RangeErrorType, Bytes, requirer } = core;
  const timer = (again) => function (callback, delay, ...parts) {
    if (typeof callback !== "function") throw new TypeErrorType("a timer needs a function");
    const pause = Number(delay) > 0 ? Number(delay) : again ? 1 : 0;
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
  const names = {
    EJSON, utils,
    setTimeout: timer(false), setInterval: timer(true), setImmediate: (callback, ...parts) => setTimeout(callback, 0, ...parts),
    clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
    btoa(text) { const bytes = new Bytes(`${text}`.length); let at = 0; for (const unit of `${text}`) { const code = unit.charCodeAt(0); if (code > 255) throw new RangeErrorType("btoa takes characters up to U+00FF"); bytes[at++] = code; } return host.toBase64(bytes); },
    atob(text) { let made = ""; for (const byte of host.fromBase64(`${text}`.replace(/\s/g, ""), false)) made += String.fromCharCode(byte); return made; },
  };
  const { setTimeout } = names;
  // --- require ------------------------------------------------------------------------------------------------------------------
  const internal = {
    toHex: host.toHex, fromHex: host.fromHex, toBase64: host.toBase64, fromBase64: host.fromBase64, toUtf8: host.toUtf8, fromUtf8: host.fromUtf8, hash: host.hash,
    hmac: host.hmacBytes, random: host.random, cipher: host.cipher, bytesOf, kindOf, get http() { return part("client").httpClient(undefined); }, shown,
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
  return { names, load, loadKey };
})
