// The stores on which all tests run.
import { after, before, describe } from "node:test";
import { serve } from "./server.mjs";

const replicaSet = process.env.PORTCULLIS_TEST_MONGODB;

/**
 * Defines `tests(server, store)` for the embedded store and for MongoDB, each with a server of these applications. The members of `server`
 * are set when the tests run. The tests on MongoDB are skipped unless `PORTCULLIS_TEST_MONGODB` is the address of a replica set.
 */
export function onEachStore(names, tests, options = []) {
  for (const store of ["embedded", "MongoDB"]) {
    const isMongo = store === "MongoDB";
    const skip = isMongo && !replicaSet && "PORTCULLIS_TEST_MONGODB names no replica set";
    describe(store, { skip }, () => {
      const server = {};
      before(async () => Object.assign(server, await serve(names, { store: isMongo ? replicaSet : undefined, options })));
      after(() => server.stop?.());
      tests(server, store);
    });
  }
}
