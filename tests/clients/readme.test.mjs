// Checks what README says about serving clients: the commands, the program, and its output.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { portcullis, root } from "./harness/places.mjs";

test("the README example returns what Ken may read", async () => {
  const section = readFileSync(join(root, "README.md"), "utf8").split("**Serve clients.**")[1].split("\n## ")[0];
  const block = (language) => section.split("```" + language + "\n")[1].split("```")[0];
  const state = mkdtempSync(join(tmpdir(), "portcullis-readme-"));
  const env = { ...process.env, PORTCULLIS_STATE: state };
  const commands = block("sh").trim().split("\n").map((line) => line.replaceAll("cargo run --", portcullis));
  const serve = commands.pop();
  let server;
  try {
    for (const command of commands) execFileSync("sh", ["-c", command], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    server = spawn("sh", ["-c", `exec ${serve} --listen 127.0.0.1:0 --log error`], { cwd: root, env });
    server.stderr.resume();
    const address = await new Promise((resolve, reject) => {
      let said = "";
      server.stdout.on("data", (data) => {
        said += data;
        const found = said.match(/listening on (\S+)/);
        if (found) resolve(found[1]);
      });
      server.on("exit", () => reject(new Error(said)));
    });
    const program = block("js").replace("http://127.0.0.1:8080", address);
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: import.meta.dirname, encoding: "utf8" });
    assert.equal(printed, block("text"));
  } finally {
    server?.kill();
    rmSync(state, { recursive: true, force: true });
  }
});
