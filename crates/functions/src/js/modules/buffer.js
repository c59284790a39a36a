// Node's `Buffer`, built on `Uint8Array`.
"use strict";
const { toHex, fromHex, toBase64, fromBase64, toUtf8, fromUtf8 } = internal;
const single = (text, mask) => { const bytes = new Uint8Array(text.length); for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at) & mask; return bytes; };
const wide = (text) => { const bytes = new Uint8Array(text.length * 2); for (let at = 0; at < text.length; at++) { const unit = text.charCodeAt(at); bytes[at * 2] = unit & 255; bytes[at * 2 + 1] = unit >> 8; } return bytes; };
const encode = (text, encoding = "utf8") => {
  switch (`${encoding}`.toLowerCase()) {
    case "utf8": case "utf-8": return fromUtf8(text);
    case "hex": { const whole = /^(?:[0-9a-fA-F]{2})*/.exec(text)[0]; return fromHex(whole); }
    case "base64": case "base64url": return fromBase64(text.replace(/[^A-Za-z0-9+/=_-]/g, "").replace(/-/g, "+").replace(/_/g, "/"), false);
    case "ascii": case "latin1": case "binary": return single(text, 255);
    case "ucs2": case "ucs-2": case "utf16le": case "utf-16le": return wide(text);
    default: throw new TypeError(`Unknown encoding: ${encoding}`);
  }
};
class Buffer extends Uint8Array {
  static #of(bytes) { const made = new Buffer(bytes.length); made.set(bytes); return made; }
  static from(value, encoding, length) {
    if (typeof value === "string") return Buffer.#of(encode(value, encoding));
    if (value instanceof ArrayBuffer) return new Buffer(value, encoding, length);
    const kind = internal.kindOf(value);
    if (kind === "binary") return Buffer.#of(internal.bytesOf(value));
    if (value && value.type === "Buffer" && Array.isArray(value.data)) return Buffer.#of(Uint8Array.from(value.data));
    if (value && typeof value === "object" && typeof value.length === "number") return Buffer.#of(Uint8Array.from(value));
    throw new TypeError("Buffer.from needs a string, bytes or an array");
  }
  static alloc(size, fill, encoding) { const made = new Buffer(size); if (fill !== undefined) made.fill(fill, 0, size, encoding); return made; }
  static allocUnsafe(size) { return new Buffer(size); }
  static isBuffer(value) { return value instanceof Buffer; }
  static isEncoding(name) { try { encode("", name); return true; } catch { return false; } }
  static byteLength(value, encoding) { return typeof value === "string" ? encode(value, encoding).length : value.byteLength; }
  static concat(list, length) {
    const size = length === undefined ? list.reduce((sum, one) => sum + one.length, 0) : length, made = Buffer.alloc(size);
    let at = 0;
    for (const one of list) { if (at >= size) break; made.set(one.subarray(0, size - at), at); at += one.length; }
    return made;
  }
  static compare(a, b) { for (let at = 0; at < Math.min(a.length, b.length); at++) if (a[at] !== b[at]) return a[at] < b[at] ? -1 : 1; return Math.sign(a.length - b.length); }
  toString(encoding = "utf8", start = 0, end = this.length) {
    const part = new Uint8Array(this.buffer, this.byteOffset + Math.min(start, this.length), Math.max(0, Math.min(end, this.length) - start));
    switch (`${encoding}`.toLowerCase()) {
      case "utf8": case "utf-8": return toUtf8(part);
      case "hex": return toHex(part);
      case "base64": return toBase64(part);
      case "base64url": return toBase64(part).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      case "ascii": { let text = ""; for (const byte of part) text += String.fromCharCode(byte & 127); return text; }
      case "latin1": case "binary": { let text = ""; for (const byte of part) text += String.fromCharCode(byte); return text; }
      case "ucs2": case "ucs-2": case "utf16le": case "utf-16le": { let text = ""; for (let at = 0; at + 1 < part.length; at += 2) text += String.fromCharCode(part[at] | (part[at + 1] << 8)); return text; }
      default: throw new TypeError(`Unknown encoding: ${encoding}`);
    }
  }
  toJSON() { return { type: "Buffer", data: Array.from(this) }; }
  equals(other) { return Buffer.compare(this, other) === 0; }
  compare(other) { return Buffer.compare(this, other); }
  slice(start, end) { const part = this.subarray(start, end); return new Buffer(part.buffer, part.byteOffset, part.length); }
  write(text, offset = 0, length, encoding) {
    if (typeof offset === "string") [encoding, offset] = [offset, 0];
    if (typeof length === "string") [encoding, length] = [length, undefined];
    const bytes = encode(text, encoding).subarray(0, Math.min(this.length - offset, length ?? Infinity));
    this.set(bytes, offset);
    return bytes.length;
  }
  copy(target, at = 0, start = 0, end = this.length) { const part = this.subarray(start, Math.min(end, start + target.length - at)); target.set(part, at); return part.length; }
  fill(value, start = 0, end = this.length, encoding) {
    if (typeof value === "number") return super.fill(value, start, end);
    const bytes = typeof value === "string" ? encode(value, encoding) : value;
    if (!bytes.length) return super.fill(0, start, end);
    for (let at = start; at < end; at++) this[at] = bytes[(at - start) % bytes.length];
    return this;
  }
  indexOf(value, from = 0) {
    if (typeof value === "number") return super.indexOf(value, from);
    const bytes = typeof value === "string" ? encode(value) : value;
    for (let at = from; at + bytes.length <= this.length; at++) { let same = 0; while (same < bytes.length && this[at + same] === bytes[same]) same++; if (same === bytes.length) return at; }
    return -1;
  }
  includes(value, from) { return this.indexOf(value, from) >= 0; }
}
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
for (const [name, method, size] of [["UInt16", "Uint16", 2], ["UInt32", "Uint32", 4], ["Int16", "Int16", 2], ["Int32", "Int32", 4], ["Float", "Float32", 4], ["Double", "Float64", 8], ["BigInt64", "BigInt64", 8], ["BigUInt64", "BigUint64", 8]]) {
  for (const [end, little] of [["LE", true], ["BE", false]]) {
    Buffer.prototype[`read${name}${end}`] = function (at = 0) { return view(this)[`get${method}`](at, little); };
    Buffer.prototype[`write${name}${end}`] = function (value, at = 0) { view(this)[`set${method}`](at, value, little); return at + size; };
  }
}
Buffer.prototype.readUInt8 = function (at = 0) { return view(this).getUint8(at); };
Buffer.prototype.readInt8 = function (at = 0) { return view(this).getInt8(at); };
Buffer.prototype.writeUInt8 = function (value, at = 0) { view(this).setUint8(at, value); return at + 1; };
Buffer.prototype.writeInt8 = function (value, at = 0) { view(this).setInt8(at, value); return at + 1; };
// `Buffer(…)` without `new`, and `new Buffer("text")`, as in code from before 2018.
const Older = new Proxy(Buffer, {
  apply: (_, __, [value, ...rest]) => (typeof value === "number" ? Buffer.alloc(value) : Buffer.from(value, ...rest)),
  construct: (_, [value, ...rest], target) => (typeof value === "number" || value instanceof ArrayBuffer ? Reflect.construct(Buffer, [value, ...rest], target === Older ? Buffer : target) : Buffer.from(value, ...rest)),
});
exports.Buffer = Older;
exports.kMaxLength = 2 ** 31 - 1;
