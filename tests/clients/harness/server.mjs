// Runs `portcullis serve` with a state of its own.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Mails } from "./mails.mjs";
import { application, portcullis } from "./places.mjs";
import { end, start } from "./processes.mjs";

/** The secrets to which the applications in `fixtures/served` refer. */
export const secrets = {
  acceptanceTokens: "acceptance-acceptance-acceptance-00",
  shopTokens: "shop-shop-shop-shop-shop-shop-shop-00",
  shopTokensBefore: "shop-shop-shop-shop-shop-shop-shop-01",
};

let servers = 0;

/**
 * Starts a server of applications in `fixtures/served`, on a file or on a MongoDB server (`store`), and waits until it is ready. Its
 * `address` is the base URL for clients.
 */
export async function serve(names, { store, options = [] } = {}) {
  const state = mkdtempSync(join(tmpdir(), "portcullis-clients-"));
  const file = join(state, "secrets.json");
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  const args = ["serve", ...names.flatMap((name) => ["--app", application(name)]), "--secrets", file, "--state", state];
  args.push("--store", store ?? join(state, "store.redb"), "--listen", "127.0.0.1:0", "--rate-limits", "off");
  if (store) args.push("--mongodb-database", `clients_${process.pid}_${servers++}`);
  const { child, match } = await start(portcullis, [...args, ...options], /listening on (\S+)/);
  const [, address] = match;
  const health = await fetch(`${address}/healthz`);
  if (health.status !== 200) throw new Error(`/healthz answers ${health.status}`);
  const stop = async () => {
    await end(child);
    rmSync(state, { recursive: true, force: true });
  };
  return { address, child, mails: new Mails(join(state, "mail")), state, stop };
}
