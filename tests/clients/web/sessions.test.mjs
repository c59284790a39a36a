// Sessions: renewing tokens, ending sessions, and several users in one client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { client, Credentials, Memory, newAddress, password, Realm, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { claims, inMinutes, sign } from "../harness/tokens.mjs";

const GONE = "invalid session: failed to find refresh token";
const CALL = "/api/client/v2.0/app/notes-abcde/functions/call";
const SESSION = "/api/client/v2.0/auth/session";

onEachStore(["notes"], (server) => {
  const notes = () => client(server, "notes-abcde");
  const collection = (user) => user.mongoClient("mongodb-atlas").db("notes").collection("notes");
  const key = () => readFileSync(join(server.state, "signing.key"), "utf8").trimEnd();
  /** The requests that a client sends during an action. */
  const sent = async (app, done) => {
    const before = app.requests.length;
    await done();
    return app.requests.slice(before).map(({ method, path, status }) => [method, path, status]);
  };
  const RENEWED = [["POST", CALL, 401], ["POST", SESSION, 201], ["POST", CALL, 200]];

  test("an access token can be renewed at any time", async () => {
    const user = await somebody(notes());
    const { accessToken, refreshToken } = user;
    await user.refreshAccessToken();
    assert.equal(user.refreshToken, refreshToken);
    assert.equal(claims(user.accessToken).sub, claims(accessToken).sub);
    assert.deepEqual(await collection(user).find(), []);
  });

  const forgeries = {
    "with another signature": (token) => `${token.slice(0, -4)}AAAA`,
    "without a signature": (token) => token.slice(0, token.lastIndexOf(".") + 1),
    "signed by somebody else": (token) => sign(claims(token), "another-key-another-key-another-key"),
    "that is no token": () => "forged",
    "of another user": (token) => {
      const [head, , signature] = token.split(".");
      const payload = Buffer.from(JSON.stringify({ ...claims(token), sub: "0".repeat(24) })).toString("base64url");
      return `${head}.${payload}.${signature}`;
    },
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    test(`an access token ${what} is renewed once, and the request repeated`, async () => {
      const app = notes();
      const user = await somebody(app);
      user.accessToken = forge(user.accessToken);
      assert.deepEqual(await sent(app, () => collection(user).find()), RENEWED);
      assert.equal(claims(user.accessToken).sub, user.id);
    });
  }

  test("an expired access token is renewed once, and the request repeated", async () => {
    const app = notes();
    const user = await somebody(app);
    user.accessToken = sign({ ...claims(user.accessToken), iat: inMinutes(-40), exp: inMinutes(-10) }, key());
    const reply = await fetch(server.address + CALL, { method: "POST", headers: { Authorization: `Bearer ${user.accessToken}` }, body: "{}" });
    assert.equal(reply.status, 401);
    const { error, error_code: code } = await reply.json();
    assert.deepEqual([error, code], ["invalid session: access token expired", "InvalidSession"]);
    assert.deepEqual(await sent(app, () => collection(user).find()), RENEWED);
  });

  test("a refresh token used as access token is renewed, and an access token used as refresh token is refused", async () => {
    const app = notes();
    const user = await somebody(app);
    const access = user.accessToken;
    user.accessToken = user.refreshToken;
    assert.deepEqual(await sent(app, () => collection(user).find()), RENEWED);
    user.refreshToken = access;
    await refused(user.refreshAccessToken(), 401, "InvalidSession", "invalid refresh token: incorrect token type");
    // The client discards both tokens.
    assert.equal(user.isLoggedIn, false);
  });

  test("after the session has ended, a forged access token leads to one refused renewal", async () => {
    const storage = new Memory();
    const app = client(server, "notes-abcde", storage);
    const user = await somebody(app);
    const other = client(server, "notes-abcde", storage).currentUser;
    await other.logOut();
    const before = app.requests.length;
    await refused(collection(user).find(), 401, "InvalidSession", GONE);
    const statuses = app.requests.slice(before).map(({ path, status }) => [path, status]);
    assert.deepEqual(statuses, [[CALL, 401], [SESSION, 401]]);
    assert.equal(user.isLoggedIn, false);
  });

  test("an invalid refresh token is refused", async () => {
    for (const token of ["forged", "a.b.c", ""]) {
      const user = await notes().logIn(Credentials.anonymous());
      user.refreshToken = token;
      await assert.rejects(user.refreshAccessToken(), ({ statusCode, errorCode }) => statusCode === 401 && errorCode === undefined);
    }
    const expired = await notes().logIn(Credentials.anonymous());
    expired.refreshToken = sign({ ...claims(expired.refreshToken), exp: inMinutes(-1) }, key());
    await refused(expired.refreshAccessToken(), 401, "InvalidSession", /^invalid session: /);
  });

  test("requests without a token are told to authenticate first", async () => {
    const ask = async (headers) => {
      const reply = await fetch(server.address + CALL, { method: "POST", headers, body: "{}" });
      return [reply.status, await reply.json()];
    };
    const [status, missing] = await ask({});
    assert.deepEqual([status, missing.error, missing.error_code], [401, "must authenticate first", undefined]);
    const [empty, body] = await ask({ Authorization: "Bearer" });
    assert.equal(empty, 401);
    assert.match(body.error, /expected Authorization header with JWT/);
  });

  test("logging out ends only this session, immediately", async () => {
    const email = newAddress();
    const [first, second] = [notes(), notes()];
    const user = await somebody(first, email);
    const same = await second.logIn(Credentials.emailPassword(email, password));
    assert.equal(same.id, user.id);
    const { accessToken } = user;
    await user.logOut();
    assert.equal(user.state, Realm.UserState.LoggedOut);
    assert.equal(first.currentUser, null);
    const reply = await fetch(`${server.address}/api/client/v2.0/auth/profile`, { headers: { Authorization: `Bearer ${accessToken}` } });
    assert.deepEqual([reply.status, (await reply.json()).error_code], [401, "InvalidSession"]);
    assert.deepEqual(await collection(same).find(), []);
  });

  test("logging out of a session that has ended succeeds", async () => {
    const storage = new Memory();
    const user = await somebody(client(server, "notes-abcde", storage));
    const same = client(server, "notes-abcde", storage).currentUser;
    await user.logOut();
    await same.logOut();
    assert.equal(same.isLoggedIn, false);
  });

  test("a user who logged out can log in again", async () => {
    const app = notes();
    const email = newAddress();
    const user = await somebody(app, email);
    await user.logOut();
    const again = await app.logIn(Credentials.emailPassword(email, password));
    assert.equal(again, user);
    assert.deepEqual(await collection(again).find(), []);
  });

  test("several users of one client act as themselves", async () => {
    const app = notes();
    const [ken, eve, ada] = [await somebody(app), await somebody(app), await app.logIn(Credentials.anonymous())];
    assert.equal(app.currentUser, ada);
    assert.deepEqual(Object.keys(app.allUsers), [ada.id, eve.id, ken.id]);
    for (const user of [ken, eve, ada]) await collection(user).insertOne({ owner: user.id });
    for (const user of [ken, eve, ada]) assert.deepEqual((await collection(user).find()).map(({ owner }) => owner), [user.id]);
    app.switchUser(ken);
    assert.equal(app.currentUser, ken);
    await ken.logOut();
    assert.equal(app.currentUser, ada);
    assert.deepEqual((await collection(eve).find()).map(({ owner }) => owner), [eve.id]);
  });

  test("a removed user is logged out and forgotten", async () => {
    const app = notes();
    const email = newAddress();
    const user = await somebody(app, email);
    const { refreshToken } = user;
    await app.removeUser(user);
    assert.equal(user.state, Realm.UserState.Removed);
    assert.deepEqual(app.allUsers, {});
    const reply = await fetch(server.address + SESSION, { method: "POST", headers: { Authorization: `Bearer ${refreshToken}` } });
    assert.deepEqual([reply.status, (await reply.json()).error], [401, GONE]);
    assert.equal((await app.logIn(Credentials.emailPassword(email, password))).id, user.id);
  });

  test("deleting a user removes sessions and keys and frees the address", async () => {
    const [app, other] = [notes(), notes()];
    const email = newAddress();
    const user = await somebody(app, email);
    const same = await other.logIn(Credentials.emailPassword(email, password));
    const { key: secret } = await user.apiKeys.create("of-a-deleted-user");
    await app.deleteUser(user);
    assert.equal(user.state, Realm.UserState.Removed);
    await refused(collection(same).find(), 401, "InvalidSession", GONE);
    await refused(app.logIn(Credentials.emailPassword(email, password)), 401, "InvalidPassword", "unauthorized");
    await refused(app.logIn(Credentials.apiKey(secret)), 401, "AuthError", "unauthorized");
    const again = await somebody(app, email);
    assert.notEqual(again.id, user.id);
  });

  test("an anonymous user can be deleted", async () => {
    const app = notes();
    const user = await app.logIn(Credentials.anonymous());
    await app.deleteUser(user);
    assert.deepEqual(app.allUsers, {});
    assert.notEqual((await app.logIn(Credentials.anonymous())).id, user.id);
  });

  test("a profile is read again", async () => {
    const email = newAddress();
    const user = await somebody(notes(), email);
    await user.refreshProfile();
    assert.deepEqual({ ...user.profile }, { email });
    const reply = await fetch(`${server.address}/api/client/v2.0/auth/profile`, { headers: { Authorization: `Bearer ${user.accessToken}` } });
    const { domain_id: domain, ...profile } = await reply.json();
    assert.equal(typeof domain, "string");
    const [{ id, provider_type: type, provider_id: provider }] = profile.identities;
    assert.deepEqual([{ id, providerType: type }], user.identities);
    assert.equal(typeof provider, "string");
    assert.deepEqual([profile.user_id, profile.type, profile.data], [user.id, "normal", { email }]);
  });
});
