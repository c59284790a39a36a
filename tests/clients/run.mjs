// Runs the tests, one file after the other, with a MongoDB server if a program for it can be found; arguments are for `node --test`.
import { spawnSync } from "node:child_process";
import { startReplicaSet } from "./harness/mongodb.mjs";
import { mongod } from "./harness/places.mjs";

const program = process.env.PORTCULLIS_TEST_MONGODB ? undefined : mongod();
const set = program && (await startReplicaSet(program));
const env = set ? { ...process.env, PORTCULLIS_TEST_MONGODB: set.uri } : process.env;
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", "--test-timeout=300000", ...process.argv.slice(2)], { env, stdio: "inherit" });
await set?.stop();
process.exitCode = status ?? 1;
