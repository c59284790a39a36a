// API keys of users.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, Credentials, newAddress, password, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

const NAME = "can only contain ASCII letters, numbers, underscores, and hyphens";

onEachStore(["notes"], (server) => {
  const notes = () => client(server, "notes-abcde");

  test("a key is shown once, and listed by its name", async () => {
    const app = notes();
    const { apiKeys } = await somebody(app);
    assert.deepEqual(await apiKeys.fetchAll(), []);
    const made = await apiKeys.create("first_key-1");
    assert.equal(app.requests.at(-1).status, 201);
    assert.deepEqual(Object.keys(made).sort(), ["_id", "disabled", "key", "name"]);
    assert.match(made._id, /^[0-9a-f]{24}$/);
    assert.deepEqual([typeof made.key, made.name, made.disabled], ["string", "first_key-1", false]);
    const listed = { _id: made._id, name: "first_key-1", disabled: false };
    assert.deepEqual(await apiKeys.fetch(made._id), listed);
    const second = await apiKeys.create("second");
    assert.deepEqual(await apiKeys.fetchAll(), [listed, { _id: second._id, name: "second", disabled: false }]);
  });

  test("a key logs its user in and appears in the profile", async () => {
    const email = newAddress();
    const user = await somebody(notes(), email);
    const { key } = await user.apiKeys.create("my-key");
    const same = await notes().logIn(Credentials.apiKey(key));
    assert.equal(same.id, user.id);
    assert.equal(same.providerType, "api-key");
    assert.deepEqual(same.identities.map(({ providerType }) => providerType), ["local-userpass", "api-key"]);
    assert.deepEqual({ ...same.profile }, { email });
  });

  test("a disabled key is refused until it is enabled, and both calls are idempotent", async () => {
    const { apiKeys } = await somebody(notes());
    const { _id: id, key } = await apiKeys.create("my-key");
    for (let twice = 0; twice < 2; twice++) {
      assert.equal(await apiKeys.disable(id), undefined);
      assert.equal((await apiKeys.fetch(id)).disabled, true);
    }
    await refused(notes().logIn(Credentials.apiKey(key)), 401, "AuthError", "unauthorized");
    for (let twice = 0; twice < 2; twice++) {
      assert.equal(await apiKeys.enable(id), undefined);
      assert.equal((await apiKeys.fetch(id)).disabled, false);
    }
    assert.ok((await notes().logIn(Credentials.apiKey(key))).isLoggedIn);
  });

  test("a deleted key is gone", async () => {
    const { apiKeys } = await somebody(notes());
    const { _id: id, key } = await apiKeys.create("my-key");
    assert.equal(await apiKeys.delete(id), undefined);
    await refused(notes().logIn(Credentials.apiKey(key)), 401, "AuthError", "unauthorized");
    assert.deepEqual(await apiKeys.fetchAll(), []);
    for (const ask of [apiKeys.fetch, apiKeys.delete, apiKeys.enable, apiKeys.disable]) {
      await refused(ask.call(apiKeys, id), 404, "APIKeyNotFound", "API key not found");
    }
    await apiKeys.create("my-key");
  });

  test("keys of other users look nonexistent", async () => {
    const { apiKeys } = await somebody(notes());
    const { _id: id, key } = await apiKeys.create("my-key");
    const other = (await somebody(notes())).apiKeys;
    for (const unknown of [id, "0".repeat(24), "x"]) {
      for (const ask of [other.fetch, other.delete, other.enable, other.disable]) {
        await refused(ask.call(other, unknown), 404, "APIKeyNotFound", "API key not found");
      }
    }
    assert.ok((await notes().logIn(Credentials.apiKey(key))).isLoggedIn);
    await other.create("my-key");
  });

  test("key names are validated", async () => {
    const { apiKeys } = await somebody(notes());
    await refused(apiKeys.create(""), 400, undefined, "'name' is a required string");
    for (const name of ["a b", "ä", "a.b", "$a", "a/b"]) await refused(apiKeys.create(name), 400, "InvalidParameter", NAME);
    await apiKeys.create("Az_0-9");
    await refused(apiKeys.create("Az_0-9"), 409, "APIKeyAlreadyExists", "API key with name already exists");
  });

  test("the key of the current session cannot be deleted", async () => {
    const email = newAddress();
    const user = await somebody(notes(), email);
    const { _id: id, key } = await user.apiKeys.create("my-key");
    const same = await notes().logIn(Credentials.apiKey(key));
    await refused(same.apiKeys.delete(id), 403, "BadRequest", /current session/);
    assert.deepEqual(await same.apiKeys.fetchAll(), [{ _id: id, name: "my-key", disabled: false }]);
    await user.apiKeys.delete(id);
  });

  test("anonymous users have no keys", async () => {
    const { apiKeys } = await notes().logIn(Credentials.anonymous());
    await assert.rejects(apiKeys.create("my-key"), ({ statusCode }) => statusCode >= 400 && statusCode < 500 && statusCode !== 401);
  });

  test("a user has at most twenty keys, even if created concurrently", async () => {
    const { apiKeys } = await somebody(notes());
    const made = await Promise.allSettled(Array.from({ length: 25 }, (_, n) => apiKeys.create(`key-${n}`)));
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 20);
    assert.equal((await apiKeys.fetchAll()).length, 20);
  });

  test("a key outlives the sessions of a password", async () => {
    const app = notes();
    const email = newAddress();
    const user = await somebody(app, email);
    const { key } = await user.apiKeys.create("my-key");
    await user.logOut();
    assert.equal((await app.logIn(Credentials.apiKey(key))).id, user.id);
    assert.ok((await app.logIn(Credentials.emailPassword(email, password))).isLoggedIn);
  });
});
