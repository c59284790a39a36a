import assert from "node:assert/strict";

/**
 * Asserts that a request of realm-web is rejected with this status, error code (undefined for none) and message. A string must equal the
 * message, a pattern must match part of it. Also checks that the error has a link, as every error of the server must.
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
