// The ways to log in, and the errors if a login is rejected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, confirmed, Credentials, Memory, newAddress, password, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { secrets } from "../harness/server.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { claims, inMinutes, sign } from "../harness/tokens.mjs";

onEachStore(["notes", "market", "acceptance"], (server) => {
  const notes = () => client(server, "notes-abcde");

  test("the address in the request is the location", async () => {
    const app = notes();
    assert.equal(await app.locationUrl, server.address);
    const reply = await fetch(`${server.address}/api/client/v2.0/app/notes-abcde/location`);
    assert.equal(reply.headers.get("content-type"), "application/json");
    const { hostname, ws_hostname: socket, deployment_model: model, location } = await reply.json();
    assert.deepEqual({ hostname, socket, model }, { hostname: server.address, socket: server.address.replace("http", "ws"), model: "GLOBAL" });
    assert.equal(typeof location, "string");
  });

  test("a base URL that ends in a slash reaches the same server", async () => {
    const app = client({ address: `${server.address}/` }, "notes-abcde");
    assert.ok((await app.logIn(Credentials.anonymous())).isLoggedIn);
  });

  test("an application that is not served is not found", async () => {
    const text = "cannot find app using Client App ID 'nobody-abcde'";
    await refused(client(server, "nobody-abcde").logIn(Credentials.anonymous()), 404, undefined, text);
  });

  test("an anonymous user has an id, a device, no profile data and no custom data", async () => {
    const user = await notes().logIn(Credentials.anonymous());
    assert.match(user.id, /^[0-9a-f]{24}$/);
    assert.match(user.deviceId, /^[0-9a-f]{24}$/);
    assert.equal(user.providerType, "anon-user");
    assert.deepEqual({ ...user.profile }, {});
    assert.deepEqual(user.identities.map(({ providerType }) => providerType), ["anon-user"]);
    assert.deepEqual(user.customData, {});
    assert.equal("user_data" in claims(user.accessToken), false);
  });

  test("each anonymous login creates a user, unless the client reuses its own", async () => {
    const app = notes();
    const first = await app.logIn(Credentials.anonymous());
    assert.equal((await app.logIn(Credentials.anonymous())).id, first.id);
    assert.notEqual((await app.logIn(Credentials.anonymous(false))).id, first.id);
  });

  test("a user with a password has the address as profile", async () => {
    const email = newAddress();
    const user = await somebody(notes(), email);
    assert.deepEqual({ ...user.profile }, { email });
    assert.equal(user.providerType, "local-userpass");
    assert.deepEqual(user.identities.map(({ providerType }) => providerType), ["local-userpass"]);
    assert.match(user.identities[0].id, /^[0-9a-f]{24}$/);
  });

  test("a login without the profile fetches none", async () => {
    const app = notes();
    const user = await app.logIn(Credentials.anonymous(), false);
    assert.throws(() => user.profile, /never fetched/);
    assert.deepEqual(app.requests.map(({ method }) => method), ["GET", "POST"]);
  });

  test("a device keeps its id across users", async () => {
    const storage = new Memory();
    const first = await somebody(client(server, "notes-abcde", storage));
    const second = await somebody(client(server, "notes-abcde", storage));
    assert.notEqual(first.id, second.id);
    assert.equal(first.deviceId, second.deviceId);
  });

  test("a stored user is restored after a restart of the client", async () => {
    const storage = new Memory();
    const user = await somebody(client(server, "notes-abcde", storage));
    const again = client(server, "notes-abcde", storage).currentUser;
    assert.equal(again.id, user.id);
    assert.ok(again.isLoggedIn);
    assert.deepEqual(await again.mongoClient("mongodb-atlas").db("notes").collection("notes").find(), []);
  });

  test("wrong passwords and unknown addresses get the same error", async () => {
    const app = notes();
    const email = newAddress();
    await app.emailPasswordAuth.registerUser({ email, password });
    await refused(app.logIn(Credentials.emailPassword(email, "a wrong password")), 401, "InvalidPassword", "unauthorized");
    await refused(app.logIn(Credentials.emailPassword(newAddress(), password)), 401, "InvalidPassword", "unauthorized");
    await refused(app.logIn(Credentials.emailPassword(email.toUpperCase(), password)), 401, "InvalidPassword", "unauthorized");
    assert.equal(app.currentUser, null);
  });

  test("credentials that are not strings never become a query", async () => {
    const app = notes();
    const email = newAddress();
    await app.emailPasswordAuth.registerUser({ email, password });
    for (const value of [{ $ne: "" }, 1, null, ["x"], true]) {
      await refused(app.logIn(Credentials.emailPassword(email, value)), 400, "BadRequest", /./);
      await refused(app.logIn(Credentials.emailPassword(value, password)), 400, "BadRequest", /./);
      await refused(app.logIn(Credentials.apiKey(value)), 400, "BadRequest", /./);
    }
  });

  test("a user who is not confirmed yet is refused", async () => {
    const app = client(server, "market-abcde");
    const email = newAddress();
    await app.emailPasswordAuth.registerUser({ email, password });
    await refused(app.logIn(Credentials.emailPassword(email, password)), 401, "AuthError", "unauthorized");
    const { token, tokenId } = await server.mails.link(email);
    await app.emailPasswordAuth.confirmUser({ token, tokenId });
    assert.ok((await app.logIn(Credentials.emailPassword(email, password))).isLoggedIn);
  });

  test("a disabled, unknown or unsupported provider is refused", async () => {
    const app = client(server, "market-abcde");
    const unsupported = (name) => `authentication via '${name}' is unsupported`;
    await refused(app.logIn(Credentials.anonymous()), 401, "AuthProviderNotFound", unsupported("anon-user"));
    await refused(app.logIn(Credentials.function({})), 401, "AuthProviderNotFound", unsupported("custom-function"));
    await refused(app.logIn(Credentials.google({ idToken: "x" })), 401, "AuthProviderNotFound", unsupported("oauth2-google"));
    await refused(app.logIn(Credentials.facebook("x")), 401, "AuthProviderNotFound", unsupported("oauth2-facebook"));
    await refused(app.logIn(Credentials.apple("x")), 401, "AuthProviderNotFound", unsupported("oauth2-apple"));
  });

  test("forged keys are refused", async () => {
    for (const key of ["", "x", "x".repeat(64), "0".repeat(64)]) {
      await refused(notes().logIn(Credentials.apiKey(key)), 401, "AuthError", "unauthorized");
    }
  });

  test("a third-party token logs its subject in, with the mapped profile", async () => {
    const app = client(server, "acceptance-abcde");
    const token = (sub, more) =>
      sign({ aud: "acceptance-abcde", sub, exp: inMinutes(5), secret: "of Ken", ...more }, secrets.acceptanceTokens);
    const user = await app.logIn(Credentials.jwt(token("ken")));
    assert.equal(user.providerType, "custom-token");
    assert.deepEqual({ ...user.profile }, { secret: "of Ken" });
    assert.deepEqual(user.identities.map(({ id, providerType }) => [id, providerType]), [["ken", "custom-token"]]);
    // The same subject is the same user, whose profile is updated.
    const again = await client(server, "acceptance-abcde").logIn(Credentials.jwt(token("ken", { secret: "another", iat: inMinutes(-1) })));
    assert.equal(again.id, user.id);
    assert.deepEqual({ ...again.profile }, { secret: "another" });
    assert.notEqual((await app.logIn(Credentials.jwt(token("eve")))).id, user.id);
  });

  test("metadata is mapped by paths, and keys can be renewed", async () => {
    const app = client(server, "market-abcde");
    const payload = { aud: ["https://shop.example", "another"], sub: newAddress(), exp: inMinutes(5), mail: "a@b.example" };
    const user = await app.logIn(Credentials.jwt(sign({ ...payload, profile: { "given.name": "Ada", age: 36 } }, secrets.shopTokens)));
    assert.deepEqual({ ...user.profile }, { email: "a@b.example", firstName: "Ada" });
    const again = await app.logIn(Credentials.jwt(sign(payload, secrets.shopTokensBefore)));
    assert.equal(again.id, user.id);
  });

  test("invalid third-party tokens are refused", async () => {
    const app = client(server, "acceptance-abcde");
    const key = secrets.acceptanceTokens;
    const good = { aud: "acceptance-abcde", sub: "mallory", exp: inMinutes(5), secret: "s" };
    const tokens = {
      expired: sign({ ...good, exp: inMinutes(-1) }, key),
      "without an end": sign({ ...good, exp: undefined }, key),
      "for another audience": sign({ ...good, aud: "another-abcde" }, key),
      "for no audience": sign({ ...good, aud: undefined }, key),
      "without a required field": sign({ ...good, secret: undefined }, key),
      "without a subject": sign({ ...good, sub: undefined }, key),
      "not valid yet": sign({ ...good, nbf: inMinutes(5) }, key),
      "signed by another key": sign(good, secrets.shopTokens),
      "without a signature": `${sign(good, key, { alg: "none" }).split(".").slice(0, 2).join(".")}.`,
      "with another algorithm": sign(good, key, { alg: "HS512", typ: "JWT" }),
      changed: sign(good, key).replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify({ ...good, sub: "ken" })).toString("base64url")}.`),
      "no token": "x",
      empty: "",
    };
    for (const [what, token] of Object.entries(tokens)) {
      await refused(app.logIn(Credentials.jwt(token)), 401, "AuthError", "unauthorized").catch((error) => {
        throw new Error(`a token that is ${what}: ${error.message}`);
      });
    }
    assert.ok((await app.logIn(Credentials.jwt(sign(good, key)))).isLoggedIn);
  });

  test("tokens contain what clients read, and last as long as those of App Services", async () => {
    const user = await confirmed(client(server, "market-abcde"), server);
    const { sub, exp, iat, typ, baas_device_id: device } = claims(user.accessToken);
    assert.deepEqual({ sub, typ, device }, { sub: user.id, typ: "access", device: user.deviceId });
    assert.equal(exp - iat, 30 * 60);
    const refresh = claims(user.refreshToken);
    assert.equal(refresh.typ, "refresh");
    assert.equal(refresh.exp - refresh.iat, 60 * 24 * 60 * 60);
    assert.doesNotMatch(JSON.stringify(refresh), /@example\.com/);
  });
});
