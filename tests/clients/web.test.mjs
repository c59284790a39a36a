// realm-web, unchanged, against `portcullis serve` on the embedded store, and on MongoDB where PORTCULLIS_TEST_MONGODB names a replica set.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

const Realm = createRequire(import.meta.url)("realm-web");
const root = new URL("../..", import.meta.url).pathname;
const command = process.env.PORTCULLIS ?? join(root, "target/debug/portcullis");
const { Credentials } = Realm;

/** Starts a server; it is ready when it says where it listens. */
async function serve(state, store) {
  const args = ["serve", "--app", join(root, "fixtures/served/notes"), "--state", state, "--listen", "127.0.0.1:0"];
  const child = spawn(command, store ? [...args, "--store", store, "--mongodb-database", `clients_${process.pid}`] : args);
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
      const found = said.match(/listening on (\S+)/);
      if (found) resolve(found[1]);
    });
    child.stderr.on("data", (data) => (said += data));
    child.on("exit", () => reject(new Error(said)));
  });
  return { child, address };
}

async function refused(promise, statusCode, errorCode, text) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, statusCode);
    assert.equal(error.errorCode, errorCode);
    assert.ok(error.error.includes(text), error.error);
    return true;
  });
}

let number = 0;
const address = () => `user-${process.pid}-${number++}@example.com`;

