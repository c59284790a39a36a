// Where things are.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The repository. */
export const root = new URL("../../..", import.meta.url).pathname;

/** The command under test: `PORTCULLIS`, or what `cargo build` made. */
export const portcullis = process.env.PORTCULLIS ?? join(root, "target/debug/portcullis");

/** The application of this name in `fixtures/served`. */
export const application = (name) => join(root, "fixtures/served", name);

/** A MongoDB server's program: `PORTCULLIS_MONGOD`, or the one that `cargo test` installed; undefined if there is none. */
export function mongod() {
  const installed = join(root, ".tools/mongod/fiftyone/db/bin/mongod");
  return process.env.PORTCULLIS_MONGOD ?? (existsSync(installed) ? installed : undefined);
}

/** Chromium of the operating system: `PORTCULLIS_CHROMIUM`, or where Debian has it; undefined if there is none. */
export function chromium() {
  const installed = "/usr/bin/chromium";
  return process.env.PORTCULLIS_CHROMIUM ?? (existsSync(installed) ? installed : undefined);
}
