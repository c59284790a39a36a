// Runs the test files one after another, with a MongoDB server if `mongod` is available. Arguments are passed to `node --test`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { startReplicaSet } from "./harness/mongodb.mjs";
import { mongod } from "./harness/places.mjs";

const program = process.env.PORTCULLIS_TEST_MONGODB ? undefined : mongod();
const set = program && (await startReplicaSet(program));
const env = set ? { ...process.env, PORTCULLIS_TEST_MONGODB: set.uri } : process.env;
// The server's log is consumed, because the server would block on a full pipe.
const args = ["--test", "--test-concurrency=1", "--test-timeout=300000", ...process.argv.slice(2)];
const [status] = await once(spawn(process.execPath, args, { env, stdio: "inherit" }), "exit");
await set?.stop();
process.exitCode = status ?? 1;
