// The older client: logins, links, keys, collections, streams and functions.
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { newAddress, password } from "../harness/realm.mjs";
import { secrets } from "../harness/server.mjs";
import * as Stitch from "../harness/stitch.mjs";
import { closeStitchClients, stitchClient } from "../harness/stitch.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { inMinutes, sign } from "../harness/tokens.mjs";

onEachStore(["notes", "acceptance"], (server) => {
  after(closeStitchClients);
  const streams = [];
  const watched = async (opening) => {
    const stream = await inTime(opening);
    streams.push(stream);
    return { next: () => inTime(stream.next()) };
  };
  /** Awaits a promise for at most ten seconds. */
  const inTime = async (promise) => {
    const late = new AbortController();
    const ends = setTimeout(10_000, undefined, late).then(() => assert.fail("nothing came within ten seconds"), () => {});
    return Promise.race([promise, ends]).finally(() => late.abort());
  };
  // The client reopens streams that are not closed indefinitely. It drops changes for which nobody is waiting, so tests start waiting
  // before they make a change.
  afterEach(() => streams.splice(0).forEach((stream) => stream.close()));
  const registered = async (client, email = newAddress()) => {
    await client.auth.getProviderClient(Stitch.UserPasswordAuthProviderClient.factory).registerWithEmail(email, password);
    return new Stitch.UserPasswordCredential(email, password);
  };
  const items = (client, name) => {
    const source = client.getServiceClient(Stitch.RemoteMongoClient.factory, "local-mongodb");
    return source.db("stitch").collection(name);
  };
  const somebody = async () => {
    const client = stitchClient(server, "acceptance-abcde");
    return [client, await client.auth.loginWithCredential(new Stitch.AnonymousCredential())];
  };
  const types = (user) => user.identities.map(({ providerType }) => providerType);
  const fails = (promise, name) => assert.rejects(promise, (error) => assert.equal(error.errorCodeName, name, error.stack) ?? true);

  test("an anonymous user logs in, links an address and logs out", async () => {
    const [client, user] = await somebody();
    assert.match(user.id, /^[0-9a-f]{24}$/);
    assert.equal(user.loggedInProviderType, "anon-user");
    assert.equal(user.userType, "normal");
    const credential = await registered(client);
    const linked = await user.linkWithCredential(credential);
    assert.equal(linked.id, user.id);
    assert.deepEqual(types(linked), ["anon-user", "local-userpass"]);
    assert.equal(linked.profile.email, credential.username);
    await client.auth.logout();
    assert.equal(client.auth.isLoggedIn, false);
    assert.equal((await client.auth.loginWithCredential(credential)).id, user.id);
  });

  test("a user with a password, and wrong passwords", async () => {
    const client = stitchClient(server, "acceptance-abcde");
    const credential = await registered(client);
    const user = await client.auth.loginWithCredential(credential);
    assert.equal(user.loggedInProviderType, "local-userpass");
    assert.equal(user.profile.email, credential.username);
    const wrong = new Stitch.UserPasswordCredential(credential.username, "a wrong password");
    await assert.rejects(client.auth.loginWithCredential(wrong), /unauthorized/);
    await assert.rejects(registered(client, credential.username), /name already in use/);
  });

  test("keys, and a login with a key", async () => {
    const client = stitchClient(server, "acceptance-abcde");
    const user = await client.auth.loginWithCredential(await registered(client));
    const keys = client.auth.getProviderClient(Stitch.UserApiKeyAuthProviderClient.factory);
    const made = await keys.createApiKey("my-key");
    assert.deepEqual((await keys.fetchApiKeys()).map(({ name, disabled }) => [name, disabled]), [["my-key", false]]);
    assert.equal((await keys.fetchApiKey(made.id)).key, undefined);
    await keys.disableApiKey(made.id);
    assert.equal((await keys.fetchApiKey(made.id)).disabled, true);
    await keys.enableApiKey(made.id);
    const same = await stitchClient(server, "acceptance-abcde").auth.loginWithCredential(new Stitch.UserApiKeyCredential(made.key));
    assert.equal(same.id, user.id);
    await keys.deleteApiKey(made.id);
    await assert.rejects(keys.fetchApiKey(made.id), /API key not found/);
  });

  test("a third-party token", async () => {
    const client = stitchClient(server, "acceptance-abcde");
    const token = sign({ aud: "acceptance-abcde", sub: newAddress(), exp: inMinutes(5), secret: "s" }, secrets.acceptanceTokens);
    assert.equal((await client.auth.loginWithCredential(new Stitch.CustomCredential(token))).loggedInProviderType, "custom-token");
  });

  test("several users of one client", async () => {
    const client = stitchClient(server, "acceptance-abcde");
    const first = await client.auth.loginWithCredential(await registered(client));
    const second = await client.auth.loginWithCredential(await registered(client));
    assert.deepEqual(client.auth.listUsers().map(({ id }) => id).sort(), [first.id, second.id].sort());
    assert.equal(client.auth.user.id, second.id);
    client.auth.switchToUserWithId(first.id);
    await items(client, "users").insertOne({ of: first.id });
    await client.auth.removeUserWithId(second.id);
    assert.deepEqual(client.auth.listUsers().map(({ id }) => id), [first.id]);
  });

  test("custom data is renewed", async () => {
    const client = stitchClient(server, "notes-abcde");
    const email = newAddress();
    const user = await client.auth.loginWithCredential(await registered(client, email));
    assert.ok(!user.customData || Object.keys(user.customData).length === 0);
    const admin = stitchClient(server, "notes-abcde");
    await admin.auth.loginWithCredential(await registered(admin, "admin@example.com"));
    const source = admin.getServiceClient(Stitch.RemoteMongoClient.factory, "mongodb-atlas");
    await source.db("notes").collection("users").insertOne({ user_id: user.id, level: 3 });
    await client.auth.refreshCustomData();
    assert.equal(Number(client.auth.user.customData.level?.$numberInt ?? client.auth.user.customData.level), 3);
  });

  test("a collection is written and read", async () => {
    const [client] = await somebody();
    const numbers = items(client, "numbers");
    assert.equal((await numbers.insertOne({ _id: 1, n: 1 })).insertedId, 1);
    const { insertedIds } = await numbers.insertMany([{ _id: 2, n: 2 }, { _id: 3, n: 3 }]);
    assert.deepEqual(Object.values(insertedIds), [2, 3]);
    assert.equal(Number(await numbers.count()), 3);
    assert.equal(Number(await numbers.count({ n: { $gt: 1 } }, { limit: 1 })), 1);
    assert.deepEqual(await numbers.find({ n: { $gt: 1 } }, { sort: { n: -1 }, projection: { _id: 0, n: 1 } }).toArray(), [{ n: 3 }, { n: 2 }]);
    assert.deepEqual(await numbers.find({}, { sort: { n: 1 }, limit: 1 }).first(), { _id: 1, n: 1 });
    assert.deepEqual(await numbers.findOne({ n: 2 }), { _id: 2, n: 2 });
    assert.equal(await numbers.findOne({ n: 9 }), null);
    assert.deepEqual(await numbers.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]).toArray(), [{ _id: null, n: 6 }]);
    const { matchedCount, modifiedCount } = await numbers.updateMany({ n: { $gt: 1 } }, { $set: { seen: true } });
    assert.deepEqual([matchedCount, modifiedCount], [2, 2]);
    assert.equal((await numbers.updateOne({ _id: 4 }, { $set: { n: 4 } }, { upsert: true })).upsertedId, 4);
    assert.deepEqual(await numbers.findOneAndUpdate({ _id: 1 }, { $inc: { n: 10 } }, { returnNewDocument: true }), { _id: 1, n: 11 });
    assert.deepEqual(await numbers.findOneAndReplace({ _id: 1 }, { a: 1 }), { _id: 1, n: 11 });
    assert.deepEqual(await numbers.findOneAndDelete({ _id: 1 }), { _id: 1, a: 1 });
    assert.equal(Number((await numbers.deleteOne({ _id: 2 })).deletedCount), 1);
    assert.equal(Number((await numbers.deleteMany({})).deletedCount), 2);
  });

  test("errors have their codes", async () => {
    const [client] = await somebody();
    await items(client, "errors").insertOne({ _id: 1 });
    await fails(items(client, "errors").insertOne({ _id: 1 }), "MongoDBError");
    await fails(client.callFunction("unknown", []), "FunctionNotFound");
  });

  test("a stream delivers inserts", async () => {
    const [client] = await somebody();
    const changes = await watched(items(client, "watched").watch());
    const told = changes.next();
    await items(client, "watched").insertOne({ _id: 1, text: "100 %" });
    const { operationType, fullDocument } = await told;
    assert.deepEqual([operationType, fullDocument], ["insert", { _id: 1, text: "100 %" }]);
  });

  test("a stream of ids, and a stream with a filter", async () => {
    const [client] = await somebody();
    const byId = await watched(items(client, "asked").watch([2]));
    const byFilter = await watched(items(client, "asked").watch({ "fullDocument.n": 3 }));
    const told = [byId.next(), byFilter.next()];
    await items(client, "asked").insertMany([{ _id: 1, n: 1 }, { _id: 2, n: 2 }, { _id: 3, n: 3 }]);
    assert.deepEqual((await Promise.all(told)).map(({ documentKey }) => documentKey._id), [2, 3]);
  });

  test("the request before a stream ends", async () => {
    const [client] = await somebody();
    const { accessToken } = client.auth.authInfo;
    const call = { name: "watch", service: "local-mongodb", arguments: [{ database: "stitch", collection: "watched" }] };
    const request = encodeURIComponent(Buffer.from(JSON.stringify(call)).toString("base64"));
    const url = `${server.address}/api/client/v2.0/app/acceptance-abcde/functions/call?stitch_request=${request}&stitch_at=${accessToken}&stitch_validate=true`;
    const reply = await fetch(url, { signal: AbortSignal.timeout(3000) });
    assert.equal(Math.floor(reply.status / 100), 2);
    await reply.text();
    const forged = await fetch(url.replace(accessToken, "forged"), { signal: AbortSignal.timeout(3000) });
    assert.equal(forged.status, 401);
  });

  test("a compact stream", async () => {
    const [client] = await somebody();
    const changes = await watched(items(client, "compact").watchCompact([1]));
    const told = changes.next();
    await items(client, "compact").insertOne({ _id: 1, n: 1 });
    assert.equal((await told).documentKey._id, 1);
  });

  test("a function is called", async () => {
    const [client] = await somebody();
    assert.equal(await client.callFunction("translate", ["hello", "de"]), "hallo");
    const username = newAddress();
    const user = await client.auth.loginWithCredential(new Stitch.FunctionCredential({ username }));
    assert.equal(user.loggedInProviderType, "custom-function");
  });
});
