// The clients in pages of a different origin: preflight requests, cross-origin responses and streams, as browsers expose them to pages.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browse } from "../harness/browser.mjs";
import { chromium } from "../harness/places.mjs";
import { newAddress, password } from "../harness/realm.mjs";
import { serve } from "../harness/server.mjs";

const ALLOWED = "http://localhost:8080";
const ELSEWHERE = "http://elsewhere.example";
const stores = [["embedded", undefined], ["MongoDB", process.env.PORTCULLIS_TEST_MONGODB]];

for (const [name, store] of stores) {
  const missing = chromium() ? name === "MongoDB" && !store && "PORTCULLIS_TEST_MONGODB names no replica set" : "there is no Chromium";
  describe(name, { skip: missing }, () => {
    let server, browser, page;
    before(async () => {
      server = await serve(["notes", "acceptance"], { store });
      browser = await browse([ALLOWED, ELSEWHERE]);
      page = await browser.open(ELSEWHERE);
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });
    /** Runs a function in a page, with the server's address and further arguments. */
    const run = (where, work, more = {}) => where.evaluate(work, { baseUrl: server.address, password, ...more });

    test("a user registers, logs in, writes and reads from another origin", async () => {
      const seen = await run(page, async ({ baseUrl, email, password }) => {
        const app = new Realm.App({ id: "notes-abcde", baseUrl });
        await app.emailPasswordAuth.registerUser({ email, password });
        const user = await app.logIn(Realm.Credentials.emailPassword(email, password));
        const notes = user.mongoClient("mongodb-atlas").db("notes").collection("notes");
        await notes.insertOne({ _id: user.id, owner: user.id, text: "ü" });
        const { matchedCount } = await notes.updateOne({ _id: user.id }, { $set: { n: 1 } });
        const found = await notes.find({ owner: user.id });
        const result = { origin: location.origin, email: user.profile.email, matchedCount, same: found[0]._id === user.id, text: found[0].text };
        await user.logOut();
        return { ...result, loggedIn: user.isLoggedIn };
      }, { email: newAddress() });
      assert.equal(seen.origin, ELSEWHERE);
      assert.match(seen.email, /@example\.com$/);
      assert.deepEqual([seen.matchedCount, seen.same, seen.text, seen.loggedIn], [1, true, "ü", false]);
    });

    test("all methods pass their preflights", async () => {
      const methods = [];
      page.on("request", (request) => methods.push(request.method()));
      await run(page, async ({ baseUrl, email, password }) => {
        const app = new Realm.App({ id: "notes-abcde", baseUrl });
        await app.emailPasswordAuth.registerUser({ email, password });
        const user = await app.logIn(Realm.Credentials.emailPassword(email, password));
        const { _id: id } = await user.apiKeys.create("my-key");
        await user.apiKeys.disable(id);
        await user.apiKeys.delete(id);
        await app.deleteUser(user);
      }, { email: newAddress() });
      page.removeAllListeners("request");
      for (const method of ["GET", "POST", "PUT", "DELETE"]) assert.ok(methods.includes(method), method);
    });

    test("errors are readable from another origin, with status, code and link", async () => {
      const errors = await run(page, async ({ baseUrl, email, password }) => {
        const app = new Realm.App({ id: "notes-abcde", baseUrl });
        const told = ({ statusCode, errorCode, error, link }) => [statusCode, errorCode, error, typeof link];
        const anonymous = await app.logIn(Realm.Credentials.anonymous(false));
        const notes = anonymous.mongoClient("mongodb-atlas").db("notes").collection("notes");
        return [
          await app.logIn(Realm.Credentials.emailPassword(email, password)).catch(told),
          await notes.insertOne({ owner: "somebody else" }).catch(told),
          await anonymous.functions.unknown().catch(told),
          await new Realm.App({ id: "nobody", baseUrl }).logIn(Realm.Credentials.anonymous()).catch(told),
        ];
      }, { email: newAddress() });
      assert.deepEqual(errors, [
        [401, "InvalidPassword", "unauthorized", "string"],
        [400, "NoMatchingRuleFound", "insert not permitted", "string"],
        [404, "FunctionNotFound", "function not found: 'unknown'", "string"],
        [404, undefined, "cannot find app using Client App ID 'nobody'", "string"],
      ]);
    });

    test("a forged token is renewed across origins", async () => {
      const count = await run(page, async ({ baseUrl }) => {
        const user = await new Realm.App({ id: "notes-abcde", baseUrl }).logIn(Realm.Credentials.anonymous(false));
        user.accessToken = `${user.accessToken.slice(0, -4)}AAAA`;
        return user.mongoClient("mongodb-atlas").db("notes").collection("notes").count();
      });
      assert.equal(count, 0);
    });

    test("a user is restored after the page is reloaded", async () => {
      const other = await browser.open(ELSEWHERE);
      const logIn = async ({ baseUrl }) => (await new Realm.App({ id: "notes-abcde", baseUrl }).logIn(Realm.Credentials.anonymous(false))).id;
      const id = await run(other, logIn);
      await other.reload();
      await other.waitForFunction(() => globalThis.Realm);
      const [again, custom] = await run(other, async ({ baseUrl }) => {
        const { currentUser } = new Realm.App({ id: "notes-abcde", baseUrl });
        return [currentUser.id, await currentUser.refreshCustomData()];
      });
      assert.deepEqual([again, custom], [id, {}]);
      await other.close();
    });

    test("changes are streamed to a page", async () => {
      const texts = await run(page, async ({ baseUrl }) => {
        let opened;
        const isOpen = new Promise((resolve) => (opened = resolve));
        const heard = async (url, options) => {
          const reply = await fetch(url, options);
          if (String(url).includes("baas_request")) opened();
          return reply;
        };
        const app = new Realm.App({ id: "notes-abcde", baseUrl, fetch: heard });
        const user = await app.logIn(Realm.Credentials.anonymous(false));
        const notes = user.mongoClient("mongodb-atlas").db("notes").collection("notes");
        const stream = notes.watch({ filter: { operationType: "insert" } });
        const first = stream.next();
        await Promise.race([isOpen, first]);
        await notes.insertMany([{ owner: user.id, text: "100 %\n" }, { owner: user.id, text: "b" }]);
        const told = [(await first).value, (await stream.next()).value];
        await stream.return();
        return told.map(({ fullDocument }) => fullDocument.text);
      });
      assert.deepEqual(texts, ["100 %\n", "b"]);
    });

    test("the Stitch client for browsers logs in, reads and writes", async () => {
      const found = await run(page, async ({ baseUrl }) => {
        const { Stitch, AnonymousCredential, RemoteMongoClient, StitchAppClientConfiguration } = stitch;
        const client = Stitch.initializeAppClient("notes-abcde", new StitchAppClientConfiguration.Builder().withBaseUrl(baseUrl).build());
        const user = await client.auth.loginWithCredential(new AnonymousCredential());
        const notes = client.getServiceClient(RemoteMongoClient.factory, "mongodb-atlas").db("notes").collection("notes");
        await notes.insertOne({ owner: user.id, n: 1 });
        return notes.find({}, { projection: { _id: 0, n: 1 } }).toArray();
      });
      assert.deepEqual(found, [{ n: 1 }]);
    });

    test("changes are streamed to the Stitch client for browsers", async () => {
      const told = await run(page, async ({ baseUrl }) => {
        const { Stitch, RemoteMongoClient } = stitch;
        const client = Stitch.getAppClient("notes-abcde");
        const notes = client.getServiceClient(RemoteMongoClient.factory, "mongodb-atlas").db("notes").collection("notes");
        const late = new Promise((resolve) => setTimeout(resolve, 5000, "late"));
        const changes = await Promise.race([notes.watch(), late]);
        if (changes === "late") return "the stream was not opened within five seconds";
        const next = changes.next();
        await notes.insertOne({ owner: client.auth.user.id, n: 2 });
        const change = await Promise.race([next, late]);
        changes.close();
        return change.fullDocument?.n;
      });
      assert.equal(told, 2);
    });

    test("an application allows its configured origins and blocks others", async () => {
      const logIn = async ({ baseUrl }) => {
        const app = new Realm.App({ id: "acceptance-abcde", baseUrl });
        const user = await app.logIn(Realm.Credentials.anonymous(false)).catch((error) => error);
        return user.isLoggedIn ?? [user.statusCode, user.errorCode];
      };
      const allowed = await browser.open(ALLOWED);
      assert.equal(await run(allowed, logIn), true);
      assert.deepEqual(await run(page, logIn), [403, "DomainNotAllowed"]);
      await allowed.close();
    });

    test("a request from a disallowed origin fails at the preflight", async () => {
      const email = newAddress();
      const register = async ({ baseUrl, email, password }) => {
        const url = `${baseUrl}/api/client/v2.0/app/acceptance-abcde/auth/providers/local-userpass/register`;
        const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email, password }) };
        return fetch(url, options).then(({ status }) => status, () => "blocked");
      };
      assert.equal(await run(page, register, { email }), "blocked");
      const allowed = await browser.open(ALLOWED);
      assert.equal(await run(allowed, register, { email }), 201);
      await allowed.close();
    });

    test("a page without an origin is not allowed", async () => {
      const status = await run(page, async ({ baseUrl }) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        const url = `${baseUrl}/api/client/v2.0/app/acceptance-abcde/location`;
        frame.srcdoc = `<script>fetch("${url}").then(({ status }) => status, () => "blocked").then((told) => parent.postMessage(told, "*"))</script>`;
        const told = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data), { once: true }));
        document.body.append(frame);
        return told;
      });
      assert.equal(status, 403);
    });

    test("no response permits credentials", async () => {
      const blocked = await run(page, async ({ baseUrl }) => {
        const url = `${baseUrl}/api/client/v2.0/app/notes-abcde/location`;
        return fetch(url, { credentials: "include" }).then(({ status }) => status, () => "blocked");
      });
      assert.equal(blocked, "blocked");
    });
  });
}
