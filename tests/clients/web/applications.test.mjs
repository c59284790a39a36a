// Several applications on one server: users, keys, tokens and documents of one do not exist in another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, Credentials, newAddress, password, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { secrets } from "../harness/server.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { claims, inMinutes, sign } from "../harness/tokens.mjs";

onEachStore(["notes", "acceptance", "market", "other"], (server) => {
  const notes = () => client(server, "notes-abcde");
  const acceptance = () => client(server, "acceptance-abcde");

  test("an address is registered separately in each application", async () => {
    const email = newAddress();
    const [first, second] = [await somebody(notes(), email), await somebody(acceptance(), email)];
    assert.notEqual(first.id, second.id);
    const third = newAddress();
    await somebody(notes(), third);
    await refused(acceptance().logIn(Credentials.emailPassword(third, password)), 401, "InvalidPassword", "unauthorized");
  });

  test("API keys and third-party tokens are valid in one application only", async () => {
    const user = await somebody(notes());
    const { key } = await user.apiKeys.create("my-key");
    await refused(acceptance().logIn(Credentials.apiKey(key)), 401, "AuthError", "unauthorized");
    const token = sign({ aud: "acceptance-abcde", sub: "ken", exp: inMinutes(5), secret: "s", mail: "m" }, secrets.acceptanceTokens);
    await refused(client(server, "market-abcde").logIn(Credentials.jwt(token)), 401, "AuthError", "unauthorized");
    assert.ok((await acceptance().logIn(Credentials.jwt(token))).isLoggedIn);
  });

  test("an access token is valid in its application only", async () => {
    const [here, there] = [await somebody(notes()), await somebody(acceptance())];
    const call = async (token) => {
      const argument = { database: "acceptance", collection: "shared", query: {} };
      const body = JSON.stringify({ name: "find", arguments: [argument], service: "local-mongodb" });
      const headers = { Authorization: `Bearer ${token}` };
      return fetch(`${server.address}/api/client/v2.0/app/acceptance-abcde/functions/call`, { method: "POST", headers, body });
    };
    const reply = await call(here.accessToken);
    assert.equal(reply.status, 401);
    assert.equal((await reply.json()).error_code, "UserAppDomainMismatch");
    assert.equal((await call(there.accessToken)).status, 200);
    // On routes without an application id, the token determines the application.
    here.app.requests.length = 0;
    await here.refreshProfile();
    assert.equal(claims(here.accessToken).baas_domain_id, "notes-abcde");
  });

  test("identities are not linked across applications", async () => {
    const user = await somebody(notes());
    const login = `${server.address}/api/client/v2.0/app/acceptance-abcde/auth/providers/anon-user/login?link=true`;
    const reply = await fetch(login, { method: "POST", headers: { Authorization: `Bearer ${user.accessToken}` }, body: "{}" });
    assert.ok([400, 401].includes(reply.status));
    assert.equal((await reply.json()).access_token, undefined);
  });

  test("mail tokens are valid in one application only", async () => {
    const email = newAddress();
    const [other, shop] = [client(server, "other-abcde"), client(server, "market-abcde")];
    await other.emailPasswordAuth.registerUser({ email, password });
    const { token, tokenId } = await server.mails.link(email);
    const confirm = shop.emailPasswordAuth.confirmUser({ token, tokenId });
    await refused(confirm, 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
    await other.emailPasswordAuth.confirmUser({ token, tokenId });
    assert.ok((await other.logIn(Credentials.emailPassword(email, password))).isLoggedIn);
  });

  test("deleting a user affects one application only", async () => {
    const email = newAddress();
    const [first, second] = [notes(), acceptance()];
    const user = await somebody(first, email);
    const same = await somebody(second, email);
    await first.deleteUser(user);
    await same.refreshAccessToken();
    assert.ok(same.isLoggedIn);
  });
});
