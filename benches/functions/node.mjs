// The same functions by `node:vm`: a fresh context a call, its source compiled once. Prints `name tasks calls p50 p99 seconds cpu` a line.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import vm from "node:vm";

const folder = new URL("./app/functions/", import.meta.url);
const scripts = new Map();
const script = (name) => {
  if (!scripts.has(name)) {
    const source = readFileSync(new URL(`${name}.js`, folder), "utf8");
    scripts.set(name, new vm.Script(`(function (context) { let exports; ${source}\n; return exports; })`));
  }
  return scripts.get(name);
};

// A store in memory: a document is copied out of it, as from any other.
const notes = new Map(Array.from({ length: 1000 }, (_, id) => [id, { _id: id, owner: "ada", text: `note ${id}` }]));
const collection = { findOne: async ({ _id }) => structuredClone(notes.get(_id)) };
const services = { get: () => ({ db: () => ({ collection: () => collection }) }) };

const call = async (name, parts) => {
  const context = { user: { id: "ada" }, services, functions: { execute: (other, ...more) => run(other, more, context) } };
  return await run(name, parts, context);
};
const run = (name, parts, context) => {
  const realm = vm.createContext({ console });
  return script(name).runInContext(realm)(context)(...parts);
};

const measure = async (name, tasks, seconds, most) => {
  const times = [];
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const until = began + seconds * 1000;
  await Promise.all(
    Array.from({ length: tasks }, async () => {
      while (performance.now() < until && times.length < most) {
        const from = performance.now();
        await call(name, [times.length % 1000]);
        times.push(performance.now() - from);
        // Others have their turn, and so has what collects garbage.
        await new Promise((done) => setImmediate(done));
      }
    }),
  );
  const took = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  console.log(name, tasks, times.length, at(0.5).toFixed(4), at(0.99).toFixed(4), took.toFixed(4), ((user + system) / 1e6).toFixed(4));
};

const seconds = Number(process.argv[2] ?? 5);
for (const name of ["empty", "reads", "asks", "computes"]) {
  for (const tasks of [1, 2]) {
    await measure(name, tasks, seconds / 10, Infinity);
    await measure(name, tasks, seconds, Infinity);
  }
}
