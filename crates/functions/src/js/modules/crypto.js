// The parts of Node's module `crypto` that functions use: hashes, HMACs, ciphers, random bytes.
"use strict";
const { Buffer } = require("buffer");
const { fromUtf8 } = internal;
const bytes = (value, encoding) => (typeof value === "string" ? Buffer.from(value, encoding) : internal.kindOf(value) === "binary" ? internal.bytesOf(value) : value instanceof Uint8Array ? value : ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : fromUtf8(`${value}`));
const out = (made, encoding) => { const buffer = Buffer.from(made); return encoding && encoding !== "buffer" ? buffer.toString(encoding) : buffer; };
class Hash {
  #parts = []; #finish; #done = false;
  constructor(finish) { this.#finish = finish; }
  update(value, encoding) { if (this.#done) throw new Error("Digest already called"); this.#parts.push(Buffer.from(bytes(value, encoding))); return this; }
  digest(encoding) { if (this.#done) throw new Error("Digest already called"); this.#done = true; return out(this.#finish(Buffer.concat(this.#parts)), encoding); }
}
exports.createHash = (name) => { internal.hash(name, new Uint8Array(0)); return new Hash((input) => internal.hash(name, input)); };
exports.createHmac = (name, key) => { const secret = bytes(key); return new Hash((input) => internal.hmac(name, secret, input)); };
class Cipher {
  #name; #encrypts; #key; #iv; #parts = []; #extra = new Uint8Array(0); #tag; #pads = true;
  constructor(name, encrypts, key, iv) { this.#name = `${name}`.toLowerCase(); this.#encrypts = encrypts; this.#key = bytes(key); this.#iv = bytes(iv); }
  setAAD(value) { this.#extra = bytes(value); return this; }
  setAuthTag(tag) { if (tag.length !== 16) throw new TypeError("the tag must have 16 bytes"); this.#tag = bytes(tag); return this; }
  getAuthTag() { return Buffer.from(this.#tag); }
  setAutoPadding(pads = true) { this.#pads = Boolean(pads); return this; }
  update(value, from, encoding) { this.#parts.push(Buffer.from(bytes(value, from))); return encoding ? "" : Buffer.alloc(0); }
  final(encoding) {
    const gcm = this.#name.endsWith("-gcm");
    if (gcm && !this.#encrypts) {
      if (!this.#tag) throw new Error("setAuthTag is needed before final");
      this.#parts.push(this.#tag);
    }
    let made = internal.cipher(this.#name, [this.#encrypts, this.#pads], this.#key, this.#iv, Buffer.concat(this.#parts), this.#extra);
    if (gcm && this.#encrypts) { this.#tag = made.slice(made.length - 16); made = made.slice(0, made.length - 16); }
    return out(made, encoding);
  }
}
exports.createCipheriv = (name, key, iv) => new Cipher(name, true, key, iv);
exports.createDecipheriv = (name, key, iv) => new Cipher(name, false, key, iv);
exports.randomBytes = (count, done) => { const made = Buffer.from(internal.random(count)); if (done) { setTimeout(() => done(null, made), 0); return undefined; } return made; };
exports.randomFillSync = (target) => { target.set(internal.random(target.length)); return target; };
exports.getRandomValues = exports.randomFillSync;
exports.randomInt = (low, high) => {
  if (high === undefined) [low, high] = [0, low];
  const range = high - low;
  if (!(Number.isSafeInteger(range) && range > 0 && range <= 2 ** 48)) throw new RangeError("the range is invalid");
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) { let value = 0; for (const byte of internal.random(6)) value = value * 256 + byte; if (value < limit) return low + (value % range); }
};
exports.randomUUID = () => {
  const all = internal.random(16);
  all[6] = (all[6] & 15) | 64;
  all[8] = (all[8] & 63) | 128;
  const hex = internal.toHex(all);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
exports.timingSafeEqual = (a, b) => {
  if (a.length !== b.length) throw new RangeError("Input buffers must have the same byte length");
  let different = 0;
  for (let at = 0; at < a.length; at++) different |= a[at] ^ b[at];
  return different === 0;
};
exports.getHashes = () => ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
exports.webcrypto = { getRandomValues: exports.getRandomValues, randomUUID: exports.randomUUID };
