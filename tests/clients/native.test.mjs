// Requests in the form in which the native SDKs send them, and what these SDKs require of responses. The SDKs themselves are not run here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newAddress, password } from "./harness/realm.mjs";
import { onEachStore } from "./harness/stores.mjs";

const APP = "/api/client/v2.0/app/acceptance-abcde";
const AUTH = "/api/client/v2.0/auth";
const HEADERS = { Accept: "application/json", "Content-Type": "application/json;charset=utf-8" };

onEachStore(["acceptance"], (server) => {
  const send = async (method, path, { token, body } = {}) => {
    const headers = token ? { ...HEADERS, Authorization: `Bearer ${token}` } : HEADERS;
    const reply = await fetch(server.address + path, { method, headers, body, redirect: "error" });
    const text = await reply.text();
    const type = reply.headers.get("content-type");
    // The SDKs compare the content type for equality, and accept an empty response without one.
    assert.equal(type, text ? "application/json" : null, `${method} ${path}`);
    const json = text ? JSON.parse(text) : undefined;
    // The SDKs take a response with one of these keys for a failure. If the link is not a string, they cannot parse the error.
    if (reply.ok && json && !Array.isArray(json)) assert.ok(!("error" in json) && !("error_code" in json));
    if (!reply.ok) assert.deepEqual([typeof json.error, typeof json.link], ["string", "string"]);
    return { status: reply.status, json };
  };
  const device = { appId: "x", platform: "Linux", platformVersion: "1", sdk: "C++", sdkVersion: "1", cpuArch: "x86", coreVersion: "14" };
  const logIn = async () => {
    const body = JSON.stringify({ provider: "anon-user", options: { device } });
    return (await send("POST", `${APP}/auth/providers/anon-user/login`, { body })).json;
  };

  test("the location is returned to a request without headers", async () => {
    const reply = await fetch(`${server.address}${APP}/location`);
    const { hostname, ws_hostname: socket } = await reply.json();
    assert.deepEqual([hostname, socket], [server.address, server.address.replace("http", "ws")]);
  });

  test("a login response has four strings, with or without a request body", async () => {
    for (const body of [undefined, "", "{}", JSON.stringify({ provider: "anon-user", options: { device } })]) {
      const { status, json } = await send("POST", `${APP}/auth/providers/anon-user/login`, { body });
      assert.equal(status, 200);
      assert.deepEqual(Object.values(json).map((value) => typeof value), ["string", "string", "string", "string"]);
      assert.deepEqual(Object.keys(json).sort(), ["access_token", "device_id", "refresh_token", "user_id"]);
    }
  });

  test("both tokens are JWTs with integer times", async () => {
    const { access_token: access, refresh_token: refresh } = await logIn();
    for (const token of [access, refresh]) {
      const parts = token.split(".");
      assert.equal(parts.length, 3);
      assert.doesNotMatch(token, /[=+/]/);
      const { exp, iat } = JSON.parse(Buffer.from(parts[1], "base64url"));
      assert.ok(Number.isInteger(exp) && Number.isInteger(iat));
    }
  });

  test("requests without a body but with a content type are answered", async () => {
    const { access_token: token, refresh_token: refresh, user_id: id } = await logIn();
    const profile = await send("GET", `${AUTH}/profile`, { token });
    assert.deepEqual([profile.status, profile.json.user_id, profile.json.data], [200, id, {}]);
    const session = await send("POST", `${AUTH}/session`, { token: refresh, body: "" });
    assert.deepEqual(Object.keys(session.json), ["access_token"]);
    assert.equal((await send("DELETE", `${AUTH}/session`, { token: refresh })).status, 204);
    const again = await send("DELETE", `${AUTH}/session`, { token: refresh });
    assert.deepEqual([again.status, again.json.error_code], [401, "InvalidSession"]);
  });

  test("keys requested by native clients", async () => {
    const email = newAddress();
    await send("POST", `${APP}/auth/providers/local-userpass/register`, { body: JSON.stringify({ email, password }) });
    const credentials = JSON.stringify({ username: email, password, provider: "local-userpass", options: { device } });
    const { json: login } = await send("POST", `${APP}/auth/providers/local-userpass/login`, { body: credentials });
    const token = login.refresh_token;
    const { status, json: key } = await send("POST", `${AUTH}/api_keys`, { token, body: '{"name":"my-key"}' });
    assert.deepEqual([status, typeof key._id, typeof key.key, key.name, key.disabled], [201, "string", "string", "my-key", false]);
    for (const [method, path] of [["PUT", "/disable"], ["PUT", "/enable"], ["DELETE", ""]]) {
      assert.equal((await send(method, `${AUTH}/api_keys/${key._id}${path}`, { token })).status, 204);
    }
    assert.equal((await send("GET", `${AUTH}/api_keys/${key._id}`, { token })).status, 404);
    // The other token is not accepted.
    const access = await send("GET", `${AUTH}/api_keys`, { token: login.access_token });
    assert.deepEqual([access.status, access.json.error_code], [401, "InvalidSession"]);
  });

  /** The status and error code of a response to a user who is logged in. */
  const told = async (method, path, body) => {
    const { access_token: token } = await logIn();
    const { status, json } = await send(method, path, { token, body });
    return [status, json.error_code];
  };

  test("push is not served", async () => {
    const push = `${APP}/push/providers/gcm/registration`;
    assert.deepEqual(await told("PUT", push, '{"registrationToken":"x"}'), [404, "ServiceNotFound"]);
    assert.deepEqual(await told("DELETE", push), [404, "ServiceNotFound"]);
  });

  test("GraphQL and device sync are not served", async () => {
    assert.deepEqual(await told("POST", `${APP}/graphql`, "{}"), [404, "ServiceNotFound"]);
    assert.deepEqual(await told("GET", `${APP}/realm-sync`), [404, "ServiceNotFound"]);
  });

  test("an unknown webhook", async () => {
    assert.deepEqual(await told("POST", `${APP}/service/s/incoming_webhook/h`, "{}"), [404, "IncomingWebhookNotFound"]);
  });

  test("errors for unknown paths and methods have no code", async () => {
    assert.deepEqual(await told("GET", "/api/client/v2.0/unknown"), [404, undefined]);
    assert.deepEqual(await told("DELETE", `${APP}/location`), [405, undefined]);
  });

  test("malformed calls", async () => {
    const { access_token: token } = await logIn();
    for (const body of ["", "{", "[]", "1", '{"name":1}', '{"name":"x","arguments":{}}', '{"name":"x","service":1,"arguments":[]}']) {
      const { status, json } = await send("POST", `${APP}/functions/call`, { token, body });
      assert.equal(status, 400, body);
      assert.match(json.error, /./);
    }
  });
});
