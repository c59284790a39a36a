// parse-server on a database and a port: `node server.mjs URI PORT`.
import express from 'express';
import { ParseServer } from 'parse-server';

const [uri, port] = process.argv.slice(2);
const server = new ParseServer({
  databaseURI: uri,
  appId: 'bench',
  masterKey: 'only these benchmarks have this key',
  serverURL: `http://127.0.0.1:${port}/parse`,
  allowClientClassCreation: false,
  silent: true,
  logLevel: 'error',
});
await server.start();
const app = express();
app.use('/parse', server.app);
const listener = app.listen(Number(port), '127.0.0.1');
// Connections of a slow load stay idle for longer than the usual five seconds.
listener.keepAliveTimeout = 60_000;
