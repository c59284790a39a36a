// Pages of any origin in headless Chromium, with realm-web and the Stitch client for browsers, unchanged.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium as driver } from "playwright-core";
import { chromium } from "./places.mjs";

const require = createRequire(import.meta.url);
const script = (name, file) => readFileSync(join(dirname(require.resolve(`${name}/package.json`)), file));
const files = {
  "/": ["text/html", '<!doctype html><meta charset="utf-8"><title>page</title><script src="realm.js"></script><script src="stitch.js"></script>'],
  "/realm.js": ["text/javascript", script("realm-web", "dist/bundle.iife.js")],
  "/stitch.js": ["text/javascript", script("mongodb-stitch-browser-sdk", "dist/browser/stitch.js")],
};

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
FLAGS.push("--disable-background-networking", "--disable-component-update", "--disable-sync");

/**
 * Starts Chromium. A server in this process serves the pages of each of the `origins`, such as `http://shop.example`. `open(origin)`
 * returns a page of that origin whose scripts have been loaded.
 */
export async function browse(origins) {
  const server = createServer(({ url }, reply) => {
    const [type, body] = files[new URL(url, "http://x").pathname] ?? [];
    reply.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `127.0.0.1:${server.address().port}`;
  const rules = origins.map((origin) => `MAP ${new URL(origin).host} ${here}`);
  const folder = mkdtempSync(join(tmpdir(), "portcullis-chromium-"));
  const context = await driver.launchPersistentContext(folder, {
    executablePath: chromium(),
    headless: true,
    args: [...FLAGS, `--host-resolver-rules=${rules.join(",")}`],
  });
  const open = async (origin) => {
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    await page.waitForFunction(() => globalThis.Realm && globalThis.stitch);
    return page;
  };
  const close = async () => {
    await context.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { open, close };
}
