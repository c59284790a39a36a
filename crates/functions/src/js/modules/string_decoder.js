// Node's module `string_decoder`.
"use strict";
const { Buffer } = require("buffer");
// The number of bytes at the end that belong to an incomplete character.
const open = (bytes) => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
};
exports.StringDecoder = class StringDecoder {
  constructor(encoding = "utf8") { this.encoding = encoding.toLowerCase().replace("-", ""); this.kept = Buffer.alloc(0); }
  write(bytes) {
    if (typeof bytes === "string") return bytes;
    const all = Buffer.concat([this.kept, Buffer.from(bytes)]);
    const left = this.encoding === "utf8" ? open(all) : this.encoding === "base64" ? all.length % 3 : this.encoding === "utf16le" || this.encoding === "ucs2" ? all.length % 2 : 0;
    this.kept = all.slice(all.length - left);
    return all.toString(this.encoding, 0, all.length - left);
  }
  end(bytes) { const text = bytes === undefined ? "" : this.write(bytes); const rest = this.kept.toString(this.encoding); this.kept = Buffer.alloc(0); return text + rest; }
};
