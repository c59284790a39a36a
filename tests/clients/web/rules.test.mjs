// Collections with rules: what users cannot see and may not do.
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { BSON, client, confirmed } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

onEachStore(["market"], (server) => {
  let ken, eve, staff;
  const of = (user, name) => user.mongoClient("mongodb-atlas").db("shop").collection(name);
  before(async () => {
    const app = () => client(server, "market-abcde");
    const users = of(await confirmed(app(), server, "owner@shop.example"), "users");
    [ken, eve, staff] = [await confirmed(app(), server), await confirmed(app(), server), await confirmed(app(), server)];
    await users.insertOne({ user_id: staff.id, role: "staff" });
    await staff.refreshCustomData();
  });
  beforeEach(async () => {
    await of(staff, "orders").deleteMany();
    await of(staff, "orders").insertMany([
      { _id: "k1", owner: ken.id, n: 1, cost: 30, status: "paid", lines: [{ a: 1 }] },
      { _id: "k2", owner: ken.id, n: 2, cost: 20 },
      { _id: "e1", owner: eve.id, n: 3, cost: 10 },
    ]);
  });
  const stored = (id) => of(staff, "orders").findOne({ _id: id });
  const ids = (documents) => documents.map(({ _id }) => _id);
  const not = (promise, what) => refused(promise, 400, "NoMatchingRuleFound", `${what} not permitted`);

  test("documents of other users are not found, counted or grouped", async () => {
    const orders = of(ken, "orders");
    assert.deepEqual(ids(await orders.find({}, { sort: { _id: 1 } })), ["k1", "k2"]);
    assert.equal(await orders.findOne({ _id: "e1" }), null);
    assert.equal(await orders.count(), 2);
    assert.equal(await orders.count({ owner: eve.id }), 0);
    assert.deepEqual(await orders.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]), [{ _id: null, n: 3 }]);
    assert.deepEqual(await orders.aggregate([{ $count: "all" }]), [{ all: 2 }]);
    assert.equal(await of(staff, "orders").count(), 3);
  });

  test("a hidden field is not revealed in any way", async () => {
    const orders = of(ken, "orders");
    assert.deepEqual(await orders.findOne({ _id: "k1" }), { _id: "k1", owner: ken.id, n: 1, status: "paid", lines: [{ a: 1 }] });
    assert.deepEqual(await orders.find({ _id: "k2" }, { projection: { cost: 1 } }), [{ _id: "k2" }]);
    // Filters, sort orders and groups do not depend on it.
    assert.deepEqual(await orders.find({ cost: { $gt: 0 } }), []);
    assert.deepEqual(await orders.find({ cost: 30 }), []);
    assert.equal(await orders.count({ cost: { $exists: true } }), 0);
    assert.deepEqual(ids(await orders.find({}, { sort: { cost: 1, _id: 1 } })), ["k1", "k2"]);
    assert.deepEqual(ids(await orders.find({}, { sort: { cost: -1, _id: -1 } })), ["k2", "k1"]);
    assert.deepEqual(await orders.aggregate([{ $group: { _id: null, cost: { $sum: "$cost" } } }]), [{ _id: null, cost: 0 }]);
    assert.deepEqual(await orders.aggregate([{ $sort: { _id: 1 } }, { $project: { _id: 0, c: "$cost" } }]), [{}, {}]);
    assert.equal((await of(staff, "orders").findOne({ _id: "k1" })).cost, 30);
  });

  test("writes do not match documents of other users", async () => {
    const orders = of(ken, "orders");
    assert.deepEqual(await orders.updateOne({ _id: "e1" }, { $set: { n: 9 } }), { matchedCount: 0, modifiedCount: 0 });
    assert.deepEqual(await orders.updateMany({}, { $set: { seen: true } }), { matchedCount: 2, modifiedCount: 2 });
    assert.deepEqual(await orders.deleteOne({ _id: "e1" }), { deletedCount: 0 });
    assert.equal(await orders.findOneAndUpdate({ _id: "e1" }, { $set: { n: 9 } }), null);
    assert.equal(await orders.findOneAndReplace({ _id: "e1" }, { owner: ken.id }), null);
    assert.equal(await orders.findOneAndDelete({ _id: "e1" }), null);
    assert.deepEqual(await stored("e1"), { _id: "e1", owner: eve.id, n: 3, cost: 10 });
  });

  test("a write that includes a field that the user may not write is refused as a whole", async () => {
    const orders = of(ken, "orders");
    await not(orders.updateOne({ _id: "k1" }, { $set: { n: 9, status: "sent" } }), "update");
    await not(orders.updateOne({ _id: "k1" }, { $set: { cost: 0 } }), "update");
    await not(orders.updateOne({ _id: "k1" }, { $unset: { cost: "" } }), "update");
    await not(orders.updateMany({}, { $set: { status: "sent" } }), "update");
    await not(orders.findOneAndUpdate({ _id: "k1" }, { $set: { status: "sent" } }), "update");
    await not(orders.insertOne({ owner: ken.id, cost: 1 }), "insert");
    await not(orders.insertMany([{ _id: "new", owner: ken.id }, { owner: ken.id, status: "paid" }]), "insert");
    assert.deepEqual(await stored("k1"), { _id: "k1", owner: ken.id, n: 1, cost: 30, status: "paid", lines: [{ a: 1 }] });
    assert.equal(await of(staff, "orders").count(), 3);
  });

  test("a document is not given away or created for another user", async () => {
    const orders = of(ken, "orders");
    await not(orders.insertOne({ owner: eve.id }), "insert");
    await not(orders.updateOne({ _id: "k2" }, { $set: { owner: eve.id } }), "update");
    assert.equal((await stored("k2")).owner, ken.id);
  });

  test("a deletion requires write permission on every field", async () => {
    const orders = of(ken, "orders");
    for (const id of ["k1", "k2"]) {
      await not(orders.deleteOne({ _id: id }), "delete");
      await not(orders.findOneAndDelete({ _id: id }), "delete");
    }
    await orders.insertOne({ _id: "k3", owner: ken.id, n: 3 });
    await not(orders.deleteMany(), "delete");
    assert.equal(await of(staff, "orders").count(), 4);
    assert.deepEqual(await orders.deleteOne({ _id: "k3" }), { deletedCount: 1 });
    assert.equal(await orders.findOneAndDelete({ _id: "e1" }), null);
  });

  test("upserts insert only permitted documents", async () => {
    const orders = of(ken, "orders");
    const made = await orders.updateOne({ _id: "k3", owner: ken.id }, { $set: { n: 3 } }, { upsert: true });
    assert.deepEqual(made, { matchedCount: 0, modifiedCount: 0, upsertedId: "k3" });
    assert.deepEqual(await stored("k3"), { _id: "k3", owner: ken.id, n: 3 });
    await not(orders.updateOne({ _id: "k4", owner: eve.id }, { $set: { n: 3 } }, { upsert: true }), "insert");
    await not(orders.updateOne({ _id: "k4", owner: ken.id }, { $set: { cost: 3 } }, { upsert: true }), "insert");
    const document = await orders.findOneAndUpdate({ _id: "k5", owner: ken.id }, { $set: { n: 5 } }, { upsert: true, returnNewDocument: true });
    assert.deepEqual(document, { _id: "k5", owner: ken.id, n: 5 });
  });

  test("returned documents hide the same fields as found ones", async () => {
    const orders = of(ken, "orders");
    const old = await orders.findOneAndUpdate({ _id: "k2" }, { $set: { n: 22 } });
    assert.deepEqual(old, { _id: "k2", owner: ken.id, n: 2 });
    const changed = await orders.findOneAndUpdate({ _id: "k2" }, { $inc: { n: 1 } }, { returnNewDocument: true });
    assert.deepEqual(changed, { _id: "k2", owner: ken.id, n: 23 });
    assert.deepEqual(await orders.findOneAndUpdate({ _id: "k2" }, { $inc: { n: 1 } }, { projection: { cost: 1, n: 1 } }), { _id: "k2", n: 23 });
    await orders.insertOne({ _id: "k3", owner: ken.id, n: 3 });
    assert.deepEqual(await orders.findOneAndDelete({ _id: "k3" }), { _id: "k3", owner: ken.id, n: 3 });
  });

  test("a replacement does not remove fields that the user may not write", async () => {
    const orders = of(ken, "orders");
    for (const replace of [() => orders.findOneAndReplace({ _id: "k2" }, { owner: ken.id }), () => orders.updateOne({ _id: "k2" }, { owner: ken.id })]) {
      await replace().catch(() => {});
      assert.equal((await stored("k2")).cost, 20);
    }
  });

  test("a collection that is read only", async () => {
    const ledger = of(ken, "ledger");
    assert.deepEqual(await ledger.find(), []);
    await not(ledger.insertOne({ a: 1 }), "insert");
    await not(ledger.insertMany([{ a: 1 }]), "insert");
    await not(ledger.updateOne({ _id: 1 }, { $set: { a: 1 } }, { upsert: true }), "insert");
    assert.deepEqual(await ledger.updateMany({}, { $set: { a: 1 } }), { matchedCount: 0, modifiedCount: 0 });
  });

  test("a collection without rules", async () => {
    const unknown = of(ken, "unknown");
    for (const ask of [() => unknown.find(), () => unknown.count(), () => unknown.insertOne({}), () => unknown.deleteMany(), () => unknown.aggregate([])]) {
      await refused(ask(), 403, "NoMatchingRuleFound", /./);
    }
    const other = ken.mongoClient("mongodb-atlas").db("admin").collection("system.users");
    await assert.rejects(other.find(), ({ statusCode }) => statusCode === 403 || statusCode === 400);
  });

  test("a schema holds for every write", async () => {
    const stock = of(ken, "stock");
    const wrong = (promise) => refused(promise, 400, "SchemaValidationFailedWrite", /./);
    const { insertedId } = await stock.insertOne({ article: "a", pieces: 1 });
    await wrong(stock.insertOne({ article: 1, pieces: 1 }));
    await wrong(stock.insertOne({ article: "a" }));
    await wrong(stock.insertOne({ article: "a", pieces: new BSON.Double(1.5) }));
    await wrong(stock.insertMany([{ article: "b", pieces: 1 }, { article: "c", pieces: -1 }]));
    // Here, all users may read whole documents. Otherwise, a denied update would not say that the schema was violated.
    await wrong(stock.updateOne({ _id: insertedId }, { $inc: { pieces: -2 } }));
    await wrong(stock.updateMany({ article: "a" }, { $unset: { pieces: "" } }));
    await wrong(stock.findOneAndReplace({ _id: insertedId }, { article: "a" }));
    assert.deepEqual(await stock.find(), [{ _id: insertedId, article: "a", pieces: 1 }]);
  });

  test("a refused write to a hidden document looks like one to a missing document", async () => {
    const orders = of(ken, "orders");
    for (const id of ["e1", "nobody's"]) {
      const told = await orders.updateOne({ _id: id, owner: ken.id }, { $set: { n: 1 } });
      assert.deepEqual(told, { matchedCount: 0, modifiedCount: 0 }, id);
      assert.deepEqual(await orders.find({ _id: id }), [], id);
    }
  });
});
