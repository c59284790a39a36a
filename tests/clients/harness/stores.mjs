// The stores that everything is tested on.
import { after, before, describe } from "node:test";
import { serve } from "./server.mjs";

const replicaSet = process.env.PORTCULLIS_TEST_MONGODB;

/**
 * Runs `tests(server, store)` on the embedded store and on MongoDB, each with a server of these applications. `server` has its members
 * once the tests run. Without `PORTCULLIS_TEST_MONGODB`, the address of a replica set, those on MongoDB are skipped.
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
