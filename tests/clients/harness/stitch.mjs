// mongodb-stitch-server-sdk, unchanged: the client of the years before realm-web, in Node.js.
import { createRequire } from "node:module";

const Stitch = createRequire(import.meta.url)("mongodb-stitch-server-sdk");
export const {
  AnonymousCredential,
  CustomCredential,
  FunctionCredential,
  RemoteMongoClient,
  UserApiKeyAuthProviderClient,
  UserApiKeyCredential,
  UserPasswordAuthProviderClient,
  UserPasswordCredential,
} = Stitch;

const opened = [];

/** Closes all clients, which would otherwise go on renewing their tokens. */
export const closeStitchClients = () => opened.splice(0).forEach((client) => client.close());

/** A client of an application, on a device of its own. */
export function stitchClient(server, id) {
  const storage = new Stitch.MemoryStorage(id);
  const configuration = new Stitch.StitchAppClientConfiguration.Builder().withBaseUrl(server.address).withStorage(storage).build();
  Stitch.Stitch.clearApps();
  const client = Stitch.Stitch.initializeAppClient(id, configuration);
  opened.push(client);
  return client;
}
