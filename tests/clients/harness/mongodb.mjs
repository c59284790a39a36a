// A MongoDB replica set of one member.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { end, start } from "./processes.mjs";

/** An unused port. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts the server. Returns the connection string and a function that stops the server. */
export async function startReplicaSet(program) {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-mongod-"));
  const port = await freePort();
  const args = ["--replSet", "rs0", "--dbpath", folder, "--port", port, "--bind_ip", "127.0.0.1", "--nounixsocket"];
  args.push("--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", "--quiet");
  const { child } = await start(program, args.map(String), /Waiting for connections/);
  const host = `127.0.0.1:${port}`;
  const client = await MongoClient.connect(`mongodb://${host}/?directConnection=true`);
  await client.db("admin").command({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host }] } });
  await client.close();
  // The driver waits until there is a primary.
  const uri = `mongodb://${host}/?replicaSet=rs0`;
  const primary = await MongoClient.connect(uri);
  await primary.close();
  const stop = async () => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { uri, stop };
}

/** Creates a collection with pre-images on `PORTCULLIS_TEST_MONGODB`, so that change streams can tell what was visible before a change. */
export async function createWithPreImages(database, collection) {
  const client = await MongoClient.connect(process.env.PORTCULLIS_TEST_MONGODB);
  await client.db(database).createCollection(collection, { changeStreamPreAndPostImages: { enabled: true } });
  await client.close();
}
