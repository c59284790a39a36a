// Node's module `events`.
"use strict";
// Older code calls the constructor without `new`, so it is a function.
function Emitter() {}
const listeners = (emitter, name) => { emitter._events ??= new Map(); let all = emitter._events.get(name); if (!all) emitter._events.set(name, (all = [])); return all; };
Object.assign(Emitter.prototype, {
  on(name, listener) { if (typeof listener !== "function") throw new TypeError("a listener must be a function"); listeners(this, name).push(listener); return this; },
  prependListener(name, listener) { listeners(this, name).unshift(listener); return this; },
  once(name, listener) { const once = (...parts) => { this.off(name, once); listener.apply(this, parts); }; once.listener = listener; return this.on(name, once); },
  off(name, listener) { const all = listeners(this, name), at = all.findIndex((one) => one === listener || one.listener === listener); if (at >= 0) all.splice(at, 1); return this; },
  emit(name, ...parts) {
    const all = [...listeners(this, name)];
    if (!all.length && name === "error") throw parts[0] instanceof Error ? parts[0] : new Error(`Unhandled error. (${parts[0]})`);
    for (const one of all) one.apply(this, parts);
    return all.length > 0;
  },
  removeAllListeners(name) { if (name === undefined) this._events = new Map(); else listeners(this, name).length = 0; return this; },
  listeners(name) { return listeners(this, name).map((one) => one.listener || one); },
  listenerCount(name) { return listeners(this, name).length; },
  eventNames() { return [...(this._events ?? new Map())].filter(([, all]) => all.length).map(([name]) => name); },
  setMaxListeners() { return this; },
  getMaxListeners() { return 10; },
});
Emitter.prototype.addListener = Emitter.prototype.on;
Emitter.prototype.removeListener = Emitter.prototype.off;
Emitter.EventEmitter = Emitter;
Emitter.defaultMaxListeners = 10;
Emitter.once = (emitter, name) => new Promise((resolve, reject) => {
  const failed = (error) => { emitter.off(name, done); reject(error); };
  const done = (...parts) => { emitter.off("error", failed); resolve(parts); };
  emitter.once(name, done);
  if (name !== "error") emitter.once("error", failed);
});
module.exports = Emitter;
