import assert from "node:assert/strict";

/**
 * Asserts that realm-web is refused with this status, code (undefined: none) and text: a string is the whole text, a pattern a part of it.
 * Each error of the server has a link.
 */
export async function refused(promise, statusCode, errorCode, text) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.constructor.name, "MongoDBRealmError", error.stack);
    const { statusCode: status, errorCode: code } = error;
    assert.deepEqual({ status, code }, { status: statusCode, code: errorCode }, error.message);
    if (typeof text === "string") assert.equal(error.error, text);
    else assert.match(error.error, text);
    assert.match(error.link, /^http:\/\/127\.0\.0\.1:\d+\/groups\/[0-9a-f]{24}\/apps\/[0-9a-f]{24}\/logs\?co_id=[0-9a-f]{24}$/);
    return true;
  });
}
