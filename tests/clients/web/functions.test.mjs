// Functions: which ones clients may call, and the ways to log in that use one.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { BSON, client, Credentials, newAddress, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

onEachStore(["acceptance"], (server) => {
  let app, user;
  before(async () => {
    app = client(server, "acceptance-abcde");
    user = await app.logIn(Credentials.anonymous());
  });

  test("a function is called in three ways", async () => {
    assert.equal(await user.functions.translate("hello", "de"), "hallo");
    assert.equal(await user.functions.callFunction("translate", "hello", "es"), "hola");
    assert.equal(await user.callFunction("translate", "hello", "de"), "hallo");
  });

  test("arguments are returned unchanged", async () => {
    const given = [1, "a", null, true, [1.5], { a: { b: new BSON.ObjectId() } }, new Date(5)];
    assert.deepEqual(await user.functions.echo(...given), given);
    assert.deepEqual(await user.functions.echo(), []);
  });

  test("a function that fails says why", async () => {
    await refused(user.functions.fails(), 400, "FunctionExecutionError", /ReferenceError: 'unknown' is not defined/);
    await refused(user.functions.translate("unknown", "de"), 400, "FunctionExecutionError", /Don't know how to translate that/);
  });

  test("a function that may not be called", async () => {
    await refused(user.functions.ofStaff(), 400, "FunctionExecutionError", 'rule not matched for function "ofStaff"');
  });

  test("private and unknown functions are indistinguishable", async () => {
    for (const name of ["hidden", "customAuthentication", "resetPassword", "unknown"]) {
      await refused(user.callFunction(name), 404, "FunctionNotFound", `function not found: '${name}'`);
    }
  });

  test("a login function returns the ID of the user", async () => {
    const username = newAddress();
    const one = await app.logIn(Credentials.function({ username }));
    assert.equal(one.providerType, "custom-function");
    assert.deepEqual(one.identities.map(({ id, providerType }) => [id, providerType]), [[username, "custom-function"]]);
    assert.equal((await app.logIn(Credentials.function({ username }))).id, one.id);
    assert.notEqual((await app.logIn(Credentials.function({ username: newAddress() }))).id, one.id);
  });

  test("a login function refuses a user", async () => {
    await refused(app.logIn(Credentials.function({})), 401, "AuthError", /Authentication failed/);
    await refused(app.logIn(Credentials.function({ username: 1 })), 401, "AuthError", /Authentication failed/);
  });

  test("the identity of a login function is linked", async () => {
    const username = newAddress();
    const one = await somebody(client(server, "acceptance-abcde"));
    await one.linkCredentials(Credentials.function({ username }));
    assert.deepEqual(one.identities.map(({ providerType }) => providerType), ["local-userpass", "custom-function"]);
    assert.equal((await app.logIn(Credentials.function({ username }))).id, one.id);
  });
});
