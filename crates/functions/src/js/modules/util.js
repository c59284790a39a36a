// The parts of Node's module `util` that packages need, `TextEncoder` and `TextDecoder`.
"use strict";
const isObject = (value) => typeof value === "object" && value !== null;
const inspect = (value, options, depth = 0, seen = new Set()) => {
  if (typeof value === "string") return depth ? `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n")}'` : value;
  if (typeof value === "function") return value.name ? `[Function: ${value.name}]` : "[Function (anonymous)]";
  if (typeof value === "bigint") return `${value}n`;
  if (!isObject(value)) return String(value);
  if (value instanceof Error) return value.stack ? `${value}` : String(value);
  if (value instanceof Date) return isNaN(value) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (internal.kindOf(value) !== undefined) return typeof value.inspect === "function" ? value.inspect() : `${value}`;
  if (seen.has(value)) return "[Circular]";
  if (depth > 3) return Array.isArray(value) ? "[Array]" : "[Object]";
  seen.add(value);
  const inner = (one) => inspect(one, options, depth + 1, seen);
  let text;
  if (Array.isArray(value)) text = value.length ? `[ ${value.slice(0, 100).map(inner).join(", ")} ]` : "[]";
  else if (value instanceof Map) text = `Map(${value.size}) { ${[...value].map(([key, one]) => `${inner(key)} => ${inner(one)}`).join(", ")} }`;
  else if (value instanceof Set) text = `Set(${value.size}) { ${[...value].map(inner).join(", ")} }`;
  else {
    const pairs = Object.keys(value).map((key) => `${/^[\w$]+$/.test(key) ? key : inner(key)}: ${inner(value[key])}`);
    text = pairs.length ? `{ ${pairs.join(", ")} }` : "{}";
  }
  seen.delete(value);
  return text;
};
inspect.custom = Symbol.for("nodejs.util.inspect.custom");
exports.inspect = (value, options) => inspect(value, options, 1);
exports.inspect.custom = inspect.custom;
exports.format = (first, ...rest) => {
  let text = typeof first === "string" ? first.replace(/%([sdifjoOc%])/g, (all, kind) => {
    if (kind === "%") return "%";
    if (!rest.length) return all;
    const value = rest.shift();
    switch (kind) {
      case "s": return typeof value === "string" ? value : inspect(value, undefined, 1);
      case "d": return `${Number(value)}`;
      case "i": return `${parseInt(value, 10)}`;
      case "f": return `${parseFloat(value)}`;
      case "j": try { return JSON.stringify(value); } catch { return "[Circular]"; }
      case "c": return "";
      default: return inspect(value, undefined, 1);
    }
  }) : inspect(first, undefined, 1);
  for (const value of rest) text += ` ${typeof value === "string" ? value : inspect(value, undefined, 1)}`;
  return text;
};
exports.inherits = (type, base) => {
  Object.defineProperty(type, "super_", { value: base, writable: true, configurable: true });
  Object.setPrototypeOf(type.prototype, base.prototype);
};
exports.deprecate = (body) => body;
exports.debuglog = () => () => {};
exports.promisify = (body) => (...parts) => new Promise((resolve, reject) => { body(...parts, (error, value) => (error ? reject(error) : resolve(value))); });
exports.callbackify = (body) => (...parts) => { const done = parts.pop(); body(...parts).then((value) => done(null, value), (error) => done(error)); };
exports.isArray = Array.isArray;
exports.isBoolean = (value) => typeof value === "boolean";
exports.isString = (value) => typeof value === "string";
exports.isNumber = (value) => typeof value === "number";
exports.isFunction = (value) => typeof value === "function";
exports.isObject = isObject;
exports.isUndefined = (value) => value === undefined;
exports.isNull = (value) => value === null;
exports.isNullOrUndefined = (value) => value === null || value === undefined;
exports.isRegExp = (value) => value instanceof RegExp;
exports.isDate = (value) => value instanceof Date;
exports.isError = (value) => value instanceof Error;
exports.isDeepStrictEqual = (a, b) => { try { require("assert").deepStrictEqual(a, b); return true; } catch { return false; } };
exports.types = {
  isDate: (value) => value instanceof Date, isRegExp: (value) => value instanceof RegExp, isPromise: (value) => value instanceof Promise,
  isMap: (value) => value instanceof Map, isSet: (value) => value instanceof Set, isUint8Array: (value) => value instanceof Uint8Array,
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView), isArrayBuffer: (value) => value instanceof ArrayBuffer,
};
exports.TextEncoder = class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return internal.fromUtf8(`${text}`); }
};
exports.TextDecoder = class TextDecoder {
  constructor(label = "utf-8") { if (!/^utf-?8$/i.test(label)) throw new RangeError(`the encoding ${label} is not available`); }
  get encoding() { return "utf-8"; }
  decode(bytes) {
    if (bytes === undefined) return "";
    return internal.toUtf8(bytes instanceof Uint8Array ? bytes : ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));
  }
};
