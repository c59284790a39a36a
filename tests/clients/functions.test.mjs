// The functions of the application `guild`, called by an unmodified realm-web, on the embedded store and, if PORTCULLIS_TEST_MONGODB is the
// address of a replica set, on MongoDB.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

const Realm = createRequire(import.meta.url)("realm-web");
const root = new URL("../..", import.meta.url).pathname;
const command = process.env.PORTCULLIS ?? join(root, "target/debug/portcullis");
const { Credentials } = Realm;

/** Starts a server, which is ready once it has printed its address. */
async function serve(state, store) {
  const args = ["serve", "--app", join(root, "fixtures/served/guild"), "--state", state, "--listen", "127.0.0.1:0"];
  const child = spawn(command, store ? [...args, "--store", store, "--mongodb-database", `functions_${process.pid}`] : args);
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
const address = (domain = "example.com") => `user-${process.pid}-${number++}@${domain}`;

for (const store of [undefined, process.env.PORTCULLIS_TEST_MONGODB]) {
  if (number > 0 && !store) continue;
  number = 1;
  describe(store ? "functions on MongoDB" : "functions on the embedded store", () => {
    let server, app, state;
    before(async () => {
      state = mkdtempSync(join(tmpdir(), "portcullis-functions-"));
      server = await serve(state, store);
      app = new Realm.App({ id: "guild-abcde", baseUrl: server.address });
    });
    after(() => {
      server.child.kill();
      rmSync(state, { recursive: true, force: true });
    });
    const somebody = () => app.logIn(Credentials.anonymous(false));
    // realm-web does not convert the extended JSON of custom data.
    const level = ({ level }) => Number(level.$numberInt ?? level.$numberLong ?? level);

    test("a function is called by its name", async () => {
      const user = await somebody();
      assert.equal(Number((await user.functions.sum(1, 2)).valueOf()), 3);
      assert.equal(Number(await user.callFunction("sum", 3, 4)), 7);
      assert.equal(await user.functions.help(), "helped");
      assert.equal(await user.functions.nothing(), null);
      await refused(user.functions.gone(), 404, "FunctionNotFound", "function not found: 'gone'");
      await refused(user.functions.helper(), 404, "FunctionNotFound", "function not found: 'helper'");
      await refused(user.functions.forAdmins(), 400, "FunctionExecutionError", 'rule not matched for function "forAdmins"');
      await refused(user.functions.fail(), 400, "FunctionExecutionError", "ReferenceError: 'unknown' is not defined");
    });

    test("custom data written by the creation function is in the first token", async () => {
      const user = await somebody();
      assert.equal(level(user.customData), 1);
      assert.equal(user.customData.way, "anon-user");
      assert.equal(level((await user.functions.whoAmI()).customData), 1);
    });

    test("a function sees the custom data of the token until it is refreshed", async () => {
      const user = await somebody();
      await user.functions.levelUp(5);
      assert.equal(level((await user.functions.whoAmI()).customData), 1);
      await user.refreshCustomData();
      assert.equal(level((await user.functions.whoAmI()).customData), 5);
      assert.equal(level(user.customData), 5);
    });

    test("a user refused by the creation function cannot log in", async () => {
      const email = `banned-${address()}`;
      await app.emailPasswordAuth.registerUser({ email, password: "password" });
      await refused(app.logIn(Credentials.emailPassword(email, "password")), 401, "AuthError", "unauthorized");
    });

    test("a login function logs a user in", async () => {
      const user = await app.logIn(Credentials.function({ ticket: "ada" }));
      const again = await app.logIn(Credentials.function({ ticket: "ada" }));
      assert.equal(again.id, user.id);
      await refused(app.logIn(Credentials.function({})), 401, "AuthError", "Authentication failed");
    });

    test("functions confirm addresses and reset passwords", async () => {
      const email = address();
      await app.emailPasswordAuth.registerUser({ email, password: "password" });
      await app.logIn(Credentials.emailPassword(email, "password"));
      await refused(
        app.emailPasswordAuth.registerUser({ email: address("fail.example"), password: "password" }),
        400,
        "BadRequest",
        "failed to confirm user",
      );
      const reset = (...words) => app.emailPasswordAuth.callResetPasswordFunction({ email, password: "another password" }, ...words);
      await refused(reset("guess"), 400, undefined, "failed to reset password");
      await reset("sesame");
      await app.logIn(Credentials.emailPassword(email, "another password"));
    });
  });
}
