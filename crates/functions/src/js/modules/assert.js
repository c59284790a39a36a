// Node's module `assert`.
"use strict";
class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message);
    Object.assign(this, { actual, expected, operator, code: "ERR_ASSERTION", generatedMessage: false });
  }
  get name() { return "AssertionError"; }
}
const fail = (message, preset, actual, expected, operator) => {
  if (message instanceof Error) throw message;
  throw new AssertionError({ message: message === undefined ? preset : message, actual, expected, operator });
};
const equal = (a, b, strict, seen = new Map()) => {
  if (strict ? Object.is(a, b) : a == b || (a !== a && b !== b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (internal.kindOf(a) !== undefined) return a.equals(b);
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof RegExp && b instanceof RegExp) return `${a}` === `${b}`;
  if (a instanceof Error && b instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Map || a instanceof Set) return b.constructor === a.constructor && a.size === b.size && equal([...a], [...b], strict, seen);
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.prototype.hasOwnProperty.call(b, key) && equal(a[key], b[key], strict, seen));
};
const fits = (error, expected) => {
  if (expected === undefined || typeof expected === "string") return true;
  if (expected instanceof RegExp) return expected.test(`${error}`);
  if (typeof expected === "function") return expected.prototype !== undefined && error instanceof expected ? true : !(Error.isPrototypeOf(expected) || expected === Error) && expected(error) === true;
  return Object.keys(expected).every((key) => (expected[key] instanceof RegExp ? expected[key].test(error[key]) : equal(error[key], expected[key], true)));
};
const assert = (value, message) => { if (!value) fail(message, "The expression evaluated to a falsy value", value, true, "=="); };
assert.ok = assert;
assert.AssertionError = AssertionError;
assert.fail = (message = "Failed") => fail(message, "Failed");
const define = (name, test, words) => { assert[name] = (actual, expected, message) => { if (!test(actual, expected)) fail(message, `Expected values to be ${words}`, actual, expected, name); }; };
define("equal", (a, b) => a == b || (a !== a && b !== b), "loosely equal");
define("notEqual", (a, b) => a != b, "loosely unequal");
define("strictEqual", (a, b) => Object.is(a, b), "strictly equal");
define("notStrictEqual", (a, b) => !Object.is(a, b), "strictly unequal");
define("deepEqual", (a, b) => equal(a, b, false), "loosely deep-equal");
define("deepStrictEqual", (a, b) => equal(a, b, true), "strictly deep-equal");
define("notDeepEqual", (a, b) => !equal(a, b, false), "not loosely deep-equal");
define("notDeepStrictEqual", (a, b) => !equal(a, b, true), "not strictly deep-equal");
define("match", (text, pattern) => pattern.test(text), "a match");
define("doesNotMatch", (text, pattern) => !pattern.test(text), "no match");
assert.throws = (body, expected, message) => {
  try { body(); } catch (error) { if (fits(error, expected)) return; throw error; }
  fail(typeof expected === "string" ? expected : message, "Missing expected exception");
};
assert.doesNotThrow = (body) => { body(); };
assert.rejects = async (body, expected, message) => {
  try { await (typeof body === "function" ? body() : body); } catch (error) { if (fits(error, expected)) return; throw error; }
  fail(typeof expected === "string" ? expected : message, "Missing expected rejection");
};
assert.doesNotReject = async (body) => { await (typeof body === "function" ? body() : body); };
assert.ifError = (value) => { if (value !== null && value !== undefined) throw value; };
assert.strict = assert;
module.exports = assert;
