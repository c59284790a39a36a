// Node's module `querystring`.
"use strict";
const escape = (text) => encodeURIComponent(text);
const unescape = (text) => { try { return decodeURIComponent(text); } catch { return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))); } };
const primitive = (value) => (typeof value === "string" ? value : typeof value === "number" && isFinite(value) ? `${value}` : typeof value === "boolean" || typeof value === "bigint" ? `${value}` : "");
exports.escape = escape;
exports.unescape = unescape;
exports.stringify = exports.encode = (object, separator, equals, options) => {
  const encode = (options && options.encodeURIComponent) || exports.escape;
  const between = separator || "&", sign = equals || "=";
  if (object === null || typeof object !== "object") return "";
  const pairs = [];
  for (const key of Object.keys(object)) {
    const value = object[key], name = encode(primitive(key)) + sign;
    if (Array.isArray(value)) for (const one of value) pairs.push(name + encode(primitive(one)));
    else pairs.push(name + encode(primitive(value)));
  }
  return pairs.join(between);
};
exports.parse = exports.decode = (text, separator, equals, options) => {
  const found = Object.create(null);
  if (typeof text !== "string" || text === "") return found;
  const decode = (options && options.decodeURIComponent) || exports.unescape;
  const max = options && typeof options.maxKeys === "number" ? options.maxKeys : 1000;
  const sign = equals || "=";
  let parts = text.split(separator || "&");
  if (max > 0) parts = parts.slice(0, max);
  for (const part of parts) {
    if (part === "") continue;
    const plain = part.replace(/\+/g, " ");
    const at = plain.indexOf(sign);
    const key = decode(at < 0 ? plain : plain.slice(0, at)), value = at < 0 ? "" : decode(plain.slice(at + sign.length));
    if (!(key in found)) found[key] = value;
    else if (Array.isArray(found[key])) found[key].push(value);
    else found[key] = [found[key], value];
  }
  return found;
};
