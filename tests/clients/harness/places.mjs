// Paths of what the tests use.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The root of the repository. */
export const root = new URL("../../..", import.meta.url).pathname;

/** The command under test: `PORTCULLIS`, or the result of `cargo build`. */
export const portcullis = process.env.PORTCULLIS ?? join(root, "target/debug/portcullis");

/** The application of this name in `fixtures/served`. */
export const application = (name) => join(root, "fixtures/served", name);

/** The path of `mongod`: `PORTCULLIS_MONGOD`, or the one installed by `cargo test`; undefined if there is none. */
export function mongod() {
  const installed = join(root, ".tools/mongod/fiftyone/db/bin/mongod");
  return process.env.PORTCULLIS_MONGOD ?? (existsSync(installed) ? installed : undefined);
}

/** The path of Chromium: `PORTCULLIS_CHROMIUM`, or Debian's location; undefined if there is none. */
export function chromium() {
  const installed = "/usr/bin/chromium";
  return process.env.PORTCULLIS_CHROMIUM ?? (existsSync(installed) ? installed : undefined);
}
