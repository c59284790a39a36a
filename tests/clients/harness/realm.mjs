// realm-web, unchanged.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createRequire } from "node:module";

export const Realm = createRequire(import.meta.url)("realm-web");
export const { BSON, Credentials } = Realm;

/** The storage shared by the clients on a device. */
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

/** The number of consecutive rejections of a token after which its client is stopped: realm-web repeats some requests forever. */
const MOST_REFUSALS = 10;

/**
 * A client of an application, by default on a device of its own. `requests` contains the requests that it has sent, with method, path,
 * token and the status of the response. `replies` emits the method and the status of each response when it starts.
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

/** An e-mail address that is not in use. */
export const newAddress = () => `user-${randomBytes(6).toString("hex")}@example.com`;

export const password = "a good password";

/** Registers a new user and logs in, in an application that confirms addresses automatically. */
export async function somebody(app, email = newAddress()) {
  await app.emailPasswordAuth.registerUser({ email, password });
  return app.logIn(Credentials.emailPassword(email, password));
}

/** Registers a new user, confirms the address by mail, and logs in. */
export async function confirmed(app, server, email = newAddress()) {
  await app.emailPasswordAuth.registerUser({ email, password });
  const { token, tokenId } = await server.mails.link(email);
  await app.emailPasswordAuth.confirmUser({ token, tokenId });
  return app.logIn(Credentials.emailPassword(email, password));
}

/** The events of a change stream, from the time it is open. */
export class Changes {
  #stream;
  #events = [];
  #more = new EventEmitter();
  #ended = false;
  /** The error with which the stream ended, if it did. */
  failure;

  /** Watches a collection. Returns once the server has started its response, or throws its error. */
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
