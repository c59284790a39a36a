// realm-web, unchanged.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createRequire } from "node:module";

export const Realm = createRequire(import.meta.url)("realm-web");
export const { BSON, Credentials } = Realm;

/** What the clients of one device keep. */
export class Memory {
  #values = new Map();

  get = (key) => this.#values.get(key) ?? null;
  set = (key, value) => void this.#values.set(key, value);
  remove = (key) => void this.#values.delete(key);
  prefix = (part) => {
    const at = (key) => `${part}:${key}`;
    return {
      ...this,
      get: (key) => this.get(at(key)),
      set: (key, value) => this.set(at(key), value),
      remove: (key) => this.remove(at(key)),
      clear: (prefix = "") => this.clear(at(prefix)),
    };
  };
  clear = (prefix = "") => {
    for (const key of this.#values.keys()) if (key.startsWith(prefix)) this.#values.delete(key);
  };
  addListener() {}
  removeListener() {}
}

/** As often in a row as a token may be refused before its client is stopped: realm-web repeats some requests without end. */
const MOST_REFUSALS = 10;

/**
 * A client of an application, on a device of its own. `requests` are those that it has sent: method, path, token and the status of the
 * reply; `replies` emits the method and the status of each reply that has begun.
 */
export function client(server, id, storage = new Memory()) {
  const requests = [];
  const replies = new EventEmitter();
  const recorded = async (url, init = {}) => {
    const { pathname, search } = new URL(url);
    const repeated = requests.filter(({ path, token }) => path === pathname && token).slice(-MOST_REFUSALS);
    if (repeated.length === MOST_REFUSALS && repeated.every(({ status }) => status === 401)) {
      throw new Error(`${pathname} is repeated without end`);
    }
    const token = new Headers(init.headers).get("Authorization")?.replace("Bearer ", "");
    const response = await fetch(url, init);
    requests.push({ method: init.method ?? "GET", path: pathname, search, token, status: response.status });
    replies.emit(init.method ?? "GET", response.status);
    return response;
  };
  const app = new Realm.App({ id, baseUrl: server.address, storage, fetch: recorded });
  return Object.assign(app, { requests, replies });
}

/** An address that nobody has. */
export const newAddress = () => `user-${randomBytes(6).toString("hex")}@example.com`;

export const password = "a good password";

/** Registers and logs in somebody new; the application confirms addresses by itself. */
export async function somebody(app, email = newAddress()) {
  await app.emailPasswordAuth.registerUser({ email, password });
  return app.logIn(Credentials.emailPassword(email, password));
}

/** Registers, confirms by mail and logs in somebody new. */
export async function confirmed(app, server, email = newAddress()) {
  await app.emailPasswordAuth.registerUser({ email, password });
  const { token, tokenId } = await server.mails.link(email);
  await app.emailPasswordAuth.confirmUser({ token, tokenId });
  return app.logIn(Credentials.emailPassword(email, password));
}

/** The events of a stream, from when it is open. */
export class Changes {
  #stream;
  #events = [];
  #more = new EventEmitter();
  #ended = false;
  /** Why the stream ended, if it did. */
  failure;

  /** Watches a collection; returns when the server has begun its reply, or throws what it answers. */
  static async open(app, collection, options) {
    const changes = new Changes();
    let opened;
    const isOpen = new Promise((resolve) => (opened = (status) => status === 200 && resolve()));
    app.replies.on("GET", opened);
    changes.#stream = collection.watch(options);
    await Promise.race([isOpen, changes.#read()]);
    app.replies.off("GET", opened);
    if (changes.failure) throw changes.failure;
    return changes;
  }

  async #read() {
    try {
      for await (const event of this.#stream) {
        this.#events.push(event);
        this.#more.emit("more");
      }
    } catch (error) {
      this.failure = error;
    }
    this.#ended = true;
    this.#more.emit("more");
  }

  /** The next event; undefined if the stream has ended. */
  async next() {
    const late = AbortSignal.timeout(10_000);
    while (this.#events.length === 0 && !this.#ended) await once(this.#more, "more", { signal: late });
    return this.#events.shift();
  }

  async close() {
    await this.#stream.return(undefined);
  }
}
