// Custom user data: in tokens, in rules, and after being refreshed.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { BSON, client, confirmed, Credentials, password } from "../harness/realm.mjs";
import { refused } from "../harness/refused.mjs";
import { onEachStore } from "../harness/stores.mjs";
import { claims } from "../harness/tokens.mjs";

onEachStore(["market"], (server) => {
  const shop = () => client(server, "market-abcde");
  const collection = (user, name) => user.mongoClient("mongodb-atlas").db("shop").collection(name);
  let users;
  before(async () => {
    users = collection(await confirmed(shop(), server, "owner@shop.example"), "users");
  });

  test("custom data added later is seen after a renewal only, by client and rules", async () => {
    const user = await confirmed(shop(), server);
    await users.insertOne({ user_id: user.id, role: "staff", level: 3 });
    assert.deepEqual(user.customData, {});
    const cost = { _id: user.id, owner: "somebody else", cost: 1 };
    await refused(collection(user, "orders").insertOne(cost), 400, "NoMatchingRuleFound", "insert not permitted");
    const data = await user.refreshCustomData();
    assert.deepEqual([data.role, data.level], ["staff", { $numberInt: "3" }]);
    assert.deepEqual(user.customData, data);
    await collection(user, "orders").insertOne(cost);
  });

  test("changed custom data is seen after the token is renewed", async () => {
    const user = await confirmed(shop(), server);
    await users.insertOne({ user_id: user.id, role: "staff" });
    await user.refreshCustomData();
    await users.updateOne({ user_id: user.id }, { $set: { role: "guest" } });
    assert.equal(user.customData.role, "staff");
    assert.equal((await user.refreshCustomData()).role, "guest");
    await users.deleteOne({ user_id: user.id });
    assert.equal(user.customData.role, "guest");
    assert.deepEqual(await user.refreshCustomData(), {});
    assert.equal("user_data" in claims(user.accessToken), false);
  });

  test("custom data is in the token of a login", async () => {
    const app = shop();
    const user = await confirmed(app, server);
    await users.insertOne({ user_id: user.id, role: "staff" });
    const again = await app.logIn(Credentials.emailPassword(user.profile.email, password));
    assert.equal(again.customData.role, "staff");
  });

  test("a token renewed automatically has current custom data", async () => {
    const user = await confirmed(shop(), server);
    await users.insertOne({ user_id: user.id, role: "staff" });
    user.accessToken = `${user.accessToken.slice(0, -4)}AAAA`;
    await collection(user, "orders").find();
    assert.equal(user.customData.role, "staff");
  });

  test("every type is canonical extended JSON, except that the id is a hex string", async () => {
    const user = await confirmed(shop(), server);
    const id = new BSON.ObjectId();
    await users.insertOne({
      _id: id,
      user_id: user.id,
      long: BSON.Long.fromString("9007199254740993"),
      double: new BSON.Double(1),
      date: new Date(0),
      nested: { list: [1, "a", null] },
    });
    assert.deepEqual(await user.refreshCustomData(), {
      _id: id.toHexString(),
      user_id: user.id,
      long: { $numberLong: "9007199254740993" },
      double: { $numberDouble: "1.0" },
      date: { $date: { $numberLong: "0" } },
      nested: { list: [{ $numberInt: "1" }, "a", null] },
    });
  });

  test("custom data is read and written only under the rules", async () => {
    const user = await confirmed(shop(), server);
    await users.insertOne({ user_id: user.id, role: "guest" });
    assert.deepEqual(await collection(user, "users").find(), []);
    await refused(collection(user, "users").insertOne({ user_id: user.id, role: "staff" }), 400, "NoMatchingRuleFound", "insert not permitted");
    const raised = await collection(user, "users").updateOne({ user_id: user.id }, { $set: { role: "staff" } }).catch((error) => error);
    assert.notEqual(raised.modifiedCount, 1);
    assert.equal((await user.refreshCustomData()).role, "guest");
  });

  test("an application without custom data has none in its tokens", async () => {
    const user = await confirmed(shop(), server);
    assert.deepEqual(user.customData, {});
    assert.equal(claims(user.accessToken).user_data, undefined);
  });
});
