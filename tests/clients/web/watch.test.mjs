// Change streams: of the events requested, users receive what they may know.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createWithPreImages } from "../harness/mongodb.mjs";
import { Changes, client, confirmed, Credentials, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

onEachStore(["acceptance", "market"], (server, store) => {
  const isMongo = store === "MongoDB";
  const seen = ({ operationType, documentKey, fullDocument }) => [operationType, documentKey._id, fullDocument];
  const named = async (name) => {
    const app = client(server, "acceptance-abcde");
    const user = await app.logIn(Credentials.anonymous());
    return [app, user.mongoClient("local-mongodb").db("watched").collection(name), user];
  };

  test("inserts are delivered in order, with all fields that clients expect", async () => {
    const [app, items] = await named("inserts");
    const changes = await Changes.open(app, items);
    await items.insertOne({ _id: 1, text: "100 % \n \r %25 %0A ü" });
    await items.insertMany([{ _id: 2 }, { _id: 3 }]);
    const { _id: id, operationType, ns, documentKey, fullDocument, clusterTime } = await changes.next();
    assert.equal(typeof id, "object");
    assert.deepEqual({ operationType, ns, documentKey, fullDocument }, {
      operationType: "insert",
      ns: { db: "watched", coll: "inserts" },
      documentKey: { _id: 1 },
      fullDocument: { _id: 1, text: "100 % \n \r %25 %0A ü" },
    });
    assert.equal(clusterTime._bsontype, "Timestamp");
    assert.deepEqual(seen(await changes.next()), ["insert", 2, { _id: 2 }]);
    assert.deepEqual(seen(await changes.next()), ["insert", 3, { _id: 3 }]);
    await changes.close();
  });

  const writes = async (name, prepare = () => {}) => {
    const [app, items] = await named(name);
    await prepare("watched", name);
    await items.insertOne({ _id: 1, a: 1, b: 1 });
    const changes = await Changes.open(app, items);
    await items.updateOne({ _id: 1 }, { $set: { a: 2 }, $unset: { b: "" } });
    await items.updateOne({ _id: 1 }, { c: 1 });
    await items.deleteOne({ _id: 1 });
    const update = await changes.next();
    assert.equal(update.operationType, "update");
    assert.deepEqual(update.fullDocument, { _id: 1, a: 2 });
    assert.deepEqual(update.updateDescription.updatedFields, { a: 2 });
    assert.deepEqual(update.updateDescription.removedFields, ["b"]);
    assert.deepEqual(seen(await changes.next()), ["replace", 1, { _id: 1, c: 1 }]);
    const { fullDocument, ...deletion } = await changes.next();
    assert.deepEqual([deletion.operationType, deletion.documentKey, fullDocument], ["delete", { _id: 1 }, undefined]);
    await changes.close();
  };

  test("updates, replacements and deletions are delivered", async () => {
    await writes("writes", isMongo ? createWithPreImages : undefined);
  });

  test("without pre-images, changes of documents that every user may read are delivered", { skip: !isMongo }, async () => {
    await writes("unkept");
  });

  test("a stream of ids delivers changes of those documents only", async () => {
    const [app, items] = await named("ids");
    const changes = await Changes.open(app, items, { ids: [2, "x"] });
    await items.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }, { _id: "x" }]);
    assert.deepEqual(seen(await changes.next()), ["insert", 2, { _id: 2 }]);
    assert.deepEqual(seen(await changes.next()), ["insert", "x", { _id: "x" }]);
    await changes.close();
  });

  test("a stream with a filter delivers matching events", async () => {
    const [app, items] = await named("filters");
    const filter = { $or: [{ "fullDocument.n": { $gt: 2 } }, { "documentKey._id": 1 }], operationType: "insert" };
    const changes = await Changes.open(app, items, { filter });
    await items.insertMany([{ _id: 1, n: 1 }, { _id: 2, n: 2 }, { _id: 3, n: 3 }]);
    assert.deepEqual(seen(await changes.next()), ["insert", 1, { _id: 1, n: 1 }]);
    assert.deepEqual(seen(await changes.next()), ["insert", 3, { _id: 3, n: 3 }]);
    await changes.close();
  });

  test("ids and a filter exclude each other", async () => {
    const [app, items] = await named("both");
    await refused(Changes.open(app, items, { ids: [1], filter: { operationType: "insert" } }), 400, "BadRequest", /./);
    await assert.rejects(Changes.open(app, items, { filter: { $who: 1 } }), ({ statusCode }) => statusCode === 400);
  });

  test("only watch can be streamed", async () => {
    const [, items] = await named("others");
    await refused(items.functions.callFunctionStreaming("find", { database: "watched", collection: "others" }), 400, "BadRequest", /./);
  });

  test("a forged token is renewed before the stream begins", async () => {
    const [app, items, user] = await named("forged");
    user.accessToken = `${user.accessToken.slice(0, -4)}AAAA`;
    const changes = await Changes.open(app, items);
    await items.insertOne({ _id: 1 });
    assert.deepEqual(seen(await changes.next()), ["insert", 1, { _id: 1 }]);
    const streams = app.requests.filter(({ search }) => search.includes("baas_request")).map(({ status }) => status);
    assert.deepEqual(streams, [401, 200]);
    await changes.close();
  });

  test("the token of native clients is taken from the query", async () => {
    const [app, items, user] = await named("native");
    const changes = await Changes.open(app, items);
    const { path, search } = app.requests.at(-1);
    assert.match(search, /^\?baas_request=/);
    const reply = await fetch(`${server.address}${path}${search}&baas_at=${user.accessToken}`);
    assert.equal(reply.status, 200);
    const { headers } = reply;
    assert.deepEqual([headers.get("content-type"), headers.get("cache-control")], ["text/event-stream", "no-cache"]);
    const reader = reply.body.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    assert.match(first, /^:/);
    await reader.cancel();
    await changes.close();
  });

  test("a stream ends with an error when its session ends", async () => {
    const [app, items, user] = await named("sessions");
    const [, other] = await named("sessions");
    const changes = await Changes.open(app, items);
    await user.logOut();
    await other.insertOne({ _id: 1 });
    assert.equal(await changes.next(), undefined);
    assert.equal(changes.failure.code ?? changes.failure.error_code, "InvalidSession");
  });

  test("a stream of a user who may read nothing delivers nothing", async () => {
    const app = client(server, "market-abcde");
    const user = await confirmed(app, server);
    const unknown = user.mongoClient("mongodb-atlas").db("shop").collection("unknown");
    await refused(Changes.open(app, unknown), 403, "NoMatchingRuleFound", /./);
  });

  test("streams deliver only what the rules permit to read", async () => {
    const owner = await confirmed(client(server, "market-abcde"), server, "owner@shop.example");
    const of = (user, name) => user.mongoClient("mongodb-atlas").db("shop").collection(name);
    const staff = await confirmed(client(server, "market-abcde"), server);
    await of(owner, "users").insertOne({ user_id: staff.id, role: "staff" });
    await staff.refreshCustomData();
    const app = client(server, "market-abcde");
    const reader = await confirmed(app, server);
    const changes = await Changes.open(app, of(reader, "feed"));
    const feed = of(staff, "feed");
    await feed.insertMany([
      { _id: 1, public: true, text: "a", source: "s" },
      { _id: 2, public: false, text: "b" },
      { _id: 3, text: "c" },
      { _id: 4, public: true, text: "d" },
    ]);
    assert.deepEqual(seen(await changes.next()), ["insert", 1, { _id: 1, public: true, text: "a" }]);
    assert.deepEqual(seen(await changes.next()), ["insert", 4, { _id: 4, public: true, text: "d" }]);
    await changes.close();
    // Filters apply to visible fields, not to hidden ones.
    const asking = await Changes.open(app, of(reader, "feed"), { filter: { "fullDocument.source": "s" } });
    const all = await Changes.open(app, of(reader, "feed"), { filter: { "fullDocument.text": { $exists: true } } });
    await feed.insertMany([{ _id: 5, public: true, text: "e", source: "s" }, { _id: 6, public: true, text: "f", source: "s" }]);
    assert.equal((await all.next()).documentKey._id, 5);
    assert.equal((await all.next()).documentKey._id, 6);
    await all.close();
    await asking.close();
    assert.equal(await asking.next(), undefined);
  });

  test("closing one stream does not affect others", async () => {
    const [app, items] = await named("closed");
    const [first, second] = [await Changes.open(app, items), await Changes.open(app, items)];
    await first.close();
    await items.insertOne({ _id: 1 });
    assert.deepEqual(seen(await second.next()), ["insert", 1, { _id: 1 }]);
    assert.equal(await first.next(), undefined);
    await second.close();
  });

  test("a new user may watch immediately", async () => {
    const app = client(server, "acceptance-abcde");
    const user = await somebody(app);
    const items = user.mongoClient("local-mongodb").db("watched").collection("new");
    const began = performance.now();
    const changes = await Changes.open(app, items);
    assert.ok(performance.now() - began < 5000);
    await changes.close();
  });
});
