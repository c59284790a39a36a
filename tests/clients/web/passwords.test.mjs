// Registration, confirmation of addresses, and resetting passwords.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, confirmed, Credentials, newAddress, password, somebody } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";

const LENGTH = "password must be between 6 and 128 characters";
const hex = (digits) => "0123456789abcdef".repeat(8).slice(0, digits);

onEachStore(["notes", "market", "acceptance"], (server) => {
  const shop = () => client(server, "market-abcde");
  const logIn = (app, email, word) => app.logIn(Credentials.emailPassword(email, word));

  test("registered users can log in if addresses are confirmed automatically", async () => {
    const app = client(server, "acceptance-abcde");
    const email = newAddress();
    assert.equal(await app.emailPasswordAuth.registerUser({ email, password }), undefined);
    assert.equal(app.requests.at(-1).status, 201);
    assert.ok((await logIn(app, email, password)).isLoggedIn);
  });

  test("an address is registered once, and addresses are case-sensitive", async () => {
    const { emailPasswordAuth: auth } = shop();
    const email = newAddress();
    await auth.registerUser({ email, password });
    await refused(auth.registerUser({ email, password }), 409, "AccountNameInUse", "name already in use");
    await refused(auth.registerUser({ email, password: "another password" }), 409, "AccountNameInUse", "name already in use");
    await auth.registerUser({ email: email.toUpperCase(), password });
    // Any text is accepted as an address.
    await client(server, "notes-abcde").emailPasswordAuth.registerUser({ email: `not an address ${email}`, password });
  });

  test("an empty address and passwords that are too short or too long are refused", async () => {
    const { emailPasswordAuth: auth } = shop();
    await refused(auth.registerUser({ email: "", password }), 400, "BadRequest", "email invalid");
    for (const wrong of ["", "12345", "x".repeat(129)]) {
      await refused(auth.registerUser({ email: newAddress(), password: wrong }), 400, "BadRequest", LENGTH);
    }
    await auth.registerUser({ email: newAddress(), password: "123456" });
    await auth.registerUser({ email: newAddress(), password: "x".repeat(128) });
  });

  test("registration ignores the access token", async () => {
    const app = client(server, "acceptance-abcde");
    const user = await app.logIn(Credentials.anonymous());
    user.accessToken = "forged";
    await app.emailPasswordAuth.registerUser({ email: newAddress(), password });
    assert.equal(app.requests.at(-1).token, "forged");
    assert.deepEqual(app.requests.filter(({ status }) => status === 401), []);
  });

  test("a confirmation mail confirms once", async () => {
    const { emailPasswordAuth: auth } = shop();
    const email = newAddress();
    await auth.registerUser({ email, password });
    const { token, tokenId, mail } = await server.mails.link(email);
    assert.match(token, /^[0-9a-f]{128}$/);
    assert.match(tokenId, /^[0-9a-f]{24}$/);
    assert.match(mail, /https:\/\/shop\.example\/confirm\?token=/);
    await auth.confirmUser({ token, tokenId });
    await refused(auth.confirmUser({ token, tokenId }), 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
  });

  test("a second mail invalidates the first", async () => {
    const { emailPasswordAuth: auth } = shop();
    const email = newAddress();
    await auth.registerUser({ email, password });
    const first = await server.mails.link(email);
    await auth.resendConfirmationEmail({ email });
    const second = await server.mails.link(email);
    const { token, tokenId } = first;
    await refused(auth.confirmUser({ token, tokenId }), 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
    await auth.confirmUser({ token: second.token, tokenId: second.tokenId });
  });

  test("forged mail tokens confirm and reset nothing", async () => {
    const { emailPasswordAuth: auth } = shop();
    const good = { token: hex(128), tokenId: hex(24) };
    const malformed = [{ ...good, token: hex(127) }, { ...good, tokenId: hex(23) }, { ...good, token: "" }, { ...good, tokenId: "g".repeat(24) }];
    for (const tokens of malformed) {
      await refused(auth.confirmUser(tokens), 400, "BadRequest", "invalid token data");
      await refused(auth.resetPassword({ ...tokens, password }), 400, "BadRequest", "invalid token data");
    }
    await refused(auth.confirmUser(good), 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
    await refused(auth.resetPassword({ ...good, password }), 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
  });

  test("a token of one kind of mail is not valid for another", async () => {
    const app = shop();
    const email = newAddress();
    await app.emailPasswordAuth.registerUser({ email, password });
    const confirm = await server.mails.link(email);
    const { token, tokenId } = confirm;
    const reset = app.emailPasswordAuth.resetPassword({ token, tokenId, password: "another password" });
    await refused(reset, 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
  });

  test("confirmation mails that cannot be sent again", async () => {
    const [mails, automatic] = [shop(), client(server, "notes-abcde")];
    const [confirmedMail, automaticMail] = [newAddress(), newAddress()];
    await confirmed(mails, server, confirmedMail);
    await somebody(automatic, automaticMail);
    const byMail = mails.emailPasswordAuth;
    const byItself = automatic.emailPasswordAuth;
    await refused(byMail.resendConfirmationEmail({ email: confirmedMail }), 400, "UserAlreadyConfirmed", "already confirmed");
    await refused(byMail.retryCustomConfirmation({ email: confirmedMail }), 400, "UserAlreadyConfirmed", "already confirmed");
    await refused(byItself.resendConfirmationEmail({ email: automaticMail }), 400, "UserAlreadyConfirmed", "already confirmed");
    const nobody = newAddress();
    await refused(byMail.resendConfirmationEmail({ email: nobody }), 404, "UserNotFound", "user not found");
    await refused(byMail.retryCustomConfirmation({ email: nobody }), 404, "UserNotFound", "user not found");
    for (const email of [automaticMail, nobody]) {
      const text = `cannot run confirmation for ${email}: automatic confirmation is enabled`;
      await refused(byItself.retryCustomConfirmation({ email }), 400, undefined, text);
    }
  });

  test("a reset mail sets a new password once and ends sessions", async () => {
    const app = shop();
    const email = newAddress();
    const user = await confirmed(app, server, email);
    await app.emailPasswordAuth.sendResetPasswordEmail({ email });
    const { token, tokenId, mail } = await server.mails.link(email);
    assert.match(mail, /https:\/\/shop\.example\/reset\?token=/);
    await refused(app.emailPasswordAuth.resetPassword({ token, tokenId, password: "short" }), 400, "BadRequest", LENGTH);
    await app.emailPasswordAuth.resetPassword({ token, tokenId, password: "another password" });
    const again = app.emailPasswordAuth.resetPassword({ token, tokenId, password: "a third password" });
    await refused(again, 400, "UserpassTokenInvalid", "userpass token is expired or invalid");
    await refused(user.refreshAccessToken(), 401, "InvalidSession", "invalid session: failed to find refresh token");
    await refused(logIn(app, email, password), 401, "InvalidPassword", "unauthorized");
    assert.equal((await logIn(app, email, "another password")).id, user.id);
  });

  test("a password reset confirms the address", async () => {
    const app = shop();
    const email = newAddress();
    await app.emailPasswordAuth.registerUser({ email, password });
    await server.mails.link(email);
    await app.emailPasswordAuth.sendResetPasswordEmail({ email });
    const { token, tokenId } = await server.mails.link(email);
    await app.emailPasswordAuth.resetPassword({ token, tokenId, password: "another password" });
    assert.ok((await logIn(app, email, "another password")).isLoggedIn);
  });

  test("no mail is sent to unknown addresses", async () => {
    const { emailPasswordAuth: auth } = shop();
    const email = newAddress();
    await refused(auth.sendResetPasswordEmail({ email }), 404, "UserNotFound", "user not found");
    assert.deepEqual(server.mails.unread(email), []);
  });

  test("with a reset function no reset mail is sent, and a failing function changes nothing", async () => {
    const app = client(server, "acceptance-abcde");
    const email = newAddress();
    await somebody(app, email);
    const { emailPasswordAuth: auth } = app;
    await refused(auth.sendResetPasswordEmail({ email }), 400, undefined, "please use reset password via function");
    const failed = `failed to reset password for user "${email}"`;
    await refused(auth.callResetPasswordFunction({ email, password: "another password" }, "an", { argument: 1 }), 400, undefined, failed);
    await refused(auth.callResetPasswordFunction({ email, password: "short" }), 400, "BadRequest", LENGTH);
    await refused(auth.callResetPasswordFunction({ email: newAddress(), password }), 404, "UserNotFound", "user not found");
    assert.ok((await logIn(app, email, password)).isLoggedIn);
  });

  test("calling the reset function fails if there is none", async () => {
    const app = shop();
    const email = newAddress();
    await confirmed(app, server, email);
    const failed = `failed to reset password for user "${email}"`;
    await refused(app.emailPasswordAuth.callResetPasswordFunction({ email, password: "another password" }), 400, undefined, failed);
  });
});
