// `BSON`: the BSON types that JavaScript lacks.
(function (core) {
  "use strict";
  const { host, packing, Held, kindOf, dataOf, hidden, types, lower, cut, matches, binary, numeric, bsonFlags, defineProperty, setPrototypeOf, isArray, apply, isSafeInteger, isInteger, sourceOf, flagsOf } = core;
  const { asIntN, asUintN, DateType, RegExpType, TypeErrorType, RangeErrorType, BigIntOf, Bytes } = core;
  packing("toUtf8", 0);
  const hold = (kind, data) => setPrototypeOf(new Held(kind, data), types[kind].prototype);
  const define = (name, kind, read, methods) => {
    const type = function (...parts) {
      const held = new Held(kind, apply(read, undefined, parts));
      return setPrototypeOf(held, new.target ? new.target.prototype : type.prototype);
    };
    defineProperty(type, "name", { __proto__: null, value: name, configurable: true });
    hidden(type.prototype, { equals: function equals(other) { return kindOf(other) === kind && host.same(this, other); } });
    hidden(type.prototype, methods);
    defineProperty(type.prototype, "_bsontype", { __proto__: null, get: () => name === "ObjectId" ? "ObjectID" : name, configurable: true });
    types[kind] = type;
    return type;
  };
  const HEX24 = /^[0-9a-fA-F]{24}$/;
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
    equals(other) { return (kindOf(other) === "objectId" ? dataOf(other) : typeof other === "string" && lower(other)) === dataOf(this, "objectId"); },
    getTimestamp() { return new DateType(parseInt(cut(dataOf(this, "objectId"), 0, 8), 16) * 1000); },
    inspect() { return `ObjectId("${dataOf(this, "objectId")}")`; },
  });
  hidden(ObjectId, {
    isValid: (id) => kindOf(id) === "objectId" || (typeof id === "string" && matches(HEX24, id)),
    createFromHexString: (hex) => new ObjectId(hex),
  });
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
    equals(other) { const kind = kindOf(other) ?? typeof other; return (kind === "long" || kind === "bigint" || isInteger(other)) && whole(other) === dataOf(this, "long"); },
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
    return { pattern: `${pattern}`, options: flags === undefined ? "" : host.sorted(`${flags}`) };
  }, {
    get pattern() { return dataOf(this, "regex").pattern; },
    get options() { return dataOf(this, "regex").options; },
    get source() { return dataOf(this, "regex").pattern; },
    get flags() { return dataOf(this, "regex").options; },
    test(text) { const { pattern, options } = dataOf(this, "regex"); return new RegExpType(pattern, options.replace(/[^ims]/g, "")).test(text); },
    toString() { const { pattern, options } = dataOf(this, "regex"); return `/${pattern}/${options}`; },
    toJSON() { const { pattern, options } = dataOf(this, "regex"); return { Pattern: pattern, Options: options }; },
  });
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
  return { BSON };
})