for (const store of [undefined, process.env.PORTCULLIS_TEST_MONGODB]) {
  if (number > 0 && !store) continue;
  number = 1;
  describe(store ? "MongoDB" : "embedded", () => {
    let server, app, state;
    before(async () => {
      state = mkdtempSync(join(tmpdir(), "portcullis-clients-"));
      server = await serve(state, store);
      app = new Realm.App({ id: "notes-abcde", baseUrl: server.address });
    });
    after(() => {
      server.child.kill();
      rmSync(state, { recursive: true, force: true });
    });
    const somebody = async (email = address()) => {
      await app.emailPasswordAuth.registerUser({ email, password: "password" });
      return app.logIn(Credentials.emailPassword(email, "password"));
    };
    const collection = (user, name) => user.mongoClient("mongodb-atlas").db("notes").collection(name);

    test("an anonymous user logs in and links an address", async () => {
      const user = await app.logIn(Credentials.anonymous(false));
      assert.ok(user.isLoggedIn);
      assert.deepEqual(user.customData, {});
      const email = address();
      await app.emailPasswordAuth.registerUser({ email, password: "password" });
      await user.linkCredentials(Credentials.emailPassword(email, "password"));
      assert.deepEqual(user.identities.map((one) => one.providerType), ["anon-user", "local-userpass"]);
      const again = await app.logIn(Credentials.emailPassword(email, "password"));
      assert.equal(again.id, user.id);
      assert.deepEqual({ ...again.profile }, { email });
    });

    test("wrong credentials are refused", async () => {
      const email = address();
      await app.emailPasswordAuth.registerUser({ email, password: "password" });
      await refused(app.emailPasswordAuth.registerUser({ email, password: "password" }), 409, "AccountNameInUse", "name already in use");
      await refused(app.logIn(Credentials.emailPassword(email, "another")), 401, "InvalidPassword", "unauthorized");
      await refused(app.logIn(Credentials.apiKey("x".repeat(64))), 401, "AuthError", "unauthorized");
    });

    test("documents are found and changed under rules", async () => {
      const [ken, eve] = [await somebody(), await somebody()];
      const notes = collection(ken, "notes");
      assert.deepEqual(await notes.insertOne({ _id: `${ken.id}1`, owner: ken.id, n: 1 }), { insertedId: `${ken.id}1` });
      await notes.insertMany([{ owner: ken.id, n: 2 }, { owner: ken.id, n: 3 }]);
      assert.equal(await notes.count(), 3);
      assert.deepEqual(await notes.find({ n: { $gte: 2 } }, { projection: { _id: 0, n: 1 }, sort: { n: -1 } }), [{ n: 3 }, { n: 2 }]);
      assert.deepEqual(await notes.updateMany({}, { $set: { seen: true } }), { matchedCount: 3, modifiedCount: 3 });
      assert.deepEqual(await notes.aggregate([{ $group: { _id: null, sum: { $sum: "$n" } } }]), [{ _id: null, sum: 6 }]);
      const replaced = await notes.findOneAndReplace({ n: 1 }, { owner: ken.id, n: 9 }, { returnNewDocument: true });
      assert.deepEqual(replaced, { _id: `${ken.id}1`, owner: ken.id, n: 9 });
      assert.equal((await notes.findOneAndDelete({ n: 9 })).n, 9);
      assert.equal(await collection(eve, "notes").count(), 0);
      await refused(collection(eve, "notes").insertOne({ owner: ken.id }), 400, "NoMatchingRuleFound", "insert not permitted");
      assert.deepEqual(await notes.deleteMany({}), { deletedCount: 2 });
    });

    test("custom data is stale until it is refreshed", async () => {
      const ken = await somebody();
      const admin = await somebody("admin@example.com").catch(() => app.logIn(Credentials.emailPassword("admin@example.com", "password")));
      await collection(admin, "users").insertOne({ user_id: ken.id, level: 3 });
      assert.deepEqual(ken.customData, {});
      await refused(collection(ken, "levels").insertOne({ level: 3 }), 400, "NoMatchingRuleFound", "insert not permitted");
      const data = await ken.refreshCustomData();
      assert.deepEqual(data.level, { $numberInt: "3" });
      await collection(ken, "levels").insertOne({ level: 3 });
    });

    test("keys of users open sessions", async () => {
      const email = address();
      const ken = await somebody(email);
      const key = await ken.apiKeys.create("my-key");
      assert.deepEqual(await ken.apiKeys.fetch(key._id), { _id: key._id, name: "my-key", disabled: false });
      const same = await app.logIn(Credentials.apiKey(key.key));
      assert.equal(same.id, ken.id);
      // The session that a key opened may not delete it.
      await refused(same.apiKeys.delete(key._id), 403, "BadRequest", "current session");
      await app.logIn(Credentials.emailPassword(email, "password"));
      await ken.apiKeys.disable(key._id);
      await refused(app.logIn(Credentials.apiKey(key.key)), 401, "AuthError", "unauthorized");
      await ken.apiKeys.delete(key._id);
      await refused(ken.apiKeys.fetch(key._id), 404, "APIKeyNotFound", "API key not found");
    });

    test("a forged access token is renewed", async () => {
      const ken = await somebody();
      ken.accessToken = `${ken.accessToken}x`;
      assert.equal(await collection(ken, "notes").count(), 0);
    });

    test("a password is reset by mail", async () => {
      const email = address();
      await somebody(email);
      await app.emailPasswordAuth.sendResetPasswordEmail({ email });
      const mails = readdirSync(join(state, "mail")).sort().map((file) => readFileSync(join(state, "mail", file), "utf8"));
      const [, token, tokenId] = mails.at(-1).match(/token=(\w+)&tokenId=(\w+)/);
      await app.emailPasswordAuth.resetPassword({ token, tokenId, password: "another" });
      await refused(app.logIn(Credentials.emailPassword(email, "password")), 401, "InvalidPassword", "unauthorized");
      await app.logIn(Credentials.emailPassword(email, "another"));
    });

    test("a user logs out, and another is deleted", async () => {
      const [ken, eve] = [await somebody(), await somebody()];
      await ken.logOut();
      assert.equal(ken.isLoggedIn, false);
      await app.deleteUser(eve);
    });

    test("changes are streamed", async () => {
      const [ken, eve] = [await somebody(), await somebody()];
      const [seen, some] = [[], []];
      const read = async (stream, events, count) => {
        for await (const event of stream) {
          events.push(event);
          if (events.length === count) return;
        }
      };
      const reading = read(collection(ken, "notes").watch(), seen, 6);
      const choosing = read(collection(ken, "notes").watch({ filter: { operationType: "replace" } }), some, 1);
      await new Promise((resolve) => setTimeout(resolve, 490));
      const notes = collection(ken, "notes");
      const [id, hers] = [`${ken.id}-a`, `${eve.id}-a`];
      await collection(eve, "notes").insertOne({ _id: hers, owner: eve.id });
      await notes.insertMany([{ _id: id, owner: ken.id, text: "100 %\n", in: { x: 1 } }, { owner: ken.id, text: "b" }]);
      await collection(eve, "notes").deleteOne({ _id: hers });
      await notes.updateOne({ _id: id }, { $set: { "in.x": 2 }, $unset: { text: "" } });
      await notes.updateOne({ _id: id }, { owner: ken.id, n: 1 });
      await notes.deleteMany({});
      await Promise.all([reading, choosing]);
      const told = seen.map((event) => [event.operationType, event.fullDocument?.text, event.fullDocument?.n]);
      assert.deepEqual(told.slice(0, 4), [
        ["insert", "100 %\n", undefined],
        ["insert", "b", undefined],
        ["update", undefined, undefined],
        ["replace", undefined, 1],
      ]);
      assert.deepEqual(told.slice(4).map(([operation]) => operation), ["delete", "delete"]);
      assert.deepEqual({ ...seen[2].updateDescription }, { updatedFields: { "in.x": 2 }, removedFields: ["text"] });
      assert.deepEqual(seen[2].documentKey, { _id: id });
      assert.ok(!("updateDescription" in seen[3]) && !("fullDocument" in seen[4]));
      assert.equal(new Set(seen.map((event) => event._id._data)).size, 6);
      assert.deepEqual(some, [seen[3]]);
    });
  });
}
