// All actions of realm-web on a collection that everyone may read and write.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { BSON, client, Credentials } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

onEachStore(["acceptance"], (server) => {
  let user, items, number = 0;
  beforeEach(async () => {
    user = await client(server, "acceptance-abcde").logIn(Credentials.anonymous());
    items = user.mongoClient("local-mongodb").db("acceptance").collection(`items${number++}`);
  });
  const numbers = () => items.insertMany([1, 2, 3, 4, 5].map((n) => ({ _id: n, n, kind: n % 2 ? "odd" : "even" })));
  const stored = async (filter = {}) => items.find(filter, { sort: { _id: 1 } });
  const ids = (documents) => documents.map(({ _id }) => _id);

  test("an empty collection", async () => {
    assert.deepEqual(await items.find(), []);
    assert.equal(await items.findOne(), null);
    assert.equal(await items.count(), 0);
    assert.deepEqual(await items.aggregate([{ $match: {} }]), []);
    assert.deepEqual(await items.deleteMany(), { deletedCount: 0 });
    assert.deepEqual(await items.updateMany({}, { $set: { a: 1 } }), { matchedCount: 0, modifiedCount: 0 });
    assert.equal(await items.findOneAndDelete(), null);
    assert.equal(await items.findOneAndUpdate({}, { $set: { a: 1 } }), null);
    assert.equal(await items.findOneAndReplace({}, { a: 1 }), null);
  });

  test("find filters, projects, sorts and limits", async () => {
    await numbers();
    assert.deepEqual(ids(await items.find({ kind: "odd" }, { sort: { n: -1 } })), [5, 3, 1]);
    assert.deepEqual(ids(await items.find({}, { sort: { kind: 1, n: -1 }, limit: 3 })), [4, 2, 5]);
    assert.deepEqual(await items.find({ n: { $gt: 4 } }, { projection: { _id: 0, n: 1 } }), [{ n: 5 }]);
    assert.deepEqual(await items.find({ n: 1 }, { projection: { kind: 0 } }), [{ _id: 1, n: 1 }]);
    assert.deepEqual(ids(await items.find({ $or: [{ n: 1 }, { n: { $in: [4, 9] } }] }, { sort: { _id: 1 } })), [1, 4]);
    assert.deepEqual(ids(await items.find({ n: { $not: { $lt: 4 } }, missing: { $exists: false } }, { sort: { _id: 1 } })), [4, 5]);
  });

  test("findOne sorts and projects", async () => {
    await numbers();
    assert.deepEqual(await items.findOne({ kind: "odd" }, { sort: { n: -1 } }), { _id: 5, n: 5, kind: "odd" });
    assert.deepEqual(await items.findOne({ n: 2 }, { projection: { _id: 1 } }), { _id: 2 });
    assert.equal(await items.findOne({ n: 9 }), null);
  });

  test("count filters and limits, and is an Int64", async () => {
    await numbers();
    assert.equal(await items.count(), 5);
    assert.equal(await items.count({ kind: "even" }), 2);
    assert.equal(await items.count({}, { limit: 3 }), 3);
    const argument = { database: "acceptance", collection: items.collectionName, query: {} };
    const reply = await fetch(`${server.address}/api/client/v2.0/app/acceptance-abcde/functions/call`, {
      method: "POST",
      headers: { Authorization: `Bearer ${user.accessToken}` },
      body: JSON.stringify({ name: "count", arguments: [argument], service: "local-mongodb" }),
    });
    assert.equal(await reply.text(), '{"$numberLong":"5"}');
  });

  test("aggregate", async () => {
    await numbers();
    const pipeline = [{ $match: { n: { $lt: 5 } } }, { $group: { _id: "$kind", sum: { $sum: "$n" } } }, { $sort: { _id: 1 } }];
    assert.deepEqual(await items.aggregate(pipeline), [{ _id: "even", sum: 6 }, { _id: "odd", sum: 4 }]);
    assert.deepEqual(await items.aggregate([{ $sort: { n: -1 } }, { $limit: 1 }, { $project: { _id: 0, n: 1 } }]), [{ n: 5 }]);
    await refused(items.aggregate([{ $who: {} }]), 400, "MongoDBError", /^Unrecognized pipeline stage name: '\$who'\./);
  });

  test("inserts return the ids with their type and in order", async () => {
    const { insertedId } = await items.insertOne({ a: 1 });
    assert.ok(insertedId instanceof BSON.ObjectId);
    assert.deepEqual(Object.keys(await items.insertOne({ a: 1 })), ["insertedId"]);
    const given = new BSON.ObjectId();
    assert.ok((await items.insertOne({ _id: given })).insertedId.equals(given));
    const many = await items.insertMany([{ _id: "x" }, { _id: 7 }, {}]);
    assert.deepEqual(Object.keys(many), ["insertedIds"]);
    assert.deepEqual(many.insertedIds.slice(0, 2), ["x", 7]);
    assert.ok(many.insertedIds[2] instanceof BSON.ObjectId);
    assert.equal(await items.count(), 6);
  });

  test("an empty insert, and duplicate keys", async () => {
    await refused(items.insertMany([]), 400, "InvalidParameter", "must provide at least one element");
    await items.insertOne({ _id: 1 });
    await refused(items.insertOne({ _id: 1 }), 400, "MongoDBError", /duplicate key error/i);
    await refused(items.insertMany([{ _id: 2 }, { _id: 1 }]), 400, "MongoDBError", /duplicate key error/i);
    assert.deepEqual(await stored(), [{ _id: 1 }]);
  });

  test("deletes", async () => {
    await numbers();
    assert.deepEqual(await items.deleteOne({ kind: "odd" }), { deletedCount: 1 });
    assert.deepEqual(await items.deleteMany({ kind: "even" }), { deletedCount: 2 });
    assert.deepEqual(await items.deleteOne({ kind: "even" }), { deletedCount: 0 });
    assert.deepEqual(await items.deleteMany(), { deletedCount: 2 });
  });

  test("updates with operators", async () => {
    await numbers();
    assert.deepEqual(await items.updateOne({ n: 1 }, { $set: { seen: true }, $inc: { n: 10 } }), { matchedCount: 1, modifiedCount: 1 });
    assert.deepEqual(await items.updateOne({ _id: 1 }, { $set: { seen: true } }), { matchedCount: 1, modifiedCount: 0 });
    assert.deepEqual(await items.updateMany({ kind: "even" }, { $unset: { kind: "" }, $push: { list: 1 } }), { matchedCount: 2, modifiedCount: 2 });
    assert.deepEqual(await stored({ _id: { $in: [1, 2] } }), [{ _id: 1, n: 11, kind: "odd", seen: true }, { _id: 2, n: 2, list: [1] }]);
    assert.deepEqual(await items.updateOne({ n: 99 }, { $set: { a: 1 } }), { matchedCount: 0, modifiedCount: 0 });
    await refused(items.updateOne({ _id: 1 }, { $who: { a: 1 } }), 400, "MongoDBError", /Unknown modifier: \$who/);
    await refused(items.find({ $who: 1 }), 400, "MongoDBError", /unknown top level operator: \$who/);
  });

  test("updates of array elements by filters", async () => {
    await items.insertOne({ _id: 1, list: [{ n: 1 }, { n: 5 }, { n: 9 }] });
    await items.updateOne({ _id: 1 }, { $set: { "list.$[one].big": true } }, { arrayFilters: [{ "one.n": { $gt: 4 } }] });
    assert.deepEqual((await items.findOne()).list, [{ n: 1 }, { n: 5, big: true }, { n: 9, big: true }]);
  });

  test("upserts return the id of new documents only", async () => {
    const made = await items.updateOne({ key: "a" }, { $set: { n: 1 } }, { upsert: true });
    assert.deepEqual(Object.keys(made).sort(), ["matchedCount", "modifiedCount", "upsertedId"]);
    assert.ok(made.upsertedId instanceof BSON.ObjectId);
    assert.deepEqual([made.matchedCount, made.modifiedCount], [0, 0]);
    const { _id: id, ...rest } = await items.findOne({ key: "a" });
    assert.ok(id.equals(made.upsertedId));
    assert.deepEqual(rest, { key: "a", n: 1 });
    assert.deepEqual(await items.updateOne({ key: "a" }, { $set: { n: 2 } }, { upsert: true }), { matchedCount: 1, modifiedCount: 1 });
    const many = await items.updateMany({ _id: 7 }, { $set: { n: 7 } }, { upsert: true });
    assert.deepEqual(many, { matchedCount: 0, modifiedCount: 0, upsertedId: 7 });
  });

  test("updates without operators replace", async () => {
    await numbers();
    assert.deepEqual(await items.updateOne({ n: 1 }, { a: 1 }), { matchedCount: 1, modifiedCount: 1 });
    assert.deepEqual(await items.updateMany({ kind: "even" }, { b: 1 }), { matchedCount: 2, modifiedCount: 2 });
    assert.deepEqual(await stored({ _id: { $in: [1, 2, 4] } }), [{ _id: 1, a: 1 }, { _id: 2, b: 1 }, { _id: 4, b: 1 }]);
    assert.deepEqual(await items.updateOne({ _id: 1 }, {}), { matchedCount: 1, modifiedCount: 1 });
    assert.deepEqual(await items.findOne({ _id: 1 }), { _id: 1 });
  });

  test("findOneAndUpdate returns the old document or the new one", async () => {
    await numbers();
    assert.deepEqual(await items.findOneAndUpdate({ n: 1 }, { $inc: { n: 100 } }), { _id: 1, n: 1, kind: "odd" });
    const changed = await items.findOneAndUpdate({ kind: "odd" }, { $set: { first: true } }, { sort: { n: -1 }, returnNewDocument: true });
    assert.deepEqual(changed, { _id: 1, n: 101, kind: "odd", first: true });
    const projected = await items.findOneAndUpdate({ n: 2 }, { $set: { a: 1 } }, { projection: { _id: 0, n: 1 } });
    assert.deepEqual(projected, { n: 2 });
    assert.equal(await items.findOneAndUpdate({ n: 9 }, { $set: { a: 1 } }), null);
  });

  test("findOneAndUpdate upserts, and a replacement does not take fields from the filter", async () => {
    assert.equal(await items.findOneAndUpdate({ key: "a" }, { $set: { n: 1 } }, { upsert: true }), null);
    const { _id: _, ...rest } = await items.findOne({ key: "a" });
    assert.deepEqual(rest, { key: "a", n: 1 });
    const made = await items.findOneAndUpdate({ key: "b" }, { n: 2 }, { upsert: true, returnNewDocument: true });
    const { _id: id, ...plain } = made;
    assert.ok(id instanceof BSON.ObjectId);
    assert.deepEqual(plain, { n: 2 });
  });

  test("findOneAndReplace returns the old document or the new one", async () => {
    await numbers();
    assert.deepEqual(await items.findOneAndReplace({ n: 1 }, { a: 1 }), { _id: 1, n: 1, kind: "odd" });
    assert.deepEqual(await items.findOneAndReplace({ kind: "odd" }, { a: 2 }, { sort: { n: -1 }, returnNewDocument: true }), { _id: 5, a: 2 });
    assert.deepEqual(await items.findOneAndReplace({ n: 2 }, { a: 3 }, { projection: { kind: 1, _id: 0 } }), { kind: "even" });
    assert.equal(await items.findOneAndReplace({ n: 99 }, { a: 4 }), null);
    assert.deepEqual(await items.findOneAndReplace({ _id: "new" }, { a: 5 }, { upsert: true, returnNewDocument: true }), { _id: "new", a: 5 });
    const text = "the replace operation document must not contain atomic operators";
    await refused(items.findOneAndReplace({ _id: 1 }, { $set: { a: 1 } }), 400, "InvalidParameter", text);
  });

  test("findOneAndDelete deletes and returns a document", async () => {
    await numbers();
    assert.deepEqual(await items.findOneAndDelete({ kind: "odd" }, { sort: { n: -1 } }), { _id: 5, n: 5, kind: "odd" });
    assert.deepEqual(await items.findOneAndDelete({ n: 1 }, { projection: { _id: 0, kind: 1 } }), { kind: "odd" });
    assert.equal(await items.findOneAndDelete({ n: 99 }), null);
    assert.deepEqual(ids(await stored()), [2, 3, 4]);
  });

  test("strings and field names of every kind", async () => {
    const text = "100 % \u0000 \n\r\t \"quoted\" \\ ü € 😀 </script>";
    const document = { _id: 1, text, "a key with spaces": 1, ключ: 2, nested: { "": 0 } };
    await items.insertOne(document);
    assert.deepEqual(await items.findOne({ text }), document);
    const other = user.mongoClient("local-mongodb").db("acceptance").collection("a.dotted.name");
    await other.insertOne({ _id: number });
    assert.deepEqual(await other.findOne({ _id: number }), { _id: number });
  });

  test("unknown services and actions", async () => {
    const other = user.mongoClient("another").db("acceptance").collection("items");
    await refused(other.insertOne({ a: 1 }), 400, "FunctionExecutionError", "Cannot access member 'insertOne' of undefined");
    for (const name of ["distinct", "bulkWrite", "drop"]) {
      const call = items.functions.callFunction(name, { database: "acceptance", collection: "items" });
      await refused(call, 400, "ServiceCommandNotFound", /./);
    }
  });

  test("invalid arguments change nothing", async () => {
    await numbers();
    const call = (name, more) => items.functions.callFunction(name, { database: "acceptance", collection: items.collectionName, ...more });
    const wrong = [
      ["deleteMany", { query: [] }],
      ["deleteMany", { query: "x" }],
      ["deleteMany", { filter: { n: 1 } }],
      ["updateMany", { query: {} }],
      ["updateMany", { query: {}, update: 1 }],
      ["insertOne", {}],
      ["insertOne", { document: [1] }],
      ["insertMany", { documents: {} }],
      ["aggregate", { pipeline: {} }],
      ["find", { query: { n: { $gt: 1, $who: 2 } } }],
      ["find", { limit: "x" }],
    ];
    for (const [name, more] of wrong) {
      await assert.rejects(call(name, more), ({ statusCode }) => statusCode === 400, `${name} ${JSON.stringify(more)}`);
    }
    assert.equal(await items.count(), 5);
  });

  test("the database does not run code from clients", async () => {
    await numbers();
    await assert.rejects(items.find({ $where: "true" }), ({ statusCode }) => statusCode === 400);
    await assert.rejects(items.aggregate([{ $out: "another" }]), ({ statusCode }) => statusCode === 400);
    await assert.rejects(items.aggregate([{ $lookup: { from: "x", localField: "a", foreignField: "b", as: "c" } }]), ({ statusCode }) => statusCode === 400);
  });
});
