// BSON types, from the client to the store and back.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { BSON, client, confirmed } from "../harness/realm.mjs";
import { onEachStore } from "../harness/stores.mjs";

const { Binary, Decimal128, Double, EJSON, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } = BSON;

/** Values, and the JSON that the server must send for them. */
const values = {
  text: ["ü", "ü"],
  true: [true, true],
  null: [null, null],
  "a small whole number": [1, { $numberInt: "1" }],
  "an Int32": [new Int32(-2147483648), { $numberInt: "-2147483648" }],
  "a whole number beyond Int32": [Long.fromString("2147483648"), { $numberLong: "2147483648" }],
  "an Int64 beyond 2^53": [Long.fromString("9007199254740993"), { $numberLong: "9007199254740993" }],
  "a small Int64": [Long.fromNumber(1), { $numberLong: "1" }],
  "a fraction": [1.5, { $numberDouble: "1.5" }],
  "a whole double": [new Double(1), { $numberDouble: "1.0" }],
  "minus zero": [new Double(-0), { $numberDouble: "-0.0" }],
  infinity: [Infinity, { $numberDouble: "Infinity" }],
  "not a number": [NaN, { $numberDouble: "NaN" }],
  "a decimal": [Decimal128.fromString("0.10"), { $numberDecimal: "0.10" }],
  "an ObjectId": [new ObjectId("0123456789abcdef01234567"), { $oid: "0123456789abcdef01234567" }],
  "a date": [new Date(1700000000123), { $date: { $numberLong: "1700000000123" } }],
  "a date before 1970": [new Date(-1), { $date: { $numberLong: "-1" } }],
  bytes: [new Binary(Buffer.from([0, 1, 255])), { $binary: { base64: "AAH/", subType: "00" } }],
  "a UUID": [
    new UUID("00112233-4455-4677-8899-aabbccddeeff").toBinary(),
    { $binary: { base64: "ABEiM0RVRneImaq7zN3u/w==", subType: "04" } },
  ],
  "a regular expression": [/^a.b$/i, { $regularExpression: { pattern: "^a.b$", options: "i" } }],
  "a timestamp": [new Timestamp({ t: 4, i: 2 }), { $timestamp: { t: 4, i: 2 } }],
  "the least key": [new MinKey(), { $minKey: 1 }],
  "the greatest key": [new MaxKey(), { $maxKey: 1 }],
  "a list": [[1, [2.5, "a"], []], [{ $numberInt: "1" }, [{ $numberDouble: "2.5" }, "a"], []]],
  "a document": [{ b: 1, a: { c: null }, empty: {} }, { b: { $numberInt: "1" }, a: { c: null }, empty: {} }],
};

onEachStore(["market"], (server) => {
  let user, types;
  before(async () => {
    user = await confirmed(client(server, "market-abcde"), server);
    types = user.mongoClient("mongodb-atlas").db("shop").collection("types");
  });
  /** The body of the response to an action, as sent. */
  const raw = async (name, more) => {
    const body = { name, arguments: [{ database: "shop", collection: "types", ...more }], service: "mongodb-atlas" };
    const headers = { Authorization: `Bearer ${user.accessToken}` };
    const reply = await fetch(`${server.address}/api/client/v2.0/app/market-abcde/functions/call`, { method: "POST", headers, body: EJSON.stringify(body, { relaxed: false }) });
    assert.equal(reply.headers.get("content-type"), "application/json");
    return reply.json();
  };

  for (const [name, [value, sent]] of Object.entries(values)) {
    test(`${name} keeps its type`, async () => {
      await types.insertOne({ _id: name, value });
      assert.deepEqual(await raw("findOne", { query: { _id: name } }), { _id: name, value: sent });
      // The value that the client makes of it can be written back unchanged.
      await types.updateOne({ _id: name }, { $set: { again: (await types.findOne({ _id: name })).value } });
      if (!(value instanceof Double) && !(value instanceof Long)) {
        assert.deepEqual((await raw("findOne", { query: { _id: name } })).again, sent);
      }
    });
  }

  test("ids of every type are returned unchanged", async () => {
    const ids = [new ObjectId(), "an id", 5, Long.fromString("9007199254740993"), new Date(5), { a: 1 }, new UUID().toBinary()];
    for (const id of ids) {
      const reply = await raw("insertOne", { document: { _id: id, of: "ids" } });
      assert.deepEqual(reply, { insertedId: EJSON.serialize(id, { relaxed: false }) });
      assert.equal((await types.find({ _id: id })).length, 1);
    }
    assert.deepEqual(await types.deleteMany({ of: "ids" }), { deletedCount: ids.length });
  });

  test("counts are typed", async () => {
    await types.insertMany([{ of: "counts" }, { of: "counts" }]);
    const query = { of: "counts" };
    assert.deepEqual(await raw("count", { query }), { $numberLong: "2" });
    assert.deepEqual(await raw("updateMany", { query, update: { $set: { a: 1 } } }), { matchedCount: { $numberInt: "2" }, modifiedCount: { $numberInt: "2" } });
    assert.deepEqual(await raw("deleteMany", { query }), { deletedCount: { $numberInt: "2" } });
  });

  test("relaxed numbers and dates are accepted", async () => {
    const body = `{"name":"insertOne","service":"mongodb-atlas","arguments":[{"database":"shop","collection":"types",
      "document":{"_id":"relaxed","int":1,"long":4294967296,"double":1.5,"date":{"$date":"2020-01-01T00:00:00Z"}}}]}`;
    const headers = { Authorization: `Bearer ${user.accessToken}` };
    await fetch(`${server.address}/api/client/v2.0/app/market-abcde/functions/call`, { method: "POST", headers, body });
    assert.deepEqual(await raw("findOne", { query: { _id: "relaxed" } }), {
      _id: "relaxed",
      int: { $numberInt: "1" },
      long: { $numberLong: "4294967296" },
      double: { $numberDouble: "1.5" },
      date: { $date: { $numberLong: "1577836800000" } },
    });
  });

  test("operators of queries stay operators", async () => {
    await types.insertMany([{ _id: "q1", text: "Alpha" }, { _id: "q2", text: "beta" }, { _id: "q3", text: 1 }]);
    const found = async (text) => (await types.find({ _id: /^q/, text }, { sort: { _id: 1 } })).map(({ _id }) => _id);
    assert.deepEqual(await found({ $type: "string" }), ["q1", "q2"]);
    assert.deepEqual(await found({ $regex: "^a", $options: "i" }), ["q1"]);
    assert.deepEqual(await found(/^b/), ["q2"]);
    assert.deepEqual(await found({ $in: [/^A/, 1] }), ["q1", "q3"]);
  });

  test("sums keep their type", async () => {
    await types.insertMany([{ of: "sums", int: 1, long: Long.fromNumber(1) }, { of: "sums", int: 2, long: Long.fromNumber(2) }]);
    const pipeline = [{ $match: { of: "sums" } }, { $group: { _id: null, int: { $sum: "$int" }, long: { $sum: "$long" } } }];
    assert.deepEqual(await raw("aggregate", { pipeline }), [{ _id: null, int: { $numberInt: "3" }, long: { $numberLong: "3" } }]);
  });
});
