// Child processes of tests.
import { spawn } from "node:child_process";

/** Starts a program and waits until its output matches `ready`. Returns the process and the match. */
export function start(program, args, ready, environment = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (data) => {
      if (said === undefined) return;
      said += data;
      const match = said.match(ready);
      if (!match) return;
      said = undefined;
      resolve({ child, match });
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${program} ended with ${code}: ${said}`)));
  });
}

/** Terminates a program and waits until it has exited. Returns the exit code. */
export function end(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = new Promise((resolve) => child.on("exit", resolve));
  child.kill(signal);
  return gone;
}
