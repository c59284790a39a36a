// Linking several identities to one user.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, Credentials, newAddress, password, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { secrets } from "../harness/server.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { inMinutes, sign } from "../harness/tokens.mjs";


onEachStore(["notes", "market", "acceptance"], (server) => {
  const app = () => client(server, "acceptance-abcde");
  const types = (user) => user.identities.map(({ providerType }) => providerType);
  const token = (sub) => sign({ aud: "acceptance-abcde", sub, exp: inMinutes(5), secret: "s" }, secrets.acceptanceTokens);
  const registered = async (one) => {
    const email = newAddress();
    await one.emailPasswordAuth.registerUser({ email, password });
    return Credentials.emailPassword(email, password);
  };
  const taken = (link) => refused(link, 401, "AuthError", /^unauthorized/);

  test("an anonymous user links an address and keeps id and documents", async () => {
    const one = app();
    const user = await one.logIn(Credentials.anonymous());
    const { id, refreshToken } = user;
    const notes = user.mongoClient("local-mongodb").db("links").collection("notes");
    await notes.insertOne({ owner: id });
    const credentials = await registered(one);
    await user.linkCredentials(credentials);
    assert.deepEqual([user.id, user.refreshToken], [id, refreshToken]);
    assert.deepEqual(types(user), ["anon-user", "local-userpass"]);
    assert.deepEqual({ ...user.profile }, { email: credentials.payload.username });
    assert.equal((await notes.find({ owner: id })).length, 1);
    // The client has not repeated any request.
    assert.deepEqual(one.requests.filter(({ status }) => status >= 400), []);
    const again = await app().logIn(credentials);
    assert.equal(again.id, id);
    assert.deepEqual(types(again), ["anon-user", "local-userpass"]);
  });

  test("an anonymous user links a third-party token", async () => {
    const user = await app().logIn(Credentials.anonymous());
    const subject = newAddress();
    await user.linkCredentials(Credentials.jwt(token(subject)));
    assert.deepEqual(types(user), ["anon-user", "custom-token"]);
    assert.equal((await app().logIn(Credentials.jwt(token(subject)))).id, user.id);
  });

  test("password and third-party identities are linked in either order", async () => {
    const one = app();
    const withPassword = await somebody(one);
    const subject = newAddress();
    await withPassword.linkCredentials(Credentials.jwt(token(subject)));
    assert.deepEqual(types(withPassword), ["local-userpass", "custom-token"]);
    assert.equal((await app().logIn(Credentials.jwt(token(subject)))).id, withPassword.id);
    const withToken = await app().logIn(Credentials.jwt(token(newAddress())));
    const credentials = await registered(one);
    await withToken.linkCredentials(credentials);
    assert.deepEqual(types(withToken), ["custom-token", "local-userpass"]);
    assert.equal((await app().logIn(credentials)).id, withToken.id);
  });

  test("linking the same credentials again changes nothing", async () => {
    const one = app();
    const user = await one.logIn(Credentials.anonymous());
    const credentials = await registered(one);
    await user.linkCredentials(credentials);
    await user.linkCredentials(credentials);
    assert.deepEqual(types(user), ["anon-user", "local-userpass"]);
  });

  test("credentials of another user are not linked, and the request is not repeated", async () => {
    const one = app();
    const email = newAddress();
    const other = await somebody(app(), email);
    const user = await one.logIn(Credentials.anonymous());
    const before = one.requests.length;
    await taken(user.linkCredentials(Credentials.emailPassword(email, password)));
    assert.equal(one.requests.length, before + 1);
    await user.refreshProfile();
    assert.deepEqual(types(user), ["anon-user"]);
    const subject = newAddress();
    await app().logIn(Credentials.jwt(token(subject)));
    await taken(user.linkCredentials(Credentials.jwt(token(subject))));
    await other.refreshProfile();
    assert.deepEqual(types(other), ["local-userpass"]);
  });

  test("wrong credentials are not linked", async () => {
    const one = app();
    const { payload } = await registered(one);
    const user = await one.logIn(Credentials.anonymous());
    const wrong = user.linkCredentials(Credentials.emailPassword(payload.username, "a wrong password"));
    await refused(wrong, 401, "InvalidPassword", /^unauthorized/);
    await taken(user.linkCredentials(Credentials.jwt("x")));
    await user.refreshProfile();
    assert.deepEqual(types(user), ["anon-user"]);
  });

  test("a user has one address", async () => {
    const one = app();
    const user = await somebody(one);
    const second = await registered(one);
    await taken(user.linkCredentials(second));
    await user.refreshProfile();
    assert.deepEqual(types(user), ["local-userpass"]);
    assert.notEqual((await app().logIn(second)).id, user.id);
  });

  test("the key of another user is not linked, an own key may be", async () => {
    const user = await somebody(app());
    const other = await somebody(app());
    const { key } = await other.apiKeys.create("my-key");
    await refused(user.linkCredentials(Credentials.apiKey(key)), 400, "InvalidParameter", "invalid user link request");
    await user.refreshProfile();
    assert.deepEqual(types(user), ["local-userpass"]);
  });

  test("an anonymous identity cannot be linked", async () => {
    const user = await somebody(app());
    await refused(user.linkCredentials(Credentials.anonymous()), 400, "InvalidParameter", /./);
  });

  const shopUser = async (shop) => {
    const token = sign({ aud: "https://shop.example", sub: newAddress(), exp: inMinutes(5), mail: "m" }, secrets.shopTokens);
    return shop.logIn(Credentials.jwt(token));
  };

  test("an address that is not confirmed is not linked", async () => {
    const shop = client(server, "market-abcde");
    const credentials = await registered(shop);
    await taken((await shopUser(shop)).linkCredentials(credentials));
  });

  test("an address that is confirmed by mail is linked before its first login", async () => {
    const shop = client(server, "market-abcde");
    const credentials = await registered(shop);
    const { token, tokenId } = await server.mails.link(credentials.payload.username);
    await shop.emailPasswordAuth.confirmUser({ token, tokenId });
    const user = await shopUser(shop);
    await user.linkCredentials(credentials);
    assert.deepEqual(types(user), ["custom-token", "local-userpass"]);
  });

  test("one of two users who link an address concurrently gets it", async () => {
    const one = app();
    const credentials = await registered(one);
    const users = [await app().logIn(Credentials.anonymous()), await app().logIn(Credentials.anonymous())];
    const linked = await Promise.allSettled(users.map((user) => user.linkCredentials(credentials)));
    assert.deepEqual(linked.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const winner = users[linked.findIndex(({ status }) => status === "fulfilled")];
    assert.equal((await app().logIn(credentials)).id, winner.id);
  });

  test("a linked user can be deleted, and both identities are free", async () => {
    const one = app();
    const user = await one.logIn(Credentials.anonymous());
    const credentials = await registered(one);
    const subject = newAddress();
    await user.linkCredentials(credentials);
    await user.linkCredentials(Credentials.jwt(token(subject)));
    assert.deepEqual(types(user), ["anon-user", "local-userpass", "custom-token"]);
    await one.deleteUser(user);
    await refused(one.logIn(credentials), 401, "InvalidPassword", "unauthorized");
    assert.notEqual((await one.logIn(Credentials.jwt(token(subject)))).id, user.id);
  });
});
